"""A file into a database: beside the one in use, which it replaces when it is whole."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Connection
from psycopg.conninfo import make_conninfo

from chandlery.platform import schema
from chandlery.platform.errors import Permanent
from chandlery.platform.migrations import OWNER
from chandlery.platform.settings import Settings
from chandlery.platform.statements import run
from local.backup import databases
from local.backup.archive import Archive, read_archive
from local.backup.databases import Contents, Server, ServerDatabase
from local.backup.dumping import Progress
from local.backup.programs import Program, connection_environment, find_program
from local.backup_file import Source
from local.digests import check_digest

_BESIDE = "_restoring"
_STRICTLY = ("--format=custom", "--exit-on-error", "--verbose", "--no-password")
_LONGEST_NAME = 63  # bytes; PostgreSQL would cut the rest off without a word


@dataclass(frozen=True)
class RestoreReport:
    """What was restored, into what, and what that replaced."""

    file: str
    database: str
    made_from: str
    replaced: str | None
    timescaledb: str
    revision: str
    tables: int
    roles_created: list[str]
    jobs_given: list[str]  # whose jobs went to the owners of what they work on
    schema_only: bool  # no rows were in it
    verified: bool  # against the digest beside the file
    began_anew: bool
    seconds: float


def restore(
    settings: Settings, source: Source, *, over_existing: bool, hold_jobs: bool, progress: Progress
) -> RestoreReport:
    """Restore an archive beside the database in use, and give it that one's name when it is whole.

    Until then, whatever happens, the former one is in use as it was. What an interrupted restore left is dropped.

    Args:
        settings: with `database_url`; the database it names need not be there.
        source: an archive that `back_up` wrote; held against the digest beside it, if there is one.
        over_existing: whether a database that holds anything may be replaced.
        hold_jobs: whether TimescaleDB's jobs stay paused, so that nothing changes what was restored.
        progress: told of each table.

    Raises:
        Permanent: the archive, the server or the database is not as it must be; nothing has been changed. Or pg_restore
            failed: then the former database is in use as it was.
        Retryable: the server cannot be reached, or another restore is under way.
    """
    begun = time.monotonic()
    pg_restore = find_program("pg_restore")
    progress("reading the archive", 0, 0)
    path = source.path
    verified = check_digest(path)
    archive = read_archive(source, pg_restore)
    name = databases.name_in(settings)
    beside = name + _BESIDE
    if len(beside.encode()) > _LONGEST_NAME:
        raise Permanent(f"the name {name} is too long: {beside} would have more than {_LONGEST_NAME} bytes")
    with databases.open_beside(settings, name) as server, databases.alone(server, name):
        _check(databases.describe(server), archive, server.info.server_version // 10_000)
        former = databases.find(server, name)
        replaced = _described(former, databases.contents(settings, name)) if former else ""
        if replaced and not over_existing:
            raise Permanent(
                f"the database {name} is not empty: it holds {replaced}; to drop all of that for what {path} holds:"
                " --over-existing"
            )
        began_anew = databases.drop_leftover(server, beside)
        roles = databases.create_roles(server, archive.owners, archive.readers)
        databases.create(server, beside, former)
        tables = _fill(settings, beside, archive, pg_restore, progress)
        given = _finish(settings, beside, archive, hold_jobs=hold_jobs, progress=progress)
        if former:
            databases.copy_settings(server, name, beside)
        databases.take_name(server, beside, name)
    with databases.open_database(settings, name) as restored:
        run(restored, "restart_background_workers")  # renaming has ended them
    return RestoreReport(
        str(path),
        name,
        archive.database,
        replaced or None,
        archive.timescaledb,
        archive.revision,
        tables,
        list(roles),
        given,
        not archive.has_rows,
        verified,
        began_anew,
        time.monotonic() - begun,
    )


def _check(server: Server, archive: Archive, postgresql: int) -> None:
    if not server.is_superuser:
        raise Permanent("only a superuser can restore TimescaleDB's catalogue: name one in DATABASE_URL")
    if server.owner_is_locked_out and OWNER in archive.owners:
        raise Permanent(f"{OWNER} has no LOGIN, and TimescaleDB runs no job for such a role: ALTER ROLE {OWNER} LOGIN")
    if postgresql < archive.postgresql:
        raise Permanent(
            f"{archive.source.path} is of PostgreSQL {archive.postgresql}, and the server of {postgresql}:"
            " restore it on one as new"
        )
    if archive.timescaledb not in server.timescaledb_versions:
        has = ", ".join(server.timescaledb_versions[-3:]) or "none: install the Community edition"
        raise Permanent(
            f"{archive.source.path} is of TimescaleDB {archive.timescaledb}, which has to be installed on the server"
            f" (there is: {has}); after the restore: ALTER EXTENSION timescaledb UPDATE"
        )


def _described(former: ServerDatabase, held: Sequence[Contents]) -> str:
    """What a database holds, in words; empty where that is nothing."""
    words = [f"schema {each.schema} ({each.tables:,} tables, {each.objects:,} objects)" for each in held]
    return ", ".join([*words, f"{former.size} in all"]) if words else ""


def _fill(settings: Settings, name: str, archive: Archive, pg_restore: Program, progress: Progress) -> int:
    done = 0

    def show_table(line: str) -> None:
        nonlocal done
        _, restored, table = line.partition("processing data for table ")
        if restored:
            progress(table.strip('"'), done, archive.tables)
            done += 1

    databases.install_timescaledb(settings, name, archive.timescaledb)
    environment = connection_environment(databases.url_of(databases.for_database(settings, name)))
    target = make_conninfo(dbname=name)
    with archive.source.for_program() as (file, held):
        pg_restore.run([*_STRICTLY, f"--dbname={target}", file], environment, show_table, held)
    return done


def _finish(settings: Settings, name: str, archive: Archive, *, hold_jobs: bool, progress: Progress) -> list[str]:
    progress("statistics", archive.tables, archive.tables)
    with databases.open_database(settings, name) as restored:
        _judge(restored, archive)
        given = [owner for (owner,) in run(restored, "give_jobs")]
        run(restored, "analyze_database")  # an archive holds no statistics
        if hold_jobs:
            run(restored, "pause_jobs")
        run(restored, "finish_restore")
        if not archive.has_rows:
            run(restored, "remove_empty_chunks")
    return sorted(set(given))


def _judge(restored: Connection, archive: Archive) -> None:
    found = schema.describe(restored)
    if found.edition != "community":
        raise Permanent(f"TimescaleDB runs as its {found.edition} edition there: set timescaledb.license = 'timescale'")
    if found.revision != archive.revision:
        raise Permanent(f"the archive is of revision {archive.revision}, and {found.revision} came out of it")
