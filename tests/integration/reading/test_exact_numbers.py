"""Numbers of every route that has prices are those that are stored, to the last digit, however they are read."""

import csv
import gzip
import io
import json
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any

import pytest
from psycopg import Connection, sql
from pydantic import BaseModel

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.words.window import DAY, MINUTE
from functions.http_api import handler
from local.command_line.functions import LocalContext
from local.http_server import event_of
from tests.conftest import empty
from tests.integration.api_scene import candles, compute, get, settings, settle
from tests.integration.derived_scene import listed, write
from tests.plain_derived import Minute

KEY, OTHER = "X@A@SPOT", "X@B@SPOT"
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
# 41 digits before the point and behind it; none before it; a whole one that a double cannot hold.
LONG, SMALL, WHOLE = Decimal("12345678901234567890.123456789012345678901"), Decimal("0.00000000000000000235"), 2**53 + 1
PRICES = ("open", "high", "low", "close", "volume", "vwap")


def plus(number: int) -> Decimal:
    """Near it, with all its digits, of which Python would keep 28."""
    return Context(prec=100).add(LONG, Decimal(number))


@pytest.fixture(scope="module")
def scene(migrated_url: str) -> Iterator[Connection]:
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        instruments = listed(connection, "24/7", (START - 2 * DAY).date(), (START + DAY).date(), KEY, OTHER)
        for instrument in instruments:
            minutes = [
                Minute(START + number * MINUTE, plus(number), plus(9), SMALL, plus(-number), Decimal(WHOLE),
                       Decimal(WHOLE) * 10**19, 3)
                for number in range(4) if number != 2
            ]  # fmt: skip
            write(connection, instrument, minutes)
            connection.execute(
                "INSERT INTO market.ticks (instrument_id, time, seq, price, size) VALUES (%s, %s, 1, %s, %s)",
                [instrument, START + 4 * MINUTE, LONG, SMALL],
            )
        settle(connection, START + DAY)
        yield connection


@pytest.fixture(autouse=True)
def service(scene: Connection, migrated_url: str) -> Iterator[None]:
    with settings(migrated_url):
        yield


class Row(BaseModel):
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal


class Page(BaseModel):
    candles: list[Row]


def stored(scene: Connection, timeframe: str) -> list[tuple[Decimal, ...]]:
    query = sql.SQL(
        "SELECT open, high, low, close, volume, market.average(turnover, volume) FROM {}"
        " WHERE instrument_id = 1 ORDER BY time"
    )
    relation = "candles" if timeframe == "1m" else f"candles_{timeframe}"
    return scene.execute(query.format(sql.Identifier("market", relation))).fetchall()


