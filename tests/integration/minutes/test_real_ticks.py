"""Real trades, replayed: they agree with the vendor's candles, however they come in and however often a run dies."""

import csv
import gzip
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from chandlery.minutes.import_ticks import import_ticks
from chandlery.reference.store import instruments, sessions
from chandlery.words.window import Window
from local import calendars
from local.lots import tick_lots
from local.market_file import open_tick_file
from tests.integration.market import MINUTE, candles_of, contents, insert, live, snapshot
from tests.plain_fold import Tick, fold

STARTS = datetime(2013, 10, 8, 19, 40, tzinfo=UTC)
ENDS = datetime(2013, 10, 8, 20, 10, tzinfo=UTC)
CLOSE = datetime(2013, 10, 8, 20, 0, tzinfo=UTC)
SYMBOLS = ("IBM", "AIG")
NUMBERS = ("open", "high", "low", "close", "volume")

# What a killed run does: fires the live processor for each minute of a window, as its schedule would.
RUNNER = """
import sys
from datetime import datetime, timedelta
from functions.live_processor import handler
from tests.integration.market import candles_of

class Context:
    aws_request_id = "run"
    def get_remaining_time_in_millis(self):
        return 50_000

at, ends = (datetime.fromisoformat(text) for text in sys.argv[1:])
while at <= ends:
    handler({"scheduled_at": at.isoformat()}, Context())
    at += timedelta(minutes=1)
"""


@pytest.fixture(scope="module")
def trades(real_data: Path) -> dict[str, list[Tick]]:
    """Half an hour around the close, by symbol."""
    return {symbol: list(_read_trades(real_data / "us-trades" / f"{symbol}-2013-10-08.csv.gz")) for symbol in SYMBOLS}


def _read_trades(path: Path) -> Iterator[Tick]:
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            at = datetime.fromisoformat(row["time"])
            if STARTS <= at < ENDS:
                price, size = Decimal(row["price"]), Decimal(row["size"])
                yield Tick(at, int(row["seq"]), price, size, updates_ohlc=row["updates_ohlc"] == "1")


@pytest.fixture
def ids(connection: Connection) -> dict[str, int]:
    sessions.replace(connection, calendars.from_library("XNYS", STARTS.date(), STARTS.date()))
    for symbol in SYMBOLS:
        instruments.add(connection, f"XNYS@{symbol}@EQ", "XNYS", "cts")
    return {symbol: instruments.find(connection, f"XNYS@{symbol}@EQ").instrument_id for symbol in SYMBOLS}


def replay(connection: Connection, starts: datetime = STARTS, ends: datetime = ENDS) -> None:
    """Each minute's run, in order."""
    for minute in range((ends - starts) // MINUTE + 1):
        live(connection, starts + minute * MINUTE)


@pytest.fixture
def undisturbed(
    connection: Connection, trades: dict[str, list[Tick]], ids: dict[str, int]
) -> Sequence[tuple[Any, ...]]:
    """The candles when nothing goes wrong; the tables are emptied again."""
    for symbol, ticks in trades.items():
        insert(connection, ids[symbol], ticks)
    replay(connection)
    found = snapshot(connection)
    assert len(found) > 40
    connection.execute("TRUNCATE market.ticks, market.dirty, market.candles, market.runs")
    return found


@pytest.mark.long
def test_five_days_of_candles_agree_with_the_vendors(
    connection: Connection, ids: dict[str, int], real_data: Path
) -> None:
    same = total = 0
    for symbol, instrument_id in ids.items():
        for path in sorted((real_data / "us-trades").glob(f"{symbol}-*.csv.gz")):
            with open_tick_file(path) as reader:
                import_ticks(connection, instrument_id, tick_lots(iter(reader), instrument_id, lambda: None))
    for day in range(8, 13):
        live(connection, datetime(2013, 10, day, tzinfo=UTC))
    week = Window(datetime(2013, 10, 7, tzinfo=UTC), datetime(2013, 10, 12, tzinfo=UTC))
    for symbol, instrument_id in ids.items():
        mine = {c.time: c for c in candles_of(connection, instrument_id, week)}
        for at, theirs in _read_vendor(real_data / "us-candles-1m" / f"{symbol}.csv.gz").items():
            total += 1
            same += at in mine and all(getattr(mine[at], name) == theirs[name] for name in NUMBERS)
    assert total == 4297
    assert same / total >= 0.988


def _read_vendor(path: Path) -> dict[datetime, dict[str, Decimal]]:
    """The vendor's own candles."""
    with gzip.open(path, "rt") as file:
        rows = {datetime.fromisoformat(row.pop("time")): row for row in csv.DictReader(file)}
    return {at: {name: Decimal(row[name]) for name in NUMBERS} for at, row in rows.items()}


def test_candles_equal_the_plain_fold_minute_by_minute(
    connection: Connection, trades: dict[str, list[Tick]], ids: dict[str, int]
) -> None:
    for symbol, ticks in trades.items():
        insert(connection, ids[symbol], ticks)
    replay(connection)
    for symbol, ticks in trades.items():
        assert contents(connection, ids[symbol]) == fold(ticks)
        hours = "SELECT time, NOT extended FROM market.candles WHERE instrument_id = %s"
        regular: dict[datetime, bool] = dict(connection.execute(hours, [ids[symbol]]).fetchall())
        # The minute of the closing auction, the one that starts at the close, is the last regular one.
        assert all(is_regular == (at <= CLOSE) for at, is_regular in regular.items())


@pytest.mark.long
@pytest.mark.parametrize("way", ["shuffled", "in duplicate", "second half hours late"])
def test_the_way_ticks_arrive_changes_nothing(
    connection: Connection,
    trades: dict[str, list[Tick]],
    ids: dict[str, int],
    undisturbed: Sequence[tuple[Any, ...]],
    way: str,
) -> None:
    for symbol, ticks in trades.items():
        mixed = random.Random(7).sample(ticks, len(ticks))
        if way == "second half hours late":
            mixed = mixed[: len(mixed) // 2]
        insert(connection, ids[symbol], mixed)
        if way == "in duplicate":
            insert(connection, ids[symbol], mixed)
    replay(connection)
    if way == "second half hours late":
        for symbol, ticks in trades.items():
            insert(connection, ids[symbol], ticks)
        live(connection, ENDS + timedelta(hours=5))
        # What came late was revised: the same candles, again.
        assert [row[:-1] for row in snapshot(connection)] == [row[:-1] for row in undisturbed]
        assert {row[-1] for row in snapshot(connection)} == {0, 1}
    else:
        assert snapshot(connection) == undisturbed


def test_runs_killed_at_random_lose_and_double_nothing(
    connection: Connection,
    database_url: str,
    trades: dict[str, list[Tick]],
    ids: dict[str, int],
    undisturbed: Sequence[tuple[Any, ...]],
) -> None:
    for symbol, ticks in trades.items():
        insert(connection, ids[symbol], ticks)
    chance = random.Random(11)
    environment = os.environ | {"DATABASE_URL": database_url}
    for _ in range(6):
        arguments = [sys.executable, "-c", RUNNER, STARTS.isoformat(), ENDS.isoformat()]
        with subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL) as run:
            time.sleep(0.6 + chance.random())
            run.send_signal(signal.SIGKILL)
    replay(connection)
    assert snapshot(connection) == undisturbed
    assert connection.execute("SELECT count(*) FROM market.dirty").fetchone() == (0,)
