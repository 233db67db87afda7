"""Newest prices, and what they changed by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from psycopg import Connection

from chandlery.platform.connection import transaction
from chandlery.platform.statements import read_rows, run


@dataclass(frozen=True)
class PriceRow:
    """An instrument's newest close and those before it, null where there was none; `rank` orders the rows."""

    key: str
    feed: str
    time: datetime
    close: Decimal
    previous_close: Decimal | None
    close_1d: Decimal | None
    close_1w: Decimal | None
    close_1mo: Decimal | None
    rank: Decimal | None


@dataclass(frozen=True)
class Latest:
    """What is newest of an instrument; times are aware, UTC; null where there is none."""

    candle_time: datetime | None
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None
    volume: Decimal | None
    vwap: Decimal | None
    trades: int | None
    partial: bool | None
    source: str | None
    session_date: date | None
    tick_time: datetime | None
    tick_price: Decimal | None
    tick_size: Decimal | None
    previous_session_date: date | None
    previous_close: Decimal | None


def find_latest(connection: Connection, instrument_id: int) -> Latest:
    """The newest one-minute candle and tick."""
    return read_rows(connection, Latest, "find_latest", instrument_id=instrument_id)[0]


def list_price_changes(
    connection: Connection,
    at: datetime,
    *,
    keys: Sequence[str],
    feed: str,
    apart: timedelta | str | None,
    descending: bool,
    after: tuple[Decimal | None, str],
    most: int,
) -> Sequence[PriceRow]:
    """Newest closes up to a moment, ranked by the change since `apart` before them, or by key where null."""
    with transaction(connection):
        run(connection, "set_chunk_exclusion", setting="off")
        return read_rows(
            connection,
            PriceRow,
            "list_price_changes",
            at=at,
            keys=list(keys),
            feed=feed,
            ranked=apart is not None,
            apart=apart or timedelta(),
            descending=descending,
            after_rank=after[0],
            after_key=after[1],
            most=most,
        )
