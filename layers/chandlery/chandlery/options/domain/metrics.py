"""The metrics of an expiry."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True)
class ExpiryMetrics:
    """What it comes to at a time, by what was known then; None where unknown. docs/options.md defines each."""

    time: datetime
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
    oi_coverage: Decimal | None
    contract: str
    expires_at: datetime
