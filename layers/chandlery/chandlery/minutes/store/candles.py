"""One-minute candles, and the only ways to write them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.minutes.domain.source import Source
from chandlery.minutes.store import imports
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.minutes.store.marks import Piece
from chandlery.outbox.store import changes
from chandlery.platform.chunks import excluded_once
from chandlery.platform.connection import transaction
from chandlery.platform.statements import run
from chandlery.words.window import MINUTE, Window, floor_hour


@dataclass(frozen=True)
class Written:
    """What one transaction did to the candles, in rows; `instrument_ids` are those whose ticks it folded."""

    written: int = 0
    revised: int = 0
    deleted: int = 0
    late_ticks: int = 0
    instrument_ids: frozenset[int] = frozenset()

    def __add__(self, other: "Written") -> "Written":
        """Both together."""
        return Written(
            self.written + other.written,
            self.revised + other.revised,
            self.deleted + other.deleted,
            self.late_ticks + other.late_ticks,
            self.instrument_ids | other.instrument_ids,
        )


def write_from_marks(connection: Connection, piece: Piece, source: Source = Source.LIVE_AGGREGATED) -> Written:
    """Take the marks of a piece and write their candles, in one transaction.

    Ticks that commit in between leave their own marks, for the next run.
    """
    values = {"dataset": CANDLES.name, "starts": piece.starts, "ends": piece.ends}
    with _writing(connection, heals=source.heals):
        is_new = piece.dense and not _has_candles(connection, piece.window)
        unpacked = run(connection, "write_candles:take_marks", **values, is_new=is_new).rowcount
        if is_new and not unpacked:
            return _write_new(connection, piece.window, source)
        return _write_touched(connection, piece.window, source, dense=piece.dense)


def write_from_ticks(
    connection: Connection, window: Window, instrument_ids: list[int], buckets: list[datetime], source: Source
) -> Written:
    """Write the candles of named buckets, all inside `window`, in one transaction."""
    with _writing(connection, heals=source.heals):
        run(connection, "write_candles:touch_buckets", instrument_ids=instrument_ids, buckets=buckets)
        return _write_touched(connection, window, source, dense=False)


def verify(connection: Connection, window: Window, source: Source) -> Written:
    """Hold the candles of a window against its ticks: what differs or is not there is written, in one transaction.

    All of its ticks are read, without a lock; other writers of candles wait while those of what differs are read again.
    """
    differing = list_differing(connection, window)
    if not differing:
        return Written()
    instrument_ids, buckets = map(list, zip(*differing, strict=True))
    return write_from_ticks(connection, window, instrument_ids, buckets, source)


def list_differing(connection: Connection, window: Window) -> Sequence[tuple[int, datetime]]:
    """The buckets of a window whose candle may not be what their ticks make of it.

    A single minute is folded as the live processor folds it: over many instruments, that may run parallel.
    """
    stretch = {"starts": window.starts, "ends": window.ends}
    with transaction(connection), excluded_once(connection, window):
        if window.ends - window.starts != MINUTE:
            return run(connection, "find_differing", **stretch).fetchall()
        with _scanning(connection):
            run(connection, "write_candles:fold_stretch", **stretch)
        run(connection, "write_candles:price_edges", **stretch)
        return run(connection, "find_differing_folded", starts=window.starts).fetchall()


def write_vendor(
    connection: Connection, instrument_id: int, columns: CandleColumns, *, imported: bool = False
) -> Written:
    """Write an instrument's candles that a vendor made, in one transaction; one made of ticks stays, unless partial.

    Other writers of candles wait meanwhile: keep it to some 20,000. What is `imported` on purpose is remembered:
    retention keeps it until the operator releases it.

    Raises:
        Retryable, Permanent: from the database; nothing is written then.
    """
    if not columns:
        return Written()
    return write_vendor_lots(
        connection, [VendorLot(columns, lambda: [instrument_id] * len(columns))], imported=imported
    )


@dataclass(frozen=True)
class VendorLot:
    """A vendor's candles, of several instruments: `whose`, asked inside the transaction, names that of each."""

    columns: CandleColumns
    whose: Callable[[], list[int]]


def write_vendor_lots(connection: Connection, lots: Iterable[VendorLot], *, imported: bool = False) -> Written:
    """The same of lots that belong together: all of them or none. Other writers of candles wait for the last one."""
    done = Written()
    with _writing(connection, heals=not imported):
        run(connection, "write_candles:create_incoming_candles")
        for place, lot in enumerate(lots):
            if place:
                run(connection, "write_candles:empty_incoming_candles")
            done += _write_lot(connection, lot, imported=imported)
    return done


