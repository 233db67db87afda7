"""Find what is missing, tell why, and keep the ledger."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.gaps.store import cadences, hours, scans
from chandlery.gaps.store.scans import FeedMinutes, OpenGaps, Reconciled, Share
from chandlery.platform.domain.limits import COUNT_PIECE_HOURS, SCAN_PIECE_ROWS, SCAN_SHARE_RUNS
from chandlery.words.window import DAY, HOUR, WEEK, Window


@dataclass(frozen=True)
class Found:
    """What a look through a window came to; `feeds` is complete only if no share is left."""

    ledger: Reconciled
    feeds: Sequence[FeedMinutes]
    shares_left: int


def list_watched(connection: Connection) -> Sequence[Dataset]:
    """The data sets whose gaps are looked for now: of those whose cadences an operator sets, such as have any.

    Marks of hours in which nobody expects a row of these go.

    Raises:
        Retryable, Permanent: from the database.
    """
    hours.forget_beats(connection, [each for each in declared.watched() if each.watched.is_set])
    known = {each.dataset for each in cadences.list_all(connection)}
    return [each for each in declared.watched() if not each.watched.is_set or each.name in known]


def count_hours(
    connection: Connection,
    has_time: Callable[[], bool],
    piece_hours: int = COUNT_PIECE_HOURS,
    *,
    dataset: Dataset = CANDLES,
) -> int:
    """Count the hours whose rows changed; returns the pieces that no time was left for.

    Args:
        connection: in autocommit mode.
        has_time: asked before each piece whether another one fits.
        piece_hours: instrument-hours, as rows of market.candle_hours, counted in one transaction, about.
        dataset: whose rows.

    Raises:
        Retryable, Permanent: from the database; the pieces done so far stay done.
    """
    pieces = hours.plan_uncounted(connection, dataset, piece_hours)
    for done, window in enumerate(pieces):
        if not has_time():
            return len(pieces) - done
        hours.count(connection, dataset, window)
    return 0


def count_open(still_open: Mapping[str, Sequence[OpenGaps]]) -> Mapping[str, int]:
    """How many are open of each data set that has any."""
    return {name: sum(feed.gaps for feed in feeds) for name, feeds in still_open.items() if feeds}


def oldest_hours(now: datetime, still_open: Iterable[OpenGaps]) -> float:
    """Hours since the oldest open gap began; 0 where there is none."""
    return max(((now - feed.oldest) / HOUR for feed in still_open), default=0.0)


def find_gaps(
    connection: Connection,
    component: str,
    window: Window,
    at: datetime,
    *,
    shares: Sequence[Share],
    has_time: Callable[[], bool],
    piece_rows: int = SCAN_PIECE_ROWS,
    share_runs: int = SCAN_SHARE_RUNS,
    keeps_place: bool = True,
    dataset: Dataset = CANDLES,
) -> Found:
    """Look through a window, and make the open gaps in it those that are there.

    Where much changes, the ledger is written in pieces, each of whole shares and a transaction of its own.

    Args:
        connection: in autocommit mode.
        component: who looks; what it has judged is remembered under its name.
        window: minutes that were due.
        at: the run's scheduled time: coverage is that of the 7 days and of the 24 hours up to it.
        shares: the instruments, in the order to take them.
        has_time: asked before each share.
        piece_rows: rows of the ledger changed in one transaction, about.
        share_runs: runs of missing minutes and open gaps, about, above which a share is cut into smaller ones.
        keeps_place: whether this is where the component's looks have come to.
        dataset: whose rows may be missing.

    Raises:
        Retryable, Permanent: from the database; the pieces done so far stay done.
    """
    todo, ledger, minutes = deque(shares), Reconciled(), dict[str, FeedMinutes]()
    days = {"week_starts": at - WEEK, "day_starts": at - DAY}
    going = not todo or has_time()
    while going:
        rows = ledger.rows
        with scans.scanning(connection, dataset, window, at, **days, component=component) as scan:
            while todo and going and ledger.rows < rows + piece_rows:
                looked = scan.look(todo.popleft(), share_runs)
                todo.extendleft(reversed(looked.left))
                ledger += looked.ledger
                for feed in looked.feeds:
                    minutes[feed.feed] = minutes[feed.feed] + feed if feed.feed in minutes else feed
                going = not todo or has_time()
            if keeps_place and not todo:
                scans.record_scan(connection, dataset, component, window)
        going = going and bool(todo)
    return Found(ledger, list(minutes.values()), len(todo))
