"""Rows from a file into the empty tables of a migrated database, all of them or none."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import LiteralString

from psycopg import Connection, Cursor, sql
from psycopg.rows import TupleRow

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.rollup import Rollup
from chandlery.platform import schema
from chandlery.platform.connection import transaction
from chandlery.platform.errors import Permanent, Retryable, psycopg_errors_translated
from chandlery.platform.settings import Settings
from chandlery.platform.statements import read_rows, run
from chandlery.refresh.refresh_history import refresh_history
from chandlery.refresh.refresh_stale import kept_stretches
from chandlery.refresh.store import derived
from chandlery.words.window import MINUTE
from local.backup import databases
from local.backup.data_archive import DataReader, DataTable, Manifest, Part
from local.backup.data_dumping import LastingAggregate, list_tables
from local.backup.dumping import Progress
from local.backup_file import Source
from local.digests import check_digest

# Triggers mark the hours of what is restored: those marks stay until the roll-ups are made, beside those that
# were backed up, whose numbers are lower.
_MARKS = "marks"


@dataclass(frozen=True)
class DataRestoreReport:
    """What was restored, and into what."""

    file: str
    database: str
    made_from: str
    made_by: str
    revision: str
    tables: int
    rows: int
    derived_waits: bool  # derived rows are still to be made, and marked
    verified: bool  # against the digest beside the file
    seconds: float


def restore_data(settings: Settings, source: Source, *, hold_jobs: bool, progress: Progress) -> DataRestoreReport:
    """Fill the empty tables of a migrated database, in one transaction; then make the derived rows.

    Args:
        settings: with `database_url`.
        source: an archive that `back_up_data` wrote; held against the digest beside it, if there is one.
        hold_jobs: whether TimescaleDB's jobs are paused.
        progress: told of each table, and of each piece of derived rows.

    Raises:
        Permanent: the archive or the database is not as it must be; nothing has been changed.
        Retryable: the server cannot be reached, was lost, or another restore is under way; the same.
    """
    begun = time.monotonic()
    progress("reading the archive", 0, 0)
    verified = check_digest(source.path)
    name = databases.name_in(settings)
    with databases.open_database(settings, name) as connection, databases.alone(connection, name):
        # The file is closed before the commit: that raises if not all of it could be decrypted.
        with transaction(connection), source.opened() as file:
            reader = DataReader(source.path, file)
            manifest = reader.manifest
            _check(connection, source, name, manifest)
            _fill(connection, name, reader, progress)
            first = next(each.next_value for each in manifest.tables if each.name == _MARKS)
            (last,) = run(connection, "find_marks_since", first=first).fetchone() or (None,)
            if hold_jobs:
                run(connection, "pause_jobs")
        progress("statistics", 0, 0)
        run(connection, "analyze_database")
        waits = not _derive(connection, manifest, progress)
        if not waits and last is not None:
            run(connection, "take_stale_between", first=first, last=last)
    return DataRestoreReport(
        str(source.path),
        name,
        manifest.database,
        manifest.made_by,
        manifest.revision,
        len(manifest.tables),
        sum(reader.rows(each.name) for each in [*manifest.tables, *manifest.aggregates]),
        waits,
        verified,
        time.monotonic() - begun,
    )


def _check(connection: Connection, source: Source, name: str, manifest: Manifest) -> None:
    found = schema.describe(connection)
    if found.revision != manifest.revision:
        has = f"is at {found.revision}" if found.revision else "has none"
        raise Permanent(
            f"{source.path} is of schema revision {manifest.revision}, and the database {name} {has}: restore it into"
            f" an empty database after: chandlery migrate upgrade {manifest.revision}; what is newer comes afterwards"
        )
    if found.disabled is not None:
        raise Permanent(f"{found.disabled} in the database {name}: triggers would leave no marks; put it back")


def _fill(connection: Connection, name: str, reader: DataReader, progress: Progress) -> None:
    """Load all of it, and hold what came of it against what was read."""
    run(connection, "lock_gaps")
    run(connection, "lock_candles")
    tables, manifest = list_tables(connection), reader.manifest
    _require_alike(tables, manifest)
    _do(connection, "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", sql.SQL(", ").join(map(_relation, tables)))
    if held := [f"market.{each.name}" for each in tables if _holds(connection, each)]:
        more = f" and {len(held) - 3} more" if len(held) > 3 else ""
        raise Permanent(
            f"the database {name} is not empty: there are rows in {', '.join(held[:3])}{more}; a backup of data alone"
            " goes into a database that was just made, and migrated"
        )
    guarded = _unguard(connection)
    for each in manifest.tables:
        if each.sequence:
            run(connection, "set_sequence", sequence=each.sequence, next_value=each.next_value)
    loaded = _Loading(connection, reader.parts())
    total = len(manifest.tables) + len(manifest.aggregates)
    for done, table in enumerate(manifest.tables):
        progress(table.name, done, total)
        # What triggers left for other rows.
        condition = sql.SQL("work <> 'refresh'" if table.name == _MARKS else "true")
        _do(connection, "DELETE FROM {} WHERE {}", _relation(table), condition)
        loaded.load(table, _relation(table))
    lasting = {each.name: each for each in read_rows(connection, LastingAggregate, "list_lasting_aggregates")}
    for done, table in enumerate(manifest.aggregates):
        progress(table.name, len(manifest.tables) + done, total)
        if table.name not in lasting or set(lasting[table.name].columns) != set(table.columns):
            raise Permanent(f"the aggregate {table.name} of the backup is not one of the database's")
        loaded.load(table, sql.Identifier(*lasting[table.name].relation))
    loaded.require_end()
    progress("comparing", total, total)
    for table in manifest.tables:
        if (there := _count(connection, table)) != reader.rows(table.name):
            raise Permanent(f"{reader.rows(table.name):,} rows of {table.name} were read, and {there:,} came of them")
    for relation in guarded:
        _do(connection, "ALTER TABLE {} FORCE ROW LEVEL SECURITY", relation)


def _unguard(connection: Connection) -> Sequence[sql.Identifier]:
    """Free the owner of row-level security, with which he may not COPY; nobody else sees the tables meanwhile."""
    guarded = [sql.Identifier("market", name) for (name,) in run(connection, "list_guarded_tables")]
    for relation in guarded:
        _do(connection, "ALTER TABLE {} NO FORCE ROW LEVEL SECURITY", relation)
    return guarded


class _Loading:
    """Loads parts into tables, as they come."""

    def __init__(self, connection: Connection, parts: Iterator[tuple[Part, bytes]]) -> None:
        self._connection = connection
        self._parts = parts
        self._next = next(parts, None)

    def load(self, table: DataTable, relation: sql.Composable) -> None:
        """Those of a table, whose turn it is; each by a statement of its own, to whose triggers all of it is handed."""
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            relation, sql.SQL(", ").join(map(sql.Identifier, table.columns))
        )
        while self._next is not None and self._next[0].table == table.name:
            with psycopg_errors_translated(), self._connection.cursor().copy(statement) as copy:
                copy.write(self._next[1])
            self._next = next(self._parts, None)

    def require_end(self) -> None:
        """Refuse rows of a table that is not named.

        Raises:
            Permanent: there are some.
        """
        if self._next is not None:
            raise Permanent(
                f"the backup's part {self._next[0].name} is of no table that its manifest names, or not in order"
            )


def _require_alike(tables: Sequence[DataTable], manifest: Manifest) -> None:
    """The same revision has the same tables, unless somebody changed them."""
    there = {each.name: each for each in tables}
    for each in manifest.tables:
        mine = there.pop(each.name, None)
        if mine is None or (mine.columns, mine.sequence) != (each.columns, each.sequence):
            raise Permanent(f"the table market.{each.name} of the backup is another here: chandlery migrate check")
    if there:
        raise Permanent(f"the backup has no table market.{min(there)}: chandlery migrate check, where it was made")


def _relation(table: DataTable) -> sql.Identifier:
    return sql.Identifier("market", table.name)


def _holds(connection: Connection, table: DataTable) -> bool:
    return bool(_do(connection, "SELECT FROM {} LIMIT 1", _relation(table)).rowcount)


def _count(connection: Connection, table: DataTable) -> int:
    known = sql.SQL("mark_id < {}").format(table.next_value) if table.name == _MARKS else sql.SQL("true")
    (rows,) = _do(connection, "SELECT count(*) FROM {} WHERE {}", _relation(table), known).fetchone() or (0,)
    return int(rows)


def _do(connection: Connection, statement: LiteralString, *parts: sql.Composable) -> Cursor[TupleRow]:
    with psycopg_errors_translated():
        return connection.execute(sql.SQL(statement).format(*parts))


def _derive(connection: Connection, manifest: Manifest, progress: Progress) -> bool:
    """Materialize the roll-ups of each data set as far as they were, the oldest first; whether all of that was done.

    Otherwise the marks stay, and the next run that takes them does it.
    """
    if manifest.revision != schema.REVISION:
        return False
    if manifest.materialized_to is None:
        return True
    try:
        for dataset in declared.rolled_up():
            for top in dataset.tops:
                _derive_chain(connection, dataset, top, manifest.materialized_to, progress)
    except Retryable:
        return False
    return True


def _derive_chain(connection: Connection, dataset: Dataset, top: Rollup, ends: datetime, progress: Progress) -> None:
    """Between what retention has dropped: what is derived of that came with the backup."""
    lowest = dataset.chain(top.timeframe)[0].relation
    names = lowest if lowest == top.relation else f"{lowest} to {top.relation}"
    for kept in kept_stretches(derived.list_dropped(connection, dataset.name), ends):
        refresh_history(connection, dataset, top.timeframe, kept, ends + MINUTE, partial(progress, f"deriving {names}"))
