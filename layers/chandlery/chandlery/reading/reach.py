"""How far candles reach at a moment: which buckets have begun, which of them are open."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from psycopg import Connection

from chandlery.reading.store import candle_pages
from chandlery.words.hours import Hours
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, EARLIEST, LATEST, MINUTE

# From, up to before; none where it is not bounded.
Stretch = tuple[datetime | None, datetime | None]
_EDGES = (EARLIEST, LATEST)


@dataclass(frozen=True)
class Reach:
    """Where candles may start: nothing that begins after the moment of reading."""

    starts: datetime
    ends: datetime
    first_open: datetime


def find_reach(
    connection: Connection, calendar: str, timeframe: Timeframe, asked: Stretch, at: datetime, *, partial_too: bool
) -> Reach:
    """Where candles of a stretch may start at a moment; open ones only if `partial_too`."""
    begun, first_open = find_open_buckets(connection, calendar, timeframe, at)
    last = timeframe.next_bucket(begun) if partial_too else first_open
    starts, ends = (timeframe.ceil_bucket(bounded(each or edge)) for each, edge in zip(asked, _EDGES, strict=True))
    return Reach(starts, min(ends, last), first_open)


def find_open_buckets(
    connection: Connection, calendar: str, timeframe: Timeframe, at: datetime
) -> tuple[datetime, datetime]:
    """The bucket that began last at a moment, and the first one that is open then, or will be."""
    at = bounded(at)
    begun = first_open = timeframe.floor_bucket(at)
    if timeframe.by_session:
        days = candle_pages.find_sessions_at(connection, calendar, at)
        begun, first_open = (timeframe.floor_bucket(_midnight(day)) if day else begun for day in days)
    return begun, first_open


def looked_to(timeframe: Timeframe, hours: Hours, ends: datetime) -> datetime:
    """Up to which minute candles that start before a moment can lie; of folded ones only reading tells where."""
    beyond = timeframe.longest + MINUTE if hours.are_folded(timeframe) else timedelta()
    return timeframe.ceil_bucket(ends) + beyond


def newest_end(timeframe: Timeframe, at: datetime) -> datetime:
    """Where no bucket has begun yet at a moment; a session may begin before its date does."""
    return timeframe.next_bucket(at + 2 * DAY if timeframe.by_session else at)


def bounded(moment: datetime) -> datetime:
    """A moment within what is stored, in UTC."""
    return min(max(moment, EARLIEST), LATEST).astimezone(UTC)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
