"""Candles of several instruments in one call: in order of time and key, by pages that lose and repeat none."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.platform.statements import statement
from chandlery.reading.store import pages_of_many
from chandlery.words.window import DAY, MINUTE
from tests.conftest import empty
from tests.integration.api_scene import Answer, candles, get, minute, settings, settle
from tests.integration.derived_scene import listed, write

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
# One whose symbol has a comma, one that began early, one that trades now and then.
PLAIN, COMMA, RARE = "X@A@SPOT", "X@B,C@SPOT", "X@R@SPOT"


@pytest.fixture(scope="module")
def scene(migrated_url: str) -> Iterator[Connection]:
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        plain, comma, rare = listed(
            connection, "24/7", (START - 9 * DAY).date(), (START + DAY).date(), PLAIN, COMMA, RARE
        )
        for instrument, every, price in ((plain, 1, 100.0), (comma, 1, 7.0), (rare, 240, 50.0)):
            times = [START + number * MINUTE for number in range(-7 * 1440, 3)]
            write(
                connection,
                instrument,
                [minute(time, place, price) for place, time in enumerate(times) if place % every in (0, 2)
                 and (every > 1 or time >= START - DAY)],
            )  # fmt: skip
        settle(connection, START + DAY)
        yield connection


@pytest.fixture(autouse=True)
def service(scene: Connection, migrated_url: str) -> Iterator[None]:
    with settings(migrated_url):
        yield


def many(*keys: str, **asked: Any) -> Answer:
    return get("/api/v1/candles", instrument_keys=",".join(keys), **{"timeframe": "1m"} | asked)


def pages(*keys: str, **asked: Any) -> list[list[dict[str, Any]]]:
    found: list[list[dict[str, Any]]] = []
    while True:
        answer = many(*keys, **asked).json
        found.append(answer["candles"])
        if answer["next_cursor"] is None:
            return found
        assert len(found) < 200
        asked["cursor"] = answer["next_cursor"]


def test_three_common_minutes_in_two_pages() -> None:
    found = pages(COMMA, PLAIN, from_=START.isoformat(), limit=3)
    assert [[(each["time"][11:16], each["instrument_key"]) for each in page] for page in found] == [
        [("10:00", PLAIN), ("10:00", COMMA), ("10:01", PLAIN)],
        [("10:01", COMMA), ("10:02", PLAIN), ("10:02", COMMA)],
    ]


@pytest.mark.parametrize("timeframe", ["1m", "5m", "4h", "1d", "1w"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_each_is_as_by_itself(timeframe: str, direction: str) -> None:
    first = START - (2 * timedelta(hours=1) if timeframe == "1m" else 8 * DAY)
    asked = {"from_": first.isoformat()} if direction == "forward" else {"to": (START + MINUTE).isoformat()}
    limit = {"1m": 97, "5m": 311}.get(timeframe, 7)
    keys = (RARE, PLAIN, COMMA)
    got = pages(*keys, timeframe=timeframe, limit=limit, **asked)[: 6 if direction == "backward" else None]
    rows = [row for page in (got if direction == "forward" else got[::-1]) for row in page]
    assert all(page for page in got)
    assert [(row["time"], row["instrument_key"]) for row in rows] == sorted(
        {(row["time"], row["instrument_key"]) for row in rows}
    )
    for key in keys:
        alone = candles(key, timeframe, limit=10_000, **asked).json["candles"]
        # Pages back end somewhere.
        alone = [each for each in alone if (each["time"], key) >= (rows[0]["time"], rows[0]["instrument_key"])]
        mine = [{name: value for name, value in row.items() if name != "instrument_key"} for row in rows
                if row["instrument_key"] == key]  # fmt: skip
        assert mine == alone


def test_candles_that_come_meanwhile_shift_nothing(scene: Connection) -> None:
    asked: dict[str, Any] = {"from_": (START - 3 * MINUTE).isoformat(), "limit": 3}
    before = pages(PLAIN, RARE, **asked)
    first = many(PLAIN, RARE, **asked).json
    assert [each["time"][11:16] for each in first["candles"]] == ["09:57", "09:58", "09:59"]
    rare = scene.execute("SELECT instrument_id FROM market.instruments WHERE instrument_key = %s", [RARE]).fetchone()
    assert rare is not None
    write(scene, rare[0], [minute(START - 2 * MINUTE, 1, 50.0)])
    assert pages(PLAIN, RARE, **asked, cursor=first["next_cursor"]) == before[1:]
    assert sum(map(len, pages(PLAIN, RARE, **asked))) == sum(map(len, before)) + 1


def test_csv_has_the_key_first_and_every_digit() -> None:
    asked: dict[str, Any] = {"from_": START.isoformat(), "limit": 4}
    answer = many(PLAIN, COMMA, **asked, accept="text/csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    told = json.loads(many(PLAIN, COMMA, **asked, numbers="text").text)
    assert answer.headers["X-Next-Cursor"] == told["next_cursor"]
    assert [row["instrument_key"] for row in rows] == [PLAIN, COMMA, PLAIN, COMMA]
    for row, candle in zip(rows, told["candles"], strict=True):
        for name in ("open", "high", "low", "close", "volume", "vwap"):
            assert Decimal(row[name]) == Decimal(candle[name])
            assert isinstance(candle[name], str)


def test_keys_repeat_and_are_refused() -> None:
    once = many(PLAIN, limit=2).json
    assert get("/api/v1/candles", instrument_keys=[PLAIN, PLAIN], timeframe="1m", limit=2).json == once
    unknown = many("X@NO@SPOT", PLAIN, "X@NEITHER@SPOT")
    assert (unknown.status, unknown.json["detail"]) == (404, "no instruments X@NEITHER@SPOT, X@NO@SPOT")
    assert many("X@NO@SPOT").status == 404
    for text in ("nonsense", f"{PLAIN},", f"{PLAIN},x", ",".join([PLAIN] * 101)):
        refused = get("/api/v1/candles", instrument_keys=text, timeframe="1m")
        assert refused.status == 422, text
        assert any(field.startswith("instrument_keys") for field in refused.fields)
    cursor = many(PLAIN, COMMA, from_=START.isoformat(), limit=1).json["next_cursor"]
    assert many(PLAIN, from_=START.isoformat(), limit=1, cursor=cursor).fields == ["cursor"]
    assert many(PLAIN, session="regular").fields == ["session"]


def test_a_page_is_tagged() -> None:
    first = many(PLAIN, COMMA, limit=4)
    assert many(PLAIN, COMMA, limit=4, if_none_match=first.headers["ETag"]).status == 304


@pytest.mark.parametrize("backward", [False, True])
def test_a_page_reads_little_more_than_it_has(
    scene: Connection, monkeypatch: pytest.MonkeyPatch, *, backward: bool
) -> None:
    """By ranges of the index, however many candles are stored of each."""
    asked = []

    def noted(*values: Any, **named: Any) -> str:
        asked.append(statement(*values, **named))
        return asked[-1]

    given: list[Any] = []
    values_of = pages_of_many._values

    def noted_values(*values: Any) -> dict[str, Any]:
        found = values_of(*values)
        given.append(found)
        return found

    monkeypatch.setattr(pages_of_many, "statement", noted)
    monkeypatch.setattr(pages_of_many, "_values", noted_values)
    when = {"to": START.isoformat()} if backward else {"from_": (START - DAY).isoformat()}
    answer = many(PLAIN, COMMA, limit=50, accept="text/csv", **when)
    assert answer.text.count("\n") == 51
    row = scene.execute(f"EXPLAIN (ANALYZE, FORMAT json) {asked[0]}", given[0]).fetchone()
    assert row is not None
    scans = [node for node in nodes(row[0][0]["Plan"]) if node.get("Relation Name", "").startswith("_hyper")]
    assert {node["Node Type"] for node in scans if node["Actual Rows"]} <= {"Index Scan", "Index Only Scan"}
    # A share of each to find where the page ends, and the page.
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans) <= 3 * 51


def nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)
