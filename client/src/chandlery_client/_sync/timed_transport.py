"""A transport whose reads and writes end by a deadline, however slowly bytes drip in."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

import httpcore2
import httpx2

from chandlery_client.core.target import trust


class Deadline(local):
    """When the attempt of this thread is to end."""

    at: float | None = None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let all that this thread reads and writes end in `seconds`."""
        self.at = time.monotonic() + seconds
        try:
            yield
        finally:
            self.at = None

    def left(self) -> float | None:
        """Seconds that are left.

        Raises:
            httpcore2.ReadTimeout: none.
        """
        if self.at is None:
            return None
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout
        return left


class _Stream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *args: Any, **named: Any) -> httpcore2.NetworkStream:
        return _Stream(self._stream.start_tls(*args, **{**named, "timeout": self._deadline.left()}), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore2.SyncBackend):
    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(self, *args: Any, **named: Any) -> httpcore2.NetworkStream:
        return _Stream(super().connect_tcp(*args, **{**named, "timeout": self._deadline.left()}), self._deadline)


class TimedTransport(httpx2.HTTPTransport):
    """httpx2's transport over such streams: its own timeouts begin again with each byte that is read."""

    def __init__(self, deadline: Deadline, connections: int) -> None:
        super().__init__(verify=trust())
        self._pool = httpcore2.ConnectionPool(
            ssl_context=trust(),
            max_connections=connections,
            max_keepalive_connections=connections,
            network_backend=_Backend(deadline),
        )
