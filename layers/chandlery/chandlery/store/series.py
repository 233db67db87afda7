"""Candles as columns of numbers, to compute with."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from chandlery.domain.timeframe import Timeframe
from chandlery.domain.window import DAY
from chandlery.errors import psycopg_errors_translated
from chandlery.store.candle_pages import find_session_floor
from chandlery.store.statements import statement

_LONG_AGO = datetime.fromisoformat("1900-01-01T00:00:00Z")


@dataclass(frozen=True)
class Series:
    """Columns of equal length, in the order of time.

    Attributes:
        times: starts of the buckets, in seconds since 1970.
        turnovers: NaN where a candle does not tell it.
        days: session dates, in days since 1970-01-01: that of the newest session a bucket touches, the minute of its
            closing auction included; outside of sessions the date of the calendar's time zone.
        partial: some minutes of it are partial.
        closed: its bucket had ended; of days, weeks and months: see `first_open` of `read_series`.
        first: how many of them are earlier than the first one wanted.
    """

    times: Sequence[int]
    opens: Sequence[float]
    highs: Sequence[float]
    lows: Sequence[float]
    closes: Sequence[float]
    volumes: Sequence[float]
    turnovers: Sequence[float]
    days: Sequence[int]
    partial: Sequence[bool]
    closed: Sequence[bool]
    first: int


_NONE = Series([], [], [], [], [], [], [], [], [], [], 0)


def read_series(
    connection: Connection,
    instrument_id: int,
    timeframe: Timeframe,
    starts: datetime | None,
    ends: datetime,
    most: int,
    *,
    first_open: datetime,
    before: int = 0,
    whole_sessions: int = 0,
) -> Series:
    """An instrument's candles that start in [starts, ends), with what is needed ahead of them, by one statement or two.

    Args:
        connection: in autocommit mode.
        instrument_id: whose.
        timeframe: of the candles.
        starts: null for the newest `most` before `ends`; else those from there, and if they are more than `most`, the
            newest of them: ask for one more than allowed to find out. Aware.
        ends: aware.
        most: candles wanted at most.
        first_open: the first bucket that is open; those before it are closed.
        before: up to so many earlier candles beside.
        whole_sessions: 1 for what else is earlier of the session date of the first candle (the earliest of all these),
            2 for that of the session date before as well; 0 for neither. Days, weeks and months take none.

    Raises:
        Retryable, Permanent: from the database.
    """
    floor: datetime = _LONG_AGO
    if timeframe.by_session:
        whole_sessions = 0
        found = find_session_floor(connection, instrument_id, timeframe, starts or ends, most + before)
        if found is None:
            return _NONE
        floor = found
    values: dict[str, Any] = {
        "instrument_id": instrument_id,
        "starts": starts or _LONG_AGO,
        "ends": ends,
        "most": most if starts else most + before,
        "before": before if starts else 0,
        "whole_sessions": whole_sessions,
        "width": timeframe.width or "1 month",
        "floor": floor,
    }
    if not timeframe.by_session and timeframe.width:
        # Most instruments have what is wanted near by: fewer chunks are planned for.
        values["floor"] = max((starts or ends) - 5 * DAY - 4 * (most + before) * timeframe.width, _LONG_AGO)
    row = _run(connection, timeframe, values)
    if not timeframe.by_session and (row is None or len(row[0]) < (row[9] if starts else most) + before):
        row = _run(connection, timeframe, values | {"floor": _LONG_AGO})
    if row is None:
        return _NONE
    times, *columns, days, wanted, hours = row
    opens, highs, lows, closes, volumes, turnovers, partial = columns
    if not starts:
        wanted = min(wanted, most)
    length = 0 if timeframe.width is None else int(timeframe.width.total_seconds())
    if not timeframe.by_session:
        days = _session_days(times, days, hours or [], length)
    open_since = bisect_left(times, int(first_open.timestamp()))
    return Series(
        times=times,
        opens=opens,
        highs=highs,
        lows=lows,
        closes=closes,
        volumes=volumes,
        turnovers=turnovers,
        days=days,
        partial=partial,
        closed=[True] * open_since + [False] * (len(times) - open_since),
        first=len(times) - wanted,
    )


def _run(connection: Connection, timeframe: Timeframe, values: dict[str, Any]) -> Sequence[Any] | None:
    with psycopg_errors_translated(), connection.cursor(binary=True) as cursor:
        return cursor.execute(statement("read_series", timeframe.relation), values).fetchone()


def _session_days(
    times: Sequence[int], days: Sequence[int], hours: Sequence[tuple[int, int, int]], length: int
) -> Sequence[int]:
    """The session date of each bucket, by the sessions in the order of their openings; `days` where none is open."""
    found = list(days)
    for opens, closes, day in hours:
        # Buckets that touch [opens, closes]; a later session overwrites what it shares with an earlier one.
        first, beyond = bisect_left(times, opens - length + 1), bisect_left(times, closes + 1)
        if beyond > first:
            found[first:beyond] = [day] * (beyond - first)
    return found
