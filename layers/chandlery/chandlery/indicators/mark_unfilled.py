"""Mark stored history for indicators that are new in the set."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg import Connection

from chandlery.indicators.numerics.functions import Indicator
from chandlery.indicators.store import unindicated
from chandlery.platform.domain.limits import INDICATOR_FILL_BUCKETS
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, Window, floor_hour

_LONGEST = 366 * DAY


def keep_set(connection: Connection, wanted: Mapping[Timeframe, Sequence[Indicator]], at: datetime) -> None:
    """Notice what is new in the set, and what is there no more.

    Raises:
        Retryable, Permanent: from the database.
    """
    entries = [(timeframe, each.name, each.parameters) for timeframe, some in wanted.items() for each in some]
    unindicated.keep_set(connection, entries, at)


def mark_unfilled(
    connection: Connection, at: datetime, buckets: int = INDICATOR_FILL_BUCKETS, kept_from: datetime | None = None
) -> bool:
    """Mark the newest stretch of one timeframe's history that indicators of the set have no values over.

    Those that have are looked at there as well; what is the same stays.

    Args:
        connection: in autocommit mode.
        at: the run's scheduled time, aware: what is later is not history.
        buckets: buckets around the clock in one stretch: several times a warm-up, which is read for each stretch again.
        kept_from: from where on indicators are kept, aware; None: over all history.

    Returns:
        Whether there was one; False when all are filled.

    Raises:
        Retryable, Permanent: from the database; the stretch is then not marked.
    """
    for unfilled in unindicated.list_unfilled(connection):
        timeframe = Timeframe(unfilled.timeframe)
        ends = Timeframe.H1.ceil_bucket(min(unfilled.filled_from, at))
        first = unindicated.find_first_candle(connection, timeframe)
        if first is not None and kept_from is not None:
            first = max(first, kept_from)
        if first is None or ends <= first:
            unindicated.mark_stretch(connection, timeframe, None, is_last=True)
            continue
        longest = min(buckets * timeframe.width, _LONGEST) if timeframe.width else _LONGEST
        starts = floor_hour(timeframe.floor_bucket(max(ends - longest, first)))
        unindicated.mark_stretch(connection, timeframe, Window(starts, ends), is_last=starts <= first)
        return True
    return False
