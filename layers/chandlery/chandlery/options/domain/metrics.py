"""The metrics of an expiry."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True)
class ExpiryMetrics:
    """How they are defined stands in docs/options.md; each is None where a part of it is unknown."""

    time: datetime | None
    expiry: date
    forward: float | None
    atm_strike: Decimal | None
    atm_iv: float | None
    straddle: Decimal | None
    expected_move: Decimal | None
    skew_25d: float | None
    pcr_volume: Decimal | None
    pcr_oi: Decimal | None
    max_pain: Decimal | None
    call_volume: Decimal | None
    put_volume: Decimal | None
    call_oi: Decimal | None
    put_oi: Decimal | None
    oi_coverage: float | None
    underlying_close: Decimal | None
    contract: str
    expires_at: datetime
