"""Cached answers of the HTTP API: what is healed is in the next answer, in every sandbox, whichever level had it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from psycopg import Connection

from chandlery.reference.store.instrument_pages import find_entry
from chandlery.words.window import HOUR, MINUTE, floor_minute
from tests.cached import CACHE_KEY
from tests.integration.api_scene import (
    AFTER,
    COIN,
    OPENS,
    SHARE,
    Answer,
    Sandboxes,
    call,
    candles,
    compute,
    minute,
    scene,
    settings,
    settle,
)
from tests.integration.derived_scene import stored_minutes, write
from tests.integration.redis_server import SERVER, Server
from tests.plain_derived import Minute

__all__ = ["scene"]

# Left out of the scene.
MISSING = OPENS + 7 * MINUTE
HEALED = "2013-10-07T13:37:00Z"
STRETCH: dict[str, Any] = {"from_": "2013-10-07T13:30Z", "to": "2013-10-07T14:30Z"}


@pytest.fixture
def connection(scene: Connection) -> Iterator[Connection]:
    """The scene, to which the share's candles are put back afterwards."""
    before = set(stored_minutes(scene, 1))
    yield scene
    after = set(stored_minutes(scene, 1))
    if after != before:
        changed = [each.time for each in after - before]
        scene.execute("DELETE FROM market.candles WHERE instrument_id = 1 AND time = ANY (%s)", [changed])
        write(scene, 1, before - after)
        settle(scene, datetime.now(UTC))


@pytest.fixture
def redis() -> Iterator[Server]:
    if SERVER is None:
        pytest.skip("needs redis-server: apt-get install redis-server")
    # A socket's path may be 108 characters long, and pytest's own folders are deep.
    with TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        yield server
        server.kill()


def heal(connection: Connection, healed: Minute | None = None) -> None:
    write(connection, 1, [healed or minute(MISSING, 7, 120.0)])


def cache_of(answer: Answer) -> str:
    assert answer.status == 200, answer.text
    return answer.headers["X-Cache"]


def times(answer: Answer) -> list[str]:
    return [each["time"] for each in answer.json["candles"]]


@pytest.mark.parametrize("shared", [False, True], ids=["L1", "L1-and-L2"])
def test_a_healed_candle_is_in_the_next_answer(
    connection: Connection, migrated_url: str, request: pytest.FixtureRequest, *, shared: bool
) -> None:
    redis = request.getfixturevalue("redis").url if shared else ""
    with settings(migrated_url, REDIS_URL=redis, CACHE_KEY=CACHE_KEY):
        sandboxes = Sandboxes(2)
        for number in (0, 1):
            with sandboxes.within(number):
                first = candles(SHARE, "1m", **STRETCH)
                # What one sandbox made the other finds, where they share a level.
                assert cache_of(first) == ("hit" if shared and number else "miss")
                assert cache_of(candles(SHARE, "1m", **STRETCH)) == "hit"
                assert HEALED not in times(first)
        tag = first.headers["ETag"]

        heal(connection)

        for number in (0, 1):
            with sandboxes.within(number):
                again = candles(SHARE, "1m", **STRETCH)
                assert cache_of(again) == ("hit" if shared and number else "miss")
                assert HEALED in times(again)
                assert candles(SHARE, "1m", if_none_match=tag, **STRETCH).status == 200
                assert cache_of(candles(SHARE, "1m", **STRETCH)) == "hit"

        # And each time it changes.
        heal(connection, minute(MISSING, 7, 150.0))
        for number in (1, 0):
            with sandboxes.within(number):
                (candle,) = (each for each in candles(SHARE, "1m", **STRETCH).json["candles"] if each["time"] == HEALED)
                assert candle["close"] > 140
        sandboxes.close()


