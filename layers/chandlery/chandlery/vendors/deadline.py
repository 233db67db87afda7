"""One deadline over all that a fetch does, down to each read from its socket."""

import io
import socket
from collections.abc import Callable
from functools import partial
from http.client import HTTPResponse
from typing import Any

from urllib3 import HTTPConnectionPool, connection_from_url


class Deadline:
    """The seconds a fetch may take; no single wait in it lasts longer than `step_seconds`."""

    def __init__(self, seconds: float, step_seconds: float, monotonic: Callable[[], float]) -> None:
        self.seconds = seconds
        self._step_seconds = step_seconds
        self._monotonic = monotonic
        self.start()

    def start(self) -> None:
        """Count from now."""
        self._ends = self._monotonic() + self.seconds

    def left(self) -> float:
        """Seconds left; zero once it has passed."""
        return max(0.0, self._ends - self._monotonic())

    def step(self) -> float:
        """The longest next wait, in seconds.

        Raises:
            TimeoutError: nothing is left.
        """
        left = self.left()
        if not left:
            raise TimeoutError("the deadline has passed")
        return min(self._step_seconds, left)


def timed_pool(origin: str, deadline: Deadline) -> HTTPConnectionPool:
    """urllib3's pool for `scheme://host:port`, whose every read from a socket ends by the deadline.

    urllib3's own timeouts count from the last byte: a server that drips would never meet them.
    """
    pool = connection_from_url(origin, maxsize=1)
    make = pool.ConnectionCls

    def make_timed(**settings: Any) -> Any:
        connection: Any = make(**settings)
        connection.response_class = partial(_TimedResponse, deadline=deadline)
        return connection

    pool.ConnectionCls = make_timed  # type: ignore[assignment]
    return pool


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, deadline: Deadline, **settings: Any) -> None:
        super().__init__(sock, *args, **settings)
        self.fp: io.BufferedReader = io.BufferedReader(_TimedReads(self.fp.detach(), sock, deadline))


class _TimedReads(io.RawIOBase):
    """A socket's raw reader that is given its timeout anew before each read."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._raw, self._sock, self._deadline = raw, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._deadline.step())
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        # The raw reader holds the socket open; letting go of it lets the socket close.
        self._raw.close()
        super().close()
