"""What servers and networks do wrong: typed errors by the deadline, and nothing lost where another attempt helps."""

import asyncio
import gzip
import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from chandlery_client import (
    AsyncClient,
    BadAnswer,
    Candle,
    Client,
    ClientError,
    ConnectionFailed,
    DeadlineExceeded,
    Patience,
    TooManyRequests,
    Unavailable,
)
from raw_server import Play, cut, drip, http, playing, say, silence
from scripted import page

PAGE = json.dumps(page(["10:00", "10:01"])).encode()
GOOD = http("200 OK", PAGE, "Content-Type: application/json")
PACKED = http("200 OK", gzip.compress(PAGE), "Content-Encoding: gzip")
PROBLEM = json.dumps({"title": "T", "status": 503, "detail": "away", "request_id": "r-3"}).encode()
BUSY = http("429 Too Many Requests", b'{"message":"Rate exceeded"}', "Retry-After: 0")
AWAY = http("503 Service Unavailable", PROBLEM, "Retry-After: 0", "Content-Type: application/problem+json")
QUICK = Patience(deadline=5, first_wait=0.01, longest_wait=0.02)
SHORT = Patience(deadline=0.4, attempt=0.3, first_wait=0.01, longest_wait=0.02)
Ask = Callable[[str, Patience], list[Candle]]


def ask(url: str, patience: Patience) -> list[Candle]:
    with Client(url, patience=patience) as client:
        return client.candles("X@A@EQ", "1m", from_=datetime(2026, 3, 2, tzinfo=UTC)).list()


def ask_async(url: str, patience: Patience) -> list[Candle]:
    async def read() -> list[Candle]:
        async with AsyncClient(url, patience=patience) as client:
            return await client.candles("X@A@EQ", "1m", from_=datetime(2026, 3, 2, tzinfo=UTC)).list()

    return asyncio.run(read())


both = pytest.mark.parametrize("ask", [ask, ask_async])
PLAYS: dict[str, Play] = {
    "429": say(BUSY),
    "503": say(AWAY),
    "cut before the head": cut(GOOD, 0),
    "cut in the head": cut(GOOD, 30),
    "cut in the body": cut(GOOD, len(GOOD) - 40),
    "closed in the body": say(GOOD[:-40]),
    "cut in the packed body": cut(PACKED, len(PACKED) - 10),
    "no HTTP": say(b"220 smtp ready\r\n\r\n"),
}


@both
@pytest.mark.parametrize("name", PLAYS)
def test_another_attempt_loses_nothing(ask: Ask, name: str) -> None:
    with playing(PLAYS[name], PLAYS[name], say(GOOD)) as server:
        assert [f"{candle.time:%H:%M}" for candle in ask(server.url, QUICK)] == ["10:00", "10:01"]
        assert len(server.requests) == 3


@both
@pytest.mark.parametrize(
    ("name", "error"), [("429", TooManyRequests), ("503", Unavailable), ("cut in the body", ConnectionFailed)]
)
def test_what_stays_wrong_is_typed(ask: Ask, name: str, error: type[ClientError]) -> None:
    with playing(PLAYS[name]) as server, pytest.raises(error) as raised:
        ask(server.url, SHORT)
    assert raised.value.retryable


@both
@pytest.mark.parametrize("play", [drip(GOOD, 0.02), silence, drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200, 0.02)])
def test_what_drips_ends_by_the_deadline(ask: Ask, play: Play) -> None:
    """Each byte comes well within any read timeout."""
    with playing(play) as server, pytest.raises(DeadlineExceeded) as raised:
        ask(server.url, SHORT)
    assert raised.value.retryable


@both
def test_a_drip_is_left_for_an_attempt_that_answers(ask: Ask) -> None:
    patience = Patience(deadline=5, attempt=0.3, first_wait=0.01)
    with playing(drip(GOOD, 0.05), say(GOOD)) as server:
        assert len(ask(server.url, patience)) == 2


@both
def test_nobody_listens(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConnectionFailed, match="ConnectError"):
        ask(f"http://127.0.0.1:{port}", SHORT)


@both
def test_a_body_of_another_form(ask: Ask) -> None:
    with playing(say(http("200 OK", b"<html>captive portal</html>"))) as server, pytest.raises(BadAnswer):
        ask(server.url, QUICK)


@both
def test_a_redirect_is_not_followed_with_the_token(ask: Ask) -> None:
    with playing(say(http("302 Found", b"", "Location: http://127.0.0.1:9/"))) as server, pytest.raises(ClientError):
        ask(server.url, QUICK)


def test_a_verdict_that_is_bad_is_an_answer() -> None:
    said: dict[str, Any] = {"status": "ready", "health": "FAILING", "causes": [
        {"health": "PECULIAR", "subject": "gaps", "says": "one"}]}  # fmt: skip
    with playing(say(http("503 Service Unavailable", json.dumps(said).encode()))) as server:
        with Client(server.url, patience=QUICK) as client:
            health = client.health()
        assert (health.health, len(server.requests)) == ("FAILING", 1)
    assert health.causes is not None
    assert health.causes[0].health == "PECULIAR"
    assert not health.causes[0].health.is_known
