"""Instruments' histories in a few numbers each, of their daily candles."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from chandlery.platform.statements import read_rows


@dataclass(frozen=True)
class History:
    """An instrument's history, by its daily candles, which stay when minutes are dropped: regular sessions alone.

    Attributes:
        minutes: one-minute candles of regular sessions, partial ones included.
        days: session dates with any of them.
        first_day, last_day: the first and the last of those dates.
        first: the start of the first of those minutes, UTC.
        last: the start of the newest one-minute candle that is still kept, of extended hours too, UTC.
        high, high_day: the highest high of all days, and the first day that had it.
        low, low_day: the lowest low of all days, and the first day that had it.
        average_close: the plain mean of the days' closes.
        weighted_close: the mean of the days' closes, each weighted by its day's volume; null without volume.
        volume: of all days together.
    """

    key: str
    minutes: int
    days: int
    first_day: date | None
    last_day: date | None
    first: datetime | None
    last: datetime | None
    high: Decimal | None
    high_day: date | None
    low: Decimal | None
    low_day: date | None
    average_close: Decimal | None
    weighted_close: Decimal | None
    volume: Decimal


def list_page(
    connection: Connection, *, feed: str, calendar: str, prefix: str, after: str, most: int
) -> Sequence[History]:
    """Histories of instruments by key after `after`; of any feed, calendar or prefix where empty."""
    asked: dict[str, Any] = {"feed": feed, "calendar": calendar, "prefix": prefix, "after": after, "most": most}
    return read_rows(connection, History, "sum_histories", instrument_id=None, **asked)


def find(connection: Connection, instrument_id: int) -> History:
    """The history of one instrument."""
    any_of: dict[str, Any] = dict.fromkeys(("feed", "calendar", "prefix", "after"), "")
    return read_rows(connection, History, "sum_histories", instrument_id=instrument_id, **any_of, most=1)[0]
