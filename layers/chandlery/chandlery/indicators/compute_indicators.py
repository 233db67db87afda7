"""Compute and store the indicators whose candles changed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from psycopg import Connection

from chandlery.indicators.compute_piece import compute_piece
from chandlery.indicators.kept_indicators import KeptIndicators
from chandlery.indicators.mark_unfilled import keep_set, mark_unfilled
from chandlery.indicators.numerics.functions import Indicator
from chandlery.indicators.store import indicators, states, unindicated
from chandlery.indicators.store.indicators import MarkedPiece
from chandlery.indicators.write_values import Indicated
from chandlery.platform.domain.limits import INDICATOR_FILL_BUCKETS, INDICATOR_SPREAD_HOURS
from chandlery.words.timeframe import Timeframe


@dataclass(frozen=True)
class IndicatorReport:
    """What a run did.

    `values_written` are new rows, `values_changed` and `values_deleted` were there before; `series` were looked at,
    each of one indicator; `marks_left` are instrument-hours that are due, `pieces_left` what they were to be done in;
    `indicators_unfilled` are those of the set whose history is still to be marked, counted for each timeframe.
    """

    marks_left: int
    indicators_unfilled: int
    values_written: int = 0
    values_changed: int = 0
    values_deleted: int = 0
    series: int = 0
    pieces_left: int = 0

    @property
    def changed(self) -> bool:
        """Whether any value is other than before the run."""
        return bool(self.values_written or self.values_changed or self.values_deleted)


def compute_indicators(
    connection: Connection,
    scheduled_at: datetime,
    *,
    wanted: Mapping[Timeframe, Sequence[Indicator]],
    piece_hours: int,
    has_time: Callable[[], bool],
    keep: timedelta | None = None,
    most_pieces: int | None = None,
    spread_hours: int = INDICATOR_SPREAD_HOURS,
    fill_buckets: int = INDICATOR_FILL_BUCKETS,
) -> IndicatorReport:
    """Take the marks of changed candles, and bring the stored values of the instruments' series up to them.

    Values are computed anew from the first changed bucket on, for as long as they differ; what is the same stays.
    A bucket that is open keeps a mark until it has closed. A run that dies leaves the marks of what it has not written.
    With no mark left, history is marked for what is new in the set, a stretch at a time, the newest first.

    Args:
        connection: in autocommit mode.
        scheduled_at: the run's identity and only clock, aware.
        wanted: the indicators of each timeframe's set.
        piece_hours: instrument-hours of candles read in one transaction, about.
        has_time: asked before each piece whether another one fits.
        keep: how long retention keeps indicators: none is computed further back, unless older ones stand; None: ever.
        most_pieces: pieces to compute, at most; None: as many as there is time for.
        spread_hours: instrument-hours of marks that one statement makes ready.
        fill_buckets: buckets of history that are marked at a time for what is new in the set.

    Raises:
        Retryable, Permanent: from the database; the pieces done so far stay done.
    """
    keep_set(connection, wanted, scheduled_at)
    kept = [_numbered(connection, timeframe, some) for timeframe, some in wanted.items()]
    states.keep(connection, {each.timeframe: each.made_of for each in kept})
    kept_from = indicators.find_kept_from(connection, scheduled_at, keep) if keep else None
    total, done = Indicated(), 0
    while True:
        while has_time() and indicators.spread_marks(connection, scheduled_at, spread_hours):
            pass
        left: Sequence[MarkedPiece] = indicators.plan_pieces(connection, scheduled_at, piece_hours)
        while left and done != most_pieces and has_time():
            total += compute_piece(connection, left[0], kept, scheduled_at, kept_from)
            left, done = left[1:], done + 1
        if left or not has_time() or not mark_unfilled(connection, scheduled_at, fill_buckets, kept_from):
            break
    return replace(
        count_marks(connection, scheduled_at),
        values_written=total.written,
        values_changed=total.changed,
        values_deleted=total.deleted,
        series=total.series,
        pieces_left=len(left),
    )


def _numbered(connection: Connection, timeframe: Timeframe, wanted: Sequence[Indicator]) -> KeptIndicators:
    named = [(each.name, each.parameters) for each in wanted]
    return KeptIndicators(timeframe, wanted, indicators.number(connection, timeframe, named))


def count_marks(connection: Connection, scheduled_at: datetime) -> IndicatorReport:
    """What is to be done, and nothing done of it."""
    waiting = unindicated.count(connection, scheduled_at)
    return IndicatorReport(marks_left=waiting.marks, indicators_unfilled=waiting.unfilled)
