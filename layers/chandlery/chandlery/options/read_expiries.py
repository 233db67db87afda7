"""Read what the expiries of an underlying come to, at a moment or over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from psycopg import Connection

from chandlery.datasets.strike_candles import STRIKE_CANDLES
from chandlery.options.domain import expiries as of_expiries
from chandlery.options.domain.metrics import ExpiryMetrics
from chandlery.options.store import metrics
from chandlery.options.store.expiries import list_expiries, of_day
from chandlery.platform.asked import check_limit, check_order
from chandlery.platform.errors import Refused
from chandlery.reading.domain.cursor import BROKEN, Value, read_cursor, write_cursor
from chandlery.reference.domain.instrument import Instrument
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, EARLIEST, LATEST, MINUTE, Window

# Each moment is a chain of all expiries.
MOST_MOMENTS = 200
_SOONEST = timedelta(microseconds=1)


@dataclass(frozen=True)
class MetricsQuery:
    """At which moments: the ends of those buckets in [starts, ends) in which there is any candle.

    Attributes:
        starts: with it, pages go forward from there; without, from the newest moment backward.
        ends: no end where absent.
        expiry: all that have not passed where absent.
        limit: moments a page.
        cursor: `next_cursor` of a page of the same question.
    """

    timeframe: Timeframe
    starts: datetime | None = None
    ends: datetime | None = None
    expiry: date | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True)
class MetricsPage:
    """Metrics, the oldest first; they come from buckets of the window."""

    metrics: Sequence[ExpiryMetrics]
    next_cursor: str | None
    window: Window


def read_expiries(
    connection: Connection, underlying: Instrument, at: datetime | None = None
) -> Sequence[ExpiryMetrics]:
    """Those of each expiry that has not passed.

    Args:
        connection: in autocommit mode, or in a transaction that sees one moment; nothing is written.
        underlying: whose options.
        at: as it was known then; None: the end of the newest minute.

    Raises:
        NotFound: it has no options.
        Retryable, Permanent: from the database.
    """
    newest = of_expiries.newest_minute(list_expiries(connection, underlying))
    moment = at or (newest and newest + MINUTE)
    return metrics.read_expiry_metrics(connection, underlying.instrument_id, [moment]) if moment else []


def read_metrics(connection: Connection, underlying: Instrument, query: MetricsQuery) -> MetricsPage:
    """A page over time.

    Raises:
        Refused: a value is wrong, or the cursor belongs to another question.
        NotFound: it has no options.
        Retryable, Permanent: from the database.
    """
    check_limit(query.limit, MOST_MOMENTS)
    check_order(query.starts, query.ends)
    if query.timeframe not in STRIKE_CANDLES.readable:
        there = ", ".join(STRIKE_CANDLES.readable)
        raise Refused("timeframe", f"there are no strike candles of {query.timeframe}; there is: {there}")
    found = list_expiries(connection, underlying)
    chosen = found if query.expiry is None else of_day(underlying.key, found, query.expiry)
    said = _said(underlying, query)
    window = _window(query, _after(query, said))
    backward = query.starts is None
    newest = of_expiries.newest_minute(chosen)
    if newest is None or window is None:
        return MetricsPage([], None, Window(query.starts or EARLIEST, query.ends or LATEST))
    near = (
        Window(max(min(window.ends, newest + 2 * DAY) - 32 * DAY, window.starts), window.ends) if backward else window
    )
    moments: Sequence[datetime] = ()
    for each in dict.fromkeys((near, window)):
        moments = metrics.list_moments(
            connection, underlying.instrument_id, query.timeframe, each, backward=backward, most=query.limit + 1
        )
        if len(moments) > query.limit:
            break
    page = moments[-query.limit :] if backward else moments[: query.limit]
    only = None if query.expiry is None else [each.expires_at for each in chosen]
    rows = metrics.read_expiry_metrics(connection, underlying.instrument_id, page, only) if page else []
    cursor, whole = None, Window(query.starts or EARLIEST, query.ends or LATEST)
    if len(moments) > query.limit:
        cursor = write_cursor(said | {"moment": (page[0] if backward else page[-1]).isoformat()})
    return MetricsPage(rows, cursor, whole)


def _window(query: MetricsQuery, after: datetime | None) -> Window | None:
    """Where moments of the page may lie; none where there is no such place."""
    starts, ends = (query.starts or EARLIEST).astimezone(UTC), (query.ends or LATEST).astimezone(UTC)
    if after is not None:
        if query.starts:
            starts = max(starts, after + _SOONEST)
        else:
            ends = min(ends, after)
    return Window(starts, ends) if starts < ends else None


def _said(underlying: Instrument, query: MetricsQuery) -> dict[str, Value]:
    return {
        "metrics": underlying.key,
        "timeframe": query.timeframe.value,
        "from": query.starts.isoformat() if query.starts else None,
        "to": query.ends.isoformat() if query.ends else None,
        "expiry": query.expiry.isoformat() if query.expiry else None,
    }


def _after(query: MetricsQuery, said: Mapping[str, Value]) -> datetime | None:
    """The moment that the page before ended with."""
    if query.cursor is None:
        return None
    try:
        moment = datetime.fromisoformat(str(read_cursor(query.cursor, said, {"moment": str})["moment"]))
    except ValueError as error:
        raise Refused("cursor", str(error)) from None
    if moment.tzinfo is None or not EARLIEST < moment < LATEST:
        raise Refused("cursor", BROKEN)
    return moment
