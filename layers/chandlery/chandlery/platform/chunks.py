"""Spare TimescaleDB what it need not do for each row."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection

from chandlery.platform.statements import run
from chandlery.words.window import HOUR, Window

# A longer window may touch many chunks: there, excluding most of them pays off at each probe.
_FEW_HOURS = 6


@contextmanager
def excluded_once(connection: Connection, window: Window) -> Iterator[None]:
    """Meanwhile, inside a transaction, chunks beyond a short window are excluded while planning, and not at each probe.

    For statements that say the window's bounds as constants, and then probe it thousands of times.
    """
    if window.ends - window.starts > _FEW_HOURS * HOUR:
        yield
        return
    run(connection, "set_chunk_exclusion", setting="off")
    yield
    run(connection, "set_chunk_exclusion", setting="on")
