"""Ticks, and the fast ways to write them. Any other writer may use plain SQL on market.ticks."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import Connection, Cursor
from psycopg import errors as pg
from psycopg.rows import TupleRow

from chandlery.platform.errors import psycopg_errors_translated
from chandlery.platform.statements import read_rows, run, statement

# Columns of a lot of ticks, in the order of its binary rows.
COLUMNS = (
    "time",
    "instrument_id",
    "seq",
    "price",
    "size",
    "updates_ohlc",
    "updates_volume",
    "venue",
    "conditions",
)
# Conflicts that are named; all are counted.
NAMED = 10


@dataclass(frozen=True)
class Lot:
    """Some ticks of one instrument in the two forms a database may want.

    Attributes:
        rows: how many ticks.
        starts: the earliest tick's time.
        ends: the latest tick's time.
        given: names of the columns that the file has; the others hold defaults, and contradict nothing.
        binary: rows of `COLUMNS` as binary COPY wants them.
        hours: the starts of the hours that the ticks lie in, each once.
        columns: makes the same as lists: times, seqs, prices, sizes, updates_ohlc, updates_volume, venues, conditions.
        lines: makes the rows' places in their file.
        cancelled: times and seqs of the ticks that the file cancels; None where it cancels none.
        file_seqs: makes the seqs that the file gives, null where it gives none; None where `columns` has them.
    """

    rows: int
    starts: datetime
    ends: datetime
    given: Collection[str]
    binary: bytes
    hours: Sequence[datetime]
    columns: Callable[[], Mapping[str, Sequence[object]]]
    lines: Callable[[], Sequence[int]]
    cancelled: Mapping[str, Sequence[object]] | None = None
    file_seqs: Callable[[], Sequence[int | None]] | None = None


@dataclass(frozen=True)
class Content:
    """What a tick says beside its identity."""

    price: Decimal
    size: Decimal
    updates_ohlc: bool
    updates_volume: bool
    venue: str | None
    conditions: str | None


@dataclass(frozen=True)
class Conflict:
    """A row whose (time, seq) is a stored tick's, with other content.

    `line` is the row's place in its file; `stored_line` the place of a row that says what is stored, where one was
    written together with it: null says that the tick came before.
    """

    time: datetime
    seq: int
    line: int
    said: Content
    stored_line: int | None
    stored: Content


@dataclass(frozen=True)
class TicksWritten:
    """What became of a lot: ticks that were new, cancelled or replaced, and rows in conflict, the first ones named."""

    new: int = 0
    cancelled: int = 0
    replaced: int = 0
    conflicting: int = 0
    conflicts: Sequence[Conflict] = ()

    def __add__(self, other: "TicksWritten") -> "TicksWritten":
        """Both together."""
        return TicksWritten(
            self.new + other.new,
            self.cancelled + other.cancelled,
            self.replaced + other.replaced,
            self.conflicting + other.conflicting,
            (*self.conflicts, *other.conflicts)[:NAMED],
        )


@dataclass
class TickWriter:
    """Writes lots of ticks inside the caller's transaction, the fastest way that the database and the ticks allow.

    Straight COPY first, or arrays on a database that refuses it. Once a tick turns up that is stored already, through
    a staging table, where its content is held against the stored one.
    """

    connection: Connection
    instrument_id: int
    replace: bool = False
    _copies: bool = field(default=True, init=False)
    _stages: bool = field(default=False, init=False)

    def write(self, lot: Lot) -> TicksWritten:
        """Write a lot. The same tick again changes nothing; one with other content only with `replace`.

        A cancellation always wins: what is cancelled stays so, and conflicts with nothing.

        Raises:
            Retryable, Permanent: from the database; the caller's transaction is then to be rolled back.
        """
        cancelled = self._list_cancelled(lot)
        new = 0 if self._stages else self._write_straight(lot)
        if new < lot.rows:
            self._stages = True
            self._stage(lot)
            new += run(self.connection, "stage_ticks:insert_staged_ticks").rowcount
        written = TicksWritten(
            new, self._change("stage_ticks:cancel_ticks", lot, **cancelled).rowcount if cancelled else 0
        )
        return written + self._settle(lot) if new < lot.rows else written

    def _write_straight(self, lot: Lot) -> int:
        """Write a lot into the table itself; returns how many ticks were new: none of a lot that cannot be copied."""
        if self._copies:
            try:
                # A savepoint: the lot that cannot be copied must be writable another way.
                with self.connection.transaction():
                    return self._stream("copy_ticks", lot)
            except pg.UniqueViolation:
                return 0
            except pg.FeatureNotSupported:
                self._copies = False
            except psycopg.Error:
                with psycopg_errors_translated():
                    raise
        return run(self.connection, "insert_ticks", instrument_id=self.instrument_id, **lot.columns()).rowcount

    def _stage(self, lot: Lot) -> None:
        run(self.connection, "stage_ticks:create_staged_ticks")
        run(self.connection, "stage_ticks:empty_staged_ticks")
        if self._copies:
            with psycopg_errors_translated():
                self._stream("stage_ticks:copy_staged_ticks", lot)
        else:
            run(self.connection, "stage_ticks:fill_staged_ticks", instrument_id=self.instrument_id, **lot.columns())

    def _stream(self, name: str, lot: Lot) -> int:
        with self.connection.cursor() as cursor:
            with cursor.copy(statement(name)) as copy:
                copy.write(lot.binary)
            return cursor.rowcount

    def _settle(self, lot: Lot) -> TicksWritten:
        """Hold what is staged against what is stored by now."""
        told = list(lot.given)
        found = read_rows(
            self.connection,
            _Found,
            "stage_ticks:list_conflicts",
            instrument_id=self.instrument_id,
            starts=lot.starts,
            ends=lot.ends,
            given=told,
            most=NAMED,
        )
        if not found:
            return TicksWritten()
        replaced = self._change("stage_ticks:replace_ticks", lot, given=told).rowcount if self.replace else 0
        lines = lot.lines()
        named = [each.conflict(lines, lot.given) for each in found]
        return TicksWritten(replaced=replaced, conflicting=found[0].conflicts, conflicts=named)

    def _list_cancelled(self, lot: Lot) -> Mapping[str, Sequence[object]] | None:
        """Times and seqs of the lot's ticks that are cancelled: by their file, or before they were renumbered."""
        if lot.file_seqs is None:
            return lot.cancelled
        columns = lot.columns()
        given = {name: columns[name] for name in ("times", "prices", "sizes")}
        removed = self._change("remove_renumbered_ticks", lot, seqs=lot.file_seqs(), **given).fetchall()
        before = [place - 1 for place, cancelled in removed if cancelled]
        told = lot.cancelled or {"times": (), "seqs": ()}
        both = {name: [*told[name], *(columns[name][place] for place in before)] for name in ("times", "seqs")}
        return both if both["times"] else None

    def _change(self, name: str, lot: Lot, **values: Any) -> Cursor[TupleRow]:
        stretch = {"instrument_id": self.instrument_id, "starts": lot.starts, "ends": lot.ends}
        run(self.connection, "set_bitmap_scans", setting="off")
        return run(self.connection, name, **stretch, **values)


@dataclass(frozen=True)
class _Found:
    """A row of `list_conflicts`; places are those in the lot, counted from 1."""

    place: int
    time: datetime
    seq: int
    price: Decimal
    size: Decimal
    updates_ohlc: bool
    updates_volume: bool
    venue: str | None
    conditions: str | None
    stored_place: int | None
    stored_price: Decimal
    stored_size: Decimal
    stored_updates_ohlc: bool
    stored_updates_volume: bool
    stored_venue: str | None
    stored_conditions: str | None
    conflicts: int

    def conflict(self, lines: Sequence[int], told: Collection[str]) -> Conflict:
        """The same with places in the file, whose other columns say nothing else than what is stored."""
        names = Content.__dataclass_fields__
        return Conflict(
            self.time,
            self.seq,
            lines[self.place - 1],
            Content(*(getattr(self, name if name in told else f"stored_{name}") for name in names)),
            None if self.stored_place is None else lines[self.stored_place - 1],
            Content(*(getattr(self, f"stored_{name}") for name in names)),
        )
