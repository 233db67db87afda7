"""The first level: this sandbox's memory, bounded by bytes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sys import getsizeof

from cachetools import Cache, LRUCache

# What an entry costs beside its key, fingerprint and value: the entry itself, and its place in three dictionaries.
_OVERHEAD = 600


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, the fingerprint of the data it came from, and for how many seconds it is good yet.

    `note` is what belongs to the answer and does not stand in it.
    """

    fingerprint: str
    value: bytes
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Entry:
    kept: Kept
    stored_at: float
    bytes: int


class _Counting(LRUCache[str, _Entry]):
    """Counts what had to make room."""

    evicted = 0

    def popitem(self) -> tuple[str, _Entry]:
        self.evicted += 1
        return super().popitem()

    def peek(self, key: str) -> _Entry:
        """An entry, which stays where it is in the order of use."""
        return Cache.__getitem__(self, key)


class Memory:
    """The entries used last, as many as fit into so many bytes."""

    def __init__(self, most_bytes: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries = _Counting(most_bytes, getsizeof=lambda entry: entry.bytes)

    def get(self, key: str) -> Kept | None:
        """The answer under a key, unless it is too old."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.stored_at + entry.kept.seconds <= self._clock():
            del self._entries[key]
            return None
        return entry.kept

    def put(self, key: str, kept: Kept) -> None:
        """Keep an answer in the place of the one there, if it fits at all."""
        taken = _OVERHEAD + sum(map(getsizeof, (key, kept.fingerprint, kept.value, kept.note)))
        self._entries.pop(key, None)
        if taken <= self._entries.maxsize:
            self._entries[key] = _Entry(kept, self._clock(), taken)

    @property
    def bytes(self) -> int:
        """What the entries take."""
        return int(self._entries.currsize)

    @property
    def evicted(self) -> int:
        """How many entries had to make room so far."""
        return self._entries.evicted

    def ages(self) -> Sequence[float]:
        """How long ago each entry came, in seconds."""
        now = self._clock()
        return [now - self._entries.peek(key).stored_at for key in self._entries]
