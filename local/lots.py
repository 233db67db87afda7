"""Arrow batches of a market file as lots the database takes."""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.minutes.store.ticks import COLUMNS, Lot
from chandlery.vendors.domain.vendor import turnover_of
from local import binary_rows
from local.market_file import BadRow, MarketFileReader, UnreadableFile, open_candle_file
from local.market_file.asked import NOTHING, Asked
from local.market_file.reader import OnBad
from local.market_file.source import explained

_L = TypeVar("_L")
_ROUNDED = Decimal("0.0001")


def tick_lots(
    batches: Iterator[pa.RecordBatch], instrument_id: int, read: Callable[[], None], told: Collection[str] = COLUMNS
) -> Iterator[Lot]:
    """One lot a batch; `read` is called after each, for a progress bar; `told` are the columns that the file has."""
    return made_ahead(batches, partial(_tick_lot, instrument_id, told), read)


@contextmanager
def checked_candle_lots(
    path: Path,
    *,
    latest: datetime,
    on_bad: OnBad | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_opened: Callable[[MarketFileReader], None] = lambda _: None,
    on_checked: Callable[[MarketFileReader], None] = lambda _: None,
    lot_candles: int = 20_000,
    allow_negative: bool = False,
    asked: Asked = NOTHING,
) -> Iterator[Iterator[CandleColumns]]:
    """The candles of a file in lots, handed out once the whole file was read and found good: it is read twice.

    Args:
        path: a file for `open_candle_file`.
        latest: the start of the last minute that is over, aware; a candle after it is bad.
        on_bad: what to do with rows that are left out, each told once; None: the first bad row raises.
        progress: called with the bytes read and the bytes to read, both times counted, for a progress bar.
        on_opened: called with its reader before it is checked.
        on_checked: called with the same once it was found good.
        lot_candles: the most candles in one lot, which never goes beyond a year (UTC) either.
        allow_negative: whether a price may lie below zero.
        asked: what is said of its layout.

    Raises:
        BadRow, UnreadableFile: what is wrong with the file; no lot was handed out.
    """
    opened = partial(open_candle_file, path, latest=latest, allow_negative=allow_negative, asked=asked)
    made = checked_lots(opened, path, lambda _: candle_columns, on_bad, progress, on_opened, on_checked, lot_candles)
    with made as lots:
        yield lots


@contextmanager
def checked_lots(
    opened: Callable[..., MarketFileReader],
    path: Path,
    make: Callable[[MarketFileReader], Callable[[pa.RecordBatch], _L]],
    on_bad: OnBad | None,
    progress: Callable[[int, int], None],
    on_opened: Callable[[MarketFileReader], None],
    on_checked: Callable[[MarketFileReader], None] = lambda _: None,
    lot_candles: int = 20_000,
) -> Iterator[Iterator[_L]]:
    """The same of any file of candles, which `opened` opens; `make` tells how a reader's batches become lots."""
    with opened(on_bad=on_bad) as checked:
        on_opened(checked)
        total, as_it_was = 2 * checked.total_bytes, _state(path)
        for _ in checked:
            progress(checked.bytes_read, total)
            # One that goes on growing would be read for ever.
            _refuse_changed(path, as_it_was)
        on_checked(checked)
    _refuse_changed(path, as_it_was)
    told = None if on_bad is None else _report_nothing
    with opened(on_bad=told, batch_rows=lot_candles) as reader:
        lots = made_ahead(
            _year_by_year(reader), make(reader), lambda: progress(reader.total_bytes + reader.bytes_read, total)
        )
        with closing(lots):
            yield lots


def _refuse_changed(path: Path, as_it_was: object) -> None:
    if _state(path) != as_it_was:
        raise UnreadableFile(path.name, "changed while it was read; import it again once it is complete")


def made_ahead(
    batches: Iterator[pa.RecordBatch], make: Callable[[pa.RecordBatch], _L], read: Callable[[], None]
) -> Generator[_L]:
    """One lot a batch. The next is made ready in a thread while the database takes the last one in."""
    with ThreadPoolExecutor(max_workers=1) as ahead:
        upcoming = ahead.submit(_next_lot, batches, make)
        while (lot := upcoming.result()) is not None:
            upcoming = ahead.submit(_next_lot, batches, make)
            yield lot
            read()


