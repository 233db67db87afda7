"""Setting the scene for the HTTP API: a few instruments, and the handler called as API Gateway would."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, urlencode

import pytest
from psycopg import Connection

from chandlery.gaps.watch_live_gaps import watch_live_gaps
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.reference.store import feeds
from chandlery.words.window import DAY, MINUTE, floor_minute
from local.command_line.functions import LocalContext
from local.http_server import event_of
from tests.conftest import empty
from tests.integration.derived_scene import listed, open_hours, refresh, write
from tests.integration.market import always, keep_at_work
from tests.plain_derived import Minute

SHARE, COIN, STRANGE, EMPTY = "XNYS@IBM@EQ", "CRYPTO@BTC@SPOT", "X@Ä漢'ß%&+@EQ", "XNYS@EMPTY@EQ"
FIRST, LAST = date(2013, 10, 7), date(2013, 10, 11)
# Without an offset it is read in New York, four hours behind UTC then.
OPENS = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)
AFTER = datetime(2013, 10, 12, tzinfo=UTC)
# What no answer may hold of the service itself.
_SECRETS = (
    "SELECT ", "INSERT ", "market.", "psycopg", "Traceback", ".py", "/home", "/opt", "/var",
    "postgres", "127.0.0.1", "55432", "Alembic", "_timescaledb",
)  # fmt: skip

# Beginnings of pydantic's own messages.
_PYDANTICS = ("Input should", "Value error", "Field required", "Extra inputs")


@dataclass(frozen=True)
class Answer:
    """What the handler said."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.text)

    @property
    def fields(self) -> list[str]:
        """The fields a refusal names."""
        return [each["field"] for each in self.json.get("errors", [])]


