"""The HTTP API on regular hours alone, and on a timeframe that it chooses."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.words.window import DAY, HOUR, MINUTE
from tests.conftest import empty
from tests.integration.api_scene import candles, compute, minute, settings
from tests.integration.derived_scene import listed, refresh, write

SHARE = "XNYS@RTH@EQ"
DATE, OPENS = date(2026, 11, 24), datetime(2026, 11, 24, 14, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def scene(migrated_url: str) -> Iterator[Connection]:
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        (share,) = listed(connection, "XNYS", DATE, DATE, SHARE)
        # Before the open there is another price.
        early = [minute(OPENS - HOUR + number * MINUTE, number, 50.0) for number in range(60)]
        write(connection, share, early + [minute(OPENS + number * MINUTE, number) for number in range(391)])
        refresh(connection, OPENS + DAY)
        yield connection


@pytest.fixture(autouse=True)
def service(scene: Connection, migrated_url: str) -> Iterator[None]:
    with settings(migrated_url):
        yield


def test_no_price_of_other_hours_is_mixed_in(scene: Connection) -> None:
    mixed = candles(SHARE, "1h", from_="2026-11-24").json["candles"]
    assert (mixed[1]["time"], mixed[1]["low"] < 60) == ("2026-11-24T14:00:00Z", True)
    clock = candles(SHARE, "1h", from_="2026-11-24", session="regular").json
    assert clock["timeframe"] == "1h"
    assert [each["time"][11:16] for each in clock["candles"]] == [f"{hour}:00" for hour in range(14, 22)]
    assert min(each["low"] for each in clock["candles"]) > 90
    by_session = candles(SHARE, "1h", from_="2026-11-24", session="regular", align="session").json["candles"]
    assert [each["time"][11:16] for each in by_session] == [f"{hour}:30" for hour in range(14, 21)]
    assert sum(each["volume"] for each in by_session) == sum(each["volume"] for each in clock["candles"])
    assert [(each["minutes"], each["expected"]) for each in by_session] == [(60, 60)] * 6 + [(31, 30)]


def test_pages_and_the_cache_keep_hours_apart(scene: Connection) -> None:
    of = {"from_": "2026-11-24", "session": "regular", "limit": 3}
    page = candles(SHARE, "1h", align="session", **of)
    following = candles(SHARE, "1h", align="session", cursor=page.json["next_cursor"], **of).json["candles"]
    assert [each["time"][11:16] for each in following] == ["17:30", "18:30", "19:30"]
    assert candles(SHARE, "1h", cursor=page.json["next_cursor"], **of).fields == ["cursor"]
    again = candles(SHARE, "1h", align="session", **of)
    assert (again.headers["X-Cache"], again.text) == ("hit", page.text)
    assert candles(SHARE, "1h", **of).json["candles"] != page.json["candles"]
    assert candles(SHARE, "1h", align="session").fields == ["align"]
    assert candles(SHARE, "4h", session="regular", limit=1000).fields == ["limit"]
    assert candles(SHARE, "1d", session="regular").json["candles"] == candles(SHARE, "1d").json["candles"]


@pytest.mark.parametrize("align", ["clock", "session"])
def test_indicators_are_computed_of_them(scene: Connection, align: str) -> None:
    of = {"session": "regular", "align": align}
    rows = candles(SHARE, "30m", from_="2026-11-24", **of).json["candles"]
    said = {"from_": "2026-11-24T00:00:00Z", "indicators": [{"name": "sma", "parameters": {"timeperiod": 3}}], **of}
    made = compute(SHARE, "30m", **said).json
    assert made["time"] == [each["time"] for each in rows]
    closes = [each["close"] for each in rows]
    wanted = [None, None, *(sum(closes[at : at + 3]) / 3 for at in range(len(closes) - 2))]
    assert made["indicators"][0]["outputs"]["real"] == pytest.approx(wanted)
    assert made["last"]["closed"] is True
    late = compute(SHARE, "30m", **said | {"from_": "2026-11-24T17:00:00Z"}).json
    assert late["indicators"][0]["outputs"]["real"] == pytest.approx(wanted[-len(late["time"]) :])
    session_vwap = compute(SHARE, "30m", **said | {"indicators": [{"name": "vwap"}]}).json
    assert session_vwap["indicators"][0]["outputs"]["vwap"][0] == pytest.approx(rows[0]["vwap"])


def test_auto_says_which_timeframe_was_chosen(scene: Connection) -> None:
    told = candles(SHARE, "auto", from_="2026-11-24", limit=1000).json
    assert (told["timeframe"], len(told["candles"])) == ("1m", 451)
    assert candles(SHARE, "auto").fields == ["timeframe"]
    page = candles(SHARE, "auto", from_="2026-11-24", limit=5).json
    assert candles(SHARE, "auto", from_="2026-11-24", limit=5, cursor=page["next_cursor"]).fields == ["timeframe"]
    more = candles(SHARE, page["timeframe"], from_="2026-11-24", limit=5, cursor=page["next_cursor"]).json
    assert len(more["candles"]) == 5
