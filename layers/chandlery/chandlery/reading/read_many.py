"""Read the candles of several instruments a page at a time, in order of time and key."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg import Connection

from chandlery.platform.asked import check_limit, check_order
from chandlery.platform.errors import Refused
from chandlery.reading.domain.cursor import BROKEN, Value, read_cursor, write_cursor
from chandlery.reading.reach import Reach, find_reach
from chandlery.reading.store import candle_pages, pages_of_many
from chandlery.reading.store.candle_pages import Candle
from chandlery.reading.store.pages_of_many import ManySelection, Part
from chandlery.reference.domain.instrument import Instrument
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import Window


@dataclass(frozen=True)
class ManyQuery:
    """Which candles: those whose buckets start in [starts, ends). All times are aware.

    Attributes:
        starts: with it, pages go forward from there; without, from the newest candles backward.
        ends: up to the moment of reading where absent.
        limit: candles a page, of all instruments together, 1 … 10,000.
        include_partial: also open buckets, and candles with partial minutes.
        cursor: `next_cursor` of a page of the same question.
    """

    timeframe: Timeframe
    starts: datetime | None = None
    ends: datetime | None = None
    limit: int = 500
    include_partial: bool = True
    cursor: str | None = None


@dataclass(frozen=True)
class ManyPage:
    """Candles, each with its key, in order of time and key; `next_cursor` leads on, null where no more is there."""

    candles: Sequence[tuple[str, Candle]]
    next_cursor: str | None


@dataclass(frozen=True)
class WrittenManyPage:
    """The same, each of the candles as JSON."""

    texts: Sequence[str]
    next_cursor: str | None


_Position = tuple[datetime, str]


def read_many(connection: Connection, instruments: Sequence[Instrument], query: ManyQuery, at: datetime) -> ManyPage:
    """One page, as it stands at a moment. It goes on exactly where the one before ended.

    Args:
        connection: in a transaction that sees one moment, or in autocommit mode; nothing is written.
        instruments: whose candles; none of them twice.
        query: what is asked for.
        at: a bucket is closed if it has ended then; aware.

    Raises:
        Refused: a value is wrong, or the cursor belongs to another question.
        Retryable, Permanent: from the database.
    """
    selection = _select(connection, instruments, query, at)
    rows = pages_of_many.read_page(connection, query.timeframe, selection) if selection else []
    if len(rows) <= query.limit:
        return ManyPage(rows, None)
    rows = rows[:-1] if query.starts else rows[1:]
    key, last = rows[-1] if query.starts else rows[0]
    return ManyPage(rows, _cursor(instruments, query, (last.time, key)))


def write_many(
    connection: Connection, instruments: Sequence[Instrument], query: ManyQuery, at: datetime, *, as_text: bool
) -> WrittenManyPage:
    """The same page, its candles as JSON, in which prices and volumes are numbers, or text; it raises the same."""
    selection = _select(connection, instruments, query, at)
    if selection is None:
        return WrittenManyPage([], None)
    found = pages_of_many.write_page(connection, query.timeframe, selection, as_text=as_text)
    if len(found) <= query.limit:
        return WrittenManyPage(found.texts, None)
    texts, last = (found.texts[:-1], found.lasts[0]) if query.starts else (found.texts[1:], found.firsts[1])
    time, key = json.loads(last)
    return WrittenManyPage(texts, _cursor(instruments, query, (datetime.fromisoformat(time), key)))


def _select(
    connection: Connection, instruments: Sequence[Instrument], query: ManyQuery, at: datetime
) -> ManySelection | None:
    """The candles of a page; none where none can be."""
    check_limit(query.limit)
    check_order(query.starts, query.ends, at)
    after = _position(instruments, query)
    reaches = _reaches(connection, instruments, query, at)
    firsts = _first_minutes(connection, instruments, query.timeframe)
    parts = []
    for each in instruments:
        reach = _after(reaches[each.calendar], each.key, query, after)
        if reach.starts < reach.ends:
            since = firsts.get(each.instrument_id)
            parts.append(Part(each.instrument_id, each.key, reach.starts, reach.ends, since, reach.first_open))
    if not parts:
        return None
    return ManySelection(
        window=Window(min(part.starts for part in parts), max(part.ends for part in parts)),
        # One more tells whether there are more.
        most=query.limit + 1,
        backward=query.starts is None,
        whole=not query.include_partial,
        at=at,
        first_open=at,
        parts=parts,
    )


def _reaches(
    connection: Connection, instruments: Sequence[Instrument], query: ManyQuery, at: datetime
) -> Mapping[str, Reach]:
    """How far candles reach, by calendar: of sessions each has its own."""
    asked = (query.starts, query.ends)
    calendars = dict.fromkeys(each.calendar for each in instruments)
    return {
        each: find_reach(connection, each, query.timeframe, asked, at, partial_too=query.include_partial)
        for each in calendars
    }


def _first_minutes(
    connection: Connection, instruments: Sequence[Instrument], timeframe: Timeframe
) -> Mapping[int, datetime | None]:
    """Since when candles are expected of those of which it is not stored; minutes are not counted of a minute."""
    unknown = [each.instrument_id for each in instruments if each.expected_since is None]
    if not unknown or timeframe is Timeframe.M1:
        return {}
    return candle_pages.find_first_minutes(connection, unknown)


def _after(reach: Reach, key: str, query: ManyQuery, after: _Position | None) -> Reach:
    """What is left for an instrument behind a position in the order of time and key."""
    if after is None:
        return reach
    time, last = after
    beyond = query.timeframe.next_bucket(time)
    if query.starts:
        return Reach(max(reach.starts, time if key > last else beyond), reach.ends, reach.first_open)
    return Reach(reach.starts, min(reach.ends, beyond if key < last else time), reach.first_open)


def _asked(instruments: Sequence[Instrument], query: ManyQuery) -> dict[str, Value]:
    return {
        "keys": json.dumps(sorted(each.key for each in instruments)),
        "timeframe": query.timeframe.value,
        "from": query.starts.isoformat() if query.starts else None,
        "to": query.ends.isoformat() if query.ends else None,
        "include_partial": query.include_partial,
    }


def _cursor(instruments: Sequence[Instrument], query: ManyQuery, last: _Position) -> str:
    time, key = last
    return write_cursor(_asked(instruments, query) | {"time": time.astimezone(UTC).isoformat(), "after": key})


def _position(instruments: Sequence[Instrument], query: ManyQuery) -> _Position | None:
    if query.cursor is None:
        return None
    try:
        said = read_cursor(query.cursor, _asked(instruments, query), {"time": str, "after": str})
        time = datetime.fromisoformat(str(said["time"]))
        aligned = query.timeframe.floor_bucket(time) == time
    except (ValueError, OverflowError, TypeError) as error:
        raise Refused("cursor", str(error)) from None
    if not aligned:
        raise Refused("cursor", BROKEN)
    return time, str(said["after"])
