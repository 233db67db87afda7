"""From page to page: only a missing cursor is the end, and none comes twice."""

from datetime import UTC, datetime

import httpx2
import pytest

from chandlery_client import AsyncClient, BadAnswer, BadArgument, Client, CursorRepeated
from scripted import Script, answered, page

KEY, STARTS = "X@A@EQ", datetime(2026, 3, 2, tzinfo=UTC)


def client_of(script: Script) -> Client:
    return Client("http://test", transport=script.transport)


def times(rows: object) -> list[str]:
    return [f"{row.time:%H:%M}" for row in rows]  # type: ignore[attr-defined]


def test_a_short_or_empty_page_is_not_the_end() -> None:
    script = Script([answered(page(["10:00", "10:01"], "a")), answered(page([], "b")), answered(page(["10:07"]))])
    assert times(client_of(script).candles(KEY, "1m", from_=STARTS)) == ["10:00", "10:01", "10:07"]
    assert [script.queries(number).get("cursor") for number in range(3)] == [None, "a", "b"]
    assert script.queries(0)["from"] == "2026-03-02T00:00:00Z"


@pytest.mark.parametrize("cursors", [["b", "b"], ["a", "b", "a"]])
def test_a_cursor_that_comes_again_is_an_error_at_once(cursors: list[str]) -> None:
    script = Script([answered(page([], cursor)) for cursor in cursors])
    with pytest.raises(CursorRepeated, match="names that cursor again"):
        client_of(script).candles(KEY, "1m", from_=STARTS).list()
    assert len(script.asked) == len(cursors)


def test_without_a_beginning_pages_go_back_and_rows_go_on() -> None:
    script = Script([answered(page(["10:03", "10:04"], "a")), answered(page(["10:01", "10:02"], "b"))])
    assert times(client_of(script).candles(KEY, "1m", limit=3, page_size=2)) == ["10:02", "10:03", "10:04"]
    assert [script.queries(number)["limit"] for number in (0, 1)] == ["2", "1"]


def test_a_limit_bounds_what_is_asked_for() -> None:
    script = Script([answered(page(["10:00", "10:01", "10:02"], "a"))])
    assert times(client_of(script).candles(KEY, "1m", from_=STARTS, limit=2)) == ["10:00", "10:01"]
    assert script.queries(0)["limit"] == "2"


def test_without_a_beginning_and_a_limit_it_is_the_newest_five_hundred() -> None:
    script = Script([answered(page(["10:00"]))])
    client_of(script).candles(KEY, "1m").list()
    assert script.queries(0)["limit"] == "500"


def test_one_page_and_the_one_after_it() -> None:
    script = Script([answered(page(["10:00"], "a")), answered(page(["10:01"]))])
    candles = client_of(script).candles(KEY, "1m", from_=STARTS)
    first = candles.page()
    second = candles.page(first.next_cursor)
    assert (times(first.rows), times(second.rows), second.next_cursor) == (["10:00"], ["10:01"], None)
    assert first.timeframe == "1m"


def test_pages_are_asked_for_one_by_one() -> None:
    script = Script([answered(page(["10:00"], "a")), answered(page(["10:01"]))])
    candles = iter(client_of(script).candles(KEY, "1m", from_=STARTS))
    assert next(candles).time.minute == 0
    assert len(script.asked) == 1
    assert next(candles).time.minute == 1
    assert len(script.asked) == 2


async def _collect(script: Script) -> list[str]:
    async with AsyncClient("http://test", transport=script.transport) as client:
        return times([candle async for candle in client.candles(KEY, "1m", from_=STARTS)])


def test_the_async_client_does_the_same() -> None:
    import asyncio

    script = Script([answered(page(["10:00"], "a")), answered(page([], "b")), answered(page(["10:07"]))])
    assert asyncio.run(_collect(script)) == ["10:00", "10:07"]


def test_it_runs_on_trio_as_well() -> None:
    trio = pytest.importorskip("trio")
    script = Script([answered(page(["10:00"]))])
    assert trio.run(_collect, script) == ["10:00"]


def test_nothing_is_no_error() -> None:
    assert client_of(Script([answered(page([]))])).candles(KEY, "1m", from_=STARTS).list() == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"candles": [{"time": 1}]}', b'{"candles": 7}', b"\xff"])
def test_an_answer_of_another_form_is_an_error_of_its_own(body: bytes) -> None:
    script = Script([httpx2.Response(200, content=body)])
    with pytest.raises(BadAnswer, match="not as the API documents"):
        client_of(script).candles(KEY, "1m", from_=STARTS).list()


@pytest.mark.parametrize("asked", [{"limit": 0}, {"page_size": -1}])
def test_a_limit_below_one_is_refused_before_it_is_sent(asked: dict[str, int]) -> None:
    with pytest.raises(BadArgument, match="less than 1"):
        client_of(Script([])).candles(KEY, "1m", **asked)  # type: ignore[arg-type]
