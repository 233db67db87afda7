"""A watch gives out candles that changed, each once, and loses none when the server is away for a while."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from chandlery_client import AsyncClient, BadArgument, Candle, Client, ConnectionFailed, NotFound, Patience
from chandlery_client.core.clock import Clock
from chandlery_client.core.exchange import Exchange
from chandlery_client.core.watching import Watching
from chandlery_client.core.wire import Failure, Request, Response, Wait
from conftest import StillClock
from scripted import candle

KEY, TEN = "X@A@EQ", datetime(2026, 3, 2, 10, tzinfo=UTC)


def at(minute: int) -> datetime:
    return TEN + timedelta(minutes=minute)


class Desk:
    """Candles by minute, and the changes of them that are published: a server without HTTP."""

    def __init__(self, *, publishes: bool = True) -> None:
        self.closes: dict[int, str] = {}
        self.revisions: dict[int, int] = {}
        self.changes: list[dict[str, Any]] = []
        self.publishes, self.kept_from = publishes, 1
        self.asked: list[Request] = []
        self.away = 0

    def write(self, *minutes: int, close: str = "1") -> None:
        for minute in minutes:
            self.revisions[minute] = self.revisions.get(minute, -1) + 1
            self.closes[minute] = close
        cursor = len(self.changes) + 1
        self.changes.append(
            {
                "cursor": cursor, "published_at": f"{at(0):%FT%TZ}", "dataset": "candles", "kinds": ["new"],
                "timeframes": ["1m"], "starts": at(min(minutes)).isoformat(), "ends": at(max(minutes) + 1).isoformat(),
                "instrument_count": 1, "instruments": [KEY],
            }
        )  # fmt: skip

    def answer(self, request: Request) -> Response | Failure:
        self.asked.append(request)
        if self.away:
            self.away -= 1
            return Failure(ConnectionFailed("away"))
        asked = dict(request.query)
        if request.path == "/api/v1/changes":
            found = [each for each in self.changes if each["cursor"] > int(asked["after"])] if self.publishes else []
            newest = len(self.changes) if self.publishes and self.changes else None
            return _json({"changes": found[:2], "kept_from": newest and self.kept_from, "newest_cursor": newest})
        assert asked["numbers"] == "text"
        starts = datetime.fromisoformat(asked.get("from", "1970-01-01T00:00Z"))
        ends = datetime.fromisoformat(asked.get("to", "2100-01-01T00:00Z"))
        rows = [
            candle(f"{at(minute):%FT%TZ}", close=close, revision=self.revisions[minute])
            for minute, close in sorted(self.closes.items())
            if starts <= at(minute) < ends
        ]
        return _json({"candles": rows, "next_cursor": None})


def _json(body: object) -> Response:
    return Response(200, {}, json.dumps(body).encode())


class Watcher:
    """A watch of a desk, minute by minute."""

    def __init__(self, desk: Desk, **options: Any) -> None:
        self.desk, self.clock = desk, StillClock(at(10))
        patience = Patience(deadline=1, first_wait=0.5, chance=lambda: 0)
        self.watching = Watching(Exchange(patience, self.clock), KEY, "1m", **options)

    def look(self, most_waits: int = 1) -> list[tuple[int, str]]:
        """What one look finds; nothing where it would wait for another one more often than that."""
        steps, reply = self.watching.next(), None
        try:
            while most_waits >= 0:
                step = steps.send(reply)
                if isinstance(step, Wait):
                    self.clock.wait(step.seconds)
                    most_waits, reply = most_waits - 1, None
                else:
                    reply = self.desk.answer(step.request)
        except StopIteration as done:
            return [(int((each.time - TEN) / timedelta(minutes=1)), str(each.close)) for each in done.value]
        steps.close()
        return []


publishing = pytest.mark.parametrize("publishes", [True, False])


@publishing
def test_what_stood_before_is_not_given_out_and_what_comes_is(publishes: bool) -> None:
    desk = Desk(publishes=publishes)
    desk.write(8, 9)
    watcher = Watcher(desk)
    assert watcher.look() == []
    desk.write(10)
    assert watcher.look() == [(10, "1")]
    assert watcher.look() == []
    desk.write(11)
    desk.write(12, close="2")
    assert watcher.look() == [(11, "1"), (12, "2")]


def test_a_revision_of_long_ago_is_given_out_alone() -> None:
    desk = Desk()
    desk.write(*range(9))
    watcher = Watcher(desk)
    assert watcher.look() == []
    desk.write(3, close="7")
    assert watcher.look() == [(3, "7")]
    # The stretch of a change has more than what changed.
    desk.write(2, 8, close="9")
    assert watcher.look() == [(2, "9"), (8, "9")]


def test_changes_of_many_pages_are_all_read() -> None:
    desk = Desk()
    desk.write(0)
    watcher = Watcher(desk)
    watcher.look()
    for minute in range(1, 8):
        desk.write(minute)
    assert [minute for minute, _ in watcher.look()] == list(range(1, 8))
    assert watcher.watching.cursor == 8


def test_nothing_is_lost_while_the_server_is_away() -> None:
    desk = Desk()
    desk.write(9)
    watcher = Watcher(desk)
    watcher.look()
    cursor = watcher.watching.cursor
    desk.write(10)
    desk.away = 20
    assert watcher.look(most_waits=3) == []
    assert watcher.watching.cursor == cursor
    desk.write(11)
    desk.away = 0
    assert watcher.look() == [(10, "1"), (11, "1")]


def test_a_death_between_changes_and_candles_loses_nothing() -> None:
    desk = Desk()
    desk.write(9)
    watcher = Watcher(desk)
    watcher.look()
    desk.write(10)
    steps = watcher.watching.next()
    reply = desk.answer(next(steps).request)  # type: ignore[union-attr]
    steps.send(reply)
    steps.close()
    assert watcher.look() == [(10, "1")]


def test_an_error_between_two_stretches_loses_nothing() -> None:
    desk = Desk()
    desk.write(*range(9))
    watcher = Watcher(desk)
    watcher.look()
    desk.write(2, close="7")
    desk.write(6, close="8")
    answered, desk.asked = desk.answer, []

    def answer(request: Request) -> Response | Failure:
        # The second stretch is not answered.
        is_second = sum("candles" in each.path for each in desk.asked) == 1 and "candles" in request.path
        return Failure(ConnectionFailed("away")) if is_second else answered(request)

    desk.answer = answer  # type: ignore[method-assign]
    assert watcher.look(most_waits=1) == []
    desk.answer = answered  # type: ignore[method-assign]
    assert watcher.look() == [(2, "7"), (6, "8")]


def test_it_gives_up_when_it_is_to() -> None:
    desk = Desk()
    desk.away = 10_000
    watcher = Watcher(desk, give_up=120.0)
    with pytest.raises(ConnectionFailed, match="away"):
        watcher.look(most_waits=1000)
    assert 120 <= watcher.clock.elapsed() <= 200


def test_another_watch_goes_on_at_the_cursor_of_the_first() -> None:
    desk = Desk()
    desk.write(9)
    first = Watcher(desk)
    first.look()
    desk.write(10)
    second = Watcher(desk, cursor=first.watching.cursor)
    assert second.look() == [(10, "1")]


def test_where_changes_are_no_longer_kept_the_newest_candles_are_read_again() -> None:
    desk = Desk()
    desk.write(9)
    watcher = Watcher(desk)
    watcher.look()
    desk.write(10)
    desk.write(11)
    desk.changes[1]["starts"], desk.kept_from = at(11).isoformat(), 3
    assert watcher.look() == [(10, "1"), (11, "1")]


def test_a_restored_database_whose_cursors_begin_earlier_is_read_again() -> None:
    desk = Desk()
    for minute in range(8):
        desk.write(minute)
    watcher = Watcher(desk)
    watcher.look()
    assert watcher.watching.cursor == 8
    desk.changes = desk.changes[:3]
    desk.closes |= {7: "5", 8: "6"}
    desk.revisions[8] = 0
    assert watcher.look() == [(7, "5"), (8, "6")]
    assert watcher.watching.cursor == 3
    desk.write(9)
    assert watcher.look() == [(9, "1")]


def test_looks_come_just_after_each_minute() -> None:
    desk = Desk()
    desk.write(9)
    watcher = Watcher(desk)
    watcher.look(most_waits=7)
    waits: list[float] = []
    steps, reply = watcher.watching.next(), None
    while len(waits) < 6:
        step = steps.send(reply)
        if isinstance(step, Wait):
            watcher.clock.wait(step.seconds)
            waits.append(watcher.clock.at.second)
            reply = None
        else:
            reply = desk.answer(step.request)
    assert waits in ([7, 12, 20, 35, 7, 12], [12, 20, 35, 7, 12, 20])


def test_a_timeframe_that_is_unknown() -> None:
    with pytest.raises(BadArgument, match="2m"):
        Client("http://test").watch(KEY, "2m")


def test_an_error_that_no_retry_helps_is_raised_at_once() -> None:
    def refuse(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(404, json={"status": 404, "detail": "there is no instrument X@A@EQ"})

    with Client("http://test", transport=httpx2.MockTransport(refuse)) as client, pytest.raises(NotFound):
        next(iter(client.watch(KEY)))


class QuickClock(Clock):
    def now(self) -> datetime:
        # Just before a look: a watch waits for some milliseconds.
        return at(0) + timedelta(seconds=6.99)


def test_both_clients_give_out_candle_by_candle() -> None:
    def desk_of() -> tuple[Desk, httpx2.MockTransport]:
        desk = Desk()
        desk.write(9)

        def answer(request: httpx2.Request) -> httpx2.Response:
            answered = desk.answer(Request("GET", request.url.path, tuple(request.url.params.multi_items())))
            if len(desk.asked) == 3:
                desk.write(10, 11)
            assert isinstance(answered, Response)
            return httpx2.Response(200, content=answered.body)

        return desk, httpx2.MockTransport(answer)

    async def watched() -> Sequence[Candle]:
        async with AsyncClient("http://test", transport=desk_of()[1], clock=QuickClock()) as client:
            watch = client.watch(KEY)
            return [await anext(watch), await anext(watch)]

    with Client("http://test", transport=desk_of()[1], clock=QuickClock()) as client:
        watch = client.watch(KEY)
        found = [next(watch)]
        # The second one is not dealt with yet.
        assert watch.cursor is None
        found.append(next(watch))
    assert [each.time for each in found] == [at(10), at(11)]
    assert asyncio.run(watched()) == found
