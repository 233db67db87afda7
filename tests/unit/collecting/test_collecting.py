"""Trades of an exchange that errs, collected without a hole, or with holes that are reported."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from chandlery.platform.errors import Permanent, Retryable, UnknownTicker
from local.collecting.collector import Collected, Collector, spell_missed
from local.collecting.destinations import Sent, Written
from local.collecting.exchange import HABITS, Exchange, Habits
from local.collecting.follower import Mark, Missed, Pace
from local.collecting.trade import Trade, moment_of, read_trades
from local.sending import Outcome
from tests.fake_binance import FakeBinance, aggregates
from tests.waiting import LAST_RESORT_SECONDS

KEY = "BINANCE@BTC/USDT@SPOT"
# Quick where there is nothing to wait for, and never so quick that a loaded machine looks like a dead connection.
PACE = Pace(quiet=30, retry=0.01, patience=0.5)
NOW = time.time_ns() // 1_000_000


@dataclass
class Kept:
    """A destination that keeps what it is given, but for numbers that are wrong; `troubles` come in place of writes."""

    trades: list[Trade] = field(default_factory=list)
    troubles: list[Exception] = field(default_factory=list)
    wrong: dict[int, str] = field(default_factory=dict)

    def find_marks(self, keys: Sequence[str]) -> Mapping[str, Mark]:
        return {each.key: Mark(each.time_ms, each.seq) for each in self.trades if each.key in keys}

    def write(self, trades: Sequence[Trade]) -> Written:
        if self.troubles:
            raise self.troubles.pop()
        good = [each for each in trades if each.seq not in self.wrong]
        self.trades += good
        return Written(len(good), len(good), [self.wrong[each.seq] for each in trades if each.seq in self.wrong])

    def close(self) -> None:
        """Nothing is open."""

    @property
    def numbers(self) -> list[int]:
        return [each.seq for each in self.trades if each.key == KEY]


@dataclass
class Scene:
    """An exchange, what was collected of it, and what was said."""

    binance: FakeBinance
    kept: Kept
    collected: Collected
    said: list[str]

    async def until(self, *numbers: int) -> None:
        """Wait until these trades came, in this order, and no other."""
        await until(lambda: self.kept.numbers == [*numbers], lambda: f"{self.kept.numbers} {self.said}")

    def has_settled(self, count: int) -> bool:
        """Whether `count` trades were written or refused."""
        return self.collected.rows + self.collected.refused == count

    async def until_watched(self, connections: int = 1) -> None:
        await until(lambda: self.binance.connections >= connections and self.binance.watched() > 0)


async def until(is_so: Callable[[], bool], shown: Callable[[], str] = lambda: "") -> None:
    ends = time.monotonic() + LAST_RESORT_SECONDS
    while not is_so():
        assert time.monotonic() < ends, shown()
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.collecting.collector._FLUSH_SECONDS", 0.01)


@pytest.fixture
def binance() -> Iterator[FakeBinance]:
    with FakeBinance() as binance:
        yield binance


@asynccontextmanager
async def collecting(
    binance: FakeBinance,
    kept: Kept | None = None,
    pace: Pace = PACE,
    symbols: Sequence[str] = ("BTC/USDT",),
    *,
    streams: bool = True,
) -> AsyncIterator[Scene]:
    exchange, said = Exchange("binance", binance.url), list[str]()
    exchange.has_streams = streams
    # The real one's limits do not matter to this one.
    exchange._ccxt.enableRateLimit = False
    collector = Collector(exchange, kept := kept or Kept(), said.append, pace)
    stop = asyncio.Event()
    try:
        keys = await exchange.open(symbols)
        running = asyncio.create_task(collector.run(keys, kept.find_marks([*keys.values()]), stop))
        yield Scene(binance, kept, collector.collected, said)
        stop.set()
        await running
    finally:
        await exchange.close()


def test_trades_come_once_and_in_all_their_digits(binance: FakeBinance) -> None:
    async def scene() -> None:
        async with collecting(binance, symbols=("BTC/USDT", "ETH/USDT")) as scene:
            await until(lambda: binance.watched() == 2)
            first, *others = aggregates(1, 10, NOW)
            binance.trade(first)
            # As a server does that does not know what it has sent.
            binance.stream(first, first)
            binance.trade(*others)
            binance.trade(*aggregates(501, 2, NOW), symbol="ETHUSDT")
            binance.stream(*others)
            await scene.until(*range(1, 11))
            await until(lambda: len(scene.kept.trades) == 12)
        assert Trade(NOW, 1, KEY, "93120.10", "0.10000001") in scene.kept.trades
        assert {each.key for each in scene.kept.trades if each.seq > 500} == {"BINANCE@ETH/USDT@SPOT"}
        assert scene.collected.is_whole
        assert scene.collected.newest == moment_of(NOW + 900)

    asyncio.run(scene())


def test_what_came_while_the_connection_was_cut_is_fetched(binance: FakeBinance) -> None:
    async def scene() -> None:
        async with collecting(binance) as scene:
            await scene.until_watched()
            binance.trade(*aggregates(1, 3, NOW))
            await scene.until(1, 2, 3)
            binance.trade(*aggregates(4, 3, NOW + 300), streamed=False)
            binance.cut(said=b'{"e": "aggTrade", "s": "BTC')
            await scene.until(*range(1, 7))
            await scene.until_watched(2)
            # A hole in the numbers is one, though the connection never broke.
            binance.trade(*aggregates(7, 3, NOW + 600), streamed=False)
            binance.trade(*aggregates(10, 1, NOW + 900))
            await scene.until(*range(1, 11))
            # What comes late of the websocket, out of order and twice, is known by REST.
            late = aggregates(11, 3, NOW + 1_000)
            binance.trade(*late, streamed=False)
            binance.stream(late[2], late[0], late[2], late[1])
            await scene.until(*range(1, 14))
        assert scene.collected.is_whole

    asyncio.run(scene())


def test_a_frame_that_nobody_understands_breaks_the_connection_and_loses_nothing(binance: FakeBinance) -> None:
    async def scene() -> None:
        async with collecting(binance) as scene:
            await scene.until_watched()
            binance.send('{"e": "aggTr')
            await scene.until_watched(2)
            binance.trade(*aggregates(1, 1, NOW))
            await scene.until(1)
            # A malformed trade in a valid frame.
            binance.send('{"e": "aggTrade", "s": "BTCUSDT", "a": 2, "T": 1, "p": "x", "q": null}')
            await until(lambda: any("without time, price or size" in each for each in scene.said))
            binance.trade(*aggregates(2, 1, NOW + 1))
            await scene.until(1, 2)
        assert scene.collected.is_whole
        assert any("nobody understands" in each for each in scene.said)

    asyncio.run(scene())


def test_a_connection_that_falls_silent_is_not_believed(binance: FakeBinance) -> None:
    async def scene() -> None:
        async with collecting(binance, pace=Pace(quiet=0.2, retry=0.01)) as scene:
            await scene.until_watched()
            binance.trade(*aggregates(1, 1, NOW))
            await scene.until(1)
            # It is not dead: the rest of this frame is under way, and will be forever.
            binance.drip(b'{"e": "aggTrade", "s": "BTCUSDT", "a": 2')
            binance.trade(*aggregates(2, 2, NOW + 100), streamed=False)
            await scene.until(1, 2, 3)
            await scene.until_watched(2)
        assert any("fell silent, though BTC/USDT trades" in each for each in scene.said)

    asyncio.run(scene())


def test_it_goes_on_from_what_is_stored_through_every_fault_of_rest(binance: FakeBinance) -> None:
    async def scene() -> None:
        binance.trade(*aggregates(1, 2_510, NOW - 300_000))
        stored = Kept([Trade(NOW - 300_000 + 400, 5, KEY, "1", "1")])
        binance.faults += [
            (429, {"Retry-After": "0"}, '{"code": -1003, "msg": "Too much request weight used"}'),
            (418, {"Retry-After": "0"}, '{"code": -1003, "msg": "Way too much request weight used"}'),
            None,
            (200, {}, "<html>maintenance</html>"),
            (503, {}, "upstream"),
        ]
        async with collecting(binance, stored, Pace(quiet=30, retry=0.01, patience=20)) as scene:
            await scene.until(*range(5, 2_511))
        assert scene.collected.is_whole
        assert not binance.faults
        # A connection that is cut is made again before anybody notices.
        assert sum("asked again in" in each for each in scene.said) >= 4

    asyncio.run(scene())


def test_an_exchange_whose_numbers_show_no_hole_is_joined_by_the_clock(
    binance: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HABITS, "binance", Habits({"name": "aggTrade"}))

    async def scene() -> None:
        binance.trade(*aggregates(1, 4, NOW - 9_000))
        async with collecting(binance, Kept([Trade(NOW - 8_900, 2, KEY, "1", "1")])) as scene:
            await scene.until(2, 2, 3, 4)
            await scene.until_watched()
            # The last trades, as some websockets begin; and REST that has them later than the websocket.
            binance.stream(*aggregates(3, 2, NOW - 8_800), *aggregates(9, 1, NOW - 9_000_000))
            binance.trade(*aggregates(5, 2, NOW), streamed=False)
            binance.cut()
            await scene.until(2, 2, *range(3, 7))
            await scene.until_watched(2)
            binance.trade(*aggregates(7, 2, NOW + 200), streamed=False)
            binance.behind = 2
            binance.trade(*aggregates(9, 1, NOW + 400))
            await scene.until(2, 2, *range(3, 10))
        assert scene.collected.is_whole
        binance.forgotten = 5
        async with collecting(binance, Kept([Trade(NOW - 8_800, 3, KEY, "1", "1")])) as scene:
            await scene.until(3, *range(5, 10))
        (missed,) = scene.collected.missed
        assert (missed.starts, missed.ends) == (moment_of(NOW - 8_800), moment_of(NOW))
        assert missed.reason == "the exchange gives no older ones"

    asyncio.run(scene())


def test_an_exchange_without_a_websocket_is_asked_again_and_again(
    binance: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(first: int) -> None:
        async with collecting(binance, pace=Pace(poll=0.01, retry=0.01), streams=False) as scene:
            asked = len(binance.asked)
            await until(lambda: len(binance.asked) > asked + 1)
            # Where a loaded machine answers late, the clocks look further apart than they are.
            now_ms = time.time_ns() // 1_000_000 + 60_000
            binance.trade(*aggregates(first, 3, now_ms))
            await scene.until(*range(first, first + 3))
            binance.faults.append(None)
            binance.trade(*aggregates(first + 3, 1_500, now_ms + 300, step_ms=1))
            await scene.until(*range(first, first + 1_503))
        assert scene.collected.is_whole

    asyncio.run(scene(1))
    binance.clear()
    monkeypatch.setitem(HABITS, "binance", Habits())
    asyncio.run(scene(2_001))


def test_what_cannot_be_fetched_is_reported_with_its_times(binance: FakeBinance) -> None:
    async def scene() -> None:
        binance.trade(*aggregates(1, 10, NOW - 10_000))
        stored = Kept([Trade(NOW - 10_000, 1, KEY, "1", "1")])
        # The exchange has lost 4 and 5, and forbids all for longer than there is patience while 11 and 12 are missing.
        binance._trades["BTCUSDT"] = [each for each in binance._trades["BTCUSDT"] if each.number not in (4, 5)]
        async with collecting(binance, stored) as scene:
            await scene.until(1, 2, 3, 6, 7, 8, 9, 10)
            await scene.until_watched()
            binance.faults.append((418, {"Retry-After": "3600"}, '{"code": -1003, "msg": "banned"}'))
            binance.trade(*aggregates(13, 1, NOW))
            await scene.until(1, 2, 3, 6, 7, 8, 9, 10, 13)
        lost, forbidden = scene.collected.missed
        assert (lost.trades, lost.starts, lost.ends) == (2, moment_of(NOW - 9_800), moment_of(NOW - 9_500))
        assert forbidden.trades == 2
        assert "banned" in forbidden.reason
        assert spell_missed(lost) in scene.said
        assert not scene.collected.is_whole

    asyncio.run(scene())


def test_trades_older_than_its_reach_are_reported_and_those_of_other_numbers_are_not_counted_twice(
    binance: FakeBinance,
) -> None:
    async def scene() -> None:
        old = NOW - 10_000_000
        binance.trade(*aggregates(1, 3, NOW - 50_000))
        async with collecting(binance, Kept([Trade(old, 9, KEY, "1", "1")]), Pace(reach=7_200, retry=0.01)) as scene:
            await scene.until(9, 1, 2, 3)
        (missed,) = scene.collected.missed
        assert missed.starts == moment_of(old)
        assert "--reach" in missed.reason
        foreign = Kept([Trade(NOW - 50_000, 77, KEY, "1", "1")])
        async with collecting(binance, foreign) as scene:
            await scene.until(77, 2, 3)
        # What was stored is the exchange's own, which gives it no more, nor what came after it.
        binance.forgotten = 3
        async with collecting(binance, Kept([Trade(NOW - 50_000, 1, KEY, "1", "1")])) as scene:
            await scene.until(1, 3)
        (missed,) = scene.collected.missed
        assert (missed.trades, missed.ends) == (1, moment_of(NOW - 49_800))

    asyncio.run(scene())


def test_a_trade_that_is_refused_is_reported_and_holds_no_other_up(binance: FakeBinance) -> None:
    async def scene() -> None:
        kept = Kept(wrong={2: "price: below zero"})
        async with collecting(binance, kept) as scene:
            await scene.until_watched()
            for number in range(1, 4):
                binance.trade(*aggregates(number, 1, NOW + number))
                await until(partial(scene.has_settled, number))
        assert kept.numbers == [1, 3]
        assert (scene.collected.refused, scene.collected.reasons) == (1, ["price: below zero"])
        assert "1 trade refused: price: below zero" in scene.said
        kept.trades.clear()
        kept.wrong[4] = "no such instrument"
        async with collecting(binance, kept) as scene:
            await scene.until_watched(2)
            binance.trade(*aggregates(4, 1, NOW + 400))
            await until(lambda: scene.collected.unwritten == 1)

    with pytest.raises(Permanent, match="no trade was taken: no such instrument"):
        asyncio.run(scene())


def test_a_destination_that_is_away_gets_all_of_it_later_and_one_that_refuses_ends_it(binance: FakeBinance) -> None:
    async def scene() -> None:
        kept = Kept(troubles=[Retryable("the database is unavailable")])
        async with collecting(binance, kept) as scene:
            await scene.until_watched()
            binance.trade(*aggregates(1, 3, NOW))
            await scene.until(1, 2, 3)
        assert any("tried again" in each for each in scene.said)
        kept.troubles.append(Permanent("no such instrument"))
        async with collecting(binance, kept) as scene:
            binance.trade(*aggregates(4, 1, NOW + 300))
            await until(lambda: scene.collected.unwritten == 1)

    with pytest.raises(Permanent, match="no such instrument"):
        asyncio.run(scene())


def test_the_clock_of_the_exchange_is_the_clock(binance: FakeBinance) -> None:
    async def scene() -> None:
        binance.clock_ahead_ms = 3_600_000
        exchange = Exchange("binance", binance.url)
        try:
            await exchange.open(["BTC/USDT"])
            assert 3_590 < exchange.offset.total_seconds() < 3_610
            with pytest.raises(UnknownTicker, match="binance does not trade DOGE/USDT"):
                await exchange.open(["DOGE/USDT"])
        finally:
            await exchange.close()

    asyncio.run(scene())


def test_an_exchange_that_nobody_knows_is_refused_with_those_that_may_be_meant() -> None:
    with pytest.raises(Permanent, match="ccxt knows no exchange binanse; did you mean one of: binance"):
        Exchange("binanse")


def test_an_exchange_that_cannot_be_reached_is_reported_with_the_reason() -> None:
    async def opened() -> None:
        exchange = Exchange("binance", "http://127.0.0.1:9")
        try:
            await exchange.open(["BTC/USDT"])
        finally:
            await exchange.close()

    with pytest.raises(Retryable, match=r"failed for its markets: binance GET http://127\.0\.0\.1:9.*: Cannot connect"):
        asyncio.run(opened())


def test_a_trade_is_identified_by_its_own_number_or_by_one_made_of_its_name() -> None:
    said = {"timestamp": 1_000, "price": "1e-8", "amount": 0.1, "side": "buy"}
    numbered, named, again, first, second = (
        read_trades(KEY, [said | more])[0]
        for more in ({"id": "17"}, {"id": "b7-x"}, {"id": "b7-x"}, {"id": None}, {"id": str(2**63)})
    )
    assert (numbered.seq, numbered.price, numbered.size) == (17, "0.00000001", "0.1")
    assert named == again
    assert len({named.seq, first.seq, second.seq}) == 3
    assert all(0 <= each.seq < 2**63 for each in (named, first, second))
    # Two alike are two, however often they are read.
    assert len({each.seq for each in read_trades(KEY, [said, said])}) == 2
    assert read_trades(KEY, [said, said]) == read_trades(KEY, [said, said])
    for wrong in ({"price": "NaN"}, {"amount": None}, {"timestamp": None}):
        with pytest.raises(ValueError, match="without time, price or size"):
            read_trades(KEY, [said | wrong])


@dataclass
class _Line:
    """A target that takes records, or refuses all."""

    taken: list[str] = field(default_factory=list)
    at_once: int = 10
    reason: str = ""

    def send(self, bodies: Sequence[str], outcome: Outcome) -> None:
        if self.reason:
            outcome.refused.append(self.reason)
            return
        self.taken += bodies
        outcome.sent += len(bodies)


def test_what_was_sent_is_remembered_and_what_was_refused_is_not(tmp_path: Path) -> None:
    line = _Line()
    sent = Sent(line, "BINANCE", tmp_path / "state" / "sent.json")
    assert sent.find_marks([KEY]) == {}
    trades = [Trade(1_000 + number, number, KEY, "1.10", "2") for number in range(301)]
    assert sent.write(trades).rows == 301
    header, *rows = line.taken[1].split("\n")
    assert json.loads(header) | {"batch_id": ""} == {
        "data_set": "ticks",
        "schema_version": 1,
        "feed": "BINANCE",
        "producer": "chandlery collect",
        "batch_id": "",
    }
    assert [json.loads(row) for row in rows] == [
        {"instrument": KEY, "time": "1970-01-01T00:00:01.300000+00:00", "seq": 300, "price": "1.10", "size": "2"}
    ]
    again = Sent(_Line(reason="no such instrument"), "BINANCE", sent.state)
    assert again.find_marks([KEY, "X@Y@Z"]) == {KEY: Mark(1_300, 300)}
    assert again.write([Trade(2_000, 301, KEY, "1", "1")]) == Written(0, None, ["no such instrument"])
    assert again.find_marks([KEY]) == {KEY: Mark(1_300, 300)}
    sent.state.write_text("[]")
    with pytest.raises(Permanent, match="delete it to begin with the present"):
        again.find_marks([KEY])


def test_a_stretch_is_spelled_with_its_times() -> None:
    missed = Missed(KEY, moment_of(0), moment_of(1_500), "the exchange gives no older ones", 1_200)
    assert spell_missed(missed) == (
        f"missed: 1,200 trades of {KEY} between 1970-01-01T00:00:00.000Z and 1970-01-01T00:00:01.500Z:"
        " the exchange gives no older ones"
    )
