"""Candles of any timeframe a page at a time, and the buckets between them that have none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg import Connection

from chandlery.domain.timeframe import Timeframe
from chandlery.domain.window import DAY, EARLIEST, Window
from chandlery.store.statements import read_rows, run

UNITS = {Timeframe.D1: "day", Timeframe.W1: "week", Timeframe.MO1: "month"}
# Parts of sessions that a candle is made of at most: up to three UTC days a session, which is two days long at most.
_PARTS = {Timeframe.D1: 3, Timeframe.W1: 21, Timeframe.MO1: 93}


class CandleRow(NamedTuple):
    """A candle of any timeframe as it is read: a tuple, for pages of thousands are made.

    Attributes:
        time: start of its bucket, UTC; of days, weeks and months the session date, Monday, first day at 00:00 UTC.
        vwap: null without volume, or where a candle does not tell its turnover.
        trades: null where a candle does not tell them.
        minutes: complete one-minute candles it is made of; of a one-minute candle 1, or 0 where it is partial.
        expected: minutes in which sessions expect a candle; null for one minute.
        partial: its feed fell silent meanwhile, or its bucket was open when it was read.
        closed: its bucket had ended when it was read; of days, weeks and months, the last session in it.
        filled: there is no such candle: it repeats the close before it, without volume.
        sources: who made its minutes, the lowest rank first, separated by blanks; empty where filled.
        price_eligible: false where no tick that may set prices made it.
        revision, version, source: of one-minute candles alone.
    """

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal | None
    trades: int | None
    minutes: int
    expected: int | None
    partial: bool
    closed: bool
    filled: bool
    sources: str
    price_eligible: bool
    revision: int | None = None
    version: int | None = None
    source: str | None = None


@dataclass(frozen=True)
class EmptyBucket:
    """A bucket without a candle in which sessions expect so many minutes."""

    time: datetime
    expected: int


@dataclass(frozen=True)
class Stretch:
    """Which candles: those that start in the window, the first or (`backward`) the newest `most` of them.

    Attributes:
        whole: without candles that have partial minutes.
        at: when they are read.
        first_open: the first bucket that is open then.
        since: since when candles are expected of an instrument of which that is not stored; null: not at all.
    """

    window: Window
    most: int
    backward: bool
    whole: bool
    at: datetime
    first_open: datetime
    since: datetime | None = None


def find_first_minute(connection: Connection, instrument_id: int) -> datetime | None:
    """The first one-minute candle of an instrument that is kept; none without any."""
    row = run(connection, "find_first_minute", instrument_id=instrument_id).fetchone()
    return row[0] if row else None


def find_sessions_at(connection: Connection, calendar: str, at: datetime) -> tuple[date | None, date | None]:
    """The newest session date that has begun at a moment, and the first that is not over; none where unknown."""
    row = run(connection, "find_sessions_at", calendar=calendar, at=at).fetchone()
    return (row[0], row[1]) if row else (None, None)


def count_points(connection: Connection, instrument_id: int, window: Window, most: int) -> Mapping[Timeframe, int]:
    """How many candles of each timeframe start in a window; up to four hours counted up to `most`."""
    rows = run(
        connection, "count_points", instrument_id=instrument_id, starts=window.starts, ends=window.ends, most=most
    )
    return {Timeframe(name): points for name, points in rows}


def read_page(
    connection: Connection, instrument_id: int, timeframe: Timeframe, stretch: Stretch
) -> Sequence[CandleRow]:
    """An instrument's candles of a stretch, in order."""
    if not timeframe.by_session:
        # Most instruments have what is wanted near by: fewer chunks are planned for, which takes longer than to read.
        near = _near(timeframe, stretch)
        rows = _read(connection, instrument_id, timeframe, replace(stretch, window=near))
        if len(rows) >= stretch.most or near == stretch.window:
            return rows
    return _read(connection, instrument_id, timeframe, stretch)


def _near(timeframe: Timeframe, stretch: Stretch) -> Window:
    window = stretch.window
    reach = 5 * DAY + 4 * stretch.most * (timeframe.width or DAY)
    if window.ends - window.starts <= reach:
        return window
    if stretch.backward:
        return Window(window.ends - reach, window.ends)
    return Window(window.starts, window.starts + reach)


def _read(connection: Connection, instrument_id: int, timeframe: Timeframe, stretch: Stretch) -> Sequence[CandleRow]:
    values = _values(instrument_id, stretch)
    if timeframe is Timeframe.M1:
        return read_rows(connection, CandleRow, "read_minute_page", **values, at=stretch.at)
    # How many candles have partial minutes nobody knows before they are folded.
    if timeframe.by_session and not stretch.whole:
        narrowed = _narrowed(connection, instrument_id, timeframe, stretch)
        if narrowed is None:
            return []
        values |= {"starts": narrowed.starts, "ends": narrowed.ends}
    return read_rows(
        connection,
        CandleRow,
        "read_derived_page",
        relation=timeframe.relation,
        **values,
        by_session=timeframe.by_session,
        width=_interval(timeframe),
        first_open=stretch.first_open,
        since=stretch.since,
    )


def list_empty_buckets(
    connection: Connection, instrument_id: int, timeframe: Timeframe, stretch: Stretch
) -> Sequence[EmptyBucket]:
    """Buckets of a stretch that sessions expect and that have no candle, up to the newest candle; in order."""
    found = read_rows(
        connection,
        EmptyBucket,
        "list_empty_buckets",
        relation=timeframe.relation,
        **_values(instrument_id, stretch),
        by_session=timeframe.by_session,
        unit=UNITS.get(timeframe, "day"),
        width=DAY if timeframe.by_session else timeframe.width,
        since=stretch.since,
    )
    return sorted(found, key=lambda bucket: bucket.time)


def _values(instrument_id: int, stretch: Stretch) -> dict[str, Any]:
    return {
        "instrument_id": instrument_id,
        "starts": stretch.window.starts,
        "ends": stretch.window.ends,
        "backward": stretch.backward,
        "partial_too": not stretch.whole,
        "most": stretch.most,
    }


def _narrowed(connection: Connection, instrument_id: int, timeframe: Timeframe, stretch: Stretch) -> Window | None:
    """The part of a window that has the candles wanted: a view that folds sessions folds all it is asked for."""
    row = run(
        connection,
        "find_session_edge",
        instrument_id=instrument_id,
        first=stretch.window.starts.date(),
        beyond=stretch.window.ends.date(),
        backward=stretch.backward,
        most=stretch.most * _PARTS[timeframe] + _PARTS[timeframe],
    ).fetchone()
    if row is None or row[0] is None:
        return None
    edge = timeframe.floor_bucket(datetime.combine(row[0], datetime.min.time(), stretch.window.starts.tzinfo))
    if stretch.backward:
        return Window(max(edge, stretch.window.starts), stretch.window.ends)
    return Window(stretch.window.starts, min(timeframe.next_bucket(edge), stretch.window.ends))


def _interval(timeframe: Timeframe) -> Any:
    return timeframe.width or "1 month"


def find_session_floor(
    connection: Connection, instrument_id: int, timeframe: Timeframe, before: datetime, candles: int
) -> datetime | None:
    """From which bucket of days, weeks or months on there are `candles` at least before a moment, or all."""
    window = Window(EARLIEST, max(timeframe.ceil_bucket(before), EARLIEST + DAY))
    stretch = Stretch(window, candles, backward=True, whole=False, at=before, first_open=before)
    narrowed = _narrowed(connection, instrument_id, timeframe, stretch)
    return narrowed.starts if narrowed else None
