"""A database into a file."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from chandlery.errors import Permanent
from chandlery.settings import Settings
from chandlery.store import schema
from chandlery.store.connection import connect
from chandlery.store.statements import run
from local.backup.archive import check_whole
from local.backup.programs import connection_environment, find_program
from local.unfinished import written_beside

Progress = Callable[[str, int, int], None]
"""Told what is done now, and how many tables of how many are."""


_EVERYTHING = ("--format=custom", "--verbose", "--no-password")


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
    seconds: float


def back_up(
    settings: Settings, path: Path, *, overwrite: bool, progress: Progress, schema_only: bool = False
) -> BackupReport:
    """Write the whole database, as of one moment, into an archive in pg_dump's custom format, and read it back.

    Args:
        settings: with `database_url`.
        path: the archive; it has this name only once it is whole.
        overwrite: whether a file of that name may be replaced.
        progress: told of each table.
        schema_only: leave out every row but those of TimescaleDB's catalogue, jobs included.

    Raises:
        Permanent: what is missing, in the way, or refused.
        Retryable: the server cannot be reached, or was lost.
    """
    url = settings.database_url or SecretStr("")
    begun = time.monotonic()
    with connect(settings, "backup") as connection:
        found = schema.describe(connection)
        if found.timescaledb is None or found.revision is None:
            raise Permanent("the database has no schema of Chandlery's: there is nothing to back up")
        (total,) = run(connection, "count_dumped_tables").fetchone() or (0,)
        left_out = [table for (table,) in run(connection, "list_tables_with_rows")] if schema_only else []
        database, major = connection.info.dbname, connection.info.server_version // 10_000
    pg_dump = find_program("pg_dump", major, "the server is of PostgreSQL")
    pg_restore = find_program("pg_restore", pg_dump.major, "pg_dump is of")
    done = 0

    def told(line: str) -> None:
        nonlocal done
        _, dumped, table = line.partition("dumping contents of table ")
        if dumped:
            progress(table.strip('"'), done, total)
            done += 1

    with written_beside(path, overwrite=overwrite) as unfinished:
        pg_dump.run(
            [*_EVERYTHING, *_without_rows(left_out), f"--file={unfinished.path}"],
            connection_environment(url.get_secret_value()),
            told,
            [unfinished.descriptor],
        )
        progress("reading it back", done, total)
        check_whole(unfinished.path, pg_restore)
    return BackupReport(
        str(path),
        path.stat().st_size,
        database,
        major,
        found.timescaledb,
        found.revision,
        done,
        time.monotonic() - begun,
    )


def _without_rows(tables: Sequence[str]) -> Sequence[str]:
    """What leaves out the rows of tables, and those of every chunk."""
    return [f"--exclude-table-data={name}" for name in [*tables, "_timescaledb_internal.*"]] if tables else []
