"""Options: chains, strike candles, series, expiries. Unknown is None, and never 0."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


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