def test_derived_candles_and_indicators_follow(connection: Connection, migrated_url: str) -> None:
    with settings(migrated_url):
        asked: dict[str, Any] = {"indicators": [{"name": "sma", "parameters": {"timeperiod": 2}}], **STRETCH}
        before = [candles(SHARE, "5m", **STRETCH), compute(timeframe="5m", **asked)]
        assert [cache_of(candles(SHARE, "5m", **STRETCH)), cache_of(compute(timeframe="5m", **asked))] == ["hit", "hit"]
        prices = (Decimal(100), Decimal(999), Decimal(1), Decimal(500))
        heal(connection, Minute(MISSING, *prices, Decimal(1), Decimal(500), 1))
        # Marked, and not yet refreshed: whatever is answered, it is not what was kept.
        marked = candles(SHARE, "5m", **STRETCH)
        assert cache_of(marked) == "bypass"
        settle(connection, datetime.now(UTC))
        for _ in range(2):
            after = [candles(SHARE, "5m", **STRETCH), compute(timeframe="5m", **asked)]
            (bucket,) = (each for each in after[0].json["candles"] if each["time"] == "2013-10-07T13:35:00Z")
            assert (bucket["high"], bucket["low"], bucket["minutes"]) == (999, 1, 5)
        assert cache_of(after[0]) == "hit"
        assert after[0].text != before[0].text
        assert times(after[0]) == times(before[0])


def test_what_changes_elsewhere_leaves_an_answer_where_it_is(connection: Connection, migrated_url: str) -> None:
    with settings(migrated_url):
        later: dict[str, Any] = {"from_": "2013-10-10T13:30Z", "to": "2013-10-10T14:30Z"}
        assert cache_of(candles(SHARE, "1m", **later)) == "miss"
        heal(connection)
        assert cache_of(candles(SHARE, "1m", **later)) == "hit"


def test_a_page_before_a_healed_candle_is_made_again(connection: Connection, migrated_url: str) -> None:
    """The newest N candles reach further back or less far when there is one more of them."""
    with settings(migrated_url):
        asked: dict[str, Any] = {"to": "2013-10-07T13:40Z", "limit": 100, "fill": "flat"}
        before = candles(SHARE, "1m", **asked).json["candles"]
        assert [each["filled"] for each in before if each["time"] == HEALED] == [True]
        heal(connection)
        after = candles(SHARE, "1m", **asked).json["candles"]
        assert [each["filled"] for each in after if each["time"] == HEALED] == [False]


def test_series_are_in_the_cache_from_the_start(connection: Connection, migrated_url: str) -> None:
    with settings(migrated_url, CACHE_WARM_UP=f"{SHARE}:1m,X@NOBODY@EQ:5m"):
        assert cache_of(candles(SHARE, "1m")) == "hit"


@pytest.mark.parametrize(
    ("setting", "settled", "newest"),
    [("CACHE_SETTLED_SECONDS", "miss", "hit"), ("CACHE_OPEN_SECONDS", "hit", "miss")],
)
def test_how_long_an_answer_is_kept_is_a_setting(
    connection: Connection, migrated_url: str, setting: str, settled: str, newest: str
) -> None:
    hours_ago = floor_minute(datetime.now(UTC)) - 3 * HOUR
    today = {"from_": (hours_ago - 5 * MINUTE).isoformat(), "to": hours_ago.isoformat()}
    with settings(migrated_url, **{setting: "0.000001"}):
        for key, asked, found in ((SHARE, STRETCH, settled), (COIN, today, newest)):
            assert [cache_of(candles(key, "1m", **asked)) for _ in range(2)] == ["miss", found]


def test_no_cache_is_no_harm(connection: Connection, migrated_url: str) -> None:
    with settings(migrated_url, CACHE_BYTES="0"):
        assert [cache_of(candles(SHARE, "1m", **STRETCH)) for _ in range(2)] == ["miss", "miss"]
    with settings(migrated_url, REDIS_URL="redis://:s3cret-word@127.0.0.1:1/0", CACHE_KEY=CACHE_KEY):
        assert [cache_of(candles(SHARE, "1m", **STRETCH)) for _ in range(2)] == ["miss", "hit"]


# Of the second hour of Monday's session, so that what lies ahead of it is of other hours.
LATER: dict[str, Any] = {"from_": "2013-10-07T15:30Z", "to": "2013-10-07T16:30Z"}