def read(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


@pytest.mark.parametrize("timeframe", ["1m", "5m", "1d"])
@pytest.mark.parametrize("others", [{}, {"fill": "flat"}, {"session": "regular"}], ids=["stored", "filled", "regular"])
def test_candles(scene: Connection, timeframe: str, others: dict[str, str]) -> None:
    asked: dict[str, Any] = {"from_": START.date().isoformat(), "to": (START + DAY).isoformat()} | others
    wanted = stored(scene, timeframe)
    for numbers in ("number", "text"):
        answer = candles(KEY, timeframe, numbers=numbers, **asked)
        rows = [each for each in read(answer.text)["candles"] if not each["filled"]]
        assert [tuple(Decimal(row[name]) for name in PRICES) for row in rows] == wanted
        assert {type(row["trades"]) for row in rows} <= {int, type(None)}
        kinds = {type(row[name]) for row in rows for name in PRICES}
        assert kinds == {str} if numbers == "text" else kinds <= {Decimal, int}
    # As common clients read it.
    page = Page.model_validate_json(candles(KEY, timeframe, numbers="text", **asked).text.replace("null", '"0"'))
    assert wanted[0] in [tuple(vars(row).values()) for row in page.candles]
    rows = list(csv.DictReader(io.StringIO(candles(KEY, timeframe, accept="text/csv", **asked).text)))
    assert [tuple(Decimal(row[name]) for name in PRICES) for row in rows if row["filled"] == "false"] == wanted


LATEST = {"open": plus(3), "close": plus(-3), "volume": WHOLE, "tick_price": LONG, "tick_size": SMALL}


@pytest.mark.parametrize("numbers", ["number", "text"])
def test_other_routes(scene: Connection, numbers: str) -> None:
    kind = str if numbers == "text" else (Decimal, int)
    keyed = f"/api/v1/instruments/{KEY}"
    latest = read(get(f"{keyed}/latest", numbers=numbers).text)
    assert {name: Decimal(latest[name]) for name in LATEST} == LATEST
    assert isinstance(latest["tick_price"], kind)
    assert latest["trades"] == 3
    history = {"high": plus(9), "low": SMALL, "volume": 3 * WHOLE}
    one = read(get(f"{keyed}/statistics", numbers=numbers).text)
    several = read(get("/api/v1/statistics", numbers=numbers).text)["statistics"]
    assert [each["instrument_key"] for each in several] == [KEY, OTHER]
    for told in (one, several[0]):
        assert {name: Decimal(told[name]) for name in history} == history
        assert isinstance(told["volume"], kind)
        assert told["days"] == 1
    (change, _) = read(get("/api/v1/price-changes", numbers=numbers, sort="key", order="ascending").text)[
        "price_changes"
    ]
    assert Decimal(change["close"]) == plus(-3)
    assert (Decimal(change["previous"]["close"]), Decimal(change["previous"]["change"])) == (plus(-1), -2)
    assert isinstance(change["previous"]["change"], kind)
    (tick,) = read(get(f"/api/v1/data/ticks/{KEY}", numbers=numbers).text)["rows"]
    assert (Decimal(tick["price"]), Decimal(tick["size"]), tick["seq"]) == (LONG, SMALL, 1)
    assert isinstance(tick["price"], kind)


def test_computed_values_as_text_are_the_same_doubles() -> None:
    asked: dict[str, Any] = {
        "to": (START + DAY).isoformat(),
        "indicators": [{"name": "sma", "parameters": {"timeperiod": 2}}],
    }
    told = compute(KEY, "1m", **asked).json["indicators"][0]["outputs"]["real"]
    text = compute(KEY, "1m", numbers="text", **asked).json["indicators"][0]["outputs"]["real"]
    assert text[0] is None
    assert [type(each) for each in text[1:]] == [str, str]
    assert [each and float(each) for each in text] == told


def test_statistics_page_by_page(scene: Connection) -> None:
    first = get("/api/v1/statistics", limit=1).json
    second = get("/api/v1/statistics", limit=1, cursor=first["next_cursor"]).json
    assert [each["instrument_key"] for page in (first, second) for each in page["statistics"]] == [KEY, OTHER]
    assert second["next_cursor"] is None
    assert get("/api/v1/statistics", limit=1, prefix="X@", cursor=first["next_cursor"]).fields == ["cursor"]
    assert get("/api/v1/statistics", prefix="X@B").json["statistics"] == second["statistics"]
    assert get("/api/v1/statistics", feed="nobody").json["statistics"] == []
    listed(scene, "24/7", START.date(), START.date(), "X@BARE@SPOT")
    (bare,) = get("/api/v1/statistics", prefix="X@BARE").json["statistics"]
    assert (bare["days"], bare["volume"], bare["high"]) == (0, 0, None)
    scene.execute("DELETE FROM market.instruments WHERE instrument_key = 'X@BARE@SPOT'")


def ask(target: str, **headers: str) -> dict[str, Any]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return handler(event_of("GET", target, sent, b""), LocalContext("http_api", 29))


@pytest.mark.parametrize("accept", ["gzip", "deflate, gzip;q=0.5", "*", "br, x-gzip"])
def test_long_answers_as_gzip(accept: str) -> None:
    target = f"/api/v1/candles/{KEY}?timeframe=1m"
    plain, packed = ask(target), ask(target, accept_encoding=accept)
    assert (packed["isBase64Encoded"], packed["headers"]["Content-Encoding"]) == (True, "gzip")
    assert gzip.decompress(b64decode(packed["body"])).decode() == plain["body"]
    assert not plain["isBase64Encoded"]
    assert "Content-Encoding" not in plain["headers"]
    assert plain["headers"]["Vary"] == packed["headers"]["Vary"] == "Accept, Accept-Encoding"
    assert plain["headers"]["ETag"] == packed["headers"]["ETag"]
    again = ask(target, accept_encoding=accept, if_none_match=packed["headers"]["ETag"])
    assert (again["statusCode"], again["body"], again["isBase64Encoded"]) == (304, "", False)
    assert again["headers"]["Vary"] == "Accept, Accept-Encoding"
    assert "Content-Encoding" not in again["headers"]


@pytest.mark.parametrize("accept", ["", "identity", "gzip;q=0", "gzip;q=0, *", "br"])
def test_others_get_it_plain(accept: str) -> None:
    assert not ask(f"/api/v1/candles/{KEY}?timeframe=1m", accept_encoding=accept)["isBase64Encoded"]


def test_short_answers_are_not_packed() -> None:
    for target in ("/health", f"/api/v1/instruments/{KEY}", "/api/v1/nothing"):
        assert not ask(target, accept_encoding="gzip")["isBase64Encoded"]
