"""Prices below zero: of instruments that may have them, and of no other, whatever writes."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from alembic import command
from psycopg import Connection

from chandlery.gaps.import_candles import import_candles
from chandlery.minutes.import_ticks import import_ticks
from chandlery.platform.errors import Permanent
from chandlery.platform.migrations import alembic_config
from chandlery.reading.list_price_changes import price_changes
from chandlery.reading.store import prices
from chandlery.reference.store import instruments
from chandlery.words.window import DAY, Window
from local.lots import checked_candle_lots, tick_lots
from local.market_file import BadRow, open_tick_file
from tests.integration.market import MINUTE, NOON, around_the_clock, candles_of, contents, insert, live
from tests.plain_fold import Tick

TICKS = """time,price,size
2026-03-02T12:00:01Z,-37.63,5
2026-03-02T12:00:02Z,-40.32,2
2026-03-02T12:00:03Z,0,1
2026-03-02T12:00:04Z,0.01,1
"""
CANDLES = "time,open,high,low,close,volume,vwap\n2026-03-02T12:05:00Z,-37.00,-36.50,-40.32,-37.63,1200,-38.5\n"
LATEST = datetime(2026, 3, 2, 18, tzinfo=UTC)
OIL, SHARE = "X@OIL@FUT", "X@SHARE@EQ"


@pytest.fixture
def oil(connection: Connection) -> int:
    (found,) = around_the_clock(connection, OIL)
    instruments.change(connection, OIL, allow_negative=True)
    return found


def bring_ticks(connection: Connection, instrument: int, path: Path, *, allow_negative: bool) -> None:
    with open_tick_file(path, allow_negative=allow_negative) as reader:
        import_ticks(connection, instrument, tick_lots(iter(reader), instrument, lambda: None, reader.known_columns))


def bring_candles(connection: Connection, instrument: int, path: Path, *, allow_negative: bool) -> None:
    with checked_candle_lots(path, latest=LATEST, allow_negative=allow_negative) as lots:
        import_candles(connection, instrument, lots)


def test_an_instrument_that_may_trades_below_zero(connection: Connection, oil: int, tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(TICKS)
    bring_ticks(connection, oil, path, allow_negative=True)
    live(connection, NOON + 10 * MINUTE)
    made = contents(connection, oil)[NOON]
    assert (made.open, made.high, made.low, made.close) == tuple(map(Decimal, ("-37.63", "0.01", "-40.32", "0.01")))
    assert (made.volume, made.turnover) == (9, Decimal("-268.78"))
    path.write_text(CANDLES)
    bring_candles(connection, oil, path, allow_negative=True)
    (_, theirs) = candles_of(connection, oil, Window(NOON, NOON + DAY))
    assert (theirs.open, theirs.high, theirs.low, theirs.close) == tuple(
        map(Decimal, ("-37.00", "-36.50", "-40.32", "-37.63"))
    )
    assert theirs.vwap == Decimal("-38.5")
    hour = connection.execute(
        "SELECT open, high, low, close, volume, market.average(turnover, volume) FROM market.candles_1h"
    ).fetchone()
    assert hour == (Decimal("-37.63"), Decimal("0.01"), Decimal("-40.32"), Decimal("-37.63"), 1209, hour and hour[5])
    assert hour[5] == pytest.approx(Decimal("-46468.78") / 1209)


@pytest.mark.parametrize(("bring_in", "text"), [(bring_ticks, TICKS), (bring_candles, CANDLES)])
def test_a_file_of_any_other_is_refused(
    connection: Connection, tmp_path: Path, bring_in: Callable[..., None], text: str
) -> None:
    (share,) = around_the_clock(connection, SHARE)
    path = tmp_path / "file.csv"
    path.write_text(text)
    with pytest.raises(BadRow, match=r'line 2, column (price|open): "-37.*" is negative'):
        bring_in(connection, share, path, allow_negative=False)


_IN_COLUMNS = """
    SELECT count(*) FROM timescaledb_information.chunks
    WHERE hypertable_schema = 'market' AND hypertable_name IN ('ticks', 'candles') AND is_compressed