def call(method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
    """One request; a problem is checked for its form."""
    from functions.http_api import handler

    given = {"content-type": "application/json"} if body else {}
    sent = given | {name.replace("_", "-"): value for name, value in headers.items()}
    event = event_of(method, target, {name: value for name, value in sent.items() if value}, body)
    answered = handler(event, LocalContext("http_api", 29))
    answer = Answer(answered["statusCode"], answered["headers"], answered["body"] or "")
    assert answer.headers["X-Request-Id"] == event["requestContext"]["requestId"]
    # Nobody who calls it has a command line; the runbook's readers have.
    assert "chandlery " not in answer.text or target.startswith("/page/")
    if answer.status >= 400:
        assert_told_well(answer, target + body[:10_000].decode(errors="replace"))
    return answer


def assert_told_well(answer: Answer, asked: str) -> None:
    """Problem details with the request's id, which reveal nothing of the service's inside."""
    told = answer.json
    if answer.headers["Content-Type"] == "application/json":  # what GET /health says
        assert told["status"] == "not ready" or told["health"] in ("DELAYED", "FAILING")
    else:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert told["status"] == answer.status
        assert told["request_id"] == answer.headers["X-Request-Id"]
        assert told["title"]
        assert told["detail"]
        assert not [word for word in _PYDANTICS if word in told["detail"]]
    assert not [word for word in _SECRETS if word in answer.text and word not in asked and quote(word) not in asked]


def get(path: str, *, accept: str = "", if_none_match: str = "", **queries: object) -> Answer:
    """GET with queries; a list is sent name by name, and `from_` is from."""
    told = urlencode({name.rstrip("_"): value for name, value in queries.items()}, doseq=True)
    return call("GET", f"{path}?{told}" if told else path, accept=accept, if_none_match=if_none_match)


def candles(key: str, timeframe: str, **queries: Any) -> Answer:
    """GET /api/v1/candles."""
    return get(f"/api/v1/candles/{quote(key, safe='@')}", timeframe=timeframe, **queries)


def compute(key: str = SHARE, timeframe: str = "5m", **said: object) -> Answer:
    """POST /api/v1/compute, of a moving average where nothing else is said."""
    body: dict[str, object] = {"instrument_key": key, "timeframe": timeframe, "indicators": [{"name": "sma"}]}
    body |= {name.rstrip("_"): value for name, value in said.items()}
    return call("POST", "/api/v1/compute", json.dumps(body).encode())


@contextmanager
def settings(database_url: str, **others: str) -> Iterator[None]:
    """A new sandbox with these settings; health is measured each time it is asked for."""
    from functions.http_api.sandbox import SANDBOX

    kept = patch("functions.http_api.health.KEPT_SECONDS", 0)
    with patch.dict(os.environ, {"DATABASE_URL": database_url} | others), kept:
        SANDBOX.close()
        try:
            yield
        finally:
            SANDBOX.close()


class Sandboxes:
    """Several sandboxes in this process: what each keeps from one request to the next is its own."""

    def __init__(self, count: int) -> None:
        from functions.http_api.sandbox import Sandbox

        self._kept = [Sandbox() for _ in range(count)]

    @contextmanager
    def within(self, number: int) -> Iterator[None]:
        """Answer in one of them."""
        from functions.http_api.sandbox import SANDBOX

        own, SANDBOX.__dict__ = SANDBOX.__dict__, self._kept[number].__dict__
        try:
            yield
        finally:
            SANDBOX.__dict__ = own

    def close(self) -> None:
        """Close their connections."""
        for each in self._kept:
            each.close()


def minute(time: datetime, number: int, price: float = 100.0) -> Minute:
    """A candle that differs from its neighbours, with digits behind the point."""
    close = Decimal(str(round(price + 3 * math.sin(number / 17) + math.sin(number / 3.1), 2)))
    opened = Decimal(str(round(price + 3 * math.sin((number - 1) / 17) + math.sin((number - 1) / 3.1), 2)))
    high, low = max(opened, close) + Decimal("0.07"), min(opened, close) - Decimal("0.05")
    volume = Decimal(100 + number % 37)
    return Minute(time, opened, high, low, close, volume, volume * (high + low + close) / 3, 1 + number % 9)


def set_scene(connection: Connection, at: datetime) -> None:
    """A share of five days in 2013, a coin up to a moment with half an hour missing, one that nothing is known of."""
    share, _ = listed(connection, "XNYS", FIRST, LAST, SHARE, EMPTY)
    closed = (hours for hours in open_hours(connection, "XNYS"))
    times = [day.opens + number * MINUTE for day in closed for number in range((day.closes - day.opens) // MINUTE)]
    write(connection, share, [minute(time, number) for number, time in enumerate(times) if number % 50 != 7])
    today = floor_minute(at)
    coin, strange = listed(connection, "24/7", (today - 3 * DAY).date(), (today + 2 * DAY).date(), COIN, STRANGE)
    write(
        connection,
        coin,
        [minute(today - back * MINUTE, back) for back in range(300) if not 60 <= back < 90],
    )
    write(connection, strange, [minute(today - back * MINUTE, back, 7.0) for back in range(1, 10)])
    watch_live_gaps(connection, today, piece_candles=20_000, verify_buckets=0, share_instruments=1_000, has_time=always)
    settle(connection, today)
    # All is well but for the half hour that is missing: candles come of no feed here, and runs of no schedule.
    feeds.set_live(connection, "test", live=False)
    keep_at_work(connection, today)


def settle(connection: Connection, at: datetime) -> None:
    """Refresh what candles that changed made stale."""
    refresh(connection, at)


@pytest.fixture(scope="module")
def scene(migrated_url: str) -> Iterator[Connection]:
    """The scene as of now, for the tests of a module."""
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        set_scene(connection, datetime.now(UTC))
        yield connection


@pytest.fixture(autouse=True)
def service(scene: Connection, migrated_url: str) -> Iterator[None]:
    """The HTTP API at work on it, for each test whose module imports this."""
    with settings(migrated_url):
        yield
