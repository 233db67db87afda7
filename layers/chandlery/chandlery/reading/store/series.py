"""Candles as arrays, to compute with: an instrument's, or those around what changed of many. Needs numpy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.indicators.numerics.candle_arrays import Candles, SessionCandles, Whole
from chandlery.platform.errors import psycopg_errors_translated
from chandlery.platform.number_arrays import number_cursor
from chandlery.platform.statements import run, statement
from chandlery.reading.store.candle_pages import Selection, find_session_floor, read_page
from chandlery.words.hours import Hours
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, EARLIEST, LATEST, MINUTE, Window

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Series:
    """Candles in the order of time, those wanted after what was read ahead of them.

    Attributes:
        first: how many of them are earlier than the first one wanted.
        looked_from: from there on there is no other candle; null where there is none before either. Aware.
        last_partial: some minutes of the newest one are partial; false without any.
    """

    candles: SessionCandles
    first: int
    looked_from: datetime | None
    last_partial: bool

    def __len__(self) -> int:
        """How many candles."""
        return len(self.candles)


@dataclass(frozen=True)
class PageWanted:
    """Changed buckets of an instrument's series, `[first, last)`, in which nothing is read from `until` on."""

    instrument_id: int
    first: datetime
    last: datetime
    until: datetime


@dataclass(frozen=True)
class Surroundings:
    """The candles around a stretch.

    `beyond` is how many of them are later than the stretch; `begins` whether there are none earlier than they are.
    """

    candles: Candles
    beyond: int
    begins: bool


@dataclass(frozen=True)
class _Kind:
    """Of which timeframe candles are, and of which hours."""

    timeframe: Timeframe
    hours: Hours


def read_series(
    connection: Connection,
    instrument_id: int,
    timeframe: Timeframe,
    starts: datetime | None,
    ends: datetime,
    most: int,
    *,
    before: int = 0,
    whole_sessions: int = 0,
    hours: Hours = Hours.ALL,
) -> Series:
    """An instrument's candles that start in [starts, ends), with what is needed ahead of them.

    Args:
        connection: in a transaction that sees one moment, where what is ahead shall fit: it is read by itself.
        instrument_id: whose.
        timeframe: of the candles.
        starts: null for the newest `most` before `ends`; else those from there, and if they are more than `most`, the
            newest of them: ask for one more than allowed to find out. Aware.
        ends: aware.
        most: candles wanted at most.
        before: up to so many earlier candles beside.
        whole_sessions: 1 for what else is earlier of the session date of the first candle (the earliest of all these),
            2 for the session date before that has candles as well; 0 for neither. Days, weeks and months take none.
        hours: which they are made of; days, weeks and months are of regular hours in any case.

    Raises:
        Retryable, Permanent: from the database.
    """
    floor = EARLIEST
    kind = _Kind(timeframe, Hours.ALL if timeframe.by_session else hours)
    if timeframe.by_session:
        whole_sessions = 0
        found = find_session_floor(connection, instrument_id, timeframe, starts or ends, most + before)
        floor = found or starts or EARLIEST
    if starts is None:
        parts = [_read_newest(connection, instrument_id, kind, floor, ends, most + before)]
        wanted = min(len(parts[0]), most)
        looked_from = _begin(parts[0]) if len(parts[0]) == most + before else None
    else:
        parts = [_read_newest(connection, instrument_id, kind, max(starts, floor), ends, most)]
        wanted = len(parts[0])
        looked_from = _begin(parts[0]) if wanted == most else starts
        if before:
            parts.insert(0, _read_newest(connection, instrument_id, kind, floor, looked_from or starts, before))
            looked_from = _begin(parts[0]) if len(parts[0]) == before else None
    begins = next((_begin(each) for each in parts if len(each)), None)
    if whole_sessions and begins is not None:
        opens, sessions = _read_sessions(connection, instrument_id, kind, begins, whole_sessions)
        parts = [*sessions, *parts]
        looked_from = min(opens, looked_from) if opens and looked_from else None
    return _joined(parts, wanted, looked_from)


def _begin(series: Series) -> datetime | None:
    return datetime.fromtimestamp(int(series.candles.time[0]), UTC) if len(series) else None


def _read_sessions(
    connection: Connection, instrument_id: int, kind: _Kind, begins: datetime, count: int
) -> tuple[datetime | None, list[Series]]:
    """What is earlier of the session date of a candle, and all of those that traded before; and where that begins."""
    parts: list[Series] = []
    while True:
        opens = kind.timeframe.floor_bucket(_find_session_start(connection, instrument_id, kind.timeframe, begins))
        parts.insert(0, _read(connection, instrument_id, kind, opens, begins, None))
        count -= 1
        if not count:
            return opens, parts
        parts.insert(0, _read_newest(connection, instrument_id, kind, EARLIEST, opens, 1))
        newest = _begin(parts[0])
        if newest is None:
            return None, parts
        begins = newest


def _read_newest(
    connection: Connection, instrument_id: int, kind: _Kind, starts: datetime, ends: datetime, most: int
) -> Series:
    timeframe = kind.timeframe
    if timeframe.by_session or timeframe.width is None:
        return _read(connection, instrument_id, kind, starts, ends, most)
    # Most instruments have what is wanted near by: fewer chunks are planned for.
    near = max(ends - 5 * DAY - 4 * most * timeframe.width, starts)
    found = _read(connection, instrument_id, kind, near, ends, most)
    if len(found) < most and near > starts:
        return _read(connection, instrument_id, kind, starts, ends, most)
    return found


