"""Everything stored about one minute of an instrument."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.platform.errors import Permanent
from chandlery.platform.statements import read_rows

Row = TypeVar("Row")


@dataclass(frozen=True)
class Surroundings:
    """What stands around a minute; times are UTC, but for `session_date`, a day in the calendar's `time_zone`.

    The session is the one of `session_date`, null where the calendar has none; its breaks stand in two lists.
    `awaited` is whether a candle is missed if there is none: the feed was live then, or data of that day were imported.
    `feed_imported` is whether all data of the feed were.
    `feed_seconds` has a 1 for each second in which the feed is known to have had a tick; null where nothing is known.
    `counted` is what gap monitors take to stand: complete, partial or none; null where the hour was never counted, out
    of date while `hour_waits`.
    """

    time_zone: str
    known_from: date | None
    known_to: date | None
    session_date: date
    extended: bool
    market_open: bool
    awaited: bool
    feed_imported: bool
    opens_at: datetime | None
    closes_at: datetime | None
    breaks_start: Sequence[datetime]
    breaks_end: Sequence[datetime]
    next_opens_at: datetime | None
    feed_seconds: str | None
    longest_silence: int | None
    silence_limit: int
    counted: str | None
    hour_waits: bool
    marks: int
    judged_by: Sequence[str]


@dataclass(frozen=True)
class MinuteTicks:
    """The stored ticks of a minute; `lowest` and `highest` leave out the cancelled ones, `not_for_prices` too."""

    ticks: int
    cancelled: int
    not_for_prices: int
    first: datetime | None
    last: datetime | None
    lowest: Decimal | None
    highest: Decimal | None
    newest_received_at: datetime | None
    received_up_to: datetime | None

    @property
    def valid(self) -> int:
        """Ticks that a candle is made of."""
        return self.ticks - self.cancelled


@dataclass(frozen=True)
class WholeCandle:
    """A one-minute candle with all that is stored of it; `turnover` is null where its source does not say.

    `created_at` is when it was first written; null where that was before this was kept.
    """

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal | None
    trades: int | None
    source: str
    version: int
    revision: int
    price_eligible: bool
    partial: bool
    session_date: date
    extended: bool
    turnover: Decimal | None
    created_at: datetime | None
    updated_at: datetime


def describe(connection: Connection, instrument_id: int, minute: datetime) -> Surroundings:
    """What stands around a minute, named by its start."""
    found = _fetch(connection, Surroundings, "describe_minute", instrument_id, minute)
    if found is None:
        raise Permanent(f"the instrument with id {instrument_id} is gone")
    return found


def sum_ticks(connection: Connection, instrument_id: int, minute: datetime) -> MinuteTicks:
    """The stored ticks of a minute, named by its start."""
    found = _fetch(connection, MinuteTicks, "sum_minute_ticks", instrument_id, minute)
    if found is None:
        raise AssertionError("an aggregate without groups answers one row")
    return found


def find_candle(connection: Connection, instrument_id: int, minute: datetime) -> WholeCandle | None:
    """The candle of a minute, named by its start."""
    return _fetch(connection, WholeCandle, "find_candle", instrument_id, minute)


def _fetch(connection: Connection, kind: type[Row], name: str, instrument_id: int, minute: datetime) -> Row | None:
    values: dict[str, Any] = {"dataset": CANDLES.name, "instrument_id": instrument_id, "minute": minute}
    return next(iter(read_rows(connection, kind, name, **values)), None)
