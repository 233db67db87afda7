"""What columns save: real ticks and a generated month of candles, under the policies shipped and in other orders."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import LiteralString

import pytest
from psycopg import Connection, sql

from chandlery.minutes.import_ticks import import_ticks
from chandlery.policies.apply_policies import apply_policies
from chandlery.policies.store import policies
from chandlery.policies.wanted import read_policies
from chandlery.reference.store import instruments, sessions
from chandlery.words.window import Window
from local import calendars
from local.lots import tick_lots
from local.market_file import open_tick_file
from tests.benchmarks.scene import NOON, ON_SERVER, WHERE, list_instruments, unmarked
from tests.integration.market import candles_of

DAYS = (date(2013, 10, 7), date(2013, 10, 11))
MONTH = timedelta(days=28)
INSTRUMENTS = 200 if ON_SERVER else 2  # of fewer, the index of rows takes less than that of a large desk
MARKET = 10_000
DESK = 20
TICKS = 1_000
AROUND_THE_CLOCK, EXCHANGE_HOURS = 30 * 24 * 60, 21 * 391
OTHER_CHUNKS = ("6 hours", "7 days")
# Prices that move by some ticks a minute, sizes without a pattern: a month of them is made in one statement.
_WALK: LiteralString = """
INSERT INTO market.candles (
    instrument_id, time, open, high, low, close, volume, turnover, trades, session_date, extended, source, version
)
SELECT
    instrument_id, steps.minute, open, greatest(open, close) + up * 0.01, least(open, close) - down * 0.01, close,
    volume,
    round(volume * (open + close) / 2, 2), 1 + volume::bigint %% 97, steps.minute::date, false, 'live_aggregated',
    extract(epoch FROM steps.minute) * 1000
FROM (
    SELECT
        *, coalesce(lag(close) OVER (PARTITION BY instrument_id ORDER BY minute), close) AS open,
        abs(hashint8(step * 7 + instrument_id)) %% 4 AS up, abs(hashint8(step * 11 + instrument_id)) %% 4 AS down,
        (100 + abs(hashint8(step * 13 + instrument_id)) %% 5000)::numeric AS volume
    FROM (
        SELECT
            instrument_id, minute, step,
            100 + 0.01 * sum(hashint8(step * 1000 + instrument_id) %% 5)
                OVER (PARTITION BY instrument_id ORDER BY minute) AS close
        FROM market.instruments
        CROSS JOIN LATERAL (
            SELECT minute, extract(epoch FROM minute)::bigint / 60 AS step
            FROM generate_series(%s::timestamptz, %s::timestamptz - INTERVAL '1 minute', '1 minute') AS minute
        ) AS minutes
    ) AS walked
) AS steps
WHERE close > 1
ORDER BY steps.minute, steps.instrument_id
"""


# When they came: never noted; in statements of 300, as in records; each by itself, some 100 ms late.
RECEIVED = {
    "never noted": "NULL",
    "once in 300 ticks": "max(time) OVER (PARTITION BY place / 300) + place / 300 * 7919 % 90001 * INTERVAL '1 us'",
    "of each tick": "time + (50000 + abs(hashint8(place)) % 100000) * INTERVAL '1 microsecond'",
}
_RECEIVED = """
INSERT INTO market.ticks (
    time, instrument_id, seq, price, size, updates_ohlc, updates_volume, venue, conditions, received_at
)
SELECT time, instrument_id, seq, price, size, updates_ohlc, updates_volume, venue, conditions, {}
FROM (SELECT *, row_number() OVER (ORDER BY time, instrument_id, seq) AS place FROM real_ticks) AS t
ORDER BY place
"""
# Each instrument of an even, or odd, number gets the ticks of the first one that has.
_COPIES: LiteralString = """
WITH copies AS (
    INSERT INTO market.instruments (instrument_key, calendar, feed)
    SELECT format('XNYS@COPY%%s@EQ', copy), 'XNYS', 'cts' FROM generate_series(1, 2 * %(copies)s::integer) AS copy
    RETURNING instrument_id
)
INSERT INTO market.ticks (time, instrument_id, seq, price, size, updates_ohlc, updates_volume, venue, conditions)
SELECT t.time, c.instrument_id, t.seq, t.price, t.size, t.updates_ohlc, t.updates_volume, t.venue, t.conditions
FROM real_ticks AS t
JOIN copies AS c ON c.instrument_id %% 2 = t.instrument_id %% 2
ORDER BY t.time
"""
_TICKS: LiteralString = """
INSERT INTO market.ticks (time, instrument_id, seq, price, size, venue)
SELECT
    %(starts)s::timestamptz + tick * INTERVAL '5 seconds'
        + abs(hashint8(tick * 100003 + instrument_id)) %% 5000 * INTERVAL '1 millisecond',
    instrument_id, tick,
    100 + 0.01 * sum(hashint8(tick * 1009 + instrument_id) %% 2) OVER (PARTITION BY instrument_id ORDER BY tick),
    CASE abs(hashint8(tick * 7919 + instrument_id)) %% 10
        WHEN 0 THEN abs(hashint8(tick)) %% 99 + 1
        ELSE 100 * (1 + abs(hashint8(tick * 31 + instrument_id)) %% 3)
    END,
    (ARRAY['N', 'P', 'Q', 'T', 'D'])[1 + abs(hashint8(tick * 17 + instrument_id)) %% 5]
