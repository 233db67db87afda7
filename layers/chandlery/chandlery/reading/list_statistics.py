"""Sum up instruments' histories in a few numbers each."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Connection

from chandlery.platform.asked import check_limit
from chandlery.reading.domain.cursor import write_cursor
from chandlery.reading.position import read_after
from chandlery.reading.store import histories
from chandlery.reading.store.histories import History
from chandlery.reference.store import instruments

MOST = 1_000


@dataclass(frozen=True)
class StatisticsPage:
    """Histories by key; `next_cursor` leads on, null at the end."""

    histories: Sequence[History]
    next_cursor: str | None


def list_statistics(
    connection: Connection,
    *,
    feed: str | None = None,
    calendar: str | None = None,
    prefix: str | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> StatisticsPage:
    """Histories of instruments by key, of those of one feed or calendar, or whose keys begin alike.

    Args:
        connection: in autocommit mode; nothing is written.
        feed: any where absent.
        calendar: any where absent.
        prefix: of the key, as written.
        limit: 1 … 1,000.
        cursor: `next_cursor` of a page of the same question.

    Raises:
        Refused: a value is wrong.
        Retryable, Permanent: from the database.
    """
    check_limit(limit, MOST)
    asked = {"statistics": True, "feed": feed, "calendar": calendar, "prefix": prefix}
    after = read_after(cursor, asked)
    found = histories.list_page(
        connection, feed=feed or "", calendar=calendar or "", prefix=prefix or "", after=after, most=limit + 1
    )
    chosen = found[:limit]
    more = len(found) > limit
    return StatisticsPage(chosen, write_cursor(asked | {"after": chosen[-1].key}) if more else None)


def find_statistics(connection: Connection, key: str) -> History:
    """The history of one.

    Raises:
        NotFound: there is no such instrument.
        Retryable, Permanent: from the database.
    """
    return histories.find(connection, instruments.find(connection, key).instrument_id)
