"""Read an instrument's candles of any timeframe, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from psycopg import Connection

from chandlery.domain.cursor import BROKEN, read_cursor, write_cursor
from chandlery.domain.hours import Hours
from chandlery.domain.instrument import Instrument
from chandlery.domain.timeframe import Timeframe
from chandlery.domain.window import EARLIEST, LATEST, Window
from chandlery.errors import Refused
from chandlery.store import candle_pages, instruments, regular_candles
from chandlery.store.candle_pages import CandleRow, EmptyBucket, Stretch

MOST = 10_000
# Of a page of regular hours.
MOST_MINUTES = 200_000

__all__ = ["CandlePage", "CandleQuery", "CandleRow", "read_candles"]


@dataclass(frozen=True)
class CandleQuery:
    """Which candles of an instrument: those whose buckets start in [starts, ends). All times are aware.

    Attributes:
        starts: with it, pages go forward from there; without, from the newest candle backward.
        ends: up to the moment of reading where absent.
        limit: candles a page, filled ones included, 1 … 10,000.
        fill: put a flat candle into each closed bucket that sessions expect and that has none, after the instrument's
            first candle and before its newest.
        include_partial: also open buckets, and candles with partial minutes.
        cursor: `next_cursor` of a page of the same question.
        hours: which they are made of; those of regular hours are folded from minutes, as far back as these are kept,
            and cannot be filled.
    """

    key: str
    timeframe: Timeframe
    starts: datetime | None
    ends: datetime | None
    limit: int
    fill: bool
    include_partial: bool
    cursor: str | None
    hours: Hours = Hours.ALL

    @property
    def folded(self) -> bool:
        """Whether they are folded from minutes when read."""
        return self.hours.are_folded(self.timeframe)


@dataclass(frozen=True)
class CandlePage:
    """Candles, oldest first; `next_cursor` leads on: to newer ones where the question has a start, else to older ones.

    It is null where nothing more is there at present.
    """

    instrument: Instrument
    timeframe: Timeframe
    candles: Sequence[CandleRow]
    next_cursor: str | None


@dataclass(frozen=True)
class _Reach:
    """Where a page's candles may start: nothing that begins after the moment of reading."""

    starts: datetime
    ends: datetime
    first_open: datetime


def read_candles(connection: Connection, query: CandleQuery, at: datetime) -> CandlePage:
    """One page of candles, as it stands at a moment.

    With `starts`, the first `limit` candles from there; else the newest `limit` before `ends`. A page goes on exactly
    where the one before ended, so that candles which arrive meanwhile shift nothing.

    Args:
        connection: in autocommit mode; nothing is written.
        query: what is asked for.
        at: a bucket is closed if it has ended then; aware.

    Raises:
        NotFound: there is no such instrument.
        Refused: a value is wrong, or the cursor belongs to another question.
        Retryable, Permanent: from the database.
    """
    _refuse_nonsense(query)
    after = _position(query)
    instrument = instruments.find(connection, query.key)
    reach = _reach_folded(query, at, after) if query.folded else _reach(connection, query, instrument, at, after)
    if reach.starts >= reach.ends:
        return CandlePage(instrument, query.timeframe, [], None)
    stretch = Stretch(
        window=Window(reach.starts, reach.ends),
        # One more tells whether there are more.
        most=query.limit + 1,
        backward=query.starts is None,
        whole=not query.include_partial,
        at=at,
        first_open=reach.first_open,
        since=_first_minute(connection, instrument),
    )
    rows = _read(connection, query, instrument, stretch)
    if query.fill:
        rows = _filled(connection, instrument, query.timeframe, stretch, rows)
    chosen = rows[-query.limit :] if stretch.backward else rows[: query.limit]
    more = len(rows) > len(chosen)
    return CandlePage(instrument, query.timeframe, chosen, _cursor(query, chosen) if more else None)


def _read(connection: Connection, query: CandleQuery, instrument: Instrument, stretch: Stretch) -> Sequence[CandleRow]:
    if not query.folded:
        return candle_pages.read_page(connection, instrument.instrument_id, query.timeframe, stretch)
    found = regular_candles.read(connection, instrument.instrument_id, query.timeframe, query.hours, stretch)
    return [candle.row for candle in found]


