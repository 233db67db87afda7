"""How long an indicator remembers: where a computation must begin for its values to be those over the whole series.

- *Finite*: a value depends on `lookback` candles and no others.
- *Recursive*: a smoothing s' = a·s + (1 - a)·x, with a = 1 - 2/(n + 1) (exponential) or a = 1 - 1/n (J. Welles Wilder,
  New Concepts in Technical Trading Systems, 1978). Begun elsewhere its state differs by some d, and k candles on by
  a^k·d. It has forgotten where it began once a^k·d is at most 1e-11 of the state itself; d is taken as a thousand times
  the highest price in sight. For a price that gives a length. But a ratio of two states (rsi, adx) keeps its value
  while nothing moves, however small both become: so the state is looked at, not assumed. It is at least the weighted
  sum of what moved since the beginning, Σ a^(k-j)·(1 - a)·|x_j|. Divided by a^k that sum never falls: once forgotten is
  forgotten for good. A smoothing of a smoothing begins to forget when the first one has, and needs ln(1e-12) / ln(a)
  candles more.
- *Cumulative*: every candle counts. It goes on from a stored value, which takes the place of the candle before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from chandlery.indicators.numerics.candle_arrays import Candles, Floats
from chandlery.indicators.numerics.functions import Indicator
from chandlery.indicators.numerics.smoothing import between, exponential, length, wilder

# Forgotten: the share of a state that may stem from where a computation began.
_FORGOTTEN = 1e-11
# How much further than the highest price in sight a state before may have been from the one assumed.
_FARTHEST = 1e3

_FINITE = {
    "sma", "wma", "trima", "bbands", "cci", "stoch", "stochf", "willr", "roc", "rocp", "mom", "mfi", "aroon",
    "aroonosc", "stddev", "var", "max", "min", "midpoint", "midprice", "linearreg",
}  # fmt: skip
# Averages by matype: simple, weighted, triangular. The others remember more than their period.
_FINITE_AVERAGES = {0, 2, 5}
_CUMULATIVE = {"obv", "ad"}


@dataclass(frozen=True)
class _Smoothing:
    """A recursive function: what its states are made of, the parameters that set their pace, how many stages it has."""

    moves: Callable[[Candles], Floats]
    factor: Callable[[float], float]
    periods: tuple[str, ...] = ("timeperiod",)
    stages: int = 1


def _prices(candles: Candles) -> Floats:
    return candles.close


def _changes(candles: Candles) -> Floats:
    changes: Floats = np.abs(np.diff(candles.close, prepend=candles.close[:1]))
    return changes


def _ranges(candles: Candles) -> Floats:
    before = np.concatenate((candles.close[:1], candles.close[:-1]))
    true_ranges: Floats = np.maximum(candles.high, before) - np.minimum(candles.low, before)
    return true_ranges


def _directions(candles: Candles) -> Floats:
    up = np.diff(candles.high, prepend=candles.high[:1])
    down = -np.diff(candles.low, prepend=candles.low[:1])
    return np.where(up == down, 0.0, np.maximum(np.maximum(up, down), 0.0))


_RECURSIVE: Mapping[str, _Smoothing] = {
    "ema": _Smoothing(_prices, exponential),
    "dema": _Smoothing(_prices, exponential, stages=2),
    "tema": _Smoothing(_prices, exponential, stages=3),
    "macd": _Smoothing(_prices, exponential, ("fastperiod", "slowperiod", "signalperiod"), stages=2),
    "rsi": _Smoothing(_changes, wilder),
    "cmo": _Smoothing(_changes, wilder),
    "atr": _Smoothing(_ranges, wilder),
    "natr": _Smoothing(_ranges, wilder),
    "plus_di": _Smoothing(_directions, wilder),
    "minus_di": _Smoothing(_directions, wilder),
    "dx": _Smoothing(_directions, wilder),
    "adx": _Smoothing(_directions, wilder, stages=2),
    "adxr": _Smoothing(_directions, wilder, stages=2),
}
_IN_PRICES = {
    "sma", "wma", "trima", "ema", "dema", "tema", "bbands", "macd", "atr", "max", "min", "midpoint", "midprice",
    "linearreg", "mom", "stddev",
}  # fmt: skip


@dataclass(frozen=True)
class Memory:
    """What an indicator remembers, in candles.

    Attributes:
        lookback: candles before the first that has a value.
        usual: candles before the first wanted value that suffice as a rule; `is_ready` tells whether they did.
        cumulative: every candle counts.
        in_prices: its values are prices or differences of prices.
    """

    lookback: int
    usual: int
    cumulative: bool
    in_prices: bool
    smoothing: _Smoothing | None = None
    factor: float = 0.0
    between: int = 0

    @property
    def is_finite(self) -> bool:
        """Whether a value depends on `lookback` candles before it and no others."""
        return self.smoothing is None and not self.cumulative

    def is_ready(self, candles: Candles, place: int) -> bool:
        """Whether values from a place on are those over the whole series, of which `candles` are an end.

        For cumulative ones never: they begin with the series, or go on from a value.
        """
        if self.cumulative or place < self.lookback:
            return False
        if self.smoothing is None:
            return True
        warm = place - self.between - self.lookback
        if warm < 1:
            return self.factor == 0.0 and warm >= 0
        moves = self.smoothing.moves(candles)[self.lookback : self.lookback + warm + 1]
        state = float(np.dot(_weights(self.factor, warm + 1), moves)) * (1 - self.factor)
        from_before = float(self.factor**warm) * _FARTHEST * float(np.max(candles.high))
        return from_before <= _FORGOTTEN * state


@lru_cache(maxsize=128)
def _weights(factor: float, count: int) -> Floats:
    """What is left of this many moves, the last of which is whole."""
    weights: Floats = np.power(factor, np.arange(count - 1, -1, -1))
    return weights


def memory_of(indicator: Indicator) -> Memory:
    """What an indicator remembers.

    Raises:
        ValueError: nobody has said so of this function, or of the average it is told to use.
    """
    name, parameters = indicator.name, indicator.parameters
    for parameter, value in parameters.items():
        if parameter.endswith("matype") and value not in _FINITE_AVERAGES:
            raise ValueError(
                f"{name}.{parameter} is {value}; to be stored it must be 0 (simple), 2 (weighted) or 5 (triangular)"
            )
    lookback = indicator.lookback
    plain = Memory(lookback, lookback, cumulative=False, in_prices=name in _IN_PRICES)
    if name in _FINITE:
        return plain
    if name in _CUMULATIVE:
        return replace(plain, usual=1, cumulative=True)
    if name not in _RECURSIVE:
        raise ValueError(f"{name} cannot be stored; those that can: {', '.join(storable())}")
    smoothing = _RECURSIVE[name]
    factor = max(smoothing.factor(parameters[period]) for period in smoothing.periods)
    return replace(
        plain,
        usual=lookback + length((factor,) * smoothing.stages),
        smoothing=smoothing,
        factor=factor,
        between=between(factor, smoothing.stages),
    )


def storable() -> list[str]:
    """The functions whose memory is known."""
    return sorted(_FINITE | _CUMULATIVE | _RECURSIVE.keys())
