"""What the refresh policies do not reach, and the indicators over all of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection

from chandlery.indicators.compute_indicators import compute_indicators, count_marks
from chandlery.indicators.numerics.functions import Indicator
from chandlery.platform.domain.limits import INDICATOR_FILL_BUCKETS, INDICATOR_SPREAD_HOURS, REFRESH_PIECE_MINUTES
from chandlery.refresh.refresh_stale import refresh_stale
from chandlery.words.timeframe import Timeframe

# What refreshing leaves for the indicators, at least.
SECONDS_TO_INDICATE = 300.0


@dataclass(frozen=True)
class HistoryReport:
    """What a run did.

    Of derived candles: marks of changed hours that it took, and those that are left; refreshes, and whether another one
    was at work, so that the rest was left. Of indicators:
    values new, changed and deleted, and the series looked at, each of one indicator; instrument-hours that are left,
    the pieces they were to be done in, and indicators of the set, for each timeframe, with history still to be marked;
    whether they are switched off, so that none was computed.
    """

    marks_taken: int
    marks_left: int
    marks_below_horizon: int
    refreshes: int
    refresh_held_off: bool
    values_written: int
    values_changed: int
    values_deleted: int
    series: int
    indicator_marks_left: int
    pieces_left: int
    indicators_unfilled: int
    indicators_switched_off: bool

    @property
    def changed(self) -> bool:
        """Whether the run took a mark of derived candles or left any value other than before."""
        return bool(self.marks_taken or self.values_written or self.values_changed or self.values_deleted)


def process_history(
    connection: Connection,
    scheduled_at: datetime,
    *,
    wanted: Mapping[Timeframe, Sequence[Indicator]] | None,
    most_marks: int,
    piece_hours: int,
    has_time: Callable[[float], bool],
    keep: timedelta | None = None,
    most_pieces: int | None = None,
    spread_hours: int = INDICATOR_SPREAD_HOURS,
    fill_buckets: int = INDICATOR_FILL_BUCKETS,
    refresh_piece_minutes: int = REFRESH_PIECE_MINUTES,
    indicate_seconds: float = SECONDS_TO_INDICATE,
) -> HistoryReport:
    """Refresh the derived candles whose minutes changed, then compute the indicators whose candles changed.

    Args:
        connection: in autocommit mode.
        scheduled_at: the run's identity and only clock, aware.
        wanted: the indicators to store of each timeframe; None: compute none, and leave their marks.
        most_marks: marks of changed hours to take, at most.
        piece_hours: instrument-hours of candles whose indicators are computed in one transaction, about.
        has_time: asked before each piece of work whether one more, and so many seconds beside it, fit.
        keep: how long retention keeps indicators: none is computed further back, unless older ones stand; None: ever.
        most_pieces: such transactions, at most; None: as many as there is time for.
        spread_hours: instrument-hours of marks that one statement makes ready.
        fill_buckets: buckets of history that are marked at a time for what is new in the set.
        refresh_piece_minutes: minutes that one refresh may fold, about.
        indicate_seconds: what refreshing leaves for the indicators, at least.

    Raises:
        Retryable, Permanent: from the database; the pieces done so far stay done.
    """
    stale = refresh_stale(
        connection,
        scheduled_at,
        most_marks=most_marks,
        has_time=lambda: has_time(indicate_seconds),
        piece_minutes=refresh_piece_minutes,
    )
    if wanted is None:
        indicated = count_marks(connection, scheduled_at)
    else:
        indicated = compute_indicators(
            connection,
            scheduled_at,
            wanted=wanted,
            piece_hours=piece_hours,
            has_time=lambda: has_time(0),
            keep=keep,
            most_pieces=most_pieces,
            spread_hours=spread_hours,
            fill_buckets=fill_buckets,
        )
    return HistoryReport(
        marks_taken=stale.marks_taken,
        marks_left=stale.marks_left,
        marks_below_horizon=stale.marks_below_horizon,
        refreshes=stale.refreshes,
        refresh_held_off=stale.is_held_off,
        values_written=indicated.values_written,
        values_changed=indicated.values_changed,
        values_deleted=indicated.values_deleted,
        series=indicated.series,
        indicator_marks_left=indicated.marks_left,
        pieces_left=indicated.pieces_left,
        indicators_unfilled=indicated.indicators_unfilled,
        indicators_switched_off=wanted is None,
    )
