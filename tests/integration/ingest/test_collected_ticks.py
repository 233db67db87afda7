"""An exchange's trades on their way by the command: into the database, a queue, a stream, an API; started twice."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import sessions
from chandlery.words.window import DAY, MINUTE
from local.collecting.collector import Collected, Collector
from local.collecting.destinations import Database
from local.collecting.exchange import Exchange
from local.collecting.trade import moment_of
from local.command_line.collect import collect
from local.http_server import serving
from tests.fake_binance import FakeBinance, aggregates
from tests.integration.ingest.record_scene import Desk, from_queue, from_stream, open_desk
from tests.integration.market import around_the_clock, live
from tests.waiting import wait_until

KEY = "BINANCE@BTC/USDT@SPOT"
NOW = time.time_ns() // 1_000_000


@pytest.fixture
def binance(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBinance]:
    monkeypatch.setattr("local.collecting.collector._FLUSH_SECONDS", 0.01)
    with FakeBinance() as binance:
        yield binance


@pytest.fixture
def desk(connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    around_the_clock(connection, KEY)
    with open_desk(connection, monkeypatch.setenv, database_url) as desk:
        yield desk


def run(
    binance: FakeBinance, meanwhile: Callable[[], None], ends: signal.Signals = signal.SIGINT, **asked: Any
) -> None:
    """Collect until what happens meanwhile is over; then Ctrl-C, or another end."""

    def interrupt() -> None:
        try:
            meanwhile()
        finally:
            os.kill(os.getpid(), ends)

    thread = Thread(target=interrupt)
    thread.start()
    try:
        collect(["BTC/USDT"], "binance", base_url=binance.url, as_json=True, **asked)
    finally:
        thread.join()


def keep_days(connection: Connection) -> None:
    """Know the calendar for some days alone: to fill all of it costs more than all else here."""
    days = [(moment_of(NOW) + number * DAY).date() for number in (-1, 0, 1)]
    opens = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]
    open_hours = tuple(Session(at.date(), at, at + DAY) for at in opens)
    sessions.replace(connection, Calendar("24/7", "UTC", days[0], days[-1], open_hours))


def stored(connection: Connection) -> list[tuple[int, str, str]]:
    return [
        (seq, str(price), str(size))
        for seq, price, size in connection.execute("SELECT seq, price, size FROM market.ticks ORDER BY time, seq")
    ]


def test_ticks_are_stored_in_every_digit_and_it_goes_on_from_the_newest(
    connection: Connection,
    database_url: str,
    binance: FakeBinance,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    keep_days(connection)

    def summary() -> Mapping[str, Any]:
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        return {name: said[name] for name in ("rows", "new", "refused", "missed", "unwritten")}

    def first() -> None:
        wait_until(lambda: binance.watched() == 1, "it watches")
        binance.trade(*aggregates(1, 3, NOW))
        wait_until(lambda: len(stored(connection)) == 3, "three ticks are stored")

    run(binance, first)
    assert summary() == {"rows": 3, "new": 3, "refused": 0, "missed": [], "unwritten": 0}
    assert stored(connection)[0] == (1, "93120.10", "0.10000001")
    found = connection.execute(
        "SELECT i.calendar, i.feed, t.vendor, t.ticker FROM market.instruments AS i"
        " JOIN market.tickers AS t USING (instrument_id) WHERE i.instrument_key = %s",
        [KEY],
    ).fetchone()
    assert found == ("24/7", "BINANCE", "ccxt", "binance:BTC/USDT")

    # What came while nobody listened, and more than a page of it.
    binance.trade(*aggregates(4, 1_200, NOW + 300, step_ms=1))
    run(binance, lambda: wait_until(lambda: len(stored(connection)) == 1_203, "all are stored"), signal.SIGTERM)
    assert summary() == {"rows": 1_200, "new": 1_200, "refused": 0, "missed": [], "unwritten": 0}
    assert [seq for seq, _, _ in stored(connection)] == [*range(1, 1_204)]
    live(connection, moment_of(NOW) + 5 * MINUTE)
    assert connection.execute("SELECT sum(trades) FROM market.candles").fetchone() == (1_203,)


def test_what_two_collect_of_one_symbol_is_stored_once(
    connection: Connection, database_url: str, binance: FakeBinance
) -> None:
    around_the_clock(connection, KEY)

    async def collect_one(stop: asyncio.Event) -> Collected:
        exchange = Exchange("binance", binance.url)
        destination = Database(lambda: connect(Settings(database_url=database_url), "test"), "BINANCE", exchange.now)
        collector = Collector(exchange, destination, lambda _: None)
        try:
            await collector.run(await exchange.open(["BTC/USDT"]), {}, stop)
        finally:
            await exchange.close()
            destination.close()
        return collector.collected

    async def scene() -> list[Collected]:
        stop = asyncio.Event()
        both = [asyncio.create_task(collect_one(stop)) for _ in range(2)]
        await asyncio.to_thread(wait_until, lambda: binance.watched() == 2, "both watch")
        for number in range(1, 300, 30):
            binance.trade(*aggregates(number, 30, NOW + number * 100))
        await asyncio.to_thread(wait_until, lambda: len(stored(connection)) == 300, "all are stored")
        stop.set()
        return await asyncio.gather(*both)

    found = asyncio.run(scene())
    assert [seq for seq, _, _ in stored(connection)] == [*range(1, 301)]
    assert [(each.rows, each.refused, each.missed) for each in found] == [(300, 0, [])] * 2
    assert sum(each.new or 0 for each in found) == 300


def send_twice(binance: FakeBinance, to: str, state: Path) -> None:
    """Collect three trades, and after a pause the three that came meanwhile."""

    def until_taken(seq: int) -> None:
        wait_until(lambda: state.exists() and json.loads(state.read_text())[KEY][1] == seq, "they are taken")

    def first() -> None:
        wait_until(lambda: binance.watched() == 1, "it watches")
        binance.trade(*aggregates(1, 3, NOW))
        until_taken(3)

    run(binance, first, to=to, state=state)
    binance.trade(*aggregates(4, 3, NOW + 300))
    run(binance, lambda: until_taken(6), to=to, state=state)


def test_a_queue_and_a_stream_take_them_to_the_database(desk: Desk, binance: FakeBinance, tmp_path: Path) -> None:
    sqs, kinesis = boto3.client("sqs"), boto3.client("kinesis")
    url = sqs.create_queue(QueueName="ticks")["QueueUrl"]
    send_twice(binance, url, tmp_path / "queue.json")
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    # As queues may, it hands them over in any order, and twice.
    event = from_queue(*((each["MessageId"], each["Body"]) for each in reversed(messages)))
    assert (desk.take(event), desk.take(event), desk.seqs()) == ([], [], [*range(1, 7)])

    binance.clear()
    desk.connection.execute("DELETE FROM market.ticks")
    kinesis.create_stream(StreamName="ticks", ShardCount=1)
    stream = kinesis.describe_stream_summary(StreamName="ticks")["StreamDescriptionSummary"]["StreamARN"]
    send_twice(binance, stream, tmp_path / "stream.json")
    (shard,) = kinesis.list_shards(StreamName="ticks")["Shards"]
    place = kinesis.get_shard_iterator(StreamName="ticks", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=place["ShardIterator"])["Records"]
    assert desk.take(from_stream(*((each["SequenceNumber"], each["Data"]) for each in records))) == []
    assert desk.seqs() == [*range(1, 7)]
    assert desk.bad() == []


def test_an_api_takes_them_to_the_database(
    connection: Connection, database_url: str, binance: FakeBinance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    around_the_clock(connection, KEY)
    told = {"DATABASE_URL": database_url, "POWERTOOLS_LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_DISABLED": "true"}
    with serving(0, 1, os.environ | told) as address:
        send_twice(binance, address, tmp_path / "api.json")
    assert [seq for seq, _, _ in stored(connection)] == [*range(1, 7)]
    lines = capsys.readouterr().out
    assert lines.count('"rows": 3') == lines.count('"new": 3') == 2