def indicator(name: str, **parameters: object) -> dict[str, object]:
    return {"name": name, "parameters": parameters}


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(
    ("asked", "changes"),
    [
        # Looks at each candle alone; the stretch begins an hour before the first candle there is.
        ([indicator("avgprice")], False),
        ([indicator("vwap")], True),
        ([indicator("pivot_points")], False),
        ([indicator("anchored_vwap", anchor_datetime="2013-10-07T09:40:00")], True),
        ([indicator("vwap"), indicator("ema", timeperiod=3)], True),
        ([indicator("sma", timeperiod=2)], True),
    ],
    ids=["alone", "session", "session-before", "anchor", "session-and-memory", "finite"],
)
def test_candles_that_come_ahead_of_the_first_one_read(
    connection: Connection, migrated_url: str, asked: list[dict[str, object]], *, changes: bool
) -> None:
    connection.execute("DELETE FROM market.candles WHERE instrument_id = 1 AND time < '2013-10-07T15:40Z'")
    with settings(migrated_url):
        before = compute(timeframe="1m", indicators=asked, **LATER)
        assert cache_of(compute(timeframe="1m", indicators=asked, **LATER)) == "hit"
        write(connection, 1, [minute(datetime(2013, 10, 7, 13, 50, tzinfo=UTC), 7, 300.0)])
        ahead = compute(timeframe="1m", indicators=asked, **LATER)
        write(connection, 1, [minute(datetime(2013, 10, 7, 15, 35, tzinfo=UTC), 7, 400.0)])
        within = compute(timeframe="1m", indicators=asked, **LATER)
        assert within.json["time"] == ["2013-10-07T15:35:00Z", *before.json["time"]]
    with settings(migrated_url, CACHE_BYTES="0"):
        assert within.json["indicators"] == compute(timeframe="1m", indicators=asked, **LATER).json["indicators"]
    assert (ahead.json["indicators"][0]["outputs"] != before.json["indicators"][0]["outputs"]) is changes


def test_levels_are_of_the_session_before_that_traded(connection: Connection, migrated_url: str) -> None:
    connection.execute("DELETE FROM market.candles WHERE instrument_id = 1 AND time::date = '2013-10-08'")
    with settings(migrated_url):
        of: dict[str, Any] = {"to": "2013-10-09T16:00Z", "indicators": [indicator("pivot_points")]}
        late, whole = (compute(timeframe="1m", from_=f"2013-10-{day}T15:00Z", **of) for day in ("09", "07"))
        levels = [answer.json["indicators"][0]["outputs"]["r1"] for answer in (late, whole)]
        assert levels[0] == levels[1][-len(levels[0]) :]
        assert None not in levels[0]


def test_a_page_that_is_exactly_full_learns_of_more(connection: Connection, migrated_url: str) -> None:
    with settings(migrated_url):
        everything = candles(SHARE, "1m", limit=10_000)
        asked: dict[str, Any] = {"limit": len(times(everything)), "to": "2013-10-12T00:00Z"}
        for _ in range(2):
            full = candles(SHARE, "1m", **asked)
            assert full.json["next_cursor"] is None
        assert cache_of(full) == "hit"
        write(connection, 1, [minute(datetime(2013, 10, 7, 10, tzinfo=UTC), 7)])
        assert candles(SHARE, "1m", **asked).json["next_cursor"] is not None


def test_a_question_counts_once(connection: Connection, migrated_url: str) -> None:
    with settings(migrated_url):
        for _ in range(4):
            candles(SHARE, "1m", **STRETCH)
        told = call("GET", "/api/v1/timeframe-aggregation/status").json["cache"]
        assert (told["hits_l1"], told["misses"], told["stored"], told["entries"]) == (3, 1, 1, 1)


def test_an_instrument_is_looked_up_once_where_an_answer_is_made(connection: Connection, migrated_url: str) -> None:
    looked_up = patch("functions.http_api.sandbox.find_entry", wraps=find_entry)
    csv_page: dict[str, Any] = STRETCH | {"limit": 7, "accept": "text/csv"}
    with settings(migrated_url), looked_up as lookups:
        questions: list[Callable[[], Answer]] = [
            lambda: candles(SHARE, "5m", **csv_page),
            lambda: compute(to=AFTER.isoformat()),
        ]
        for question in questions:
            lookups.reset_mock()
            made, kept = question(), question()
            assert (cache_of(made), cache_of(kept)) == ("miss", "hit")
            assert lookups.call_count == 1
            # What is not in it is kept with it.
            assert kept.headers.get("X-Next-Cursor") == made.headers.get("X-Next-Cursor")
