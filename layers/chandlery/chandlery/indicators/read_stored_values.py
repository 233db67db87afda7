"""Read an instrument's stored values of indicators, a page at a time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg import Connection

from chandlery.datasets.kinds import Kind
from chandlery.indicators.store import stored_values
from chandlery.indicators.store.stored_values import StoredValue, ValuesWanted
from chandlery.platform.asked import check_limit, check_order
from chandlery.platform.errors import Refused
from chandlery.reading.domain.cursor import Value, write_cursor
from chandlery.reading.position import read_position
from chandlery.reference.domain.instrument import Instrument
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import EARLIEST, LATEST, Window

_ORDER: Mapping[str, Kind] = {"time": Kind.TIME, "name": Kind.TEXT, "indicator_id": Kind.INTEGER}
_SOONEST = timedelta(microseconds=1)


@dataclass(frozen=True)
class ValueQuery:
    """Which values: those of buckets that start in [starts, ends). All times are aware.

    Attributes:
        names: of indicators; none: of all.
        starts: with it, pages go forward from there; without, from the newest value backward.
        ends: no end where absent.
        limit: values a page, 1 … 10,000.
        cursor: `next_cursor` of a page of the same question.
    """

    timeframe: Timeframe
    names: Sequence[str] = ()
    starts: datetime | None = None
    ends: datetime | None = None
    limit: int = 500
    cursor: str | None = None


@dataclass(frozen=True)
class ValuePage:
    """Values in order of time and name; `next_cursor` leads on, null where nothing more is there."""

    values: Sequence[StoredValue]
    next_cursor: str | None


def read_stored_values(connection: Connection, instrument: Instrument, query: ValueQuery) -> ValuePage:
    """One page. It goes on exactly where the one before ended.

    Args:
        connection: in autocommit mode, or in a transaction that sees one moment; nothing is written.
        instrument: whose candles the indicators are computed of.
        query: what is asked for.

    Raises:
        Refused: a value is wrong, of an indicator nothing is stored, or the cursor belongs to another question.
        Retryable, Permanent: from the database.
    """
    check_limit(query.limit)
    check_order(query.starts, query.ends)
    _check_names(connection, query)
    asked = _asked(instrument, query)
    after = read_position(query.cursor, asked, _ORDER)
    window = _window(query, after)
    if window is None:
        return ValuePage([], None)
    backward = query.starts is None
    place = (after[0], after[1], after[2]) if after else None
    wanted = ValuesWanted(query.timeframe, query.names, window, place, backward, query.limit + 1)
    rows = stored_values.read_page(connection, instrument.instrument_id, wanted)
    if len(rows) <= query.limit:
        return ValuePage(rows, None)
    rows = rows[1:] if backward else rows[:-1]
    last = rows[0] if backward else rows[-1]
    position = [last.time.astimezone(UTC).isoformat(), last.name, str(last.indicator_id)]
    return ValuePage(rows, write_cursor(asked | {"position": json.dumps(position)}))


def _check_names(connection: Connection, query: ValueQuery) -> None:
    if not query.names:
        return
    stored = stored_values.list_names(connection, query.timeframe)
    for name in query.names:
        if name not in stored:
            there = ", ".join(stored) or "none"
            raise Refused("names", f"no values of {name[:50]!r} are stored of {query.timeframe}; there is: {there}")


def _asked(instrument: Instrument, query: ValueQuery) -> dict[str, Value]:
    return {
        "values": instrument.key,
        "timeframe": query.timeframe.value,
        "names": json.dumps(sorted(query.names)),
        "from": query.starts.isoformat() if query.starts else None,
        "to": query.ends.isoformat() if query.ends else None,
    }


def _window(query: ValueQuery, after: Sequence[str] | None) -> Window | None:
    """Where values of the page may lie; none where there is no such place."""
    starts, ends = (query.starts or EARLIEST).astimezone(UTC), (query.ends or LATEST).astimezone(UTC)
    if after is not None:
        position = datetime.fromisoformat(after[0])
        if query.starts:
            starts = max(starts, position)
        else:
            ends = min(ends, position + _SOONEST)
    return Window(starts, ends) if starts < ends else None
