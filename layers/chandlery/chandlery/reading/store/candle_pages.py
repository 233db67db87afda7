"""Candles of any timeframe and hours as they are read, and the buckets between them that have none."""

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, LiteralString, NamedTuple, TypeVar

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.platform.statements import read_rows, run, run_on_each
from chandlery.words.hours import Hours, minutes_for
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, EARLIEST, Window

Rows = TypeVar("Rows", bound=Sized)
Chosen = TypeVar("Chosen", bound="Selection")

_UNITS = {Timeframe.D1: "day", Timeframe.W1: "week", Timeframe.MO1: "month"}
# How a query that reads candles is told of which: of one instrument, by parameters.
OF_ONE = (
    ("instrument", ":'instrument_id'::integer"),
    ("between", "time >= :'starts'::timestamptz AND time < :'ends'::timestamptz"),
    ("since", ":'since'::timestamptz"),
    ("first_open", ":'first_open'::timestamptz"),
)
# Parts of sessions that a candle is made of at most: up to three UTC days a session, which is two days long at most.
_PARTS = {Timeframe.D1: 3, Timeframe.W1: 21, Timeframe.MO1: 93}


class Candle(NamedTuple):
    """A candle of any timeframe as it is read: a tuple, for thousands are made at a time.

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
        turnover, session_date: of folded ones alone; null turnover where a minute does not tell it, and the date of the
            newest session that it has minutes of.
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
    turnover: Decimal | None = None
    session_date: date | None = None


@dataclass(frozen=True)
class EmptyBucket:
    """A bucket without a candle in which sessions expect so many minutes."""

    time: datetime
    expected: int


@dataclass(frozen=True)
class Selection:
    """Which candles: those that start in the window, the first or (`backward`) the newest `most` of them; null: all.

    Attributes:
        whole: without candles that have partial minutes.
        at: when they are read.
        first_open: the first bucket that is open then.
        since: since when candles are expected of an instrument of which that is not stored; null: not at all.
    """

    window: Window
    most: int | None
    backward: bool
    whole: bool
    at: datetime
    first_open: datetime
    since: datetime | None = None


def find_first_minutes(connection: Connection, instrument_ids: Sequence[int]) -> Mapping[int, datetime | None]:
    """The first one-minute candle that is kept of some instruments; none of one without any."""
    return dict(run(connection, "find_first_minutes", instrument_ids=list(instrument_ids)).fetchall())


def find_sessions_at(connection: Connection, calendar: str, at: datetime) -> tuple[date | None, date | None]:
    """The newest session date that has begun at a moment, and the first that is not over; none where unknown."""
    row = run(connection, "find_sessions_at", calendar=calendar, at=at).fetchone()
    return (row[0], row[1]) if row else (None, None)


def count_points(connection: Connection, instrument_id: int, window: Window, most: int) -> Mapping[Timeframe, int]:
    """How many candles of each timeframe start in a window; up to four hours counted up to `most`."""
    values = {"instrument_id": instrument_id, "starts": window.starts, "ends": window.ends}
    by_clock = {each: CANDLES.relation(each) for each in Timeframe if not each.by_session}
    counts = run_on_each(connection, [*by_clock.values()], "count_points", **values, most=most)
    by_session = run(connection, "count_session_points", **values).fetchall()
    return dict(zip(by_clock, counts, strict=True)) | {Timeframe(name): points for name, points in by_session}


def read_page(
    connection: Connection, instrument_id: int, timeframe: Timeframe, selection: Selection, hours: Hours = Hours.ALL
) -> Sequence[Candle]:
    """An instrument's candles of a selection, in order; of regular hours they are folded from minutes."""
    if hours.are_folded(timeframe):
        return _read_folded(connection, instrument_id, timeframe, selection, hours)
    return read_near(timeframe, selection, lambda near: _read(connection, instrument_id, timeframe, near))


def read_near(timeframe: Timeframe, selection: Chosen, read: Callable[[Chosen], Rows]) -> Rows:
    """What a selection has: the part of it where most instruments have what is wanted is read first."""
    if not timeframe.by_session:
        # Fewer chunks are planned for, which takes longer than to read.
        near = _near(timeframe, selection)
        rows = read(replace(selection, window=near))
        if near == selection.window or (selection.most is not None and len(rows) >= selection.most):
            return rows
    return read(selection)


