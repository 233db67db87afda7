"""A database into a file."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from psycopg import Connection
from pydantic import SecretStr

from chandlery.platform import schema
from chandlery.platform.connection import connect
from chandlery.platform.errors import Permanent
from chandlery.platform.settings import Settings
from chandlery.platform.statements import run
from local.backup.archive import check_stream, check_whole
from local.backup.programs import Program, connection_environment, find_program
from local.backup_file import Source
from local.encryption import Recipient, encrypting
from local.whole_file import UnfinishedFile, written_beside

Progress = Callable[[str, int, int], None]
"""Told what is done now, and how many tables of how many are."""

_PIECE = 1024 * 1024
# With row security those who may read everything see all rows; without, they are refused.
_EVERYTHING = ("--format=custom", "--verbose", "--no-password", "--enable-row-security")


@dataclass(frozen=True)
class BackupReport:
    """What was backed up, and into what."""

    file: str
    bytes: int
    database: str
    postgresql: int  # major version
    timescaledb: str
    revision: str
    tables: int
    encrypted: bool
    seconds: float


def back_up(
    settings: Settings,
    path: Path,
    *,
    overwrite: bool,
    progress: Progress,
    schema_only: bool = False,
    recipients: Sequence[Recipient] = (),
) -> BackupReport:
    """Write the whole database, as of one moment, into an archive in pg_dump's custom format, and read it back.

    Args:
        settings: with `database_url`.
        path: the archive; it has this name only once it is whole.
        overwrite: whether a file of that name may be replaced.
        progress: told of each table.
        schema_only: leave out every row but those of TimescaleDB's catalogue, jobs included.
        recipients: whom it is encrypted for; nobody where there is none.

    Raises:
        Permanent: what is missing, in the way, or refused.
        Retryable: the server cannot be reached, or was lost.
    """
    url = settings.database_url or SecretStr("")
    begun = time.monotonic()
    with connect(settings, "backup") as connection:
        timescaledb, revision = find_versions(connection)
        (total,) = run(connection, "count_dumped_tables").fetchone() or (0,)
        left_out = [table for (table,) in run(connection, "list_tables_with_rows")] if schema_only else []
        database, major = connection.info.dbname, connection.info.server_version // 10_000
    pg_dump = find_program("pg_dump", major, "the server is of PostgreSQL")
    pg_restore = find_program("pg_restore", pg_dump.major, "pg_dump is of")
    done = 0

    def show_table(line: str) -> None:
        nonlocal done
        _, dumped, table = line.partition("dumping contents of table ")
        if dumped:
            progress(table.strip('"'), done, total)
            done += 1

    with written_beside(path, overwrite=overwrite) as unfinished:
        arguments = [*_EVERYTHING, *_without_rows(left_out)]
        environment = connection_environment(url.get_secret_value())
        if recipients:
            with _encrypting(unfinished, recipients, pg_restore) as stream:
                pg_dump.run(arguments, environment, show_table, [unfinished.descriptor], stream)
        else:
            pg_dump.run([*arguments, f"--file={unfinished.path}"], environment, show_table, [unfinished.descriptor])
            progress("reading it back", done, total)
            check_whole(Source(unfinished.path), pg_restore)
    return BackupReport(
        str(path),
        path.stat().st_size,
        database,
        major,
        timescaledb,
        revision,
        done,
        bool(recipients),
        time.monotonic() - begun,
    )


def find_versions(connection: Connection) -> tuple[str, str]:
    """The version of TimescaleDB and the revision of the schema that are backed up.

    Raises:
        Permanent: there is no schema of ours, or the login would leave rows out.
    """
    found = schema.describe(connection)
    if found.timescaledb is None or found.revision is None:
        raise Permanent("the database has no schema of Chandlery's: there is nothing to back up")
    if run(connection, "sees_all_rows").fetchone() != (True,):
        raise Permanent("the login does not see users' rows, which the backup would lack: GRANT pg_read_all_data TO it")
    return found.timescaledb, found.revision


@contextmanager
def _encrypting(unfinished: UnfinishedFile, recipients: Sequence[Recipient], pg_restore: Program) -> Iterator[int]:
    """The descriptor of a pipe, whose content is encrypted into a file, and read by pg_restore as it passes.

    Nobody here could read it back: whoever encrypts has no secret key.

    Raises:
        Permanent: pg_restore could not read all of it, or the file cannot be written.
    """
    dumped, stream = os.pipe()
    shown, show = os.pipe()
    with ThreadPoolExecutor(2) as pool, unfinished.opened() as file, encrypting(file, recipients) as encrypted:
        checked = pool.submit(_check, shown, pg_restore)
        copied = pool.submit(_copy_to_both, dumped, encrypted, show)
        try:
            yield stream
        finally:
            os.close(stream)
            wait([copied, checked])
        checked.result()
        copied.result()


def _check(shown: int, pg_restore: Program) -> None:
    with open(shown, "rb"):
        check_stream(shown, pg_restore)


def _copy_to_both(given: int, one: BinaryIO, other: int) -> None:
    with open(given, "rb", buffering=0) as source:
        with suppress(BrokenPipeError), open(other, "wb") as second:
            while piece := source.read(_PIECE):
                one.write(piece)
                second.write(piece)
        while piece := source.read(_PIECE):  # where pg_restore has given up, which is told
            one.write(piece)


def _without_rows(tables: Sequence[str]) -> Sequence[str]:
    """What leaves out the rows of tables, and those of every chunk."""
    return [f"--exclude-table-data={name}" for name in [*tables, "_timescaledb_internal.*"]] if tables else []
