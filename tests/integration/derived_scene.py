"""Setting the scene for derived candles: minutes in whatever state, and what is stored in every timeframe."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from chandlery.reference.store import sessions
from chandlery.refresh.refresh_stale import StaleReport, refresh_stale
from chandlery.words.window import MINUTE
from local import calendars
from tests.integration.market import add_instruments, always
from tests.plain_derived import TIMEFRAMES, Derived, Minute, OpenHours, roll

ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

_UPSERT = """
INSERT INTO market.candles AS stored (
    instrument_id, time, open, high, low, close, volume, turnover, trades, price_eligible, partial, source, version,
    session_date, extended
)
SELECT n.instrument_id, c.*, stamp.*
FROM market.instruments AS n
CROSS JOIN unnest(
    %(times)s::timestamptz[], %(opens)s::numeric[], %(highs)s::numeric[], %(lows)s::numeric[], %(closes)s::numeric[],
    %(volumes)s::numeric[], %(turnovers)s::numeric[], %(trades)s::bigint[], %(eligible)s::boolean[],
    %(partial)s::boolean[], %(sources)s::market.candle_source[], %(versions)s::bigint[]
) AS c (time, open, high, low, close, volume, turnover, trades, price_eligible, partial, source, version)
CROSS JOIN LATERAL market.session_stamp(n.calendar, c.time) AS stamp
WHERE n.instrument_id = %(instrument)s
ON CONFLICT (instrument_id, time) DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume,
    turnover = excluded.turnover, trades = excluded.trades, price_eligible = excluded.price_eligible,
    partial = excluded.partial, source = excluded.source
"""


def candle(at: datetime, price: int = 10) -> Minute:
    number = Decimal(price)
    return Minute(at, number, number + 1, number - 1, number, Decimal(2), 2 * number, 3)


def minutes(first: datetime, count: int, price: int = 10) -> Sequence[Minute]:
    return [candle(first + number * MINUTE, price + number % 7) for number in range(count)]


def listed(connection: Connection, calendar: str, first: date, last: date, *keys: str) -> list[int]:
    """Instruments of one of the library's calendars, filled over a stretch of days; returns their ids."""
    sessions.replace(connection, calendars.from_library(calendar, first, last))
    return add_instruments(connection, calendar, *keys)


def open_hours(connection: Connection, calendar: str) -> Sequence[OpenHours]:
    """The stored sessions of a calendar."""
    rows = connection.execute(
        "SELECT session_date, opens_at, closes_at, lower(breaks), upper(breaks) FROM market.sessions"
        " WHERE calendar = %s ORDER BY 1",
        [calendar],
    )
    return [OpenHours(row[0], row[1], row[2], (row[3], row[4]) if row[3] else None) for row in rows]


def write(connection: Connection, instrument: int, minutes: Iterable[Minute]) -> None:
    """Put candles there as they are, as a program other than Chandlery does."""
    each = list(minutes)
    columns = {
        "times": [m.time for m in each],
        "opens": [m.open for m in each],
        "highs": [m.high for m in each],
        "lows": [m.low for m in each],
        "closes": [m.close for m in each],
        "volumes": [m.volume for m in each],
        "turnovers": [m.turnover for m in each],
        "trades": [m.trades for m in each],
        "eligible": [m.price_eligible for m in each],
        "partial": [m.partial for m in each],
        "sources": [m.source for m in each],
        "versions": [0 for _ in each],
    }
    connection.execute(_UPSERT, columns | {"instrument": instrument})


def stored_minutes(connection: Connection, instrument: int) -> Sequence[Minute]:
    """An instrument's candles, as the plain fold takes them."""
    rows = connection.execute(
        "SELECT time, open, high, low, close, volume, turnover, trades, price_eligible, partial, source::text"
        " FROM market.candles WHERE instrument_id = %s ORDER BY time",
        [instrument],
    )
    return [Minute(*row) for row in rows]


def derived(connection: Connection, instrument: int, timeframe: str) -> Mapping[datetime, Derived]:
    """What a timeframe holds, as the plain fold has it."""
    rows = connection.execute(
        "SELECT time, open, high, low, close, volume, turnover, trades, price_eligible, minutes, partial_minutes,"  # noqa: S608  # our own words
        f" market.source_names(sources) FROM market.candles_{timeframe}"
        " WHERE instrument_id = %s ORDER BY time",
        [instrument],
    )
    return {row[0]: Derived(*row[1:]) for row in rows}


def assert_rolled(connection: Connection, instrument: int, hours: Sequence[OpenHours]) -> None:
    """Every derived candle of an instrument is the fold of its minutes, and there is no other."""
    minutes = stored_minutes(connection, instrument)
    for timeframe in TIMEFRAMES:
        assert derived(connection, instrument, timeframe) == roll(minutes, hours, timeframe), timeframe


def whole(connection: Connection) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    """Every derived candle of every instrument."""
    return {
        timeframe: connection.execute(
            f"SELECT * FROM market.candles_{timeframe} ORDER BY instrument_id, time"  # noqa: S608  # our own words
        ).fetchall()
        for timeframe in TIMEFRAMES
    }


def refresh(connection: Connection, at: datetime, most_marks: int = 100_000) -> StaleReport:
    """One run."""
    return refresh_stale(connection, at, most_marks=most_marks, has_time=always)