"""
TICK = "INSERT INTO market.ticks (instrument_id, time, seq, price, size) VALUES (%s, '2026-03-02 12:00Z', 7, %s, 1)"
CANDLE = (
    "INSERT INTO market.candles"
    " (instrument_id, time, open, high, low, close, volume, session_date, extended, source, version)"
    " VALUES (%s, '2026-03-02 12:00Z', 1, 1, %s, 1, 1, '2026-03-02', false, 'vendor_historical', 0)"
)


@pytest.mark.parametrize("statement", [TICK, CANDLE])
def test_plain_sql_is_held_to_it(connection: Connection, oil: int, statement: str) -> None:
    (share,) = around_the_clock(connection, SHARE)
    with pytest.raises(psycopg.errors.CheckViolation, match="a price of X@SHARE@EQ is below zero") as refused:
        connection.execute(statement, [share, -1])
    assert refused.value.diag.message_hint == "where it may be: chandlery instruments set X@SHARE@EQ --allow-negative"
    connection.execute(statement, [oil, -1])
    connection.execute(statement, [share, 1])
    change = "UPDATE market.ticks SET price = %s" if statement is TICK else "UPDATE market.candles SET low = %s"
    with pytest.raises(psycopg.errors.CheckViolation, match="X@SHARE@EQ is below zero"):
        connection.execute(change, [-1])
    for never in ("NaN", "Infinity", "-Infinity"):
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(change, [never])


def test_what_is_stored_below_zero_keeps_it_allowed(connection: Connection, oil: int) -> None:
    insert(connection, oil, [Tick(NOON, 1, Decimal(-1), Decimal(1))])
    with pytest.raises(Permanent, match="has prices below zero; they have to be deleted"):
        instruments.change(connection, OIL, allow_negative=False)
    with pytest.raises(Permanent, match="has prices below zero; they have to be deleted"):
        instruments.add(connection, OIL, "24/7", "test", allow_negative=False)
    assert instruments.find(connection, OIL).allow_negative
    instruments.add(connection, OIL, "24/7", "other")
    assert instruments.find(connection, OIL).allow_negative
    connection.execute("DELETE FROM market.ticks")
    instruments.change(connection, OIL, allow_negative=False)
    assert not instruments.find(connection, OIL).allow_negative


def test_a_change_against_a_price_that_is_not_above_zero_has_no_percent(connection: Connection, oil: int) -> None:
    closes = [Decimal(-10), Decimal(0), Decimal(5), Decimal(-5)]
    ticks = [Tick(NOON + number * MINUTE, 1, close, Decimal(1)) for number, close in enumerate(closes)]
    insert(connection, oil, ticks)
    live(connection, NOON + 10 * MINUTE)
    told = []
    for number in range(1, 4):
        (row,) = price_changes(connection, NOON + number * MINUTE, sort="change").rows
        assert row.previous is not None
        told.append((row.previous.change, row.previous.percent))
    assert told == [(10, None), (5, None), (-10, -200)]
    ranks = prices.list_price_changes(
        connection, NOON + MINUTE, keys=(), feed="", apart=MINUTE, descending=True, after=(None, ""), most=1
    )
    assert [row.rank for row in ranks] == [None]


def test_an_upgrade_leaves_columns_as_they_are(connection: Connection, oil: int, database_url: str) -> None:
    insert(connection, oil, [Tick(NOON, 1, Decimal(1), Decimal(1))])
    live(connection, NOON + 10 * MINUTE)
    for table in ("ticks", "candles"):
        connection.execute(f"ALTER TABLE market.{table} SET (timescaledb.enable_columnstore)")
        connection.execute(
            "SELECT compress_chunk(chunk, true) FROM show_chunks(%s::regclass) AS chunk", [f"market.{table}"]
        )
    config = alembic_config(database_url)
    try:
        command.downgrade(config, "0023")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(TICK, [oil, -3])
        command.upgrade(config, "head")
        instruments.change(connection, OIL, allow_negative=True)
        assert connection.execute(_IN_COLUMNS).fetchone() == (2,)
        insert(connection, oil, [Tick(NOON, 2, Decimal(-3), Decimal(1))])
        live(connection, NOON + 10 * MINUTE)
        assert contents(connection, oil)[NOON].low == -3
    finally:
        connection.execute("TRUNCATE market.ticks, market.candles")
        for table in ("ticks", "candles"):
            connection.execute(f"ALTER TABLE market.{table} SET (timescaledb.enable_columnstore = false)")


def test_a_downgrade_says_what_it_cannot_hold(connection: Connection, oil: int, database_url: str) -> None:
    insert(connection, oil, [Tick(NOON, 1, Decimal(-1), Decimal(1))])
    config = alembic_config(database_url)
    with pytest.raises(psycopg.errors.CheckViolation, match="there are prices below zero"):
        command.downgrade(config, "0023")
    # What came after it is gone, for each migration is a transaction of its own.
    command.upgrade(config, "head")
    assert instruments.find(connection, OIL).allow_negative
