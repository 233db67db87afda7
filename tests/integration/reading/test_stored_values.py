"""Stored values of indicators over HTTP: in order of time and name, by pages that lose and repeat none."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.words.window import DAY, MINUTE
from tests.conftest import empty
from tests.integration.api_scene import Answer, get, settings
from tests.integration.derived_scene import listed

KEY, BARE = "X@A@SPOT", "X@B@SPOT"
START = datetime(2026, 3, 2, tzinfo=UTC)
INDICATORS = [("sma", 10, 1, 0), ("sma", 20, 1, 0), ("macd", 12, 3, 0), ("ema", 50, 1, 90), ("gone", 1, 2, 95)]


@pytest.fixture(scope="module")
def scene(migrated_url: str) -> Iterator[Connection]:
    """A hundred buckets, of two indicators the last alone; of another timeframe one value."""
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        instrument, _ = listed(connection, "24/7", START.date(), (START + DAY).date(), KEY, BARE)
        for name, period, outputs, first in INDICATORS:
            connection.execute(
                "WITH added AS (INSERT INTO market.stored_indicators (timeframe, name, parameters)"
                " VALUES ('5m', %(name)s, jsonb_build_object('timeperiod', %(period)s::int)) RETURNING indicator_id)"
                " INSERT INTO market.indicator_values"
                " SELECT %(instrument)s, indicator_id, %(start)s + number * INTERVAL '5 minutes', 100 + number / 7.0,"
                " CASE WHEN %(outputs)s > 1 THEN 1e-7 * number END, CASE WHEN %(outputs)s > 2 THEN -number / 3.0 END,"
                " %(start)s, 'test', %(start)s FROM added, generate_series(%(first)s::integer, 99) AS number",
                {"name": name, "period": period, "outputs": outputs, "first": first, "instrument": instrument,
                 "start": START},
            )  # fmt: skip
        connection.execute(
            "INSERT INTO market.stored_indicators (timeframe, name, parameters) VALUES ('1h', 'rsi', '{}')"
        )
        yield connection


@pytest.fixture(autouse=True)
def service(scene: Connection, migrated_url: str) -> Iterator[None]:
    with settings(migrated_url):
        yield


def values(key: str = KEY, **asked: Any) -> Answer:
    return get("/api/v1/indicators/values", instrument_key=key, **asked)


@pytest.mark.parametrize("limit", [1000, 41, 7])
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("names", [(), ("sma",), ("macd", "ema")])
def test_pages_hold_each_value_once(limit: int, names: tuple[str, ...], *, forward: bool) -> None:
    asked: dict[str, Any] = {"limit": limit} | ({"from_": START.isoformat()} if forward else {})
    asked |= {"names": ",".join(names)} if names else {}
    pages: list[list[tuple[str, str, int]]] = []
    cursor: dict[str, str] = {}
    while True:
        told = values(**asked, **cursor).json
        pages.append([(each["time"], each["name"], each["parameters"]["timeperiod"]) for each in told["values"]])
        if told["next_cursor"] is None:
            break
        cursor = {"cursor": told["next_cursor"]}
    found = [row for page in (pages if forward else pages[::-1]) for row in page]
    wanted = [
        ((START + number * 5 * MINUTE).isoformat().replace("+00:00", "Z"), name, period)
        for name, period, _, first in INDICATORS if not names or name in names
        for number in range(first, 100)
    ]  # fmt: skip
    assert found == sorted(wanted)
    assert all(len(page) <= limit for page in pages)


def test_outputs_have_names_and_every_digit() -> None:
    for numbers, kind in (("number", float), ("text", str)):
        told = values(names="macd,gone", numbers=numbers, limit=2).json["values"]
        assert [(each["name"], *each["outputs"]) for each in told] == [
            ("gone", "value", "value_2", "value_3"), ("macd", "macd", "macdsignal", "macdhist"),
        ]  # fmt: skip
        assert told[0]["outputs"].pop("value_3") is None
        assert {type(each) for row in told for each in row["outputs"].values()} == {kind}
        assert [float(each) for each in told[1]["outputs"].values()] == [100 + 99 / 7.0, 1e-7 * 99, -99 / 3.0]
        assert told[1]["made_from"] == told[1]["made_at"] == "2026-03-02T00:00:00Z"


def test_what_is_not_stored() -> None:
    assert values(BARE).json["values"] == []
    assert values(names="rsi", timeframe="1h").json["values"] == []
    refused = values(names="sma,nonsense")
    assert (refused.status, refused.fields) == (422, ["names"])
    assert "there is: ema, gone, macd, sma" in refused.json["detail"]
    assert values("X@NO@SPOT").status == 404
    cursor = values(limit=3).json["next_cursor"]
    assert values(limit=3, names="sma", cursor=cursor).fields == ["cursor"]
    assert values(limit=3, cursor=cursor[:-4]).fields == ["cursor"]
