"""Read an instrument's candles of any timeframe and hours: the one way to, whoever asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from psycopg import Connection

from chandlery.platform.asked import check_limit, check_order
from chandlery.platform.domain.limits import PAGE_MINUTES, PAGE_ROWS
from chandlery.platform.errors import Refused
from chandlery.reading.domain.cursor import BROKEN, read_cursor, write_cursor
from chandlery.reading.fill_candles import fill_candles
from chandlery.reading.store import candle_pages
from chandlery.reading.store.candle_pages import Candle, Selection
from chandlery.reference.domain.instrument import Instrument
from chandlery.words.hours import Hours, most_folded
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, EARLIEST, LATEST, MINUTE, Window

__all__ = ["Candle", "CandlePage", "CandleQuery", "WrittenPage", "read_candles", "write_candles"]


@dataclass(frozen=True)
class CandleQuery:
    """Which candles of an instrument: those whose buckets start in [starts, ends). All times are aware.

    Attributes:
        starts: with it, pages go forward from there; without, from the newest candle backward.
        ends: up to the moment of reading where absent.
        limit: candles a page, filled ones included, 1 … 10,000; all of them where absent, unless they are folded.
        fill: put a flat candle into each closed bucket that sessions expect and that has none, after the instrument's
            first candle and before its newest.
        include_partial: also open buckets, and candles with partial minutes.
        cursor: `next_cursor` of a page of the same question.
        hours: which they are made of; those of regular hours are folded from minutes, as far back as these are kept,
            and cannot be filled.
    """

    timeframe: Timeframe
    starts: datetime | None = None
    ends: datetime | None = None
    limit: int | None = None
    fill: bool = False
    include_partial: bool = True
    cursor: str | None = None
    hours: Hours = Hours.ALL

    @property
    def folded(self) -> bool:
        """Whether they are folded from minutes when read."""
        return self.hours.are_folded(self.timeframe)

    @property
    def is_stored(self) -> bool:
        """Whether its candles are stored as they are read: neither folded nor made up."""
        return not (self.folded or self.fill)

    @property
    def most(self) -> int | None:
        """How many candles are read at most; none: all there are."""
        if self.limit is None and self.folded:
            return min(PAGE_ROWS, most_folded(self.timeframe, PAGE_MINUTES))
        return self.limit


@dataclass(frozen=True)
class CandlePage:
    """Candles, oldest first.

    Attributes:
        next_cursor: leads on: to newer ones where the question has a start, else to older ones; null where nothing more
            is there at present.
        window: the minutes that were looked through: a change of others does not change the page.
    """

    instrument: Instrument
    timeframe: Timeframe
    candles: Sequence[Candle]
    next_cursor: str | None
    window: Window


@dataclass(frozen=True)
class WrittenPage:
    """The same, each of the candles as JSON."""

    instrument: Instrument
    timeframe: Timeframe
    texts: Sequence[str]
    next_cursor: str | None
    window: Window


@dataclass(frozen=True)
class _Reach:
    """Where a page's candles may start: nothing that begins after the moment of reading."""

    starts: datetime
    ends: datetime
    first_open: datetime


def read_candles(connection: Connection, instrument: Instrument, query: CandleQuery, at: datetime) -> CandlePage:
    """One page of candles, as it stands at a moment.

    With `starts`, the first `limit` candles from there; else the newest `limit` before `ends`. A page goes on exactly
    where the one before ended, so that candles which arrive meanwhile shift nothing.

    Args:
        connection: in autocommit mode, or in a transaction that sees one moment; nothing is written.
        instrument: whose candles.
        query: what is asked for.
        at: a bucket is closed if it has ended then; aware.

    Raises:
        Refused: a value is wrong, or the cursor belongs to another question.
        Retryable, Permanent: from the database.
    """
    selection = _select(connection, instrument, query, at)
    if selection is None:
        return CandlePage(instrument, query.timeframe, [], None, _looked_through(query, at, None, None))
    rows = candle_pages.read_page(connection, instrument.instrument_id, query.timeframe, selection, query.hours)
    if query.fill:
        rows = fill_candles(connection, instrument, query.timeframe, selection, rows)
    goes_on = query.most is not None and len(rows) > query.most
    if query.most is not None and goes_on:
        rows = rows[-query.most :] if selection.backward else rows[: query.most]
    first, last = (rows[0].time, rows[-1].time) if rows else (None, None)
    next_cursor = _cursor(instrument, query, first, last) if goes_on else None
    return CandlePage(instrument, query.timeframe, rows, next_cursor, _looked_through(query, at, first, next_cursor))


