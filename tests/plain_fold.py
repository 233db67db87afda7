"""Candles by the plainest Python there is: the reference of the SQL."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class Tick:
    """One trade."""

    time: datetime
    seq: int
    price: Decimal
    size: Decimal
    updates_ohlc: bool = True
    updates_volume: bool = True
    cancelled: bool = False


@dataclass(frozen=True)
class Folded:
    """What one minute's ticks come to."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    trades: int
    price_eligible: bool


def fold(ticks: Iterable[Tick]) -> dict[datetime, Folded]:
    """Every minute with at least one valid tick, by its start."""
    minutes: dict[datetime, list[Tick]] = defaultdict(list)
    for tick in sorted(ticks, key=lambda tick: (tick.time, tick.seq)):
        if not tick.cancelled:
            minutes[tick.time.replace(second=0, microsecond=0)].append(tick)
    return {minute: _fold_minute(inside) for minute, inside in minutes.items()}


def _fold_minute(ticks: list[Tick]) -> Folded:
    eligible = [tick for tick in ticks if tick.updates_ohlc]
    prices = [tick.price for tick in eligible or ticks]
    counted = [tick for tick in ticks if tick.updates_volume]
    return Folded(
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[-1],
        volume=sum((tick.size for tick in counted), Decimal()),
        turnover=sum((tick.price * tick.size for tick in counted), Decimal()),
        trades=len(ticks),
        price_eligible=bool(eligible),
    )


def fell_silent(moments: Iterable[datetime], limit: int) -> bool:
    """Whether a feed with ticks at these moments of a minute had `limit` whole seconds on end without; 60: never."""
    alive = {moment.second for moment in moments}
    longest = run = 0
    for second in range(60):
        run = 0 if second in alive else run + 1
        longest = max(longest, run)
    return limit < 60 and longest >= limit
