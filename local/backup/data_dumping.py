"""The rows of a database into a file, without its schema."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from psycopg import Connection, sql

from chandlery.platform.connection import connect, snapshot
from chandlery.platform.errors import Permanent, psycopg_errors_translated
from chandlery.platform.settings import Settings
from chandlery.platform.statements import read_rows, run
from local.backup.data_archive import DataReader, DataTable, DataWriter, Manifest
from local.backup.databases import LONGEST_SECONDS
from local.backup.dumping import Progress, find_versions
from local.encryption import Recipient, encrypting
from local.whole_file import written_beside

# Rows of a part, as text: what is held in memory at a time, and what a restore hands to triggers at once.
_PART_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class DataBackupReport:
    """What was backed up, and into what."""

    file: str
    bytes: int
    database: str
    timescaledb: str
    revision: str
    tables: int
    rows: int
    encrypted: bool
    seconds: float


@dataclass(frozen=True)
class LastingAggregate:
    """An aggregate, some of whose candles can never be made again."""

    name: str
    relation: list[str]  # the hypertable it is materialized in, by schema and name
    columns: list[str]
    bucket: str
    width: timedelta


def back_up_data(
    settings: Settings, path: Path, *, overwrite: bool, progress: Progress, recipients: Sequence[Recipient] = ()
) -> DataBackupReport:
    """Write all rows of the schema `market`, as of one moment, and those derived candles that nothing can make again.

    Args:
        settings: with `database_url`.
        path: the archive; it has this name only once it is whole.
        overwrite: whether a file of that name may be replaced.
        progress: told of each table.
        recipients: whom it is encrypted for; nobody where there is none.

    Raises:
        Permanent: what is missing, in the way, or refused.
        Retryable: the server cannot be reached, or was lost.
    """
    begun = time.monotonic()
    with connect(settings, "backup", timeout_seconds=LONGEST_SECONDS) as connection:
        timescaledb, revision = find_versions(connection)
        with written_beside(path, overwrite=overwrite) as unfinished, _held(connection) as tables:
            aggregates = read_rows(connection, LastingAggregate, "list_lasting_aggregates")
            manifest = Manifest(
                made_by=version("chandlery"),
                database=connection.info.dbname,
                postgresql=connection.info.server_version // 10_000,
                timescaledb=timescaledb,
                revision=revision,
                tables=tables,
                aggregates=[DataTable(name=each.name, columns=each.columns) for each in aggregates],
                materialized_to=(run(connection, "find_materialized").fetchone() or (None,))[0],
            )
            queries = [(each.name, _all_rows(each)) for each in tables] + [
                (each.name, _lasting(each)) for each in aggregates
            ]
            with unfinished.opened() as file, encrypting(file, recipients) as plain:
                writer = DataWriter(plain, manifest)
                for done, (name, query) in enumerate(queries):
                    progress(name, done, len(queries))
                    for rows, content in _copied(connection, query):
                        writer.write(name, rows, content)
                total = writer.finish()
            if not recipients:  # nobody here has the secret key
                progress("reading it back", len(queries), len(queries))
                check_data(unfinished.path)
    return DataBackupReport(
        str(path),
        path.stat().st_size,
        manifest.database,
        manifest.timescaledb,
        manifest.revision,
        len(tables),
        total,
        bool(recipients),
        time.monotonic() - begun,
    )


def check_data(path: Path) -> None:
    """Read an archive from beginning to end.

    Raises:
        Permanent: it is not whole.
    """
    with path.open("rb") as file:
        for _ in DataReader(path, file).parts():
            pass


@contextmanager
def _held(connection: Connection) -> Iterator[list[DataTable]]:
    """A moment that stays: the tables as of it; none of their chunks is dropped or turned to columns meanwhile.

    The locks come first, as pg_dump's do: a statement before them would see a chunk that is gone once it is read.
    """
    named = list_tables(connection)
    with snapshot(connection), psycopg_errors_translated():
        relations = sql.SQL(", ").join(sql.Identifier("market", each.name) for each in named)
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(relations))
        tables = list_tables(connection)
        if blind := next((each for each in tables if each.sequence and each.next_value is None), None):
            raise Permanent(
                f"the database role lacks a right: it may not read {blind.sequence}; be a member of pg_read_all_data"
            )
        yield tables


def list_tables(connection: Connection) -> list[DataTable]:
    """The tables whose rows are backed up, in the order in which they can be filled."""
    rows = run(connection, "list_data_tables").fetchall()
    return [
        DataTable(name=name, columns=columns, sequence=sequence, next_value=next_value)
        for name, columns, sequence, next_value in rows
    ]


def _all_rows(table: DataTable) -> sql.Composed:
    # Of a hypertable COPY by its name would read nothing.
    return sql.SQL("SELECT {} FROM {}").format(_names(table.columns), sql.Identifier("market", table.name))


def _lasting(aggregate: LastingAggregate) -> sql.Composed:
    """Candles over dropped minutes; all others are made again from theirs."""
    return sql.SQL(
        "SELECT {columns} FROM {relation} WHERE {bucket} < (SELECT upper(market.dropped('candles')))"
        " AND tstzrange({bucket}, {bucket} + {width}) && (SELECT market.dropped('candles'))"
    ).format(
        columns=_names(aggregate.columns),
        relation=sql.Identifier("market", aggregate.name),
        bucket=sql.Identifier(aggregate.bucket),
        width=sql.Literal(aggregate.width),
    )


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _copied(connection: Connection, query: sql.Composed) -> Iterator[tuple[int, bytes]]:
    """What a query finds, as COPY's text, in parts of some rows."""
    part, rows = bytearray(), 0
    with psycopg_errors_translated():
        with connection.cursor().copy(sql.SQL("COPY ({}) TO STDOUT").format(query)) as copy:
            for row in copy:
                part += row
                rows += 1
                if len(part) >= _PART_BYTES:
                    yield rows, bytes(part)
                    part, rows = bytearray(), 0
        if rows:
            yield rows, bytes(part)