def write_candles(connection: Connection, instrument: Instrument, query: CandleQuery, at: datetime) -> WrittenPage:
    """The same page as `read_candles`, its candles as JSON, of a query that `is_stored`; it raises the same."""
    selection = _select(connection, instrument, query, at)
    if selection is None:
        return WrittenPage(instrument, query.timeframe, (), None, _looked_through(query, at, None, None))
    written = candle_pages.write_page(connection, instrument.instrument_id, query.timeframe, selection)
    texts, first, last = written.texts, next(iter(written.firsts), None), next(reversed(written.lasts), None)
    goes_on = query.most is not None and len(texts) > query.most
    if goes_on and selection.backward:
        texts, first = texts[1:], written.firsts[1]
    elif goes_on:
        texts, last = texts[:-1], written.lasts[0]
    next_cursor = _cursor(instrument, query, first, last) if goes_on else None
    return WrittenPage(instrument, query.timeframe, texts, next_cursor, _looked_through(query, at, first, next_cursor))


def _select(connection: Connection, instrument: Instrument, query: CandleQuery, at: datetime) -> Selection | None:
    """The candles of a page; none where none can be."""
    _refuse_nonsense(query, at)
    after = _position(instrument, query)
    reach = _reach_folded(query, at, after) if query.folded else _reach(connection, query, instrument, at, after)
    if reach.starts >= reach.ends:
        return None
    return Selection(
        window=Window(reach.starts, reach.ends),
        # One more tells whether there are more.
        most=None if query.most is None else query.most + 1,
        backward=query.starts is None,
        whole=not query.include_partial,
        at=at,
        first_open=reach.first_open,
        since=_first_minute(connection, instrument),
    )


def _looked_through(query: CandleQuery, at: datetime, first: datetime | None, next_cursor: str | None) -> Window:
    ends = looked_to(query.timeframe, query.hours, _bounded(query.ends or newest_end(query.timeframe, at)))
    starts = query.starts or first
    if query.fill or query.cursor is not None or starts is None or (query.starts is None and next_cursor is None):
        # The close before the page, wherever it is; or all there is.
        return Window(EARLIEST, ends)
    return Window(query.timeframe.floor_bucket(_bounded(starts)), ends)


def looked_to(timeframe: Timeframe, hours: Hours, ends: datetime) -> datetime:
    """Up to which minute candles that start before a moment can lie; of folded ones only reading tells where."""
    beyond = timeframe.longest + MINUTE if hours.are_folded(timeframe) else timedelta()
    return timeframe.ceil_bucket(ends) + beyond


def newest_end(timeframe: Timeframe, at: datetime) -> datetime:
    """Where no bucket has begun yet at a moment; a session may begin before its date does."""
    return timeframe.next_bucket(at + 2 * DAY if timeframe.by_session else at)


def _first_minute(connection: Connection, instrument: Instrument) -> datetime | None:
    # Gap monitors keep it as data_from, once they have counted it.
    if instrument.expected_since:
        return None
    return candle_pages.find_first_minute(connection, instrument.instrument_id)


def _refuse_nonsense(query: CandleQuery, at: datetime) -> None:
    if query.limit is not None:
        check_limit(query.limit)
    if query.folded:
        _refuse_too_much(query)
    for field, moment in (("from", query.starts), ("to", query.ends)):
        if moment is not None and moment.tzinfo is None:
            raise Refused(field, f"{field} {moment.isoformat()} has no time zone; write an offset or Z")
    check_order(query.starts, query.ends, at)


