"""Turn the minutes whose ticks changed into candles, over the last 24 hours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.minutes.domain.source import Source
from chandlery.minutes.store import candles, marks
from chandlery.minutes.store.candles import Written
from chandlery.reference.store import feeds as feed_store
from chandlery.reference.store import instruments
from chandlery.reference.store.feeds import FeedSilence
from chandlery.words.window import CLOCK_ALLOWANCE, MINUTE, Window, floor_minute, turn_of

# Minutes of the day looked through in one turn: three hours of few instruments take some 10 ms.
_SHORTEST_TURN, _LONGEST_TURN = 5, 180


@dataclass(frozen=True)
class LiveReport:
    """What one live run did; times in seconds.

    `instruments_processed` counts those whose ticks were folded. `feeds` are those in session; `silent_seconds` is the
    longest silence among them, null where none is.
    """

    candles_written: int
    candles_revised: int
    candles_deleted: int
    late_ticks: int
    gaps_filled: int
    instruments_processed: int
    pieces: int
    pieces_left: int
    future_marks: int
    lag_seconds: float
    silent_seconds: float | None
    feeds: Sequence[FeedSilence]

    @property
    def changed(self) -> bool:
        """Whether any candle is other than before the run."""
        return bool(self.candles_written or self.candles_revised or self.candles_deleted)


def aggregate_live(
    connection: Connection,
    scheduled_at: datetime,
    *,
    piece_candles: int,
    gap_check_buckets: int,
    has_time: Callable[[], bool],
    most_pieces: int | None = None,
) -> LiveReport:
    """Write the candles of every due mark, the newest first; then look for minutes whose marks were lost.

    Each piece is a transaction of its own, so a run that dies or runs out of time leaves the rest for the next one.
    `lag_seconds` is how long the oldest minute left behind has been closed: 0 when none is.

    Args:
        connection: in autocommit mode.
        scheduled_at: the run's identity and only clock, aware; minutes that end by then are due.
        piece_candles: candles per transaction, about.
        gap_check_buckets: instrument-minutes to look through for lost marks; 0 looks for none.
        has_time: asked before each piece whether another one fits.
        most_pieces: pieces to write, at most; None: as many as there is time for.

    Raises:
        Retryable, Permanent: from the database; the pieces done so far stay done.
    """
    due = Window.day_before(floor_minute(scheduled_at))
    pieces = marks.plan_pieces(connection, CANDLES, due, piece_candles)
    total, done = Written(), 0
    for piece in pieces[:most_pieces]:
        if not has_time():
            break
        total += candles.write_from_marks(connection, piece)
        done += 1
    filled = Written()
    if done == len(pieces) and has_time() and gap_check_buckets:
        filled = _fill_lost(connection, due, piece_candles, gap_check_buckets)
    left = pieces[done:]
    lag = (due.ends - left[-1].starts - MINUTE).total_seconds() if left else 0.0
    feeds = feed_store.list_feed_silence(connection, due.ends)
    return LiveReport(
        candles_written=total.written + filled.written,
        candles_revised=total.revised + filled.revised,
        candles_deleted=total.deleted,
        late_ticks=total.late_ticks,
        gaps_filled=filled.written,
        instruments_processed=len(total.instrument_ids | filled.instrument_ids),
        pieces=done,
        pieces_left=len(left),
        future_marks=marks.count_future(connection, CANDLES, scheduled_at + CLOCK_ALLOWANCE),
        lag_seconds=lag,
        silent_seconds=max((feed.silent_seconds for feed in feeds), default=None),
        feeds=feeds,
    )


def _fill_lost(connection: Connection, due: Window, piece_candles: int, buckets: int) -> Written:
    """Make the candles of minutes with ticks but neither candle nor mark, in the slice of the day whose turn it is."""
    minutes = min(max(buckets // max(instruments.count(connection), 1), _SHORTEST_TURN), _LONGEST_TURN)
    window = turn_of(due, minutes)
    instrument_ids, times = marks.find_unaggregated(connection, CANDLES, window, piece_candles)
    if not times:
        return Written()
    return candles.write_from_ticks(connection, window, instrument_ids, times, Source.LIVE_GAP_FILLED)
