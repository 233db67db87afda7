"""List instruments, and find what is newest of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.platform.asked import check_limit
from chandlery.reading.domain.cursor import write_cursor
from chandlery.reading.position import read_after
from chandlery.reading.store import prices
from chandlery.reading.store.prices import Latest
from chandlery.reference.store import instruments
from chandlery.reference.store.instrument_pages import InstrumentEntry, find_entry, list_page


@dataclass(frozen=True)
class InstrumentPage:
    """Instruments by key; `next_cursor` leads on, null at the end."""

    instruments: Sequence[InstrumentEntry]
    next_cursor: str | None


@dataclass(frozen=True)
class LatestReport:
    """What is newest of an instrument.

    Attributes:
        newest: its newest one-minute candle; the newest tick still kept that is not cancelled; and the close of the
            regular session before that candle's session date. Each null where there is none.
        seconds_behind: from the end of that candle to the moment of reading, 0 at least; null without a candle.
    """

    key: str
    newest: Latest
    seconds_behind: float | None


def list_instruments(
    connection: Connection,
    *,
    feed: str | None = None,
    calendar: str | None = None,
    prefix: str | None = None,
    limit: int = 1000,
    cursor: str | None = None,
) -> InstrumentPage:
    """Instruments by key, of one feed or calendar, or whose keys begin alike.

    Args:
        connection: in autocommit mode; nothing is written.
        feed: any where absent.
        calendar: any where absent.
        prefix: of the key, as written.
        limit: 1 … 10,000.
        cursor: `next_cursor` of a page of the same question.

    Raises:
        Refused: a value is wrong.
        Retryable, Permanent: from the database.
    """
    check_limit(limit)
    asked = {"feed": feed, "calendar": calendar, "prefix": prefix}
    after = read_after(cursor, asked)
    found = list_page(
        connection, feed=feed or "", calendar=calendar or "", prefix=prefix or "", after=after, most=limit + 1
    )
    chosen = found[:limit]
    more = len(found) > limit
    return InstrumentPage(chosen, write_cursor(asked | {"after": chosen[-1].key}) if more else None)


def describe_instrument(connection: Connection, key: str) -> InstrumentEntry:
    """The instrument of a key.

    Raises:
        NotFound: there is none.
    """
    return find_entry(connection, key)


def latest(connection: Connection, key: str, at: datetime) -> LatestReport:
    """What is newest of an instrument at a moment; aware.

    Raises:
        NotFound: there is no such instrument.
        Retryable, Permanent: from the database.
    """
    instrument = instruments.find(connection, key)
    newest = prices.find_latest(connection, instrument.instrument_id)
    behind = None
    if newest.candle_time is not None:
        behind = max((at - newest.candle_time).total_seconds() - 60, 0.0)
    return LatestReport(key, newest, behind)