def _refuse_too_much(query: CandleQuery) -> None:
    if query.fill:
        raise Refused("fill", "candles of regular hours cannot be filled: leave fill or session out")
    most = most_folded(query.timeframe, PAGE_MINUTES)
    if query.limit is not None and query.limit > most:
        raise Refused(
            "limit",
            f"limit is {query.limit}; {query.timeframe} of regular hours is folded from minutes, of which"
            f" {PAGE_MINUTES:,} are read at most: give a number up to {most:,}",
        )


def _asked(instrument: Instrument, query: CandleQuery) -> dict[str, str | int | bool | None]:
    asked: dict[str, str | int | bool | None] = {
        "key": instrument.key,
        "timeframe": query.timeframe.value,
        "from": query.starts.isoformat() if query.starts else None,
        "to": query.ends.isoformat() if query.ends else None,
        "fill": query.fill,
        "include_partial": query.include_partial,
        "direction": "forward" if query.starts else "backward",
    }
    if query.folded:
        asked["hours"] = query.hours.value
    return asked


def _cursor(instrument: Instrument, query: CandleQuery, first: datetime | None, last: datetime | None) -> str:
    position = last if query.starts else first
    assert position is not None  # noqa: S101  # a page that goes on has candles
    return write_cursor(_asked(instrument, query) | {"position": position.isoformat()})


def _position(instrument: Instrument, query: CandleQuery) -> datetime | None:
    if query.cursor is None:
        return None
    try:
        said = read_cursor(query.cursor, _asked(instrument, query), {"position": str})
        position = datetime.fromisoformat(str(said["position"]))
        aligned = query.folded or query.timeframe.floor_bucket(position) == position
    except (ValueError, OverflowError) as error:
        raise Refused("cursor", str(error)) from None
    if not aligned:
        raise Refused("cursor", BROKEN)
    return position


def _reach(
    connection: Connection, query: CandleQuery, instrument: Instrument, at: datetime, after: datetime | None
) -> _Reach:
    timeframe = query.timeframe
    begun, first_open = find_open_buckets(connection, instrument.calendar, timeframe, at)
    last = timeframe.next_bucket(begun) if query.include_partial else first_open
    starts = timeframe.ceil_bucket(_bounded(query.starts or EARLIEST))
    ends = min(timeframe.ceil_bucket(_bounded(query.ends or LATEST)), last)
    if after is not None and query.starts:
        starts = max(starts, timeframe.next_bucket(_bounded(after)))
    elif after is not None:
        ends = min(ends, after)
    return _Reach(starts, ends, first_open)


def _reach_folded(query: CandleQuery, at: datetime, after: datetime | None) -> _Reach:
    """The same where only reading tells where buckets begin, and which of them are open."""
    starts, ends = _bounded(query.starts or EARLIEST), min(_bounded(query.ends or LATEST), _bounded(at))
    if after is not None and query.starts:
        starts = max(starts, _bounded(after) + timedelta(microseconds=1))
    elif after is not None:
        ends = min(ends, after)
    return _Reach(starts, ends, ends)


def find_open_buckets(
    connection: Connection, calendar: str, timeframe: Timeframe, at: datetime
) -> tuple[datetime, datetime]:
    """The bucket that began last at a moment, and the first one that is open then, or will be."""
    at = _bounded(at)
    begun = first_open = timeframe.floor_bucket(at)
    if timeframe.by_session:
        days = candle_pages.find_sessions_at(connection, calendar, at)
        begun, first_open = (timeframe.floor_bucket(_midnight(day)) if day else begun for day in days)
    return begun, first_open


def _bounded(moment: datetime) -> datetime:
    return min(max(moment, EARLIEST), LATEST).astimezone(UTC)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
