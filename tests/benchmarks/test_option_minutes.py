"""Options as they are made: the minute of a whole market of contracts, and what a day of them takes in columns."""

import time
from datetime import datetime
from pathlib import Path
from statistics import median

import pytest
from psycopg import Connection

from chandlery.options.aggregate_strikes import StrikesReport, aggregate_strikes
from chandlery.words.window import DAY, HOUR, Window
from tests.benchmarks.scene import MINUTE, NOON, ON_SERVER, WHERE, list_contracts, list_instruments, processor_seconds
from tests.benchmarks.test_columnstore import Stored, columns_of, kept, turn_to_columns
from tests.integration.market import always
from tests.integration.options import option_desk
from tests.integration.options.test_real_strike_candles import CLOSES, OPENS, Kept, list_all, read_goog

EXPIRIES, STRIKES = (50, 200) if ON_SERVER else (4, 50)
CONTRACTS = 2 * EXPIRIES * STRIKES
ROUNDS = 4
MARKET, SESSION, MONTH = 20_000, 390, 21
_EXPIRIES = ("2015-12-31", "2016-01-15")
_OTHERS = ("2015-12-24", "2016-01-08", "2016-01-22", "2016-01-29", "2016-02-05", "2016-02-19")
LOT = 20_000
PIECE = 10_000
# Calls and puts by parity, and a time value that no volatility is too high for.
_QUOTES = """
INSERT INTO market.option_quotes (instrument_id, time, bid, bid_size, ask, ask_size)
SELECT
    c.instrument_id, %(at)s::timestamptz + c.instrument_id %% 60 * INTERVAL '1 second',
    mid - 0.05, 1 + c.instrument_id %% 40, mid + 0.05, 1 + c.instrument_id %% 30
FROM market.option_contracts AS c
CROSS JOIN LATERAL (SELECT 1000 + extract(minute FROM %(at)s::timestamptz) AS forward) AS f
CROSS JOIN LATERAL (
    SELECT round(
        greatest(CASE c.side WHEN 'call' THEN forward - strike ELSE strike - forward END, 0)
            + 15 + 30 * exp(-abs(strike - forward) / 200), 2
    ) AS mid
) AS priced
WHERE {which}
"""
_TRADES = """
INSERT INTO market.candles (
    instrument_id, time, open, high, low, close, volume, turnover, trades, session_date, extended, source, version
)
SELECT instrument_id, %(at)s, 20, 21, 19, 20, 7, 140, 3, %(at)s::date, false, 'live_aggregated', 1
FROM market.option_contracts WHERE instrument_id %% 20 = 0 AND {which}
"""
_UNDERLYING = """
INSERT INTO market.candles (
    instrument_id, time, open, high, low, close, volume, turnover, trades, session_date, extended, source, version
)
VALUES (1, %(at)s, 1000, 1001, 999, 1000, 7, 7000, 3, %(at)s::date, false, 'live_aggregated', 1)
"""

__all__ = ["kept"]


@pytest.fixture
def market(connection: Connection) -> Connection:
    list_instruments(connection, 1)
    list_contracts(connection, EXPIRIES, STRIKES, NOON + 4 * DAY)
    connection.execute("ANALYZE")
    return connection


def test_o3_the_option_minute(market: Connection) -> None:
    every = {
        "all contracts": "true",
        "a tenth of them, whole expiries": f"expires_at < '{(NOON + (4 + 7 * EXPIRIES / 10) * DAY).isoformat()}'",
        "a tenth of them, over all expiries": "instrument_id %% 10 = 0",
    }
    at = NOON
    for told, which in every.items():
        used, here = [], []
        for _ in range(ROUNDS + 1):
            at += MINUTE
            write_minute(market, at, which)
            begun = time.process_time()
            used.append(processor_seconds(market, lambda at=at: process(market, at + MINUTE)))  # type: ignore[misc]
            here.append(time.process_time() - begun)
        # The first minute makes chunks, and plans.
        print(
            f"O3 a minute of {CONTRACTS:,} contracts, quotes of {told}: {made(market, at)}; processor"
            f" {median(used[1:]):.2f} s, {median(here[1:]):.2f} of it Python's ({WHERE})"
        )


def write_minute(connection: Connection, at: datetime, which: str) -> None:
    for text in (_QUOTES, _TRADES):
        connection.execute(text.format(which=which).encode(), {"at": at})
    connection.execute(_UNDERLYING, {"at": at})


def made(connection: Connection, at: datetime) -> str:
    row = connection.execute(
        "SELECT count(*), count(call_delta) + count(put_delta) FROM market.strike_candles WHERE time = %s", [at]
    ).fetchone()
    assert row is not None
    return f"{row[0]:,} strike candles, {row[1]:,} volatilities with greeks computed"


def process(connection: Connection, at: datetime) -> StrikesReport:
    return aggregate_strikes(connection, at, piece_contracts=PIECE, has_time=always)


def test_o4_a_real_half_day_in_columns(kept: Connection, real_data: Path) -> None:
    """Strike candles of some expiries, made minute by minute; and all quotes."""
    whole = Window(OPENS - HOUR, CLOSES + MINUTE)
    underlying = list_all(kept, read_goog(real_data, whole))
    for expiries in (_EXPIRIES, _OTHERS):
        write_quotes(kept, read_goog(real_data, whole, expiries), underlying if expiries == _EXPIRIES else None)
        if expiries == _EXPIRIES:
            process(kept, CLOSES + HOUR)
            known = kept.execute("SELECT avg((call_iv IS NOT NULL)::integer) FROM market.strike_candles").fetchone()
            candles = measure(kept, "strike_candles")
            print(f"O4 of these in bytes: {columns_of(kept, candles.rows)}")
    kept.execute("DELETE FROM market.dirty")
    quotes = measure(kept, "option_quotes")
    assert known is not None
    strikes, minutes = MARKET // 2, SESSION * MONTH
    as_rows, as_columns = (each / candles.rows * strikes * minutes / 1e9 for each in (candles.before, candles.after))
    quoted = [each / quotes.rows * MARKET * minutes / 2 / 1e9 for each in (quotes.before, quotes.after)]
    print(
        f"O4 growth of {MARKET:,} contracts a month ({MONTH} sessions of {SESSION} minutes): strike candles, each"
        f" strike in every minute ({known[0]:.0%} of calls with an iv), {as_rows:.1f} GB as rows, {as_columns:.1f} as"
        " columns;"
        f" quotes, one in two minutes, {quoted[0]:.1f} GB as rows, {quoted[1]:.1f} as columns"
    )


def write_quotes(connection: Connection, rows: Kept, underlying: int | None) -> None:
    """In the order of time; trades, open interest and the underlying once."""
    for first in range(0, len(rows["quotes"]), LOT):
        option_desk.write_quotes(connection, rows["quotes"][first : first + LOT])
    option_desk.write_candles(connection, rows["trades"])
    option_desk.write_open_interest(connection, rows["open-interest"])
    if underlying is not None:
        option_desk.write_candles(connection, rows["underlying"], underlying)


def measure(connection: Connection, table: str) -> Stored:
    found = turn_to_columns(connection, table)
    print(f"O4 {table}, {found.rows:,} rows of a real half day, {WHERE}: {found.told('row')}")
    return found
