"""The second level: Redis or Valkey, which all sandboxes share. Whatever fails there is a miss here, and no more."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b, sha256
from hmac import compare_digest
from itertools import accumulate, pairwise
from struct import Struct
from typing import TYPE_CHECKING, TypeVar

from chandlery.reading.cache.memory import Kept

if TYPE_CHECKING:
    from redis import Redis

Answer = TypeVar("Answer")

_LOG = logging.getLogger(__name__)
_FORMAT = b"CHC3"
# Format, tag, when it ends in seconds since 1970, lengths of fingerprint, note and answer.
_HEADER = Struct(">4s32sdIIQ")
# Not asked again for so long once it failed.
_PAUSE_SECONDS = 15.0
# More would hardly pass within the timeout.
_MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Shared:
    """A Redis that sandboxes share, and the key by which they know their own entries from those of others."""

    url: str
    key: bytes


class Remote:
    """Answers in Redis, each with its fingerprint, its end, and a tag that only holders of the key can make."""

    def __init__(
        self, shared: Shared, clock: Callable[[], float], epoch: Callable[[], float], timeout: float, version: str
    ) -> None:
        self.errors = 0
        self._version = version
        self._url = shared.url
        # blake2b takes no longer key.
        self._key = sha256(shared.key).digest()
        self._clock = clock
        self._epoch = epoch
        self._timeout = timeout
        self._client: Redis | None = None
        self._down_until: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether it would be asked now."""
        return self._down_until is None or self._clock() >= self._down_until

    def get(self, key: str) -> Kept | None:
        """The answer under a key; none as well where Redis fails, is slow, or holds something else."""
        name = self._name(key)
        stored = self._try(lambda client: client.get(name))
        return self._unpack(name, stored) if isinstance(stored, bytes) else None

    def put(self, key: str, kept: Kept) -> None:
        """Keep an answer, if Redis takes it."""
        if len(kept.value) > _MOST_BYTES or kept.seconds <= 0:
            return
        name = self._name(key)
        self._try(lambda client: client.set(name, self._pack(name, kept), px=max(int(kept.seconds * 1000), 1)))

    def _name(self, key: str) -> str:
        """As short as any, whatever the question was."""
        return f"chandlery:{self._version}:{sha256(key.encode()).hexdigest()}"

    def _pack(self, name: str, kept: Kept) -> bytes:
        ends = self._epoch() + kept.seconds
        parts = (kept.fingerprint.encode(), kept.note.encode(), kept.value)
        return _HEADER.pack(_FORMAT, self._tag(name, ends, *parts), ends, *map(len, parts)) + b"".join(parts)

    def _unpack(self, name: str, stored: bytes) -> Kept | None:
        """The answer, if one of us put it there under this name, and it is not too old."""
        if len(stored) < _HEADER.size:
            return None
        form, tag, ends, *lengths = _HEADER.unpack_from(stored)
        if form != _FORMAT or len(stored) != _HEADER.size + sum(lengths):
            return None
        edges = accumulate(lengths, initial=_HEADER.size)
        own, note, value = (stored[first:beyond] for first, beyond in pairwise(edges))
        if not compare_digest(tag, self._tag(name, ends, own, note, value)):
            return None
        seconds = ends - self._epoch()
        return Kept(own.decode(), value, seconds, note.decode()) if seconds > 0 else None

    def _tag(self, name: str, ends: float, *parts: bytes) -> bytes:
        lengths = " ".join(str(len(part)) for part in parts)
        made = blake2b(f"{name} {ends!r} {lengths} ".encode(), key=self._key, digest_size=32)
        for part in parts:
            made.update(part)
        return made.digest()

    def _try(self, action: "Callable[[Redis], Answer]") -> Answer | None:
        if not self.is_up:
            return None
        begun = self._clock()
        try:
            answer = action(self._connected())
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a cache, the answer is made without it
            # Not the error's words: they may quote the URL, which has the password.
            self._pause(type(error).__name__)
            return None
        if self._clock() - begun > 2 * self._timeout:
            # Each part came in time, but all in all it was slow.
            self._pause("slowness")
        else:
            self._down_until = None
        return answer

    def _pause(self, reason: str) -> None:
        self.errors += 1
        self._down_until = self._clock() + _PAUSE_SECONDS
        _LOG.warning("the cache in Redis is not asked for %d s: %s", _PAUSE_SECONDS, reason)

    def _connected(self) -> "Redis":
        if self._client is None:
            # Imported here: only where a URL is set is it worth its time.
            from redis import ConnectionError as Unconnected
            from redis import Redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            self._client = Redis.from_url(
                self._url,
                socket_connect_timeout=self._timeout,
                socket_timeout=self._timeout,
                # Once more at once where the connection is gone, as after a freeze; never after a timeout.
                retry=Retry(NoBackoff(), 1, supported_errors=(Unconnected,)),
                # What every server knows, in one exchange less.
                protocol=2,
                driver_info=None,
            )
        return self._client
