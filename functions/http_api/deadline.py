"""Gives up what a connection is asked once its time is over."""

import contextlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import TIMEOUT_MAX, Condition, Thread

import psycopg
from psycopg import Connection


class Deadline:
    """One thread that watches each request's connection in turn; a timer apiece would start a thread for each.

    It sleeps until the deadline it knows of: a request that ends sooner, as nearly all do, does not wake it, nor does
    the next one, whose deadline is later.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._watched: Connection | None = None
        self._ends_at = self._wakes_at = math.inf
        self._thread: Thread | None = None
        self._closed = False

    @contextmanager
    def over(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Cancel the statement that the connection still runs once this many seconds have passed inside."""
        with self._changed:
            self._watched, self._ends_at = connection, time.monotonic() + seconds
            if self._thread is None:
                self._thread = Thread(target=self._watch, daemon=True)
                self._thread.start()
            elif self._ends_at < self._wakes_at:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._watched = None

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _watch(self) -> None:
        while (late := self._wait()) is not None:
            # One that is gone has nothing to be cancelled.
            with contextlib.suppress(psycopg.Error):
                late.cancel_safe()

    def _wait(self) -> Connection | None:
        """The next connection whose time is over; none once this is closed."""
        with self._changed:
            while not self._closed:
                self._wakes_at = math.inf if self._watched is None else self._ends_at
                left = self._wakes_at - time.monotonic()
                if self._watched is not None and left <= 0:
                    late, self._watched = self._watched, None
                    return late
                self._changed.wait(None if math.isinf(left) else min(left, TIMEOUT_MAX))
        return None
