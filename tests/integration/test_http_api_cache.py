"""Cached answers of the HTTP API: what is healed is in the next answer, in every sandbox, whichever level had it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from psycopg import Connection

from chandlery.domain.window import MINUTE
from chandlery.settings import Settings
from chandlery.store.connection import connect
from tests.conftest import empty
from tests.integration.api_scene import OPENS, SHARE, Answer, Sandboxes, candles, compute, minute, settings, settle
from tests.integration.api_scene import set_scene as scene_of
from tests.integration.derived_scene import write
from tests.integration.test_shared_cache import SERVER, Server
from tests.plain_derived import Minute

# Left out of the scene.
MISSING = OPENS + 7 * MINUTE
HEALED = "2013-10-07T13:37:00Z"
STRETCH: dict[str, Any] = {"from_": "2013-10-07T13:30Z", "to": "2013-10-07T14:30Z"}


@pytest.fixture
def connection(migrated_url: str) -> Iterator[Connection]:
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        scene_of(connection, datetime.now(UTC))
        yield connection


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
    with settings(migrated_url, REDIS_URL=redis):
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

        # And as often as it changes.
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


def test_a_page_before_a_healed_candle_is_made_anew(connection: Connection, migrated_url: str) -> None:
    """The newest so many candles reach further back or less far when there is one more of them."""
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


def test_no_cache_is_no_harm(connection: Connection, migrated_url: str) -> None:
    with settings(migrated_url, CACHE_BYTES="0"):
        assert [cache_of(candles(SHARE, "1m", **STRETCH)) for _ in range(2)] == ["miss", "miss"]
    with settings(migrated_url, REDIS_URL="redis://:s3cret-word@127.0.0.1:1/0"):
        assert [cache_of(candles(SHARE, "1m", **STRETCH)) for _ in range(2)] == ["miss", "hit"]
