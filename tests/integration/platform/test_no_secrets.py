"""Whatever fails, no secret is revealed: not in a log line, a metric, an error, a run's row or an answer."""

import importlib
import json
import traceback
from collections.abc import Iterator
from urllib.parse import quote

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters
from moto import mock_aws
from psycopg import Connection

from chandlery.platform.component import Component
from chandlery.platform.errors import ChandleryError
from local.command_line.functions import LocalContext
from tests.conftest import SECRET_MARKER, SERVER_URL, skip_where_trusted
from tests.integration.api_scene import COIN, candles, get
from tests.integration.market import NOON, around_the_clock
from tests.integration.policy_scene import DAY, HOUR, store_candles
from tests.vendor_server import VendorServer, refuse

# As a password may be: an encoded form of it is still found by its middle.
SECRET = f"%/{SECRET_MARKER}@?"
NAMES = ("live_processor", "live_gap_monitor", "policy_maintenance", "historical_processor", "historical_gap_monitor")
HANDLERS: dict[str, Component] = {name: importlib.import_module(f"functions.{name}").handler for name in NAMES}
EVENT = {"scheduled_at": NOON.isoformat()}
NOWHERE = "127.0.0.1:1"
TOLD = {"host": "127.0.0.1", "port": 1, "user": "desk", "password": SECRET, "dbname": "desk", "sslmode": "disable"}


class Emitted:
    """All that came out, anywhere."""

    def __init__(self, capture: pytest.CaptureFixture[str], log: pytest.LogCaptureFixture) -> None:
        self._capture, self._log, self._others = capture, log, list[str]()

    def add(self, text: object) -> None:
        """Something that goes out another way."""
        self._others.append(str(text))

    def check(self) -> str:
        """All of it, which holds no secret."""
        captured = self._capture.readouterr()
        lines = [captured.out, captured.err, self._log.text, *self._others]
        lines += [repr(record.__dict__) for record in self._log.records]
        text = "\n".join(lines)
        assert SECRET_MARKER not in text
        return text


