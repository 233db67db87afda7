"""Find what is missing, tell why, and keep the ledger."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.domain.limits import COUNT_PIECE_HOURS
from chandlery.domain.window import DAY, HOUR, WEEK, Window
from chandlery.store import gaps, hours
from chandlery.store.gaps import FeedMinutes, OpenGaps, Reconciled, Share


@dataclass(frozen=True)
class Found:
    """What a look through a window came to; `feeds` is complete only if no share is left."""

    ledger: Reconciled
    feeds: Sequence[FeedMinutes]
    shares_left: int


def count_hours(connection: Connection, has_time: Callable[[], bool], piece_hours: int = COUNT_PIECE_HOURS) -> int:
    """Count the hours whose candles changed; returns the pieces that no time was left for.

    Args:
        connection: in autocommit mode.
        has_time: asked before each piece whether another one fits.
        piece_hours: instrument-hours, as rows of market.candle_hours, counted in one transaction, about.

    Raises:
        Retryable, Permanent: from the database; the pieces done so far stay done.
    """
    pieces = hours.plan_uncounted(connection, piece_hours)
    for done, window in enumerate(pieces):
        if not has_time():
            return len(pieces) - done
        hours.count(connection, window)
    return 0


def oldest_hours(now: datetime, still_open: Iterable[OpenGaps]) -> float:
    """Hours since the oldest open gap began; 0 where none had by `now`, as in a replay of a time before it."""
    return max(((now - feed.oldest) / HOUR for feed in still_open if feed.oldest < now), default=0.0)


def find_gaps(
    connection: Connection,
    component: str,
    window: Window,
    at: datetime,
    *,
    shares: Sequence[Share],
    has_time: Callable[[], bool],
    keeps_place: bool = True,
) -> Found:
    """Look through a window, and make the open gaps in it those that are there; one transaction.

    Args:
        connection: in autocommit mode.
        component: who looks; what it has judged is remembered under its name.
        window: minutes that were due.
        at: the run's scheduled time: coverage is that of the 7 days and of the 24 hours up to it.
        shares: the instruments, in the order to take them.
        has_time: asked before each share.
        keeps_place: whether this is where the component's looks have come to.

    Raises:
        Retryable, Permanent: from the database; the ledger is then as it was.
    """
    ledger, minutes, done = Reconciled(), dict[str, FeedMinutes](), 0
    days = {"week_starts": at - WEEK, "day_starts": at - DAY}
    with gaps.scanning(connection, window, at, **days, component=component) as scan:
        for share in shares:
            if not has_time():
                break
            changed, feeds = scan.look(share)
            ledger += changed
            for feed in feeds:
                minutes[feed.feed] = minutes[feed.feed] + feed if feed.feed in minutes else feed
            done += 1
        if keeps_place and done == len(shares):
            gaps.record_scan(connection, component, window)
    return Found(ledger, list(minutes.values()), len(shares) - done)
