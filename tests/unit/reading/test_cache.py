"""The cache's first level by itself: bounded by bytes, never another answer than the one that was put."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.reading.cache import Cache
from tests.cached import found

PLENTY = 10_000_000


class Clock:
    """Does not move by itself."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_an_answer_is_found_under_its_fingerprint_alone(clock: Clock) -> None:
    cache = Cache(PLENTY, None, clock=clock)
    assert found(cache, "key", "1") is None
    cache.put("key", "1", b"one", seconds=60)
    assert found(cache, "key", "1") == b"one"
    assert found(cache, "key", "2") is None
    cache.put("key", "2", b"two", seconds=60)
    assert (found(cache, "key", "1"), found(cache, "key", "2")) == (None, b"two")
    told = cache.statistics
    assert (told.hits_l1, told.hits_l2, told.misses, told.stored, told.entries) == (2, 0, 3, 2, 1)
    assert (told.l2, told.l2_errors, told.hit_rate) == ("absent", 0, 0.4)


def test_an_empty_answer_is_an_answer(clock: Clock) -> None:
    cache = Cache(PLENTY, None, clock=clock)
    cache.put("key", "1", b"", seconds=60)
    assert found(cache, "key", "1") == b""


def test_an_answer_grows_old(clock: Clock) -> None:
    cache = Cache(PLENTY, None, clock=clock)
    cache.put("key", "1", b"one", seconds=60)
    clock.now += 59.9
    assert found(cache, "key", "1") == b"one"
    clock.now += 0.1
    assert found(cache, "key", "1") is None
    assert (cache.statistics.entries, cache.statistics.bytes) == (0, 0)


def test_what_was_used_last_stays(clock: Clock) -> None:
    cache = Cache(5000, None, clock=clock)
    for number in range(3):
        cache.put(f"key {number}", "1", bytes(800), seconds=60)
    assert found(cache, "key 0", "1") is not None
    cache.put("key 3", "1", bytes(800), seconds=60)
    assert [found(cache, f"key {number}", "1") is not None for number in range(4)] == [True, False, True, True]
    assert cache.statistics.evicted == 1


@pytest.mark.parametrize("most_bytes", [0, 2000])
def test_what_does_not_fit_is_not_kept(clock: Clock, most_bytes: int) -> None:
    cache = Cache(most_bytes, None, clock=clock)
    cache.put("key", "1", b"small" if most_bytes else b"", seconds=60)
    cache.put("key", "2", bytes(3000), seconds=60)
    assert (found(cache, "key", "1"), found(cache, "key", "2"), cache.statistics.bytes) == (None, None, 0)


def test_ages_are_reported(clock: Clock) -> None:
    cache = Cache(PLENTY, None, clock=clock)
    assert (cache.statistics.oldest_seconds, cache.statistics.median_seconds) == (None, None)
    for number in range(3):
        cache.put(f"key {number}", "1", b"", seconds=600)
        clock.now += 10
    assert (cache.statistics.oldest_seconds, cache.statistics.median_seconds) == (30, 20)


def test_no_more_memory_is_taken_than_allowed(clock: Clock) -> None:
    cache = Cache(2_000_000, None, clock=clock)
    tracemalloc.start()
    for number in range(4000):
        cache.put(
            f"an instrument, a timeframe and a window {number}", f"a fingerprint {number}", bytes(700), seconds=60
        )
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert cache.statistics.bytes <= 2_000_000
    assert 0.6 * cache.statistics.bytes < taken < 1.1 * cache.statistics.bytes


KEYS = st.sampled_from(["a", "b", "c", "d"])
MARKS = st.sampled_from(["1", "2", "3"])
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, MARKS, st.integers(0, 3000), st.integers(1, 30)),
    st.tuples(st.just("get"), KEYS, MARKS, st.just(0), st.just(0)),
    st.tuples(st.just("wait"), st.just(""), st.just(""), st.just(0), st.integers(1, 20)),
)


@given(st.lists(STEPS, max_size=60), st.sampled_from([0, 3000, 8000, PLENTY]))
def test_it_answers_as_a_dictionary_or_not_at_all(steps: list[tuple[str, str, str, int, int]], most_bytes: int) -> None:
    clock = Clock()
    cache = Cache(most_bytes, None, clock=clock)
    plain: dict[str, tuple[str, bytes, float]] = {}
    for number, (action, key, mark, size, seconds) in enumerate(steps):
        if action == "wait":
            clock.now += seconds
        elif action == "put":
            value = number.to_bytes(4, "big") + bytes(size)
            cache.put(key, mark, value, seconds=seconds)
            plain[key] = (mark, value, clock.now + seconds)
        else:
            there = plain.get(key)
            expected = there[1] if there and there[0] == mark and there[2] > clock.now else None
            there_now = found(cache, key, mark)
            assert there_now in (expected, None)
            assert there_now == expected or most_bytes < PLENTY
        assert cache.statistics.bytes <= most_bytes
