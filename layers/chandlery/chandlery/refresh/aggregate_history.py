"""From what an import brought to candles of every timeframe and their gaps: that stretch of time, and no more."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.gaps.find_gaps import count_hours, find_gaps
from chandlery.gaps.store import scans
from chandlery.gaps.store.scans import Reconciled, Share
from chandlery.minutes.domain.source import Source
from chandlery.minutes.heal_from_ticks import heal_marked
from chandlery.minutes.store.candles import Written
from chandlery.refresh.refresh_stale import refresh_stale
from chandlery.words.window import DAY, WEEK, Window, floor_hour, floor_minute

# Under this name what it has judged is remembered: of one instrument, apart from the monitors' shares.
COMPONENT = "import"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Told after each piece of work: what is being done, and how many pieces of it are done.
Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class AggregationReport:
    """What was made of the days from `starts` to `ends`: candles, gaps of the ledger, hours of derived candles.

    `refresh_held_off` is whether another refresh was at work, so that the rest of the hours kept their marks.
    """

    starts: datetime
    ends: datetime
    candles_written: int
    candles_revised: int
    candles_deleted: int
    gaps_found: int
    gaps_filled: int
    hours_refreshed: int
    refresh_held_off: bool


def aggregate_history(
    connection: Connection,
    instrument_id: int,
    stretch: Window,
    at: datetime,
    *,
    piece_candles: int,
    progress: Progress,
) -> AggregationReport:
    """Make the candles of whole days, judge what is missing in them, and refresh the derived candles over them.

    Each piece is a transaction of its own; interrupted, the same call again goes on. Marks of other instruments on
    these days are taken along.

    Args:
        connection: in autocommit mode.
        instrument_id: whose gaps are to be found.
        stretch: its days are those it touches, UTC; minutes that are not over yet are left out.
        at: what now is, aware.
        piece_candles: candles per transaction, about.
        progress: told of each piece of work.

    Raises:
        Retryable, Permanent: from the database; the pieces done so far stay done.
    """
    days = Window(_EPOCH + (stretch.starts - _EPOCH) // DAY * DAY, _EPOCH - (_EPOCH - stretch.ends) // DAY * DAY)
    now = floor_minute(at)
    if days.starts >= now:
        return AggregationReport(days.starts, days.ends, 0, 0, 0, 0, 0, 0, False)
    due = Window(days.starts, min(days.ends, now))
    written = Written()
    for window, source in _owners(due, now):
        done, _ = heal_marked(
            connection,
            window,
            source,
            piece_candles=piece_candles,
            has_time=_reporting(progress, "minutes"),
        )
        written += done
    count_hours(connection, _reporting(progress, "counting"))
    ledger, tell = Reconciled(), _reporting(progress, "gaps")
    for week in scans.plan_weeks(connection, CANDLES, due, [Share(instrument_id, instrument_id)]):
        tell()
        ledger += find_gaps(
            connection, COMPONENT, week.window, now, shares=week.shares, has_time=lambda: True, keeps_place=False
        ).ledger
    stale = refresh_stale(connection, now, within=due, has_time=_reporting(progress, "derived candles"))
    return AggregationReport(
        days.starts,
        days.ends,
        written.written,
        written.revised,
        written.deleted,
        ledger.found,
        ledger.healed,
        stale.marks_taken,
        stale.is_held_off,
    )


def _owners(due: Window, now: datetime) -> Iterator[tuple[Window, Source]]:
    """The stretches that the live processor and the gap monitors own, the newest first, and what each calls candles."""
    ends = due.ends
    for since, source in (
        (now - DAY, Source.LIVE_AGGREGATED),
        (floor_hour(now - WEEK), Source.LIVE_GAP_FILLED),
        (due.starts, Source.HISTORICAL_AGGREGATED),
    ):
        starts = max(since, due.starts)
        if starts < ends:
            yield Window(starts, ends), source
            ends = starts


def _reporting(progress: Progress, what: str) -> Callable[[], bool]:
    """Asked before each piece of work: there is time, and somebody hears of it."""
    done = -1

    def has_time() -> bool:
        nonlocal done
        done += 1
        progress(what, done)
        return True

    return has_time
