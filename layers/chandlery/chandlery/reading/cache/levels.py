"""The two levels together: the sandbox's memory before Redis."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from threading import Lock
from typing import Literal

from chandlery.reading.cache.memory import Kept, Memory
from chandlery.reading.cache.remote import Remote, Shared


@dataclass(frozen=True)
class CacheStatistics:
    """What the cache of one sandbox did and holds.

    Attributes:
        hits_l1: answers found in memory.
        hits_l2: answers found in Redis, and not in memory.
        misses: questions neither had the answer to, or had it of other data only.
        stored: answers put.
        evicted: answers that had to make room in memory for others.
        bytes: what memory holds, overhead included; at most what it may.
        entries: answers in memory.
        oldest_seconds: how long ago the oldest of them came into memory; none without any.
        median_seconds: the same of the one in the middle.
        l2: down while Redis is not asked, since it failed just now; absent where none is configured.
        l2_errors: how often Redis failed or was too slow.
    """

    hits_l1: int
    hits_l2: int
    misses: int
    stored: int
    evicted: int
    bytes: int
    entries: int
    oldest_seconds: float | None
    median_seconds: float | None
    l2: Literal["absent", "up", "down"]
    l2_errors: int

    @property
    def hit_rate(self) -> float | None:
        """The share of questions that either level had the answer to; none before the first."""
        asked = self.hits_l1 + self.hits_l2 + self.misses
        return (self.hits_l1 + self.hits_l2) / asked if asked else None


class Cache:
    """Answers by key, in this sandbox's memory and in Redis, which all sandboxes share.

    There is one entry to a key, with the fingerprint of the data it came from: whoever asks says whether that is still
    theirs. Redis may be slow, down, or hold rubbish: that costs time, bounded, and never an error.
    """

    def __init__(
        self,
        most_bytes: int,
        shared: Shared | None,
        *,
        clock: Callable[[], float],
        epoch: Callable[[], float] = time.time,
        timeout_seconds: float = 0.15,
        version: str = "",
    ) -> None:
        """A cache that is empty.

        Args:
            most_bytes: what memory may hold, keys and overhead included; 0: nothing.
            shared: the second level; without it there is one.
            clock: seconds since any moment, as time.monotonic tells them.
            epoch: seconds since 1970, which all sandboxes have in common: when a shared answer ends.
            timeout_seconds: longest wait for Redis, in seconds: to connect, and for each answer.
            version: of the code, which may answer otherwise from the same data; answers of another are not found.
        """
        self._memory = Memory(most_bytes, clock)
        self._remote = Remote(shared, clock, epoch, timeout_seconds, version) if shared else None
        self._lock = Lock()
        self._hits_l1 = self._hits_l2 = self._misses = self._stored = 0

    def get(self, key: str, is_current: Callable[[str], bool]) -> Kept | None:
        """The answer that was put under this key; none where none is there, or it is too old, or of other data.

        Args:
            key: as it was put.
            is_current: whether a fingerprint is the one of the data as they are now. What it raises is raised.
        """
        with self._lock:
            own = self._memory.get(key)
        if own is not None and is_current(own.fingerprint):
            with self._lock:
                self._hits_l1 += 1
            return own
        shared = self._remote.get(key) if self._remote else None
        # What is in memory, and not current, need not be looked at again.
        if shared is None or (own and own.fingerprint == shared.fingerprint) or not is_current(shared.fingerprint):
            with self._lock:
                self._misses += 1
            return None
        with self._lock:
            self._hits_l2 += 1
            self._memory.put(key, shared)
        return shared

    def put(self, key: str, fingerprint: str, value: bytes, *, seconds: float, note: str = "") -> None:
        """Keep an answer for so long, or until it must make room.

        Args:
            key: the question, with all that the answer depends on beside the data.
            fingerprint: of the data, read BEFORE the answer was: so that an answer of newer data goes unfound, rather
                than one of older data found.
            value: the answer.
            seconds: immutable history long, the rest short.
            note: what belongs to the answer and does not stand in it.
        """
        kept = Kept(fingerprint, value, seconds, note)
        with self._lock:
            self._stored += 1
            self._memory.put(key, kept)
        if self._remote:
            self._remote.put(key, kept)

    @property
    def statistics(self) -> CacheStatistics:
        """What it did so far, and what it holds now."""
        with self._lock:
            ages = self._memory.ages()
            return CacheStatistics(
                hits_l1=self._hits_l1,
                hits_l2=self._hits_l2,
                misses=self._misses,
                stored=self._stored,
                evicted=self._memory.evicted,
                bytes=self._memory.bytes,
                entries=len(ages),
                oldest_seconds=max(ages, default=None),
                median_seconds=median(ages) if ages else None,
                l2="absent" if self._remote is None else "up" if self._remote.is_up else "down",
                l2_errors=self._remote.errors if self._remote else 0,
            )
