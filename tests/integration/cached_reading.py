"""A reader with a cache, as an API would have it, and one without."""

import pickle
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from chandlery.reading.cache import Cache
from chandlery.reading.store import fingerprints
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import Window
from tests.cached import found, shared
from tests.integration.market import candles_of


class Standing:
    """A clock that does not move."""

    def __call__(self) -> float:
        return 0.0


def new_cache(redis_url: str | None = None, **changes: Any) -> Cache:
    """A sandbox's cache."""
    return Cache(10_000_000, shared(redis_url) if redis_url else None, **({"clock": Standing()} | changes))


def plain(connection: Connection, instrument: int, timeframe: Timeframe, window: Window) -> Sequence[Any]:
    """What the database holds."""
    return candles_of(connection, instrument, window, timeframe)


def settled(connection: Connection, instrument: int, timeframe: Timeframe, window: Window) -> tuple[str, Window | None]:
    """The fingerprint, and the part of the window it covers."""
    found = fingerprints.find_candles(connection, instrument, timeframe, window)
    return found.value, Window(window.starts, found.settled_to) if found.settled_to > window.starts else None


def cached(
    cache: Cache,
    connection: Connection,
    instrument: int,
    timeframe: Timeframe,
    window: Window,
    between: Callable[[], object] = lambda: None,
) -> tuple[Window | None, Sequence[Any]]:
    """What the cache has of the settled part; where it has nothing it is read, after `between`, and kept."""
    value, part = settled(connection, instrument, timeframe, window)
    if part is None:
        return None, []
    key = f"{instrument} {timeframe} {part}"
    kept = found(cache, key, value)
    if kept is not None:
        return part, pickle.loads(kept)  # noqa: S301  # our own
    between()
    answer = plain(connection, instrument, timeframe, part)
    cache.put(key, value, pickle.dumps(answer), seconds=3600)
    return part, answer


def assert_never_stale(cache: Cache, connection: Connection, instrument: int, windows: Sequence[Window]) -> None:
    """A reader with the cache sees what one without sees, in every timeframe; twice, so that the second finds it."""
    for timeframe in Timeframe:
        for window in windows:
            for _ in range(2):
                part, answer = cached(cache, connection, instrument, timeframe, window)
                if part is not None:
                    assert answer == plain(connection, instrument, timeframe, part), (timeframe, part)


def at(text: str) -> datetime:
    """A moment."""
    return datetime.fromisoformat(text)