def _near(timeframe: Timeframe, selection: Selection) -> Window:
    window = selection.window
    if selection.most is None:
        return window
    reach = 5 * DAY + 4 * selection.most * (timeframe.width or DAY)
    if window.ends - window.starts <= reach:
        return window
    if selection.backward:
        return Window(window.ends - reach, window.ends)
    return Window(window.starts, window.starts + reach)


def _read(connection: Connection, instrument_id: int, timeframe: Timeframe, selection: Selection) -> Sequence[Candle]:
    asked = ask_of_one(connection, instrument_id, timeframe, selection)
    if asked is None:
        return []
    return read_rows(connection, Candle, asked.query, relation=asked.relation, lists=OF_ONE, **asked.values)


@dataclass(frozen=True)
class Asked:
    """What reads a selection of an instrument."""

    query: str
    relation: LiteralString
    values: Mapping[str, Any]


def ask_of_one(connection: Connection, instrument_id: int, timeframe: Timeframe, selection: Selection) -> Asked | None:
    """What reads a selection; none where it has no candle."""
    values = _values(instrument_id, selection)
    if timeframe is Timeframe.M1:
        return Asked("read_minute_page", "", values | {"at": selection.at})
    # How many candles have partial minutes nobody knows before they are folded.
    if timeframe.by_session and not selection.whole and selection.most is not None:
        narrowed = _narrowed(connection, instrument_id, timeframe, selection, selection.most)
        if narrowed is None:
            return None
        values |= {"starts": narrowed.starts, "ends": narrowed.ends}
    values |= {
        "by_session": timeframe.by_session,
        "width": timeframe.width or "1 month",
        "first_open": selection.first_open,
        "since": selection.since,
    }
    return Asked("read_derived_page", CANDLES.relation(timeframe), values)


def _read_folded(
    connection: Connection, instrument_id: int, timeframe: Timeframe, selection: Selection, hours: Hours
) -> Sequence[Candle]:
    return read_rows(
        connection,
        Candle,
        "read_regular_candles",
        **_values(instrument_id, selection),
        width=timeframe.width,
        from_open=hours is Hours.FROM_OPEN,
        most_minutes=None if selection.most is None else minutes_for(timeframe, selection.most),
        at=selection.at,
        since=selection.since,
    )


def list_empty_buckets(
    connection: Connection, instrument_id: int, timeframe: Timeframe, selection: Selection
) -> Sequence[EmptyBucket]:
    """Buckets of a selection that sessions expect and that have no candle, up to the newest candle; in order."""
    found = read_rows(
        connection,
        EmptyBucket,
        "list_empty_buckets",
        relation=CANDLES.relation(timeframe),
        **_values(instrument_id, selection),
        by_session=timeframe.by_session,
        unit=_UNITS.get(timeframe, "day"),
        width=DAY if timeframe.by_session else timeframe.width,
        since=selection.since,
    )
    return sorted(found, key=lambda bucket: bucket.time)


def _values(instrument_id: int, selection: Selection) -> dict[str, Any]:
    return {
        "instrument_id": instrument_id,
        "starts": selection.window.starts,
        "ends": selection.window.ends,
        "backward": selection.backward,
        "partial_too": not selection.whole,
        "most": selection.most,
    }


def _narrowed(
    connection: Connection, instrument_id: int, timeframe: Timeframe, selection: Selection, most: int
) -> Window | None:
    """The part of a window that has the candles wanted: a view that folds sessions folds all it is asked for."""
    row = run(
        connection,
        "find_session_edge",
        instrument_id=instrument_id,
        first=selection.window.starts.date(),
        beyond=selection.window.ends.date(),
        backward=selection.backward,
        most=(most + 1) * _PARTS[timeframe],
    ).fetchone()
    if row is None or row[0] is None:
        return None
    edge = timeframe.floor_bucket(datetime.combine(row[0], datetime.min.time(), selection.window.starts.tzinfo))
    if selection.backward:
        return Window(max(edge, selection.window.starts), selection.window.ends)
    return Window(selection.window.starts, min(timeframe.next_bucket(edge), selection.window.ends))


def find_session_floor(
    connection: Connection, instrument_id: int, timeframe: Timeframe, before: datetime, candles: int
) -> datetime | None:
    """From which bucket of days, weeks or months on there are `candles` at least before a moment, or all."""
    window = Window(EARLIEST, max(timeframe.ceil_bucket(before), EARLIEST + DAY))
    selection = Selection(window, candles, backward=True, whole=False, at=before, first_open=before)
    narrowed = _narrowed(connection, instrument_id, timeframe, selection, candles)
    return narrowed.starts if narrowed else None
