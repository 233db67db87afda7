"""Options: chains, strike candles, series, expiries. Unknown is None, and never 0."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from .candles import QUOTIENT


@dataclass(frozen=True, slots=True)
class ChainStrike:
    """A listed strike of an expiry, both sides in it."""

    time: datetime | None
    expiry: date
    strike: Decimal
    call_bid: Decimal | None
    call_ask: Decimal | None
    call_mid: Decimal | None
    call_last: Decimal | None
    call_volume: Decimal | None
    call_oi: Decimal | None
    call_oi_as_of: datetime | None
    call_iv_status: str | None
    call_iv: float | None
    call_delta: float | None
    call_gamma: float | None
    call_theta: float | None
    call_vega: float | None
    put_bid: Decimal | None
    put_ask: Decimal | None
    put_mid: Decimal | None
    put_last: Decimal | None
    put_volume: Decimal | None
    put_oi: Decimal | None
    put_oi_as_of: datetime | None
    put_iv_status: str | None
    put_iv: float | None
    put_delta: float | None
    put_gamma: float | None
    put_theta: float | None
    put_vega: float | None
    rank: int | None
    moneyness: float | None
    underlying_close: Decimal | None
    forward: float | None
    contract: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StrikeCandle:
    """Calls and puts of a strike in one bucket; `time` is its start."""

    time: datetime
    expiry: date
    strike: Decimal
    call_open: Decimal | None
    call_high: Decimal | None
    call_low: Decimal | None
    call_close: Decimal | None
    call_volume: Decimal | None
    call_trades: int | None
    call_bid: Decimal | None
    call_ask: Decimal | None
    call_mid: Decimal | None
    call_oi: Decimal | None
    call_oi_as_of: datetime | None
    call_iv_status: str | None
    call_iv: float | None
    call_delta: float | None
    call_gamma: float | None
    call_theta: float | None
    call_vega: float | None
    call_vendor_iv: float | None
    call_vendor_delta: float | None
    call_vendor_gamma: float | None
    call_vendor_theta: float | None
    call_vendor_vega: float | None
    put_open: Decimal | None
    put_high: Decimal | None
    put_low: Decimal | None
    put_close: Decimal | None
    put_volume: Decimal | None
    put_trades: int | None
    put_bid: Decimal | None
    put_ask: Decimal | None
    put_mid: Decimal | None
    put_oi: Decimal | None
    put_oi_as_of: datetime | None
    put_iv_status: str | None
    put_iv: float | None
    put_delta: float | None
    put_gamma: float | None
    put_theta: float | None
    put_vega: float | None
    put_vendor_iv: float | None
    put_vendor_delta: float | None
    put_vendor_gamma: float | None
    put_vendor_theta: float | None
    put_vendor_vega: float | None
    underlying_close: Decimal | None
    underlying_avg: Decimal | None = field(metadata=QUOTIENT)
    rank: int | None
    moneyness: float | None
    forward: float | None
    contract: str
    expires_at: datetime
    minutes: int


@dataclass(frozen=True, slots=True)
class Point:
    """A value of the strike that had a rank; `time` is the start of its bucket."""

    time: datetime
    strike: Decimal
    contract: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Expiry:
    """What an expiry comes to at a time, by what was known then."""

    time: datetime
    expiry: date
    forward: float | None
    atm_strike: Decimal | None
    atm_iv: float | None
    straddle: Decimal | None
    expected_move: Decimal | None
    skew_25d: float | None
    pcr_volume: Decimal | None = field(metadata=QUOTIENT)
    pcr_oi: Decimal | None = field(metadata=QUOTIENT)
    max_pain: Decimal | None
    call_volume: Decimal | None
    put_volume: Decimal | None
    call_oi: Decimal | None
    put_oi: Decimal | None
    oi_coverage: Decimal | None = field(metadata=QUOTIENT)
    contract: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Expiries:
    """The expiries of an underlying, in order."""

    instrument_key: str
    expiries: list[Expiry]
