"""The first level: this sandbox's memory, bounded by bytes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sys import getsizeof

from cachetools import Cache, LRUCache

# What an entry costs beside its key, fingerprint and value: the entry itself, and its place in three dictionaries.
_OVERHEAD = 600


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer, of which data, since when and until when."""

    key: str
    fingerprint: str
    value: bytes
    stored_at: float
    expires_at: float

    @property
    def bytes(self) -> int:
        """What it takes of memory, about."""
        return _OVERHEAD + getsizeof(self.key) + getsizeof(self.fingerprint) + getsizeof(self.value)


class _Counting(LRUCache[str, Entry]):
    """Counts what had to make room."""

    evicted = 0

    def popitem(self) -> tuple[str, Entry]:
        self.evicted += 1
        return super().popitem()

    def peek(self, key: str) -> Entry:
        """An entry, which stays where it is in the order of use."""
        return Cache.__getitem__(self, key)


class Memory:
    """The entries used last, as many as fit into so many bytes."""

    def __init__(self, most_bytes: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries = _Counting(most_bytes, getsizeof=lambda entry: entry.bytes)

    def get(self, key: str, fingerprint: str) -> bytes | None:
        """The answer of these data, unless it is too old."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires_at <= self._clock():
            del self._entries[key]
            return None
        return entry.value if entry.fingerprint == fingerprint else None

    def put(self, key: str, fingerprint: str, value: bytes, seconds: float) -> None:
        """Keep an answer in the place of the one there, if it fits at all."""
        now = self._clock()
        entry = Entry(key, fingerprint, value, now, now + seconds)
        self._entries.pop(key, None)
        if entry.bytes <= self._entries.maxsize:
            self._entries[key] = entry

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
