"""Read an instrument's candles of any timeframe and hours: the one way to, whoever asks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from psycopg import Connection

from chandlery.platform.asked import check_limit, check_order
from chandlery.platform.domain.limits import PAGE_MINUTES, PAGE_ROWS
from chandlery.platform.errors import Refused
from chandlery.reading.domain.cursor import BROKEN, read_cursor, write_cursor
from chandlery.reading.fill_candles import fill_candles
from chandlery.reading.reach import Reach, bounded, find_reach, looked_to, newest_end
from chandlery.reading.store import candle_pages
from chandlery.reading.store.candle_pages import Candle, Selection
from chandlery.reading.store.written_pages import write_page
from chandlery.reference.domain.instrument import Instrument
from chandlery.words.hours import Hours, most_folded
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import EARLIEST, LATEST, Window

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


def write_candles(
    connection: Connection, instrument: Instrument, query: CandleQuery, at: datetime, *, as_text: bool = False
) -> WrittenPage:
    """The same page as `read_candles`, its candles as JSON, of a query that `is_stored`; it raises the same.

    Prices and volumes are numbers, or text.
    """
    selection = _select(connection, instrument, query, at)
    if selection is None:
        return WrittenPage(instrument, query.timeframe, (), None, _looked_through(query, at, None, None))
    written = write_page(connection, instrument.instrument_id, query.timeframe, selection, as_text=as_text)
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
    ends = looked_to(query.timeframe, query.hours, bounded(query.ends or newest_end(query.timeframe, at)))
    starts = query.starts or first
    if query.fill or query.cursor is not None or starts is None or (query.starts is None and next_cursor is None):
        # The close before the page, wherever it is; or all there is.
        return Window(EARLIEST, ends)
    return Window(query.timeframe.floor_bucket(bounded(starts)), ends)


def _first_minute(connection: Connection, instrument: Instrument) -> datetime | None:
    # Gap monitors keep it as data_from, once they have counted it.
    if instrument.expected_since:
        return None
    return candle_pages.find_first_minutes(connection, [instrument.instrument_id])[instrument.instrument_id]


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
) -> Reach:
    timeframe = query.timeframe
    asked = (query.starts, query.ends)
    reach = find_reach(connection, instrument.calendar, timeframe, asked, at, partial_too=query.include_partial)
    if after is not None and query.starts:
        return replace(reach, starts=max(reach.starts, timeframe.next_bucket(bounded(after))))
    return reach if after is None else replace(reach, ends=min(reach.ends, after))


def _reach_folded(query: CandleQuery, at: datetime, after: datetime | None) -> Reach:
    """The same where only reading tells where buckets begin, and which of them are open."""
    starts, ends = bounded(query.starts or EARLIEST), min(bounded(query.ends or LATEST), bounded(at))
    if after is not None and query.starts:
        starts = max(starts, bounded(after) + timedelta(microseconds=1))
    elif after is not None:
        ends = min(ends, after)
    return Reach(starts, ends, ends)
