"""Fill a timeframe's aggregates with the history that is stored, by hand."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.platform.errors import Permanent, Retryable
from chandlery.refresh.refresh_stale import Refresher, kept_stretches, piece_length
from chandlery.refresh.store import derived
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, MINUTE, Window, cut_days

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
    dataset: Dataset,
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
        dataset: whose rows.
        timeframe: one that is derived of them.
        window: its buckets are those that start in it.
        at: buckets that are open at this moment, aware, are left to be computed when read.
        progress: told how many pieces of how many are done.

    Raises:
        Permanent: the timeframe is not derived, or rows in the window have been dropped.
        Retryable: another refresh is at work for too long; the pieces done so far stay done.
        Retryable, Permanent: from the database; the same.
    """
    require_derived(dataset, timeframe)
    _refuse_dropped(window, derived.list_dropped(connection, dataset.name))
    refresher = Refresher(connection, at, _PATIENCE)
    pieces = list(_pieces(connection, dataset, timeframe, window))
    for done, piece in enumerate(pieces):
        progress(done, len(pieces))
        for each in dataset.chain(timeframe):
            if not refresher.refresh(each, [piece]):
                raise Retryable(
                    f"another refresh of {each.relation} is running; to continue, run the same command again"
                )
    progress(len(pieces), len(pieces))
    return HistoryRefresh(len(pieces), refresher.refreshes, refresher.fresh)


def require_derived(dataset: Dataset, timeframe: Timeframe) -> None:
    """Refuse a timeframe that is not made of a data set's rows.

    Raises:
        Permanent: it is not.
    """
    if timeframe not in dataset.derived:
        there = " ".join(dataset.derived) or "none"
        raise Permanent(f"{timeframe} is no timeframe that {dataset.name} are rolled up to; there is: {there}")


def _refuse_dropped(window: Window, dropped: Sequence[Window]) -> None:
    gone = _inside(window, dropped)
    if not gone:
        return
    kept = _inside(window, kept_stretches(gone, window.ends))
    advice = f"refresh what is kept: {_described(kept)}" if kept else "nothing else lies between these moments"
    raise Permanent(
        f"rows have been dropped {_described(gone)}: a refresh there would take what is derived of them along, which"
        f" nothing can make again; {advice}"
    )


def _inside(window: Window, stretches: Iterable[Window]) -> Sequence[Window]:
    return [
        Window(max(each.starts, window.starts), min(each.ends, window.ends))
        for each in stretches
        if each.starts < window.ends and window.starts < each.ends
    ]


def _described(stretches: Sequence[Window]) -> str:
    return ", ".join(f"from {each.starts.isoformat()} to {each.ends.isoformat()}" for each in stretches)


def _pieces(connection: Connection, dataset: Dataset, timeframe: Timeframe, window: Window) -> Iterator[Window]:
    """The stretch that whole buckets need, where there are rows, cut into pieces of whole days.

    A stretch without rows is a piece of its own, however long: ten empty years cost no more than an empty day.
    """
    starts, ends = timeframe.floor_bucket(window.starts), timeframe.ceil_bucket(window.ends)
    if timeframe.by_session:
        # A session may open the evening before its date, and close the morning after, in UTC.
        starts, ends = starts - DAY, ends + DAY
    stored = derived.list_stored(connection, dataset.name)
    length = piece_length(connection)
    done = max(starts, Timeframe.D1.floor_bucket(stored[0].starts)) if stored else ends
    for each in stored:
        begins, until = min(Timeframe.D1.floor_bucket(each.starts), ends), min(each.ends, ends)
        if done < begins:
            yield Window(done, begins)
        if max(done, begins) < until:
            yield from cut_days(Window(max(done, begins), until), length)
        done = max(done, until)
