"""Signals: what strategies say."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .open_enum import OpenEnum


class SignalType(OpenEnum):
    """The direction of a signal."""

    STRONG_SELL = "strong_sell"
    SELL = "sell"
    HOLD = "hold"
    BUY = "buy"
    STRONG_BUY = "strong_buy"


class EndedBy(OpenEnum):
    """What ended a signal."""

    TARGET = "target"
    STOP = "stop"
    AMBIGUOUS = "ambiguous"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    REVISED = "revised"


@dataclass(frozen=True, slots=True)
class Signal:
    """What a version of a strategy says of an instrument. It never changes, but for its end.

    Attributes:
        time: the start of the bucket it stands on, which had closed.
        direction: -2 (strong_sell) to 2 (strong_buy).
        strength: how large the view is, 0 to 1.
        confidence: how likely it comes true, 0 to 1.
        backfilled: nobody could have acted on it: live statistics leave it out.
    """

    id: int
    time: datetime
    instrument_key: str
    timeframe: str
    strategy: str
    strategy_version: str
    signal_type: SignalType
    direction: int
    strength: float | None
    confidence: float | None
    price: Decimal | None
    target_price: Decimal | None
    stop_loss: Decimal | None
    rationale: str
    generated_at: datetime
    expires_at: datetime
    is_active: bool
    ended_at: datetime | None
    ended_by: EndedBy | None
    ended_price: Decimal | None
    backfilled: bool
