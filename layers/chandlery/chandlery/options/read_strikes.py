"""Read an underlying's strike candles of any timeframe, of all strikes, one, or a place seen from the money."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import Connection

from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Value
from chandlery.datasets.strike_candles import STRIKE_CANDLES
from chandlery.options.domain import expiries as of_expiries
from chandlery.options.domain.answers import FIELDS, strike_values
from chandlery.options.domain.expiries import Expiry
from chandlery.options.store import answers
from chandlery.options.store.answers import Asked, Row
from chandlery.options.store.expiries import list_expiries, list_ladder, of_day
from chandlery.options.store.newest_buckets import NEWEST
from chandlery.platform.asked import check_limit, check_order
from chandlery.platform.errors import Refused
from chandlery.reading.domain.cursor import Value as Said
from chandlery.reading.domain.cursor import write_cursor
from chandlery.reading.position import read_position
from chandlery.reference.domain.instrument import Instrument
from chandlery.words.counting import spell
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, EARLIEST, LATEST, Window

_ORDER: Mapping[str, Kind] = {
    "time": Kind.TIME, "expires_at": Kind.TIME, "strike": Kind.DECIMAL, "contract": Kind.TEXT,
}  # fmt: skip
_SOONEST = timedelta(microseconds=1)


@dataclass(frozen=True)
class StrikeQuery:
    """Which strike candles: those whose bucket starts in [starts, ends), of what is given of the rest.

    Attributes:
        starts: with it, pages go forward from there; without, from the newest candle backward.
        ends: no end where absent.
        ranks: the lowest and the highest place on the ladder.
        contract: tells twins apart.
        limit: rows a page; None: all.
        cursor: `next_cursor` of a page of the same question.
        field: what is told of a candle, as its value; None: all.
    """

    timeframe: Timeframe
    starts: datetime | None = None
    ends: datetime | None = None
    expiry: date | None = None
    strike: Decimal | None = None
    ranks: tuple[int, int] | None = None
    contract: str | None = None
    limit: int | None = None
    cursor: str | None = None
    field: str | None = None


@dataclass(frozen=True)
class WrittenStrikes:
    """Candles as JSON, the oldest first; they come from buckets of the window."""

    texts: Sequence[str]
    next_cursor: str | None
    window: Window


def values_of(query: StrikeQuery) -> Sequence[Value]:
    """What is told of a candle."""
    values = {value.name: value for value in strike_values(query.timeframe)}
    if query.field is None:
        return list(values.values())
    field = values[query.field]
    return [*(values[name] for name in ("time", "strike", "contract")), Value("value", field.read, field.kind)]


def read_strikes(connection: Connection, underlying: Instrument, query: StrikeQuery) -> Sequence[Row]:
    """All that is asked for, as rows of `values_of`.

    Args:
        connection: in autocommit mode, or in a transaction that sees one moment; nothing is written.
        underlying: whose options.
        query: without a limit and a cursor.

    Raises:
        Refused: a value is wrong; says what there is.
        NotFound: it has no options.
        Retryable, Permanent: from the database.
    """
    chosen = _choose(connection, underlying, query)
    return answers.read(connection, _asked(underlying, query, chosen, _window(query, None), None))


def write_strikes(
    connection: Connection, underlying: Instrument, query: StrikeQuery, *, as_text: bool = False
) -> WrittenStrikes:
    """A page as JSON, with numbers `as_text` where asked. It goes on exactly where the one before ended.

    Candles that arrive meanwhile shift nothing.

    Raises:
        As `read_strikes`; Refused also where the cursor belongs to another question.
    """
    limit = query.limit or 1
    check_limit(limit)
    chosen = _choose(connection, underlying, query)
    said = _said(underlying, query)
    after = read_position(query.cursor, said, _ORDER)
    whole = _window(query, after)
    rows: Sequence[answers.WrittenRow] = ()
    window = whole
    for window in _widening(query, chosen, whole):
        rows = answers.write(connection, _asked(underlying, query, chosen, window, after), as_text=as_text)
        if len(rows) >= limit:
            break
    if not rows and query.expiry is not None:
        _check_ladder(connection, underlying, query, chosen)
    page = rows[:limit]
    backward = query.starts is None
    texts = [row.text for row in (reversed(page) if backward else page)]
    reached = Window(query.starts or EARLIEST, query.ends or LATEST)
    # Where no further was looked, there may be more.
    if len(rows) < limit or (len(rows) == limit and window == whole):
        return WrittenStrikes(texts, None, reached)
    last = page[-1].position
    cursor = write_cursor(said | {"position": json.dumps(list(last))})
    edge = datetime.fromisoformat(last[0])
    reached = Window(edge, reached.ends) if backward else Window(reached.starts, edge + _SOONEST)
    return WrittenStrikes(texts, cursor, reached)


def _choose(connection: Connection, underlying: Instrument, query: StrikeQuery) -> Sequence[Expiry]:
    check_order(query.starts, query.ends)
    if query.field is not None and query.field not in FIELDS:
        raise Refused("field", f"strike candles have no number {query.field[:60]}; there is: {', '.join(FIELDS)}")
    if query.timeframe not in STRIKE_CANDLES.readable:
        there = ", ".join(STRIKE_CANDLES.readable)
        raise Refused("timeframe", f"there are no strike candles of {query.timeframe}; there is: {there}")
    found = list_expiries(connection, underlying)
    return found if query.expiry is None else of_day(underlying.key, found, query.expiry)


def _check_ladder(connection: Connection, underlying: Instrument, query: StrikeQuery, chosen: Sequence[Expiry]) -> None:
    """Refuse what no candle can be of, where there is none."""
    ladder = list_ladder(connection, underlying, chosen)
    low, high = query.ranks or (0, 0)
    if min(abs(low), abs(high)) >= len(ladder):
        most = len(ladder) - 1
        said = f"the ladder of {query.expiry} has {spell(len(ladder), 'strike')}: a rank lies from {-most} to {most}"
        raise Refused("rank", said)
    if query.strike is not None and query.strike not in ladder:
        near = sorted(sorted(ladder, key=lambda strike: abs(strike - (query.strike or 0)))[:6])
        raise Refused(
            "strike", f"no contract of {query.expiry} has it; near it there is: {', '.join(map(_plain, near))}"
        )


def _plain(strike: Decimal) -> str:
    return f"{strike.normalize():f}"


def _window(query: StrikeQuery, after: Sequence[str] | None) -> Window:
    starts, ends = (query.starts or EARLIEST).astimezone(UTC), (query.ends or LATEST).astimezone(UTC)
    if after is not None:
        edge = datetime.fromisoformat(after[0])
        if query.starts:
            starts = max(starts, edge)
        else:
            ends = min(ends, edge + _SOONEST)
    return Window(starts, max(ends, starts + _SOONEST))


def _widening(query: StrikeQuery, chosen: Sequence[Expiry], whole: Window) -> Iterator[Window]:
    """Windows from where the page begins, each wider: most pages are full near by, and chunks cost planning."""
    width = query.timeframe.width or DAY
    newest = of_expiries.newest_minute(chosen)
    ends = whole.ends if newest is None else min(whole.ends, query.timeframe.floor_bucket(newest) + width)
    # Of one strike, or one place, a bucket has one candle.
    for reach in [width, 8 * width, DAY, 30 * DAY][2 * (query.strike is not None or query.field is not None) :]:
        near = Window(whole.starts, whole.starts + reach) if query.starts else Window(ends - reach, ends)
        if whole.starts <= near.starts and near.ends < whole.ends:
            yield near
    yield whole


def _relation(query: StrikeQuery, chosen: Sequence[Expiry], window: Window) -> LiteralString:
    """What holds the candles of a window. From the newest bucket on, a strike has one at most: its newest."""
    relation = STRIKE_CANDLES.relation(query.timeframe)
    newest = of_expiries.newest_minute(chosen)
    if newest is None or window.starts < query.timeframe.floor_bucket(newest):
        return relation
    return NEWEST.get(query.timeframe, relation)


def _asked(
    underlying: Instrument, query: StrikeQuery, chosen: Sequence[Expiry], window: Window, after: Sequence[str] | None
) -> Asked:
    low, high = query.ranks or (None, None)
    times = [] if query.expiry is None else [each.expires_at for each in chosen]
    given: dict[str, Any] = {
        "underlying_id": underlying.instrument_id,
        "starts": window.starts,
        "ends": window.ends,
        "only": times[0] if len(times) == 1 else None,
        "expires_at": times if len(times) > 1 else None,
        "strike": query.strike,
        "contract": query.contract,
        "low": low,
        "high": high,
        "most": None if query.limit is None else query.limit + 1,
        **dict(zip((f"after_{name}" for name in _ORDER), after or (None,) * len(_ORDER), strict=True)),
    }
    relation = _relation(query, chosen, window)
    is_backward = query.starts is None
    ordered = ", ".join(f"{name} DESC" if is_backward else name for name in _ORDER)
    lists = (("ordered", ordered), ("beyond", "<" if is_backward else ">"))
    return Asked("read_strikes_page", values_of(query), tuple(_ORDER), given, relation, lists)


def _said(underlying: Instrument, query: StrikeQuery) -> dict[str, Said]:
    """The question, as its cursor repeats it."""
    return {
        "options": underlying.key,
        "timeframe": query.timeframe.value,
        "from": query.starts.isoformat() if query.starts else None,
        "to": query.ends.isoformat() if query.ends else None,
        "expiry": query.expiry.isoformat() if query.expiry else None,
        "strike": None if query.strike is None else _plain(query.strike),
        "rank": json.dumps(query.ranks),
        "contract": query.contract,
        "field": query.field,
    }
