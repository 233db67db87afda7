"""Sentiment and flows by the hour and the day."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from .candles import QUOTIENT


@dataclass(frozen=True, slots=True)
class SentimentBucket:
    """What the items of a bucket come to; `score` is their mean by weight, None where all weights are 0."""

    time: datetime
    source: str
    score: Decimal | None = field(metadata=QUOTIENT)
    weight: Decimal | None
    items: int | None
    positive: int | None
    negative: int | None
    neutral: int | None


@dataclass(frozen=True, slots=True)
class FlowsBucket:
    """What moved onto venues and off them; net is in less out."""

    time: datetime
    venue: str
    in_amount: Decimal | None
    out_amount: Decimal | None
    net_amount: Decimal | None
    in_usd: Decimal | None
    out_usd: Decimal | None
    net_usd: Decimal | None
    in_count: int | None
    out_count: int | None
