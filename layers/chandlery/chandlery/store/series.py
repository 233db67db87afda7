"""Candles as columns of numbers, to compute with. Needs numpy."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from chandlery.domain.hours import Hours
from chandlery.domain.timeframe import Timeframe
from chandlery.domain.window import DAY, EARLIEST, LATEST, MINUTE, Window
from chandlery.errors import psycopg_errors_translated
from chandlery.store import regular_candles
from chandlery.store.candle_pages import Stretch, find_session_floor
from chandlery.store.number_arrays import number_cursor
from chandlery.store.statements import run, statement


@dataclass(frozen=True)
class Series:
    """Columns of equal length, in the order of time.

    Attributes:
        times: starts of the buckets, in seconds since 1970.
        turnovers: NaN where a candle does not tell it.
        days: session dates, in days since 1970-01-01: that of the newest session a bucket touches, the minute of its
            closing auction included; outside of sessions the date of the calendar's time zone.
        first: how many of them are earlier than the first one wanted.
        looked_from: from there on there is no other candle; null where there is none before either. Aware.
        last_partial: some minutes of the newest one are partial; false without any.
    """

    times: NDArray[np.int64]
    opens: NDArray[np.float64]
    highs: NDArray[np.float64]
    lows: NDArray[np.float64]
    closes: NDArray[np.float64]
    volumes: NDArray[np.float64]
    turnovers: NDArray[np.float64]
    days: NDArray[np.int64]
    first: int
    looked_from: datetime | None
    last_partial: bool


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
        wanted = min(len(parts[0].times), most)
        looked_from = _begin(parts[0]) if len(parts[0].times) == most + before else None
    else:
        parts = [_read_newest(connection, instrument_id, kind, max(starts, floor), ends, most)]
        wanted = len(parts[0].times)
        looked_from = _begin(parts[0]) if wanted == most else starts
        if before:
            parts.insert(0, _read_newest(connection, instrument_id, kind, floor, looked_from or starts, before))
            looked_from = _begin(parts[0]) if len(parts[0].times) == before else None
    begins = next((_begin(each) for each in parts if len(each.times)), None)
    if whole_sessions and begins is not None:
        opens, sessions = _read_sessions(connection, instrument_id, kind, begins, whole_sessions)
        parts = [*sessions, *parts]
        looked_from = min(opens, looked_from) if opens and looked_from else None
    return _joined(parts, wanted, looked_from)


def _begin(series: Series) -> datetime | None:
    return datetime.fromtimestamp(int(series.times[0]), UTC) if len(series.times) else None


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
    if len(found.times) < most and near > starts:
        return _read(connection, instrument_id, kind, starts, ends, most)
    return found


def _read(
    connection: Connection, instrument_id: int, kind: _Kind, starts: datetime, ends: datetime, most: int | None
) -> Series:
    if kind.hours is not Hours.ALL:
        return _read_regular(connection, instrument_id, kind, starts, ends, most)
    timeframe = kind.timeframe
    values = {
        "instrument_id": instrument_id,
        "starts": starts,
        "ends": ends,
        "most": most,
        "width": timeframe.width or "1 month",
    }
    with psycopg_errors_translated(), number_cursor(connection) as cursor:
        row = cursor.execute(statement("read_series", timeframe.relation), values).fetchone()
    if row is None:
        return _joined([], 0, None)
    *columns, last_partial, opens, closes, dates = row
    times, opened, highs, lows, closed, volumes, turnovers, days = columns
    found = Series(times, opened, highs, lows, closed, volumes, turnovers, days, 0, None, last_partial)
    if not timeframe.by_session and timeframe.width and opens is not None:
        _put_session_days(found, opens, closes, dates, int(timeframe.width.total_seconds()))
    return found


def _read_regular(
    connection: Connection, instrument_id: int, kind: _Kind, starts: datetime, ends: datetime, most: int | None
) -> Series:
    if starts >= ends:
        return _joined([], 0, None)
    width = kind.timeframe.width or MINUTE
    # Without a limit it is what is earlier of a session, which lies within days.
    most = (ends - starts) // width + 1 if most is None else most
    # Whether one is open is not asked here.
    stretch = Stretch(Window(starts, ends), most, backward=True, whole=False, at=LATEST, first_open=LATEST)
    rows = regular_candles.read(connection, instrument_id, kind.timeframe, kind.hours, stretch)

    def column(name: str) -> NDArray[np.float64]:
        # Null becomes NaN.
        return np.array([getattr(row, name) for row in rows], dtype=np.float64)

    return Series(
        times=np.array([row.time.timestamp() for row in rows], dtype=np.int64),
        opens=column("open"),
        highs=column("high"),
        lows=column("low"),
        closes=column("close"),
        volumes=column("volume"),
        turnovers=column("turnover"),
        days=np.array([row.session_date for row in rows], dtype="datetime64[D]").astype(np.int64),
        first=0,
        looked_from=None,
        last_partial=bool(rows and rows[-1].partial),
    )


def _put_session_days(
    series: Series, opens: NDArray[np.int64], closes: NDArray[np.int64], dates: NDArray[np.int64], length: int
) -> None:
    """Put the session date of each bucket that sessions, in the order of their openings, touch."""
    # Buckets that touch [opens, closes]; a later session overwrites what it shares with an earlier one.
    firsts = np.searchsorted(series.times, opens - length + 1)
    beyonds = np.searchsorted(series.times, closes + 1)
    for first, beyond, date in zip(firsts, beyonds, dates, strict=True):
        series.days[first:beyond] = date


def _find_session_start(connection: Connection, instrument_id: int, timeframe: Timeframe, time: datetime) -> datetime:
    row = run(
        connection, "find_session_start", instrument_id=instrument_id, time=time, width=timeframe.width
    ).fetchone()
    return row[0] if row else time


def _joined(parts: list[Series], wanted: int, looked_from: datetime | None) -> Series:
    """Stretches that follow each other; the last `wanted` candles are those wanted."""

    def join(name: str, kind: type[Any]) -> NDArray[Any]:
        columns = [getattr(each, name) for each in parts]
        return columns[0] if len(columns) == 1 else np.concatenate([*columns, np.empty(0, kind)])

    times = join("times", np.int64)
    return Series(
        times=times,
        opens=join("opens", np.float64),
        highs=join("highs", np.float64),
        lows=join("lows", np.float64),
        closes=join("closes", np.float64),
        volumes=join("volumes", np.float64),
        turnovers=join("turnovers", np.float64),
        days=join("days", np.int64),
        first=len(times) - wanted,
        looked_from=looked_from,
        last_partial=bool(parts and parts[-1].last_partial),
    )
