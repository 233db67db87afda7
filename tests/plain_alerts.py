"""When alerts fire, in plain Python: from all candles at once, and one alert after the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class PlainCandle:
    """A candle, as far as alerts use it."""

    time: datetime
    open: float
    high: float
    low: float
    close: float
    partial: bool = False


@dataclass(frozen=True)
class PlainAlert:
    """An alert, armed once."""

    side: str
    level: float
    armed_at: datetime
    expires_at: datetime | None = None
    is_recurring: bool = False


def plain_firings(alert: PlainAlert, candles: Sequence[PlainCandle]) -> list[datetime]:
    """The minutes in which an alert fires."""
    complete = sorted((each for each in candles if not each.partial), key=lambda each: each.time)
    found = [now.time for before, now in pairwise(complete) if _fires(alert, before, now)]
    return found if alert.is_recurring else found[:1]


def _fires(alert: PlainAlert, before: PlainCandle, now: PlainCandle) -> bool:
    if now.time + MINUTE <= alert.armed_at or (alert.expires_at and now.time >= alert.expires_at):
        return False
    if now.time < alert.armed_at:
        return _crosses(alert, now.open, now.close, now.close)
    return _crosses(alert, before.close, now.high, now.low)


def _crosses(alert: PlainAlert, before: float, high: float, low: float) -> bool:
    if alert.side == "high":
        return before <= alert.level < high
    return before >= alert.level > low
