"""Candles, and what is computed of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

# A quotient: PostgreSQL keeps 16 significant digits of it, however small it is.
QUOTIENT = {"scale": 24}


@dataclass(frozen=True, slots=True)
class Candle:
    """A candle.

    Attributes:
        time: the start of its bucket.
        vwap: turnover by volume; None without volume.
        minutes: complete one-minute candles it is made of.
        expected: minutes its sessions expect; None for one-minute candles.
        closed: whether its bucket had ended.
        partial: whether it is open, or its feed was silent during a minute of it.
        filled: made up for a bucket without trades.
        price_eligible: whether trades that may set prices set them.
        sources: who made it, or the minutes of it.
        revision: how often it was changed; None where derived.
    """

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal | None = field(metadata=QUOTIENT)
    trades: int | None
    minutes: int
    expected: int | None
    closed: bool
    partial: bool
    filled: bool
    price_eligible: bool
    sources: str | None
    revision: int | None


@dataclass(frozen=True, slots=True)
class InstrumentCandle:
    """A candle of one of several instruments; its fields are those of `Candle`."""

    instrument_key: str
    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal | None = field(metadata=QUOTIENT)
    trades: int | None
    minutes: int
    expected: int | None
    closed: bool
    partial: bool
    filled: bool
    price_eligible: bool
    sources: str | None
    revision: int | None


@dataclass(frozen=True, slots=True)
class LastCandle:
    """The state of the newest candle that was computed with."""

    time: datetime
    closed: bool
    partial: bool


@dataclass(frozen=True, slots=True)
class IndicatorSeries:
    """An indicator's values, aligned with the times of `Computed`; None where it has none (yet)."""

    name: str
    parameters: Mapping[str, Any]
    outputs: Mapping[str, list[float | None]]
    begins: datetime | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """What an answer took."""

    rows_read: int
    cache: str


@dataclass(frozen=True, slots=True)
class Computed:
    """Series of one length: candles' times, and each indicator's values."""

    instrument_key: str
    timeframe: str
    time: list[datetime]
    last: LastCandle | None
    indicators: list[IndicatorSeries]
    used: Used


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A stored indicator's values at one candle."""

    time: datetime
    name: str
    parameters: Mapping[str, Any]
    outputs: Mapping[str, float | None]
    made_from: str | None = None
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LatestValue:
    """The newest stored values of an indicator of an instrument; `time` is the start of their bucket."""

    instrument_key: str
    timeframe: str
    name: str
    parameters: Mapping[str, Any]
    time: datetime
    value: float
    value_2: float | None = None
    value_3: float | None = None
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """What may be given for a parameter of an indicator; without a default it must be given."""

    name: str
    kind: str
    default: int | float | str | None
    minimum: int | float | None
    maximum: int | float | None
    choices: list[int | str]
    says: str


@dataclass(frozen=True, slots=True)
class Indicator:
    """An indicator that can be computed."""

    name: str
    title: str
    group: str
    parameters: list[Parameter]
    outputs: list[str]
    source: str
    memory: str


@dataclass(frozen=True, slots=True)
class Indicators:
    """All of them."""

    indicators: list[Indicator]