def _read(
    connection: Connection, instrument_id: int, kind: _Kind, starts: datetime, ends: datetime, most: int | None
) -> Series:
    if kind.hours is not Hours.ALL:
        return _read_folded(connection, instrument_id, kind, starts, ends, most)
    timeframe = kind.timeframe
    values = {
        "instrument_id": instrument_id,
        "starts": starts,
        "ends": ends,
        "most": most,
        "width": timeframe.width or "1 month",
    }
    with psycopg_errors_translated(), number_cursor(connection) as cursor:
        row = cursor.execute(statement("read_series", CANDLES.relation(timeframe)), values).fetchone()
    if row is None:
        return _joined([], 0, None)
    *columns, last_partial, opens, closes, dates = row
    candles = SessionCandles(*columns)
    if not timeframe.by_session and timeframe.width and opens is not None:
        _put_session_dates(candles, opens, closes, dates, int(timeframe.width.total_seconds()))
    return Series(candles, 0, None, last_partial)


def _read_folded(
    connection: Connection, instrument_id: int, kind: _Kind, starts: datetime, ends: datetime, most: int | None
) -> Series:
    if starts >= ends:
        return _joined([], 0, None)
    width = kind.timeframe.width or MINUTE
    # Without a limit it is what is earlier of a session, which lies within days.
    most = (ends - starts) // width + 1 if most is None else most
    # Whether one is open is not asked here.
    selection = Selection(Window(starts, ends), most, backward=True, whole=False, at=LATEST, first_open=LATEST)
    rows = read_page(connection, instrument_id, kind.timeframe, selection, kind.hours)
    candles = SessionCandles(
        time=np.array([row.time.timestamp() for row in rows], dtype=np.int64),
        open=np.array([row.open for row in rows], dtype=np.float64),
        high=np.array([row.high for row in rows], dtype=np.float64),
        low=np.array([row.low for row in rows], dtype=np.float64),
        close=np.array([row.close for row in rows], dtype=np.float64),
        volume=np.array([row.volume for row in rows], dtype=np.float64),
        # Null becomes NaN.
        turnover=np.array([row.turnover for row in rows], dtype=np.float64),
        session=np.array([row.session_date for row in rows], dtype="datetime64[D]").astype(np.int64),
    )
    return Series(candles, 0, None, bool(rows and rows[-1].partial))


def _put_session_dates(candles: SessionCandles, opens: Whole, closes: Whole, dates: Whole, length: int) -> None:
    """Put the session date of each bucket that sessions, in the order of their openings, touch."""
    # Buckets that touch [opens, closes]; a later session overwrites what it shares with an earlier one.
    firsts = np.searchsorted(candles.time, opens - length + 1)
    beyonds = np.searchsorted(candles.time, closes + 1)
    for first, beyond, date in zip(firsts, beyonds, dates, strict=True):
        candles.session[first:beyond] = date


def _find_session_start(connection: Connection, instrument_id: int, timeframe: Timeframe, time: datetime) -> datetime:
    row = run(
        connection, "find_session_start", instrument_id=instrument_id, time=time, width=timeframe.width
    ).fetchone()
    return row[0] if row else time


def _joined(parts: list[Series], wanted: int, looked_from: datetime | None) -> Series:
    """Series that follow each other; the last `wanted` candles are those wanted."""
    candles = SessionCandles.joined([each.candles for each in parts])
    return Series(candles, len(candles) - wanted, looked_from, bool(parts and parts[-1].last_partial))


def read_around(
    connection: Connection,
    timeframe: Timeframe,
    stretches: Sequence[PageWanted],
    *,
    sinces: Sequence[datetime | None],
    before: int | None,
    beyond: int | None,
) -> Mapping[int, Surroundings]:
    """The candles of stretches and around them, by a stretch's place; none of those without.

    Args:
        connection: any.
        timeframe: whose candles.
        stretches: of instruments.
        sinces: how far back to look, of each stretch; None: as far as there are candles.
        before: candles to read before each stretch, at most; None: all.
        beyond: the same after it.
    """
    values = {
        "instrument_ids": [each.instrument_id for each in stretches],
        "sinces": [since or _BEGINNING for since in sinces],
        "firsts": [each.first for each in stretches],
        "lasts": [each.last for each in stretches],
        "untils": [each.until for each in stretches],
        "earliest_since": min(since or _BEGINNING for since in sinces),
        "earliest_first": min(each.first for each in stretches),
        "before": before,
        "beyond": beyond,
    }
    with psycopg_errors_translated(), number_cursor(connection) as cursor:
        rows = cursor.execute(statement("read_candle_series", CANDLES.relation(timeframe)), values)
        return {place - 1: Surroundings(Candles(*columns), later, begins) for place, *columns, later, begins in rows}


def read_following(
    connection: Connection,
    timeframe: Timeframe,
    instrument_ids: list[int],
    sinces: list[datetime],
    untils: list[datetime],
) -> Mapping[int, Candles]:
    """The candles of instruments in [since, until), by the instrument's place; none of those without."""
    values = {
        "instrument_ids": instrument_ids,
        "sinces": sinces,
        "untils": untils,
        "earliest": min(sinces),
        "latest": max(untils),
    }
    with psycopg_errors_translated(), number_cursor(connection) as cursor:
        row = cursor.execute(statement("read_following_series", CANDLES.relation(timeframe)), values).fetchone()
    if row is None:
        return {}
    places, times, *prices = row
    order = np.lexsort((times, places))
    columns = [column[order] for column in (times, *prices)]
    found, starts = np.unique(places[order], return_index=True)
    edges = pairwise([*starts.tolist(), len(order)])
    return {
        place - 1: Candles(*(column[first:beyond] for column in columns))
        for place, (first, beyond) in zip(found.tolist(), edges, strict=True)
    }
