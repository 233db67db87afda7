"""The second level: Redis or Valkey, which all sandboxes share. Whatever fails there is a miss here, and no more."""

import logging
from collections.abc import Callable
from hashlib import blake2b, sha256
from struct import Struct
from typing import TYPE_CHECKING, TypeVar

from chandlery.cache.memory import Kept

if TYPE_CHECKING:
    from redis import Redis

Answer = TypeVar("Answer")

_LOG = logging.getLogger(__name__)
_FORMAT = b"CHC1"
_HEADER = Struct(">4s16sIQ")  # format, checksum, and the lengths of fingerprint and answer
# Not asked again for so long once it failed.
_PAUSE_SECONDS = 15.0
# More would hardly pass within the timeout.
_MOST_BYTES = 4 * 1024 * 1024


class Remote:
    """Answers in Redis, each with its fingerprint and a checksum."""

    def __init__(self, url: str, clock: Callable[[], float], timeout: float, version: str) -> None:
        self.errors = 0
        self._version = version
        self._url = url
        self._clock = clock
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

        def ask(client: "Redis") -> Kept | None:
            # Both at once, in one exchange.
            exchange = client.pipeline(transaction=False)
            exchange.get(name)
            exchange.pttl(name)
            stored, left = exchange.execute()
            if not isinstance(stored, bytes) or not isinstance(left, int) or left <= 0:
                return None
            return _unpack(name, stored, left / 1000)

        return self._try(ask)

    def put(self, key: str, kept: Kept) -> None:
        """Keep an answer, if Redis takes it."""
        if len(kept.value) > _MOST_BYTES or kept.seconds <= 0:
            return
        name = self._name(key)
        self._try(lambda client: client.set(name, _pack(name, kept), px=max(int(kept.seconds * 1000), 1)))

    def _name(self, key: str) -> str:
        """As short as any, whatever the question was."""
        return f"chandlery:{self._version}:{sha256(key.encode()).hexdigest()}"

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


def _pack(name: str, kept: Kept) -> bytes:
    own = kept.fingerprint.encode()
    return _HEADER.pack(_FORMAT, _checksum(name, own, kept.value), len(own), len(kept.value)) + own + kept.value


def _unpack(name: str, stored: bytes, seconds: float) -> Kept | None:
    """The answer, if all of it is there, and under its own name."""
    if len(stored) < _HEADER.size:
        return None
    form, checksum, own_length, length = _HEADER.unpack_from(stored)
    if form != _FORMAT or len(stored) != _HEADER.size + own_length + length:
        return None
    own, value = stored[_HEADER.size : _HEADER.size + own_length], stored[_HEADER.size + own_length :]
    return Kept(own.decode(), value, seconds) if checksum == _checksum(name, own, value) else None


def _checksum(name: str, own: bytes, value: bytes) -> bytes:
    made = blake2b(name.encode(), digest_size=16)
    made.update(b"\0" + own + b"\0")
    made.update(value)
    return made.digest()
