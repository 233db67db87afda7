"""What columns save: real ticks and a generated month of candles, under the policies shipped and in other orders."""

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
from tests.benchmarks.scene import NOON, ON_SERVER, WHERE, list_instruments
from tests.integration.market import candles_of

DAYS = (date(2013, 10, 7), date(2013, 10, 11))
MONTH = timedelta(days=28)
INSTRUMENTS = 200 if ON_SERVER else 2
MARKET = 10_000
AROUND_THE_CLOCK, EXCHANGE_HOURS = 30 * 24 * 60, 21 * 391
OTHER_ORDERS = ("time DESC, seq", "seq", "price, time, seq")
# Prices that move by some ticks a minute, sizes without a pattern: a month of them is made in one statement.
_WALK: LiteralString = """
INSERT INTO market.candles (
    instrument_id, time, open, high, low, close, volume, turnover, trades, session_date, extended, source, version
)
SELECT
    instrument_id, minute, open, greatest(open, close) + up * 0.01, least(open, close) - down * 0.01, close, volume,
    round(volume * (open + close) / 2, 2), 1 + volume::bigint %% 97, minute::date, false, 'live_aggregated',
    extract(epoch FROM minute) * 1000
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
"""


@pytest.fixture
def kept(connection: Connection) -> Connection:
    """A database with the policies shipped, whose jobs are gone before they could run."""
    connection.execute("SET statement_timeout = 0")
    apply_policies(connection, NOON, read_policies(), allow_destructive=True)
    connection.execute("SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE job_id >= 1000")
    return connection


def test_real_ticks(kept: Connection, real_data: Path) -> None:
    _import_real_ticks(kept, real_data)
    rows, before, after = _turn_to_columns(kept, "ticks")
    print(
        f"\ncolumns, {rows:,} real ticks, {WHERE}: {before / rows:.0f} bytes a tick as rows, {after / rows:.1f} as"
        f" columns; ratio {before / after:.1f}"
    )
    for order in OTHER_ORDERS:
        kept.execute("SELECT decompress_chunk(c) FROM show_chunks('market.ticks') AS c")
        kept.execute(
            sql.SQL(
                "ALTER TABLE market.ticks SET (timescaledb.compress, timescaledb.compress_segmentby = 'instrument_id',"
                " timescaledb.compress_orderby = {})"
            ).format(order)
        )
        _, before, after = _turn_to_columns(kept, "ticks")
        print(f"  ordered by {order}: {after / rows:.1f} bytes; ratio {before / after:.1f}")


def test_a_generated_month(kept: Connection) -> None:
    list_instruments(kept, INSTRUMENTS)
    kept.execute(_WALK, [NOON - MONTH, NOON])
    as_rows = _read_a_week(kept)
    rows, before, after = _turn_to_columns(kept, "candles")
    as_columns = _read_a_week(kept)
    a_candle = after / rows
    print(
        f"\ncolumns, {rows:,} generated candles, {WHERE}: {before / rows:.0f} bytes a candle as rows, {a_candle:.1f} as"
        f" columns; ratio {before / after:.1f}; a month of {MARKET:,} instruments:"
        f" {_gigabytes(a_candle, AROUND_THE_CLOCK)} around the clock,"
        f" {_gigabytes(a_candle, EXCHANGE_HOURS)} in exchange hours\n"
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


def _turn_to_columns(connection: Connection, table: str) -> tuple[int, int, int]:
    """Returns rows, and the bytes they take as rows and as columns, indexes included."""
    policies.turn_to_columns(connection, table, datetime(2100, 1, 1, tzinfo=UTC))
    row = connection.execute(
        "SELECT before_bytes, after_bytes FROM market.compression_stats WHERE table_name = %s", [table]
    ).fetchone()
    count = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("market", table))).fetchone()
    assert row is not None
    assert count is not None
    return count[0], row[0], row[1]


def _gigabytes(bytes_a_candle: float, minutes: int) -> str:
    return f"{bytes_a_candle * minutes * MARKET / 1e9:.1f} GB"