def _next_lot(batches: Iterator[pa.RecordBatch], make: Callable[[pa.RecordBatch], _L]) -> _L | None:
    batch = next(batches, None)
    return None if batch is None else make(batch)


def _tick_lot(instrument_id: int, told: Collection[str], batch: pa.RecordBatch) -> Lot:
    times = pc.min_max(batch.column("time")).as_py()
    cancelled = batch.filter(batch.column("cancelled")) if "cancelled" in told else batch.slice(0, 0)
    return Lot(
        batch.num_rows,
        times["min"],
        times["max"],
        told,
        _binary(batch, instrument_id),
        pc.unique(pc.floor_temporal(batch.column("time"), unit="hour")).to_pylist(),
        partial(_columns, batch),
        batch.column("line").to_pylist,
        {f"{name}s": cancelled.column(name).to_pylist() for name in ("time", "seq")} if cancelled.num_rows else None,
        batch.column("file_seq").to_pylist if "file_seq" in told else None,
    )


def _binary(batch: pa.RecordBatch, instrument_id: int) -> bytes:
    fixed = (
        binary_rows.times(batch.column("time")),
        binary_rows.constant(instrument_id, 4, batch.num_rows),
        binary_rows.integers(batch.column("seq"), 8),
        *(binary_rows.numbers(batch.column(name)) for name in ("price", "size")),
        *(binary_rows.flags(batch.column(name)) for name in ("updates_ohlc", "updates_volume")),
    )
    return binary_rows.copied(fixed, [batch.column(name) for name in ("venue", "conditions")])


def _columns(batch: pa.RecordBatch) -> Mapping[str, Sequence[object]]:
    names = {"time": "times", "seq": "seqs", "price": "prices", "size": "sizes", "venue": "venues"}
    return {
        names.get(column, column): batch.column(column).to_pylist() for column in COLUMNS if column != "instrument_id"
    }


def _year_by_year(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same in order, cut where a year ends: to write a few candles to each of many chunks takes long as well."""
    for batch in batches:
        ordered = batch.sort_by("time")
        years = pc.year(ordered.column("time"))
        ends = pc.indices_nonzero(pc.not_equal(years[:-1], years[1:])).to_pylist()
        for start, end in pairwise((0, *(last + 1 for last in ends), len(years))):
            yield ordered.slice(start, end - start)


def candle_columns(batch: pa.RecordBatch) -> CandleColumns:
    """Candles of a file."""
    names = ("time", "open", "high", "low", "close", "volume", "trades")
    times, opens, highs, lows, closes, volumes, trades = (batch.column(name).to_pylist() for name in names)
    told = (batch.column(name).to_pylist() for name in ("turnover", "vwap", "volume", "low", "high"))
    turnovers = [_turnover(*each) for each in zip(*told, strict=True)]
    return CandleColumns(times, opens, highs, lows, closes, volumes, turnovers, trades)


def _turnover(turnover: str | None, vwap: str | None, volume: str, low: str, high: str) -> Decimal | None:
    """Σ price·size, as told or by the average price; null where nobody says."""
    if turnover is not None:
        return _plausible(Decimal(turnover), Decimal(volume), Decimal(low), Decimal(high))
    return turnover_of(Decimal(vwap), Decimal(volume), Decimal(low), Decimal(high)) if vwap else None


def _plausible(turnover: Decimal, volume: Decimal, low: Decimal, high: Decimal) -> Decimal | None:
    """The same, unless it is of no price between low and high: contracts may count it in another currency."""
    rounded = _ROUNDED * volume * max(abs(low), abs(high))
    return turnover if low * volume - rounded <= turnover <= high * volume + rounded else None


def _state(path: Path) -> tuple[int, int]:
    with explained(path):
        state = path.stat()
    return state.st_size, state.st_mtime_ns


def _report_nothing(_: Sequence[BadRow]) -> None:
    """They were told of when the file was checked."""
