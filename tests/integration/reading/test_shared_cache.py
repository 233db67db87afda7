"""The second level on a real Redis: shared by sandboxes, and never more than slow when it fails."""

import random
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import redis
from psycopg import Connection

from chandlery.reading.cache import Cache, Shared
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import HOUR, MINUTE, Window
from tests.cached import CACHE_KEY, found, shared
from tests.integration.cached_reading import cached, new_cache, plain
from tests.integration.derived_scene import refresh, write
from tests.integration.market import around_the_clock
from tests.integration.redis_server import SERVER, Server
from tests.plain_derived import Minute

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[Server]:
    if SERVER is None:
        pytest.skip("needs redis-server: apt-get install redis-server")
    # A socket's path may be 108 characters long, and pytest's own folders are deep.
    with TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        yield server
        server.kill()


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def put(client: redis.Redis, change: Callable[[bytes], bytes]) -> None:
    """Change every value there is, behind the cache's back."""
    for name in client.keys("*"):
        stored = client.get(name)
        assert isinstance(stored, bytes)
        client.set(name, change(stored), ex=60)


def test_a_healed_candle_shows_in_both_sandboxes(connection: Connection, server: Server) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    minutes = [NOON - n * MINUTE for n in (50, 40, 30)]
    value = Decimal(5)
    minute = Minute(NOON, value, value, value, value, value, None, None, True, False, "vendor_historical")
    write(connection, instrument, [replace(minute, time=each) for each in minutes])
    refresh(connection, NOON + HOUR)
    one, other = new_cache(server.url), new_cache(server.url)
    window = Window(NOON - HOUR, NOON)
    for timeframe in (Timeframe.M1, Timeframe.M5, Timeframe.H1):
        assert cached(one, connection, instrument, timeframe, window)[1] == plain(
            connection, instrument, timeframe, window
        )
        assert cached(other, connection, instrument, timeframe, window)[1] == plain(
            connection, instrument, timeframe, window
        )
    assert (one.statistics.misses, other.statistics.hits_l2, other.statistics.misses) == (3, 3, 0)
    healed = replace(minute, time=NOON - 35 * MINUTE, close=Decimal(3), low=Decimal(3))
    write(connection, instrument, [healed])
    for cache in (other, one):
        _, answer = cached(cache, connection, instrument, Timeframe.M1, window)
        assert [each.time for each in answer] == [*minutes[:2], healed.time, minutes[2]]
    assert (other.statistics.misses, one.statistics.hits_l2) == (1, 1)
    refresh(connection, NOON + HOUR)
    for cache in (one, other):
        for timeframe in (Timeframe.M5, Timeframe.H1):
            part, answer = cached(cache, connection, instrument, timeframe, window)
            assert part == window
            assert answer == plain(connection, instrument, timeframe, window)
    assert one.statistics.l2_errors == other.statistics.l2_errors == 0


def test_what_one_sandbox_puts_another_finds_in_memory_from_then_on(server: Server) -> None:
    one, other = new_cache(server.url), new_cache(server.url)
    one.put("key", "1", b"answer", seconds=60)
    assert [found(other, "key", "1") for _ in range(2)] == [b"answer"] * 2
    assert found(other, "key", "2") is None
    told = other.statistics
    assert (told.hits_l2, told.hits_l1, told.misses, told.l2, told.entries) == (1, 1, 1, "up", 1)


def test_the_time_left_goes_along(server: Server) -> None:
    clock = Clock()
    one, other = new_cache(server.url), new_cache(server.url, clock=clock)
    one.put("key", "1", b"answer", seconds=100)
    assert found(other, "key", "1") == b"answer"
    server.client().flushall()
    clock.now += 99
    assert found(other, "key", "1") == b"answer"
    clock.now += 1
    assert found(other, "key", "1") is None


