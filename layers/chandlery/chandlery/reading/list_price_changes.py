"""List instruments' newest closes, and what they changed by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal, InvalidOperation, localcontext
from typing import Literal, get_args

from psycopg import Connection

from chandlery.platform.asked import check_limit
from chandlery.platform.errors import Refused
from chandlery.reading.domain.cursor import BROKEN, read_cursor, write_cursor
from chandlery.reading.store import prices
from chandlery.reading.store.prices import PriceRow
from chandlery.reference.store import instruments

Sort = Literal["change", "change_1d", "change_1w", "change_1mo", "key"]
_APART: dict[str, timedelta | str | None] = {
    "change": timedelta(minutes=1),
    "change_1d": timedelta(days=1),
    "change_1w": timedelta(days=7),
    "change_1mo": "1 month",
    "key": None,
}
# No difference of stored prices has more digits.
_EXACT = Context(prec=1_000)


@dataclass(frozen=True)
class Change:
    """Against an earlier close: the difference, and in percent of it; null where that was not above 0."""

    close: Decimal
    change: Decimal
    percent: Decimal | None


@dataclass(frozen=True)
class PriceChange:
    """An instrument's newest close, and its changes; null where nothing was there to compare it with.

    Attributes:
        time: start of its newest one-minute candle, UTC.
        previous: against the candle before.
        day, week, month: against the last candle at or before the same minute a day, seven days, a calendar month (UTC)
            earlier; where those minutes are no longer kept, against the last five minutes that were over by then.
    """

    key: str
    feed: str
    time: datetime
    close: Decimal
    previous: Change | None
    day: Change | None
    week: Change | None
    month: Change | None


@dataclass(frozen=True)
class PriceChangePage:
    """Price changes in the order asked for; `next_cursor` leads on, null at the end."""

    rows: Sequence[PriceChange]
    next_cursor: str | None


def price_changes(
    connection: Connection,
    at: datetime,
    *,
    keys: Sequence[str] = (),
    feed: str | None = None,
    sort: Sort = "change_1d",
    descending: bool = True,
    limit: int = 100,
    cursor: str | None = None,
) -> PriceChangePage:
    """What prices changed by; instruments without a candle are left out.

    Sorted by percent; where that is not known, at the end in either direction. Prices that change between two pages may
    let an instrument be in both, or in neither.

    Args:
        connection: in autocommit mode; nothing is written.
        at: candles up to it count; aware.
        keys: instruments; all where none is named.
        feed: only its instruments.
        sort: over which time, or by key.
        descending: the greatest first.
        limit: rows a page, 1 … 10,000.
        cursor: `next_cursor` of a page of the same question.

    Raises:
        NotFound: an instrument is unknown.
        Refused: a value is wrong.
        Retryable, Permanent: from the database.
    """
    check_limit(limit)
    if sort not in _APART:
        raise Refused("sort", f"no order {sort}; there is: {', '.join(get_args(Sort))}")
    asked = {"sort": sort, "descending": descending, "feed": feed, "keys": " ".join(keys)}
    after = _position(cursor, asked)
    for key in dict.fromkeys(keys):
        instruments.find(connection, key)
    rows = prices.list_price_changes(
        connection,
        at,
        keys=keys,
        feed=feed or "",
        apart=_APART[sort],
        descending=descending,
        after=after,
        most=limit + 1,
    )
    chosen = rows[:limit]
    return PriceChangePage(
        [_change_of(row) for row in chosen], _cursor(asked, chosen[-1]) if len(rows) > limit else None
    )


def _position(cursor: str | None, asked: dict[str, str | bool | None]) -> tuple[Decimal | None, str]:
    if cursor is None:
        return None, ""
    try:
        said = read_cursor(cursor, asked, {"rank": str, "after": str})
        rank = Decimal(str(said["rank"])) if said["rank"] else None
    except InvalidOperation:
        raise Refused("cursor", BROKEN) from None
    except ValueError as error:
        raise Refused("cursor", str(error)) from None
    # No percentage has hundreds of digits, which the database's numbers have not either.
    if rank is not None and not (rank.is_finite() and abs(rank.adjusted()) < 100):
        raise Refused("cursor", BROKEN)
    return rank, str(said["after"])


def _cursor(asked: dict[str, str | bool | None], last: PriceRow) -> str:
    return write_cursor(asked | {"rank": "" if last.rank is None else str(last.rank), "after": last.key})


def _change_of(row: PriceRow) -> PriceChange:
    earlier = (row.previous_close, row.close_1d, row.close_1w, row.close_1mo)
    return PriceChange(row.key, row.feed, row.time, row.close, *(_change(row.close, close) for close in earlier))


def _change(close: Decimal, earlier: Decimal | None) -> Change | None:
    if earlier is None:
        return None
    with localcontext(_EXACT):
        percent = round((close - earlier) / earlier * 100, 6) if earlier > 0 else None
        return Change(earlier, close - earlier, percent)
