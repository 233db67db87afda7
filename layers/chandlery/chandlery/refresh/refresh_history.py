"""Fill a timeframe's aggregates with the history that is stored, by hand."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.platform.errors import Permanent, Retryable
from chandlery.refresh.refresh_stale import Refresher, kept_stretches, piece_length
from chandlery.refresh.store import derived
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, MINUTE, Window

# For the refresh of somebody else, whose pieces are as short as ours.
_PATIENCE = MINUTE


@dataclass(frozen=True)
class HistoryRefresh:
    """What was done: pieces of history, calls of TimescaleDB's refresh, and how many of those found all fresh."""

    pieces: int
    refreshes: int
    fresh: int


def refresh_history(
    connection: Connection,
    timeframe: Timeframe,
    window: Window,
    at: datetime,
    progress: Callable[[int, int], None],
) -> HistoryRefresh:
    """Materialize a timeframe's closed buckets over a window, and below it those it is made of, the oldest first.

    Each piece of some days is committed by itself. TimescaleDB leaves alone what is fresh already, so the same call
    again, after an interruption, soon comes to where it was.

    Args:
        connection: in autocommit mode.
        timeframe: any but the minute.
        window: its buckets are those that start in it.
        at: buckets that are open at this moment, aware, are left to be computed when read.
        progress: told how many pieces of how many are done.

    Raises:
        Permanent: the timeframe is not derived, or minutes in the window have been dropped.
        Retryable: another refresh is at work for too long; the pieces done so far stay done.
        Retryable, Permanent: from the database; the same.
    """
    if timeframe is Timeframe.M1:
        raise Permanent("one-minute candles are stored, and not derived: nothing is to be refreshed")
    _refuse_dropped(window, derived.list_dropped(connection))
    refresher = Refresher(connection, at, _PATIENCE)
    pieces = _pieces(connection, timeframe, window)
    for done, piece in enumerate(pieces):
        progress(done, len(pieces))
        for each in CANDLES.chain(timeframe):
            if not refresher.refresh(each, [piece]):
                raise Retryable(
                    f"another refresh of {each.relation} is running; to continue, run the same command again"
                )
    progress(len(pieces), len(pieces))
    return HistoryRefresh(len(pieces), refresher.refreshes, refresher.fresh)


def _refuse_dropped(window: Window, dropped: Sequence[Window]) -> None:
    gone = _inside(window, dropped)
    if not gone:
        return
    kept = _inside(window, kept_stretches(gone, window.ends))
    advice = f"refresh what is kept: {_told(kept)}" if kept else "nothing else lies between these moments"
    raise Permanent(
        f"minutes have been dropped {_told(gone)}: a refresh there would take the derived candles with them, which"
        f" nothing can make again; {advice}"
    )


def _inside(window: Window, stretches: Iterable[Window]) -> Sequence[Window]:
    return [
        Window(max(each.starts, window.starts), min(each.ends, window.ends))
        for each in stretches
        if each.starts < window.ends and window.starts < each.ends
    ]


def _told(stretches: Sequence[Window]) -> str:
    return ", ".join(f"from {each.starts.isoformat()} to {each.ends.isoformat()}" for each in stretches)


def _pieces(connection: Connection, timeframe: Timeframe, window: Window) -> list[Window]:
    """The stretch that whole buckets need, where there are candles, cut into pieces of whole days.

    A stretch without candles is a piece of its own, however long: ten empty years cost no more than an empty day.
    """
    starts, ends = timeframe.floor_bucket(window.starts), timeframe.ceil_bucket(window.ends)
    if timeframe.by_session:
        # A session may open the evening before its date, and close the morning after, in UTC.
        starts, ends = starts - DAY, ends + DAY
    stored = derived.list_stored(connection)
    if not stored or max(starts, stored[0].starts) >= min(ends, stored[-1].ends):
        return []
    starts, ends = max(starts, Timeframe.D1.floor_bucket(stored[0].starts)), min(ends, stored[-1].ends)
    length = piece_length(connection)
    cuts = [starts]
    while cuts[-1] < ends:
        begins = next(Timeframe.D1.floor_bucket(each.starts) for each in stored if cuts[-1] < each.ends)
        following = begins if cuts[-1] < begins else Timeframe.D1.floor_bucket(cuts[-1]) + length
        cuts.append(min(following, ends))
    return [Window(one, following) for one, following in pairwise(cuts)]
