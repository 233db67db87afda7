"""Setting the scene: instruments, ticks in, candles out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from psycopg import Connection

from chandlery.health.domain.rhythm import RHYTHMS
from chandlery.minutes.aggregate_live import LiveReport, aggregate_live
from chandlery.platform import schema
from chandlery.reading.read_candles import Candle, CandleQuery, read_candles
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import instruments, sessions
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, Window
from tests.plain_fold import Folded, Tick

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def around_the_clock(connection: Connection, *keys: str) -> list[int]:
    """Instruments that trade always, sessions of early March 2026 included; returns their ids."""
    days = [date(2026, 3, day) for day in range(1, 5)]
    opens = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]
    open_hours = tuple(Session(day, at, at + timedelta(days=1)) for day, at in zip(days, opens, strict=True))
    sessions.replace(connection, Calendar("24/7", "UTC", days[0], days[-1], open_hours))
    return add_instruments(connection, "24/7", *keys)


def add_instruments(connection: Connection, calendar: str, *keys: str) -> list[int]:
    """Instruments of a feed that lives by a few ticks a minute; returns their ids."""
    # What a silent feed does is tested where it is meant.
    connection.execute("INSERT INTO market.feeds VALUES ('test', 60) ON CONFLICT DO NOTHING")
    for key in keys:
        instruments.add(connection, key, calendar, "test")
    ids = {each.key: each.instrument_id for each in instruments.list_all(connection)}
    return [ids[key] for key in keys]


def timescaledb_of(connection: Connection) -> tuple[int, int]:
    """TimescaleDB's version, its first two numbers."""
    return schema.release_of(str(schema.describe(connection).timescaledb))


def insert(connection: Connection, instrument_id: int, ticks: Iterable[Tick]) -> None:
    """Plain INSERT of any number at once, as a writer in a hurry does."""
    rows = [(t.time, t.seq, t.price, t.size, t.updates_ohlc, t.updates_volume, t.cancelled) for t in ticks]
    if rows:
        connection.execute(
            "INSERT INTO market.ticks (instrument_id, time, seq, price, size, updates_ohlc, updates_volume, cancelled)"
            " SELECT %s, * FROM unnest(%s::timestamptz[], %s::bigint[], %s::numeric[], %s::numeric[], %s::boolean[],"
            " %s::boolean[], %s::boolean[]) ON CONFLICT DO NOTHING",
            [instrument_id, *map(list, zip(*rows, strict=True))],
        )


_CANDLE: Mapping[str, Any] = {
    "open": 1,
    "high": 2,
    "low": 1,
    "close": 2,
    "volume": 5,
    "turnover": 8,
    "trades": 3,
    "partial": False,
    "source": "vendor_historical",
    "version": 0,
}


def put_candles(
    connection: Connection, instruments: int | list[int], times: Iterable[datetime], **columns: Any
) -> None:
    """Candles by a program other than Chandlery; stored ones stay. A column holds one value, or a list."""
    rows, names = list(times), ", ".join(("instrument_id", *_CANDLE))
    values = [rows, instruments, *{**_CANDLE, **columns}.values()]
    kinds = "timestamptz int numeric numeric numeric numeric numeric numeric bigint boolean market.candle_source bigint"
    connection.execute(
        f"INSERT INTO market.candles (time, {names}, session_date, extended)"  # noqa: S608
        f" SELECT c.*, (time AT TIME ZONE 'UTC')::date, false"
        f" FROM unnest({', '.join(f'%s::{kind}[]' for kind in kinds.split())}) AS c (time, {names})"
        " ON CONFLICT DO NOTHING",
        [each if isinstance(each, list) else [each] * len(rows) for each in values],
    )


def keep_at_work(connection: Connection, at: datetime) -> None:
    """Rows of every component, as if each came when it was due, up to an hour after a moment."""
    connection.execute(
        "INSERT INTO market.runs (component, scheduled_at, status, seconds)"
        " SELECT component, date_trunc('minute', %s) + n * INTERVAL '1 min', 'succeeded', 0"
        " FROM unnest(%s::text[]) AS component CROSS JOIN generate_series(0, 60) AS n",
        [at, list(RHYTHMS)],
    )


def candles_of(
    connection: Connection, instrument_id: int, window: Window, timeframe: Timeframe = Timeframe.M1
) -> Sequence[Candle]:
    """An instrument's candles of a window, long after they have closed."""
    (instrument,) = (each for each in instruments.list_all(connection) if each.instrument_id == instrument_id)
    query = CandleQuery(timeframe, window.starts, window.ends)
    return read_candles(connection, instrument, query, window.ends + 60 * DAY).candles


def always(*_: object) -> bool:
    """There is time for all of it, and for whatever is asked about."""
    return True


def live(connection: Connection, at: datetime, **limits: Any) -> LiveReport:
    """One live run."""
    settings: dict[str, Any] = {
        "piece_candles": 20_000,
        "gap_check_buckets": 100_000,
        "has_time": always,
    }
    return aggregate_live(connection, at, **(settings | limits))


def contents(connection: Connection, instrument_id: int) -> dict[datetime, Folded]:
    """An instrument's candles, as the plain fold has them."""
    rows = connection.execute(
        "SELECT time, open, high, low, close, volume, turnover, trades, price_eligible FROM market.candles"
        " WHERE instrument_id = %s ORDER BY time",
        [instrument_id],
    ).fetchall()
    return {row[0]: Folded(*row[1:]) for row in rows}


def snapshot(connection: Connection) -> Sequence[tuple[Any, ...]]:
    """Every candle, whole but for the time of writing."""
    return connection.execute(
        "SELECT instrument_id, time, open, high, low, close, volume, turnover, trades, price_eligible, partial,"
        " session_date, extended, source, version, revision FROM market.candles ORDER BY 1, 2"
    ).fetchall()


def row_versions(connection: Connection) -> Sequence[tuple[Any, ...]]:
    """The row versions of all a run may write: a rewritten row has another xmin, a locked one another xmax."""
    return connection.execute(
        "SELECT 'candle', instrument_id::text, time, xmin::text, xmax::text FROM market.candles"
        " UNION ALL SELECT 'run', component, scheduled_at, xmin::text, xmax::text FROM market.runs"
        " UNION ALL SELECT 'scan', component, starts, xmin::text, xmax::text FROM market.scans"
        " UNION ALL SELECT 'mark', instrument_ids::text, bucket, xmin::text, xmax::text FROM market.dirty"
        " ORDER BY 1, 2, 3"
    ).fetchall()