FROM market.instruments CROSS JOIN generate_series(%(first)s::bigint, %(first)s + %(ticks)s - 1) AS tick
ORDER BY 1
"""
# Relations of batches, of whichever table has columns: what they are called differs between versions of TimescaleDB.
_BATCHES: LiteralString = """
SELECT n.nspname, c.relname
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = '_ts_meta_count')
"""


@pytest.fixture
def kept(connection: Connection) -> Connection:
    """A database with the policies shipped, whose jobs are gone before they could run."""
    connection.execute("SET statement_timeout = 0")
    apply_policies(connection, NOON, read_policies(), allow_destructive=True)
    connection.execute("SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE job_id >= 1000")
    return connection


def test_p6_real_ticks(kept: Connection, real_data: Path) -> None:
    """Of two instruments, for which what each chunk costs counts most; the same as ticks of a desk of twenty."""
    _import_real_ticks(kept, real_data)
    # In the order they came in. Rows are written again each time: what decompressing leaves is packed more closely.
    kept.execute("CREATE TEMPORARY TABLE real_ticks AS SELECT * FROM market.ticks")
    found = turn_to_columns(kept, "ticks")
    print(f"columns, {found.rows:,} real ticks of two instruments, {WHERE}: {found.told('tick')}")
    print(f"of these in bytes: {columns_of(kept, found.rows)}")
    for length in OTHER_CHUNKS:
        kept.execute("TRUNCATE market.ticks")
        kept.execute("SELECT set_chunk_time_interval('market.ticks', %s::interval)", [length])
        kept.execute("INSERT INTO market.ticks SELECT * FROM real_ticks")
        print(f"  chunks of {length}: {turn_to_columns(kept, 'ticks').told('tick')}")
    kept.execute("SELECT set_chunk_time_interval('market.ticks', INTERVAL '1 day')")
    for how, received in RECEIVED.items():
        kept.execute("TRUNCATE market.ticks")
        kept.execute(_RECEIVED.format(received).encode())
        print(f"  received_at {how}: {turn_to_columns(kept, 'ticks').told('tick')}")
    kept.execute("TRUNCATE market.ticks")
    kept.execute(_COPIES, {"copies": DESK // 2})
    many = turn_to_columns(kept, "ticks")
    print(f"growth: {many.rows:,} ticks of {DESK} instruments, each a copy of a real one: {many.told('tick')}")


@pytest.mark.parametrize("instruments", [MARKET // 100, MARKET] if ON_SERVER else [INSTRUMENTS])
def test_p6_generated_ticks(kept: Connection, instruments: int) -> None:
    """Five thousand in a session of each instrument: walking prices, mostly round lots, times in milliseconds.

    They come in the order of time, as a feed sends them: so rows, and the index of their key, take what they take.
    """
    list_instruments(kept, instruments)
    apply_policies(kept, NOON, read_policies(), allow_destructive=True)
    kept.execute("SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE job_id >= 1000")
    with unmarked(kept, "ticks"):
        for first in range(0, TICKS, TICKS // 4):
            kept.execute(_TICKS, {"first": first, "ticks": TICKS // 4, "starts": NOON})
    found = turn_to_columns(kept, "ticks")
    print(
        f"columns, {found.rows:,} generated ticks, {TICKS:,} of each of {instruments:,} instruments, {WHERE}:"
        f" {found.told('tick')}\nof these in bytes: {columns_of(kept, found.rows)}"
    )


@pytest.mark.parametrize("instruments", [INSTRUMENTS // 10, INSTRUMENTS] if ON_SERVER else [INSTRUMENTS])
def test_p6_candles_of_a_generated_month(kept: Connection, instruments: int) -> None:
    list_instruments(kept, instruments)
    with unmarked(kept, "candles"):
        kept.execute(_WALK, [NOON - MONTH, NOON])
    as_rows = _read_a_week(kept)
    found = turn_to_columns(kept, "candles")
    as_columns = _read_a_week(kept)
    a_candle = found.after / found.rows
    print(
        f"columns, {found.rows:,} generated candles of {instruments} instruments, {WHERE}: {found.told('candle')};"
        f" a month of {MARKET:,} instruments: {_gigabytes(a_candle, AROUND_THE_CLOCK)} around the clock,"
        f" {_gigabytes(a_candle, EXCHANGE_HOURS)} in exchange hours\n"
        f"of these in bytes: {columns_of(kept, found.rows)}\n"
        f"reading a week of minutes of an instrument (10,080 candles): {as_rows * 1000:.1f} ms from rows,"
        f" {as_columns * 1000:.1f} ms from columns; ratio {as_columns / as_rows:.2f}"
    )


def _read_a_week(connection: Connection) -> float:
    """Seconds that the fastest of nine reads takes, a week before the newest one."""
    week = Window(NOON - timedelta(days=14), NOON - timedelta(days=7))
    row = connection.execute("SELECT min(instrument_id) FROM market.instruments").fetchone()
    assert row is not None
    seconds = []
    for _ in range(9):
        began = perf_counter()
        assert len(candles_of(connection, row[0], week)) == 7 * 24 * 60
        seconds.append(perf_counter() - began)
    return min(seconds)


def _import_real_ticks(connection: Connection, real_data: Path) -> None:
    sessions.replace(connection, calendars.from_library("XNYS", *DAYS))
    for symbol in ("IBM", "AIG"):
        key = f"XNYS@{symbol}@EQ"
        instruments.add(connection, key, "XNYS", "cts")
        instrument_id = instruments.find(connection, key).instrument_id
        for path in sorted((real_data / "us-trades").glob(f"{symbol}-*.csv.gz")):
            with open_tick_file(path) as reader:
                import_ticks(connection, instrument_id, tick_lots(iter(reader), instrument_id, lambda: None))


@dataclass(frozen=True)
class Stored:
    """Rows, and the bytes they take as rows and as columns, indexes included."""

    rows: int
    before: int
    after: int

    def told(self, row: str) -> str:
        """In bytes a row."""
        before, after = self.before / self.rows, self.after / self.rows
        return f"{before:.0f} bytes a {row} as rows, {after:.1f} as columns; ratio {before / after:.1f}"


def turn_to_columns(connection: Connection, table: str) -> Stored:
    policies.turn_to_columns(connection, table, datetime(2100, 1, 1, tzinfo=UTC))
    row = connection.execute(
        "SELECT before_bytes, after_bytes FROM market.compression_stats WHERE table_name = %s", [table]
    ).fetchone()
    count = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("market", table))).fetchone()
    assert row is not None
    assert count is not None
    return Stored(count[0], row[0], row[1])


def columns_of(connection: Connection, rows: int) -> str:
    """What each column's batches take, the largest first; the rest is what TOAST, pages and indexes cost."""
    found: Counter[str] = Counter()
    for schema, relation in connection.execute(_BATCHES).fetchall():
        names = connection.execute(
            "SELECT array_agg(attname::text) FROM pg_attribute"
            " WHERE attrelid = format('%%I.%%I', %s::text, %s::text)::regclass AND attnum > 0 AND NOT attisdropped",
            [schema, relation],
        ).fetchone()
        assert names is not None
        sizes = sql.SQL(", ").join(
            sql.SQL("coalesce(sum(pg_column_size({})), 0)").format(sql.Identifier(name)) for name in names[0]
        )
        taken = connection.execute(sql.SQL("SELECT {} FROM {}").format(sizes, sql.Identifier(schema, relation)))
        found.update(dict(zip(names[0], map(int, taken.fetchone() or ()), strict=True)))
    told = [f"{name} {size / rows:.2f}" for name, size in found.most_common(8)]
    return f"{', '.join(told)}; all columns {found.total() / rows:.1f}"


def _gigabytes(bytes_a_candle: float, minutes: int) -> str:
    return f"{bytes_a_candle * minutes * MARKET / 1e9:.1f} GB"