def _write_lot(connection: Connection, lot: VendorLot, *, imported: bool) -> Written:
    columns, instrument_ids = lot.columns, lot.whose()
    starts, ends = min(columns.times), max(columns.times) + MINUTE
    run(connection, "write_candles:fill_incoming_candles", instrument_ids=instrument_ids, **vars(columns))
    counts = run(connection, "write_candles:upsert_candles", starts=starts, ends=ends).fetchone()
    if counts is None:
        raise AssertionError("an aggregate without groups answers one row")
    if imported and any(counts):
        imports.record(connection, "candles", sorted(set(instrument_ids)), set(map(floor_hour, columns.times)))
    return Written(written=counts[0], revised=counts[1])


@contextmanager
def _writing(connection: Connection, *, heals: bool) -> Iterator[None]:
    # The lock comes first: under READ COMMITTED each later statement then sees all that earlier writers committed.
    with transaction(connection):
        run(connection, "lock_candles")
        # Bounds exclude chunks as a piece is planned: to exclude them again at each probe costs more than the probe.
        run(connection, "set_chunk_exclusion", setting="off")
        if heals:
            changes.mark_as_healed(connection)
        run(connection, "write_candles:create_touched_buckets")
        yield


@contextmanager
def _scanning(connection: Connection) -> Iterator[None]:
    """Meanwhile a stretch of time is read over all instruments, and not one by one."""
    run(connection, "write_candles:scan_stretches")
    yield
    run(connection, "write_candles:probe_again")


def _has_candles(connection: Connection, window: Window) -> bool:
    with _scanning(connection):
        found = run(connection, "write_candles:has_candles", starts=window.starts, ends=window.ends).fetchone()
    return found == (True,)


def _write_new(connection: Connection, window: Window, source: Source) -> Written:
    """Write a minute that has no candle: there is none to be outranked, graded again or deleted."""
    _fold(connection, window, dense=True)
    written = run(connection, "write_candles:insert_candles", starts=window.starts, source=source).rowcount
    return Written(written=written, instrument_ids=_list_touched(connection))


def _write_touched(connection: Connection, window: Window, source: Source, *, dense: bool) -> Written:
    stretch = {"starts": window.starts, "ends": window.ends}
    late = run(connection, "write_candles:count_late_ticks", **stretch).fetchone()
    _fold(connection, window, dense=dense)
    run(connection, "write_candles:create_incoming_candles")
    run(connection, "write_candles:collect_candles", source=source)
    run(connection, "write_candles:regrade_candles", **stretch)
    counts = run(connection, "write_candles:upsert_candles", **stretch).fetchone()
    run(connection, "set_bitmap_scans", setting="off")
    deleted = run(connection, "write_candles:delete_emptied_candles", **stretch).rowcount
    run(connection, "set_bitmap_scans", setting="on")
    if late is None or counts is None:
        raise AssertionError("an aggregate without groups answers one row")
    return Written(
        written=counts[0],
        revised=counts[1],
        deleted=deleted,
        late_ticks=late[0],
        instrument_ids=_list_touched(connection),
    )


def _fold(connection: Connection, window: Window, *, dense: bool) -> None:
    """Fold the ticks of a window, and grade its feeds."""
    stretch = {"starts": window.starts, "ends": window.ends}
    if dense:
        with _scanning(connection):
            run(connection, "write_candles:fold_stretch", **stretch)
    else:
        run(connection, "write_candles:fold_buckets", **stretch)
    run(connection, "write_candles:fold_ineligible", **stretch)
    run(connection, "write_candles:price_edges", **stretch)
    run(connection, "write_candles:grade_feed_minutes", **stretch)
    run(connection, "write_candles:record_feed_minutes")


def _list_touched(connection: Connection) -> frozenset[int]:
    row = run(connection, "write_candles:list_touched_instruments").fetchone()
    return frozenset(row[0] if row else ())


def count_sources(connection: Connection, window: Window) -> Mapping[str, int]:
    """How many candles start in a window, by source."""
    return dict(run(connection, "count_sources", starts=window.starts, ends=window.ends).fetchall())


def find_newest(connection: Connection) -> datetime | None:
    """The start of the newest candle of any instrument; None without candles."""
    row = run(connection, "find_newest_candle").fetchone()
    return row[0] if row else None
