"""What the page asks: days of many instruments, holes of one, a minute explained."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from psycopg import Connection

from chandlery.words.window import DAY, MINUTE, floor_minute
from tests.integration.api_scene import AFTER, COIN, OPENS, SHARE, STRANGE, get, scene, service

__all__ = ["scene", "service"]


def holes(key: str, starts: datetime, ends: datetime) -> dict[str, object]:
    asked = {"from_": starts.isoformat(), "to": ends.isoformat()}
    answered: dict[str, object] = get(f"/api/v1/instruments/{quote(key, safe='@')}/holes", **asked).json
    return answered


def test_the_worst_comes_first_and_states_add_up(scene: Connection) -> None:
    answered = get("/api/v1/heat-map", days=3).json
    assert answered["rows"][0]["instrument_key"] == COIN
    assert answered["dates"] == sorted(answered["dates"])
    for row in answered["rows"]:
        for day in row["days"]:
            states = ("present", "explained", "partial", "missing", "not_judged")
            assert day["expected"] == sum(day[state] for state in states)
    assert sum(day["missing"] for day in answered["rows"][0]["days"]) == 30


def test_pages_lead_to_every_instrument_once(scene: Connection) -> None:
    found, cursor = [], None
    while True:
        asked: dict[str, Any] = {"days": 2, "limit": 1} | ({"cursor": cursor} if cursor else {})
        page = get("/api/v1/heat-map", **asked).json
        found += [row["instrument_key"] for row in page["rows"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found[0] == COIN
    assert sorted(found) == sorted({row[0] for row in scene.execute("SELECT instrument_key FROM market.instruments")})


@pytest.mark.parametrize(("part", "keys"), [("btc", [COIN]), ("ä漢", [STRANGE]), ("nothing", [])])
def test_a_part_of_a_key_finds_it(part: str, keys: list[str]) -> None:
    assert [row["instrument_key"] for row in get("/api/v1/heat-map", search=part, days=1).json["rows"]] == keys


def test_a_day_that_is_named(scene: Connection) -> None:
    answered = get("/api/v1/heat-map", days=60, to="2013-10-11", search="IBM").json
    (row,) = answered["rows"]
    assert {day["session_date"] for day in row["days"]} <= set(answered["dates"])


def test_holes_are_runs_with_their_reasons(scene: Connection) -> None:
    now = floor_minute(datetime.now(UTC))
    answered = holes(COIN, now - DAY, now)
    missing = [each for each in answered["holes"] if each["state"] == "missing"]  # type: ignore[attr-defined]
    minutes = [
        (datetime.fromisoformat(each["ends"]) - datetime.fromisoformat(each["starts"])) // MINUTE for each in missing
    ]
    # A run ends with its session's day.
    assert sum(minutes) == 30
    assert {each["reason"] for each in missing} <= {"instrument_silent", "feed_down", "unhealable", "unaggregated"}
    assert answered["time_zone"] == "UTC"


def test_open_hours_are_those_of_the_exchange() -> None:
    answered = holes(SHARE, OPENS - DAY, OPENS + DAY / 2)
    assert [each["starts"] for each in answered["open_hours"]] == ["2013-10-07T13:30:00Z"]  # type: ignore[attr-defined]


def test_too_long_a_stretch_is_refused() -> None:
    refused = get(f"/api/v1/instruments/{SHARE}/holes", from_=(AFTER - 101 * DAY).isoformat(), to=AFTER.isoformat())
    assert (refused.status, refused.fields) == (422, ["from"])


def test_a_minute_is_explained() -> None:
    answered = get(f"/api/v1/instruments/{SHARE}/explain", at=OPENS.isoformat()).json
    assert (answered["verdict"], answered["sentence"]) == ("complete", "a complete candle is stored")
    assert answered["candle"]["close"].count(".") == 1
    closed = get(f"/api/v1/instruments/{SHARE}/explain", at=(OPENS - DAY).isoformat()).json
    assert (closed["verdict"], closed["candle"], closed["expected"]) == ("not_expected", None, False)
    assert get("/api/v1/instruments/X@NOBODY@EQ/explain", at=OPENS.isoformat()).status == 404
