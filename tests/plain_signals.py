"""Rules of signals by the plainest Python there is: each candle by itself, with what was known when it had closed.

A condition is true, false, or None where something in it is not known; what is false or true whatever that may be is.
A rule speaks where its condition is true and was false at the candle before, or, where it says `every`, wherever it is
true. Partial candles are not there.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache

import numpy as np

from chandlery.indicators.numerics.candle_arrays import Candles
from chandlery.indicators.numerics.functions import Indicator, compute
from chandlery.signals.domain.rule import Rule
from chandlery.signals.domain.syntax import (
    Arithmetic,
    Column,
    Comparison,
    Condition,
    Crossing,
    IndicatorValue,
    Joined,
    Lag,
    Not,
    Number,
    Operand,
)
from chandlery.words.timeframe import Timeframe

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class PlainCandle:
    """A complete candle, and when it had closed."""

    time: datetime
    known_at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


class PlainRules:
    """What there is of one instrument, of every timeframe."""

    def __init__(self, series: Mapping[Timeframe, Sequence[PlainCandle]]) -> None:
        self._series = series
        self._known = {each: [candle.known_at for candle in some] for each, some in series.items()}
        self._values = cache(self._compute)

    def spoken(self, rule: Rule) -> list[datetime]:
        """The times at which a rule speaks."""
        found = []
        for place, candle in enumerate(self._series[rule.timeframe]):
            holds = self._holds(rule.condition, rule.timeframe, place)
            before = self._holds(rule.condition, rule.timeframe, place - 1)
            if holds is True and (rule.every or before is False):
                found.append(candle.time)
        return found

    def value(self, node: Operand, timeframe: Timeframe, place: int) -> float | None:
        """An operand as it was known at a candle."""
        if place < 0 or place >= len(self._series[timeframe]):
            return None
        match node:
            case Number():
                return node.value
            case Lag():
                return self.value(node.operand, timeframe, place - node.candles)
            case Arithmetic():
                return self._calculated(node, timeframe, place)
        known_at = self._series[timeframe][place].known_at
        seen = bisect_right(self._known[node.timeframe], known_at) - 1
        if seen < 0:
            return None
        if isinstance(node, Column):
            return float(getattr(self._series[node.timeframe][seen], node.name))
        value = self._values(node)[seen]
        return None if np.isnan(value) else float(value)

    def _calculated(self, node: Arithmetic, timeframe: Timeframe, place: int) -> float | None:
        left, right = self.value(node.left, timeframe, place), self.value(node.right, timeframe, place)
        if left is None or right is None:
            return None
        if node.sign == "+":
            return left + right
        if node.sign == "-":
            return left - right
        return left * right if node.sign == "*" else left / right if right else None

    def _compute(self, node: IndicatorValue) -> Sequence[float]:
        some = self._series[node.timeframe]
        columns = [
            np.array([getattr(each, name) for each in some]) for name in ("open", "high", "low", "close", "volume")
        ]
        time = np.array([int(each.time.timestamp()) for each in some])
        found = compute(Indicator(node.name, dict(node.parameters)), Candles(time, *columns))
        return [float(each) for each in found[node.place]]

    def _holds(self, node: Condition, timeframe: Timeframe, place: int) -> bool | None:
        if place < 0:
            return None
        match node:
            case Not():
                held = self._holds(node.condition, timeframe, place)
                return None if held is None else not held
            case Joined():
                sides = [self._holds(each, timeframe, place) for each in (node.left, node.right)]
                decisive = node.word == "or"
                return decisive if decisive in sides else None if None in sides else not decisive
            case Comparison():
                return _compares(node.sign, *(self.value(each, timeframe, place) for each in (node.left, node.right)))
            case Crossing():
                was, now = ("<=", ">") if node.above else (">=", "<")
                sides = [
                    _compares(sign, *(self.value(each, timeframe, at) for each in (node.left, node.right)))
                    for sign, at in ((was, place - 1), (now, place))
                ]
                return False if False in sides else None if None in sides else True


def _compares(sign: str, left: float | None, right: float | None) -> bool | None:
    if left is None or right is None:
        return None
    return {
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
        "==": left == right,
        "!=": left != right,
    }[sign]


@dataclass(frozen=True)
class PlainSignal:
    """What was said, and when it can have ended at the latest; `next_at` is when its strategy spoke again."""

    direction: int
    known_at: datetime
    expires_at: datetime
    target: Decimal | None
    stop: Decimal | None
    next_at: datetime | None


Minute = tuple[datetime, Decimal, Decimal, Decimal]  # time, open, high, low
End = tuple[datetime, str, Decimal | None] | None


def plain_end(signal: PlainSignal, minutes: Sequence[Minute], settled: datetime) -> End:
    """What ended a signal, minute by minute; without ticks."""
    latest = min(filter(None, [signal.expires_at, signal.next_at, settled]))
    for time, opened, high, low in minutes:
        if time < signal.known_at or time >= latest:
            continue
        reached = {
            name: level
            for name, level in (("target", signal.target), ("stop", signal.stop))
            if level is not None and (high >= level if (name == "target") == (signal.direction > 0) else low <= level)
        }
        beyond = [
            name
            for name, level in reached.items()
            if (opened >= level if (name == "target") == (signal.direction > 0) else opened <= level)
        ]
        if beyond:
            return time, beyond[0], opened
        if len(reached) == 2:
            return time, "ambiguous", None
        if reached:
            ((name, level),) = reached.items()
            return time, name, level
    if signal.next_at and signal.next_at <= min(signal.expires_at, settled):
        return signal.next_at, "superseded", None
    return (signal.expires_at, "expired", None) if signal.expires_at <= settled else None
