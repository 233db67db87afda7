"""Make candles anew from ticks that are stored: those that marks name, and those found to differ from their ticks."""

from collections.abc import Callable

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.minutes.domain.source import Source
from chandlery.minutes.store import candles, marks
from chandlery.minutes.store.candles import Written
from chandlery.reference.store import instruments
from chandlery.words.window import MINUTE, Window

# From this many instruments on, each minute is read by a statement of its own.
_MANY = 1_000


def heal_marked(
    connection: Connection,
    window: Window,
    source: Source,
    *,
    piece_candles: int,
    has_time: Callable[[], bool],
    most_pieces: int | None = None,
) -> tuple[Written, int]:
    """Write the candles of every mark in a window, the newest first; each piece is a transaction of its own.

    Args:
        connection: in autocommit mode.
        window: whose marks.
        source: what the candles are called that are new.
        piece_candles: candles per transaction, about.
        has_time: asked before each piece whether another one fits.
        most_pieces: pieces to write, at most; None: as many as there is time for.

    Returns:
        What was written, and the pieces that are left.

    Raises:
        Retryable, Permanent: from the database; the pieces done so far stay done.
    """
    pieces = marks.plan_pieces(connection, CANDLES, window, piece_candles)
    total = Written()
    for done, piece in enumerate(pieces):
        if done == most_pieces or not has_time():
            return total, len(pieces) - done
        total += candles.write_from_marks(connection, piece, source)
    return total, 0


def heal_differing(
    connection: Connection, window: Window, source: Source, *, piece_candles: int, has_time: Callable[[], bool]
) -> Written:
    """Hold every candle of a window against its ticks: for what changed without leaving a mark (triggers switched off).

    Raises:
        Retryable, Permanent: from the database; the pieces done so far stay done.
    """
    many = max(instruments.count(connection), 1)
    length = MINUTE if many >= _MANY else max(piece_candles // many, 1) * MINUTE
    total = Written()
    starts = window.starts
    while starts < window.ends and has_time():
        ends = min(starts + length, window.ends)
        total += candles.verify(connection, Window(starts, ends), source)
        starts = ends
    return total