@pytest.fixture
def emitted(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Emitted:
    return Emitted(capfd, caplog)


@pytest.fixture(autouse=True)
def sandboxes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("DATABASE_URL", "DATABASE_SECRET_ID", "VENDOR", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SECRET_MARKER)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    close()
    yield
    close()
    parameters.clear_caches()  # type: ignore[no-untyped-call]


def close() -> None:
    """As new."""
    from functions.http_api.sandbox import SANDBOX

    SANDBOX.close()
    # What was found for another test.
    vars(importlib.import_module("functions.http_api.health"))["_probe"] = None
    for handler in HANDLERS.values():
        handler.sandbox.close()


def fail(emitted: Emitted) -> set[str]:
    """Let every function fail; returns what each says about it."""
    said = set()
    for name, handler in HANDLERS.items():
        with pytest.raises(ChandleryError) as caught:
            handler(EVENT, LocalContext(name, 60))
        emitted.add("".join(traceback.format_exception(caught.value)))
        said.add(str(caught.value))
    for answer in (get("/api/v1/instruments"), get("/health"), get("/api/v1/health")):
        assert answer.status >= 500
        emitted.add(answer)
    return said


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://postgres:{encoded}@{host}", "refused the login"),
        ("postgresql://desk:{encoded}@127.0.0.1:1/desk", "cannot be reached"),
        ("postgresql://desk:{encoded}@no-such-host.invalid/desk", "cannot be reached"),
        ("postgresql://desk:{encoded}@127.0.0.1:1/desk?sslmode=verify-full&sslrootcert=/nowhere", "the database can"),
        # As people write them.
        ("postgresql://desk:{marker}/x@127.0.0.1:1/desk", "is malformed"),
        ("postgresql://desk:1/{marker}@127.0.0.1:1/desk", "is malformed|cannot be reached"),
        ("postgresql://desk:x@{marker}@127.0.0.1:1/desk", "is malformed"),
        ("postgresql://desk:{marker}?x@127.0.0.1:1/desk", "cannot be reached"),
        ("postgresql://desk:%{marker}@127.0.0.1:1/desk", "is malformed"),
        ("postgresql://desk:{secret}@127.0.0.1:1/desk", "is malformed"),
        ("postgres//desk:{marker}@127.0.0.1:1/desk", "is malformed"),
        ("{marker}", "is malformed"),
    ],
)  # fmt: skip
def test_a_database_url(
    database_url: str, emitted: Emitted, url: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {"encoded": quote(SECRET, safe=""), "secret": SECRET, "marker": SECRET_MARKER}
    host = database_url.rpartition("@")[2]
    url = url.format(host=host, **words)
    if told == "refused the login":
        skip_where_trusted(url)
    monkeypatch.setenv("DATABASE_URL", url)
    for said in fail(emitted):
        assert any(each in said for each in told.split("|")), said
    text = emitted.check()
    # It did come out.
    assert '"Failures":[1.0]' in text.replace(" ", "")


def test_a_databases_secret(emitted: Emitted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_SECRET_ID", "desk/database")
    wrong_host = TOLD | {"host": SECRET_MARKER + "@nowhere.invalid"}
    values = [TOLD, wrong_host, TOLD | {"port": SECRET}, {"password": SECRET}]
    with mock_aws():
        client = boto3.client("secretsmanager")
        client.create_secret(Name="desk/database", SecretString=SECRET)
        fail(emitted)
        for value in values:
            client.update_secret(SecretId="desk/database", SecretString=json.dumps(value))
            parameters.clear_caches()  # type: ignore[no-untyped-call]
            fail(emitted)
    emitted.check()


@pytest.mark.parametrize("words", ["no: {key}", "Unknown API Key, https://vendor/v2?apiKey={encoded}"])
def test_a_vendors_key(
    connection: Connection, database_url: str, emitted: Emitted, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (_instrument,) = around_the_clock(connection, "X@A@EQ")
    connection.execute("INSERT INTO market.tickers SELECT instrument_id, 'polygon', 'A' FROM market.instruments")
    store_candles(connection, NOON - 20 * HOUR, NOON - 19 * HOUR)
    store_candles(connection, NOON - 10 * HOUR, NOON - 9 * HOUR)
    with VendorServer(SECRET) as vendor:
        said = words.format(key=SECRET, encoded=quote(SECRET, safe=""))
        vendor.fault(refuse(401, {"status": "ERROR", "error": said}), always=True)
        for name, value in {
            "DATABASE_URL": database_url,
            "VENDOR": "polygon",
            "VENDOR_URL": vendor.url,
            "VENDOR_API_KEY": SECRET,
        }.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ChandleryError, match="polygon refused the key") as caught:
            HANDLERS["historical_gap_monitor"](
                {"scheduled_at": (NOON + 10 * DAY).isoformat()}, LocalContext("historical_gap_monitor", 900)
            )
        emitted.add("".join(traceback.format_exception(caught.value)))
        assert vendor.requests
    rows = connection.execute("SELECT error, counts FROM market.runs").fetchall()
    assert "polygon refused the key" in str(rows)
    emitted.add(rows)
    emitted.check()


def test_a_vendors_address_with_the_key(
    connection: Connection, database_url: str, emitted: Emitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    around_the_clock(connection, "X@A@EQ")
    connection.execute("INSERT INTO market.tickers SELECT instrument_id, 'polygon', 'A' FROM market.instruments")
    store_candles(connection, NOON - 20 * HOUR, NOON - 19 * HOUR)
    for name, value in {
        "DATABASE_URL": database_url,
        "VENDOR": "polygon",
        "VENDOR_URL": f"https://vendor/v2?apiKey={SECRET_MARKER}",
        "VENDOR_API_KEY": SECRET,
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ChandleryError, match="VENDOR_URL is malformed") as caught:
        HANDLERS["historical_gap_monitor"](
            {"scheduled_at": (NOON + 10 * DAY).isoformat()}, LocalContext("historical_gap_monitor", 900)
        )
    emitted.add("".join(traceback.format_exception(caught.value)))
    emitted.add(connection.execute("SELECT error, counts FROM market.runs").fetchall())
    emitted.check()


@pytest.mark.parametrize(
    "url", ["redis://:{}@127.0.0.1:1/0", "rediss://desk:{}@no-such-host.invalid:6379/0", "redis://:{}@x:port"]
)
def test_a_redis_that_is_down(
    connection: Connection, database_url: str, emitted: Emitted, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    around_the_clock(connection, COIN)
    store_candles(connection, NOON - HOUR, NOON)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", url.format(quote(SECRET, safe="")))
    monkeypatch.setenv("CACHE_KEY", SECRET * 2)
    answers = [candles(COIN, "1m", limit=5), get("/api/v1/timeframe-aggregation/status")]
    assert {answer.status for answer in answers} == {200}
    emitted.add(answers)
    assert "the cache in Redis is not asked" in emitted.check()


@pytest.mark.skipif(SERVER_URL is None, reason="needs a TimescaleDB server: the embedded database has one login")
def test_a_role_that_lacks_rights(
    connection: Connection, database_url: str, emitted: Emitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.integration.platform.test_roles import READER, acting_as

    with acting_as(READER, database_url) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        with pytest.raises(ChandleryError, match="lacks a right") as caught:
            HANDLERS["live_processor"](EVENT, LocalContext("live_processor", 60))
        emitted.add("".join(traceback.format_exception(caught.value)))
        close()
    emitted.check()
