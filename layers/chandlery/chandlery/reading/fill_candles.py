"""Put flat candles into buckets that have none."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from psycopg import Connection

from chandlery.reading.store import candle_pages
from chandlery.reading.store.candle_pages import Candle, EmptyBucket, Selection
from chandlery.reference.domain.instrument import Instrument
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import EARLIEST, Window


def fill_candles(
    connection: Connection, instrument: Instrument, timeframe: Timeframe, selection: Selection, rows: Sequence[Candle]
) -> Sequence[Candle]:
    """Candles and flat ones between them, in order; where `rows` are full, nothing beyond the last of them."""
    starts, ends = selection.window.starts, min(selection.window.ends, selection.first_open)
    if len(rows) == selection.most:
        starts, ends = (rows[0].time, ends) if selection.backward else (starts, min(ends, rows[-1].time))
    before = _candle_before(connection, instrument, timeframe, selection, rows)
    if before is None and rows:
        starts = max(starts, rows[0].time)
    if starts >= ends or (before is None and not rows):
        return rows
    within = replace(selection, window=Window(starts, ends))
    empty = candle_pages.list_empty_buckets(connection, instrument.instrument_id, timeframe, within)
    close = before.close if before else None
    return _merged(rows, empty, close, minutely=timeframe is Timeframe.M1)


def _candle_before(
    connection: Connection, instrument: Instrument, timeframe: Timeframe, selection: Selection, rows: Sequence[Candle]
) -> Candle | None:
    if selection.backward or selection.window.starts <= EARLIEST or (rows and rows[0].time == selection.window.starts):
        return None
    ahead = replace(selection, window=Window(EARLIEST, selection.window.starts), most=1, backward=True)
    return next(iter(candle_pages.read_page(connection, instrument.instrument_id, timeframe, ahead)), None)


def _merged(
    rows: Sequence[Candle], empty: Sequence[EmptyBucket], close: Decimal | None, *, minutely: bool
) -> Sequence[Candle]:
    merged: list[Candle] = []
    mixed: list[Candle | EmptyBucket] = [*rows, *empty]
    for each in sorted(mixed, key=lambda each: each.time):
        if isinstance(each, Candle):
            close = each.close
            merged.append(each)
        elif close is not None:
            merged.append(_flat(each.time, None if minutely else each.expected, close))
    return merged


def _flat(bucket: datetime, expected: int | None, close: Decimal) -> Candle:
    return Candle(
        time=bucket,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=Decimal(),
        vwap=None,
        trades=0,
        minutes=0,
        expected=expected,
        partial=False,
        closed=True,
        filled=True,
        sources="",
        price_eligible=True,
    )