def _first_minute(connection: Connection, instrument: Instrument) -> datetime | None:
    # Gap monitors keep it as data_from, once they have counted it.
    if instrument.expected_since:
        return None
    return candle_pages.find_first_minute(connection, instrument.instrument_id)


def _refuse_nonsense(query: CandleQuery) -> None:
    if not 1 <= query.limit <= MOST:
        raise Refused("limit", f"limit is {query.limit}; give a number from 1 to {MOST:,}")
    if query.folded:
        _refuse_too_much(query)
    for field, moment in (("from", query.starts), ("to", query.ends)):
        if moment is not None and moment.tzinfo is None:
            raise Refused(field, f"{field} {moment.isoformat()} has no time zone; write an offset or Z")
    if query.starts and query.ends and query.starts >= query.ends:
        raise Refused("from", f"from {query.starts.isoformat()} is not before to {query.ends.isoformat()}")


def _refuse_too_much(query: CandleQuery) -> None:
    if query.fill:
        raise Refused("fill", "candles of regular hours cannot be filled: leave fill or session out")
    most = regular_candles.most_candles(query.timeframe, MOST_MINUTES)
    if query.limit > most:
        raise Refused(
            "limit",
            f"limit is {query.limit}; {query.timeframe} of regular hours is folded from minutes, of which"
            f" {MOST_MINUTES:,} are read at most: give a number up to {most:,}",
        )


def _asked(query: CandleQuery) -> dict[str, str | int | bool | None]:
    asked: dict[str, str | int | bool | None] = {
        "key": query.key,
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


def _cursor(query: CandleQuery, rows: Sequence[CandleRow]) -> str:
    position = rows[-1].time if query.starts else rows[0].time
    return write_cursor(_asked(query) | {"position": position.isoformat()})


def _position(query: CandleQuery) -> datetime | None:
    if query.cursor is None:
        return None
    try:
        said = read_cursor(query.cursor, _asked(query), {"position": str})
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


def _filled(
    connection: Connection, instrument: Instrument, timeframe: Timeframe, stretch: Stretch, rows: Sequence[CandleRow]
) -> Sequence[CandleRow]:
    """Candles and flat ones between them, in order; where `rows` are full, nothing beyond the last of them."""
    starts, ends = stretch.window.starts, min(stretch.window.ends, stretch.first_open)
    if len(rows) == stretch.most:
        starts, ends = (rows[0].time, ends) if stretch.backward else (starts, min(ends, rows[-1].time))
    before = _candle_before(connection, instrument, timeframe, stretch, rows)
    if before is None and rows:
        starts = max(starts, rows[0].time)
    if starts >= ends or (before is None and not rows):
        return rows
    within = replace(stretch, window=Window(starts, ends))
    empty = candle_pages.list_empty_buckets(connection, instrument.instrument_id, timeframe, within)
    close = before.close if before else None
    return _merged(rows, empty, close, minutely=timeframe is Timeframe.M1)


def _candle_before(
    connection: Connection, instrument: Instrument, timeframe: Timeframe, stretch: Stretch, rows: Sequence[CandleRow]
) -> CandleRow | None:
    if stretch.backward or stretch.window.starts <= EARLIEST or (rows and rows[0].time == stretch.window.starts):
        return None
    ahead = replace(stretch, window=Window(EARLIEST, stretch.window.starts), most=1, backward=True)
    return next(iter(candle_pages.read_page(connection, instrument.instrument_id, timeframe, ahead)), None)


def _merged(
    rows: Sequence[CandleRow], empty: Sequence[EmptyBucket], close: Decimal | None, *, minutely: bool
) -> Sequence[CandleRow]:
    merged: list[CandleRow] = []
    mixed: list[CandleRow | EmptyBucket] = [*rows, *empty]
    for each in sorted(mixed, key=lambda each: each.time):
        if isinstance(each, CandleRow):
            close = each.close
            merged.append(each)
        elif close is not None:
            merged.append(_flat(each.time, None if minutely else each.expected, close))
    return merged


def _flat(bucket: datetime, expected: int | None, close: Decimal) -> CandleRow:
    return CandleRow(
        time=bucket,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=Decimal(),
        vwap=None,
        trades=0,
        minutes=0,
        expected=expected,
        partial=False,
        closed=True,
        filled=True,
        sources="",
        price_eligible=True,
    )