def test_a_server_that_dies_is_missed_by_nobody(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    cache, without_memory = new_cache(server.url, clock=clock), Cache(0, shared(server.url), clock=clock)
    cache.put("key", "1", b"answer", seconds=600)
    assert found(without_memory, "key", "1") == b"answer"
    server.kill()
    assert found(without_memory, "key", "1") is None
    without_memory.put("key", "1", b"answer", seconds=600)
    assert found(cache, "key", "1") == b"answer"
    # Not asked again for a while, and reported once.
    assert (without_memory.statistics.l2, without_memory.statistics.l2_errors) == ("down", 1)
    assert len(caplog.records) == 1
    assert "s3cret" not in caplog.text
    server.start()
    assert found(without_memory, "key", "1") is None
    clock.now += 15
    without_memory.put("key", "2", b"later", seconds=600)
    assert found(without_memory, "key", "2") == b"later"
    assert (without_memory.statistics.l2, without_memory.statistics.l2_errors) == ("up", 1)


def test_a_connection_that_was_closed_meanwhile_is_opened_again(server: Server) -> None:
    cache = Cache(0, shared(server.url), clock=time.monotonic)
    cache.put("key", "1", b"answer", seconds=60)
    server.client().client_kill_filter(_type="normal", skipme=True)
    assert found(cache, "key", "1") == b"answer"
    assert cache.statistics.l2_errors == 0


def test_a_server_that_never_answers_costs_its_timeout_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache = Cache(
            1_000_000,
            shared(f"redis://127.0.0.1:{silent.getsockname()[1]}/0"),
            clock=time.monotonic,
            timeout_seconds=0.1,
        )
        assert found(cache, "key", "1") is None
        for number in range(100):
            cache.put(str(number), "1", b"answer", seconds=60)
            assert found(cache, str(number), "1") == b"answer"
        # Asked a second time, it would have failed a second time.
        assert (cache.statistics.l2, cache.statistics.l2_errors) == ("down", 1)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:1/0",
        "rediss://127.0.0.1:1/0",
        "redis://:s3cret@127.0.0.1:s3cret/0",
        "nothing",
        "unix:///none",
    ],
)
def test_no_server_is_no_error(url: str, caplog: pytest.LogCaptureFixture) -> None:
    cache = Cache(1_000_000, shared(url), clock=time.monotonic)
    cache.put("key", "1", b"answer", seconds=60)
    assert (found(cache, "key", "1"), found(cache, "key", "2")) == (b"answer", None)
    assert (cache.statistics.l2, cache.statistics.l2_errors) == ("down", 1)
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        lambda stored: b"",
        lambda stored: b"rubbish of somebody else's",
        lambda stored: stored[:-1],
        lambda stored: stored[:20],
        lambda stored: stored + b"x",
        lambda stored: stored.replace(b"answer", b"ansWer"),
    ],
    ids=["empty", "foreign", "truncated", "header", "longer", "flipped"],
)
def test_what_is_not_a_kept_answer_is_a_miss(server: Server, change: Callable[[bytes], bytes]) -> None:
    new_cache(server.url).put("key", "1", b"the answer", seconds=60)
    cache = Cache(0, shared(server.url), clock=time.monotonic)
    assert found(cache, "key", "1") == b"the answer"
    put(server.client(), change)
    assert found(cache, "key", "1") is None
    assert cache.statistics.l2 == "up"


def test_another_type_under_our_name_is_no_error(server: Server) -> None:
    new_cache(server.url).put("key", "1", b"the answer", seconds=60)
    client = server.client()
    (name,) = client.keys("*")
    client.delete(name)
    client.rpush(name, b"a list")
    cache = Cache(0, shared(server.url), clock=time.monotonic)
    assert found(cache, "key", "1") is None


def test_an_answer_under_another_name_is_a_miss(server: Server) -> None:
    one = new_cache(server.url)
    one.put("key", "1", b"the answer", seconds=60)
    client = server.client()
    (name,) = client.keys("*")
    one.put("other", "1", b"another", seconds=60)
    client.set(name, client.get(next(each for each in client.keys("*") if each != name)), ex=60)  # type: ignore[arg-type]
    assert found(Cache(0, shared(server.url), clock=time.monotonic), "key", "1") is None


def test_an_entry_of_another_key_is_a_miss_whatever_it_says(server: Server) -> None:
    forger = Cache(0, Shared(server.url, b"anyone who can write there"), clock=time.monotonic)
    for fingerprint in ("1", "x", "a b c", ""):
        forger.put("key", fingerprint, b'{"close": 992.69}', seconds=1e9)
        assert found(new_cache(server.url), "key", fingerprint) is None


def test_the_lifetime_is_the_one_the_answer_was_put_with(server: Server) -> None:
    epoch, clock = Clock(), Clock()
    cache = Cache(0, Shared(server.url, CACHE_KEY.encode()), clock=clock, epoch=epoch)
    cache.put("key", "1", b"the answer", seconds=60)
    client = server.client()
    (name,) = client.keys("*")
    client.persist(name)
    epoch.now += 59
    assert found(cache, "key", "1") == b"the answer"
    epoch.now += 1
    assert found(cache, "key", "1") is None


def test_random_changes_and_cuts_of_an_entry_are_misses(server: Server) -> None:
    cache = Cache(0, shared(server.url), clock=time.monotonic)
    cache.put("key", "1", b"the answer", seconds=60)
    client = server.client()
    (name,) = client.keys("*")
    whole = client.get(name)
    assert isinstance(whole, bytes)
    dice = random.Random(7)
    for _ in range(1000):
        at = dice.randrange(len(whole))
        changed = bytearray(whole)
        changed[at] ^= dice.randrange(1, 256)
        client.set(name, bytes(changed) if dice.random() < 0.7 else whole[:at], ex=60)
        assert found(cache, "key", "1") is None
    assert (cache.statistics.l2, cache.statistics.l2_errors) == ("up", 0)
