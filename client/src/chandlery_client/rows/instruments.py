"""Instruments, and what is newest of them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from .candles import QUOTIENT


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is traded; `data_from` is its earliest candle."""

    instrument_key: str
    calendar: str
    feed: str
    time_zone: str
    listed_at: datetime | None
    delisted_at: datetime | None
    data_from: datetime | None
    uuid: str | None = None
    exchange: str | None = None
    name: str | None = None
    asset_type: str | None = None
    sector: str | None = None
    industry: str | None = None


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest one-minute candle and tick of an instrument; None where there is none."""

    instrument_key: str
    seconds_behind: float | None
    candle_time: datetime | None
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None
    volume: Decimal | None
    vwap: Decimal | None = field(metadata=QUOTIENT)
    trades: int | None
    partial: bool | None
    source: str | None
    session_date: date | None
    tick_time: datetime | None
    tick_price: Decimal | None
    tick_size: Decimal | None
    previous_session_date: date | None
    previous_close: Decimal | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """An instrument's history by its daily candles."""

    instrument_key: str
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
    average_close: Decimal | None = field(metadata=QUOTIENT)
    weighted_close: Decimal | None = field(metadata=QUOTIENT)
    volume: Decimal


@dataclass(frozen=True, slots=True)
class Change:
    """A price held against an earlier close."""

    close: Decimal
    change: Decimal
    percent: float | None


@dataclass(frozen=True, slots=True)
class PriceChange:
    """An instrument's newest close, and what it changed by; None where there is nothing to compare it with."""

    instrument_key: str
    feed: str
    time: datetime
    close: Decimal
    previous: Change | None
    day: Change | None
    week: Change | None
    month: Change | None
