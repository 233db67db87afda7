"""Rows that are posted: taken once, and reported row by row."""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg import Connection

from chandlery.reference.store import instruments
from functions import record_api
from functions.http_api.application import _paths
from local.http_server import event_of, function_of
from tests.integration.ingest.record_scene import AT, KEY, Context, body, refusing, tick
from tests.integration.market import MINUTE, around_the_clock, contents, live

TYPE = "application/x-ndjson"


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    headers: dict[str, str]


Post = Callable[..., Answer]


@pytest.fixture
def post(connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    around_the_clock(connection, KEY)
    monkeypatch.setenv("DATABASE_URL", database_url)

    def posted(sent: str | bytes, path: str = "/api/v1/ticks", kind: str = TYPE, method: str = "POST") -> Answer:
        event = event_of(method, path, {"content-type": kind}, sent if isinstance(sent, bytes) else sent.encode())
        answered = record_api.handler(event, Context())
        return Answer(answered["statusCode"], json.loads(answered["body"]), answered["headers"])

    yield posted
    record_api.SANDBOX.close()


def seqs(connection: Connection) -> list[int]:
    return [seq for (seq,) in connection.execute("SELECT seq FROM market.ticks ORDER BY seq")]


def test_what_is_good_is_taken_and_each_bad_row_has_its_reason(connection: Connection, post: Post) -> None:
    rows = [
        '{"instrument":"X@BTC@SPOT","time":"2026-03-02T15:00:01Z","price":100.10,"size":5,"seq":1}',
        '{"instrument":"X@BTC@SPOT","time":"2026-03-02T15:00:02Z","price":NaN,"size":5,"seq":2}',
        '{"instrument":"X@BTC@SPOT","time":"2026-03-02T15:00:03Z","price":Infinity,"size":1,"seq":3}',
        '{"instrument":"X@BTC@SPOT","time":"2026-03-02T15:00:04Z","price":100.20,"size":true,"seq":4}',
        '{"instrument":"X@BTC@SPOT","time":"2026-03-02T15:00:05Z","price":100.30,"size":1,"seq":5}',
    ]
    answer = post(body(*rows))
    assert (answer.status, answer.body["accepted"], answer.body["bad"]) == (202, 2, 3)
    assert answer.body["errors"] == [
        {"line": 3, "detail": "price: NaN must be a number"},
        {"line": 4, "detail": "price: Infinity must be a number"},
        {"line": 5, "detail": "size: true must be a number"},
    ]
    live(connection, AT + 2 * MINUTE)
    (candle,) = contents(connection, instruments.find(connection, KEY).instrument_id).values()
    assert [str(each) for each in (candle.open, candle.high, candle.low, candle.close)] == [
        "100.10", "100.30", "100.10", "100.30",
    ]  # fmt: skip
    assert (candle.volume, candle.trades) == (6, 2)


def test_the_same_body_again_changes_nothing(connection: Connection, post: Post) -> None:
    sent = body(tick(1), tick(2))
    assert [post(sent).body["new"], post(sent).body["new"], post(sent).body["known"]] == [2, 0, 2]
    assert seqs(connection) == [1, 2]
    answer = post(body(tick(1, 101), tick(3)))
    assert (answer.status, answer.body["new"], answer.body["conflicting"]) == (202, 1, 1)
    assert answer.body["errors"][0]["line"] == 2


def test_a_body_may_be_packed(connection: Connection, post: Post) -> None:
    assert post(gzip.compress(body(tick(1)).encode()), kind="application/gzip").status == 202
    assert post(base64.b64encode(gzip.compress(body(tick(2)).encode())), kind=TYPE).status == 202
    assert seqs(connection) == [1, 2]


@pytest.mark.parametrize(
    ("status", "sent", "words"),
    [
        (400, "", {}),
        (400, "nonsense", {}),
        (400, body(tick(1), data_set="option_quotes"), {}),
        (400, body(tick(1)), {"path": "/api/v1/option-quotes"}),
        (400, gzip.compress(body(tick(1)).encode(), mtime=0)[:-9], {"kind": "application/gzip"}),
        (400, gzip.compress(b" " * (5 * 2**20), mtime=0), {"kind": "application/gzip"}),
        (404, body(tick(1)), {"path": "/api/v1/nothing"}),
        (405, body(tick(1)), {"method": "PUT"}),
        (405, body(tick(1)), {"path": "/api/v1/gaps"}),
        (413, " " * (4 * 2**20 + 1), {}),
        (415, body(tick(1)), {"kind": "text/plain"}),
        (422, body(tick(1, "dear"), tick(2, instrument="X@Y@Z")), {}),
    ],
)
def test_what_cannot_be_taken_is_a_problem(
    connection: Connection, post: Post, status: int, sent: str | bytes, words: dict[str, str]
) -> None:
    answer = post(sent, **words)
    assert (answer.status, answer.body["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert ("Allow" in answer.headers) == (status == 405)
    assert answer.body["request_id"] == answer.headers["X-Request-Id"]
    assert seqs(connection) == []


def test_what_the_database_cannot_take_now_is_to_be_sent_again(
    connection: Connection, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing(connection, [1], "55P03"):
        answer = post(body(tick(1), tick(2)))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    record_api.SANDBOX.close()
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/away")
    assert post(body(tick(1))).status == 503
    assert seqs(connection) == []


def test_what_is_read_at_a_path_of_that_kind_is_known() -> None:
    # What is posted there as well goes to another function.
    read = {path.replace("\\", "") for path, methods in _paths().items() if {"GET"} == methods & {"GET", "POST"}}
    posted = filter(None, map(record_api._PATH.fullmatch, read))
    assert {*record_api._READ} == {found[1] for found in posted}


def test_the_local_server_leads_to_the_function_that_the_template_does() -> None:
    def of(method: str, path: str) -> str:
        return function_of(event_of(method, path, {}, b""))

    assert of("POST", "/api/v1/ticks") == of("POST", "/api/v1/option-quotes") == "record_api"
    assert of("POST", "/api/v1/compute") == of("GET", "/api/v1/ticks") == of("POST", "/health") == "http_api"
