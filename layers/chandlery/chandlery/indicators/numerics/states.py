"""Where an indicator that remembers stands after a candle, and how it goes on from there without the candles before.

TA-Lib always begins at the first candle it is given; these are its own recursions, candle by candle, of many series at
once. Where they begin is read off TA-Lib's values, and what they come to is the same as its own, but for last digits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import talib

from chandlery.indicators.numerics.candle_arrays import Candles, Floats
from chandlery.indicators.numerics.functions import Indicator
from chandlery.indicators.numerics.renewal import Places

Parameters = Mapping[str, float]
State = Sequence[Floats]  # each number of it, of every series


@dataclass(frozen=True)
class Prices:
    """Prices and volumes of every series at one candle."""

    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class Pair(NamedTuple):
    """Candles that follow each other."""

    before: Prices
    now: Prices


@dataclass(frozen=True)
class Following:
    """Candles of many series that follow their states; a series that has fewer than others repeats its last.

    Attributes:
        prices: of the candle before, and of each that follows.
        lengths: how many follow, of each series.
    """

    prices: Sequence[Prices]
    lengths: Places

    @classmethod
    def of(cls, series: Sequence[Candles], places: Sequence[int]) -> "Following":
        """The candles of each series from a place on, which is not its first."""
        lengths = np.array([len(each) for each in series], np.int64) - places
        rows = np.arange(int(lengths.max(initial=0)) + 1)
        starts = np.cumsum([0, *(len(each) for each in series[:-1])]) + places - 1
        where = starts + np.minimum(rows[:, np.newaxis], lengths)
        columns = (
            np.concatenate([getattr(each, name) for each in series])[where]
            for name in ("high", "low", "close", "volume")
        )
        return cls([Prices(*prices) for prices in zip(*columns, strict=True)], lengths)


@dataclass(frozen=True)
class _Recursion:
    """A state after the last of some candles, the next one, the values it shows, and of how many numbers it is."""

    begin: Callable[[Parameters, Candles], Sequence[float]]
    advance: Callable[[Parameters, State, Pair], State]
    show: Callable[[State], Sequence[Floats]]
    width: int


def state_width(indicator: Indicator) -> int:
    """Of how many numbers its state is; 0: it cannot go on from one, or remembers nothing but a window."""
    return _RECURSIONS[indicator.name].width if indicator.name in _RECURSIONS else 0


def state_after(indicator: Indicator, candles: Candles) -> Sequence[float]:
    """Where an indicator stands after the last of some candles; with NaN where there is no value yet."""
    return _RECURSIONS[indicator.name].begin(indicator.parameters, candles)


def go_on(indicator: Indicator, states: Floats, following: Following) -> tuple[Sequence[Floats], Floats]:
    """An indicator's values at the candles that follow, and its states after the last one.

    Args:
        indicator: which.
        states: before the first; a row each series.
        following: candles of the same series.

    Returns:
        Its outputs, those of a series after each other; and a row of each series.
    """
    recursion = _RECURSIONS[indicator.name]
    state: State = list(states.T)
    shown: list[Sequence[Floats]] = []
    for number, pair in enumerate(pairwise(following.prices)):
        advanced = recursion.advance(indicator.parameters, state, Pair(*pair))
        state = [np.where(number < following.lengths, new, old) for new, old in zip(advanced, state, strict=True)]
        shown.append(recursion.show(state))
    there = np.arange(len(shown)) < following.lengths[:, np.newaxis]
    return [np.stack(each, axis=1)[there] for each in zip(*shown, strict=True)], np.stack(state, axis=1)


def _smooth(factor: float, average: Floats, value: Floats) -> Floats:
    return (value - average) * factor + average


def _wilder(period: float, average: Floats, value: Floats) -> Floats:
    return (average * (period - 1) + value) / period


def _true_range(pair: Pair) -> Floats:
    ranges: Floats = np.maximum(pair.now.high, pair.before.close) - np.minimum(pair.now.low, pair.before.close)
    return ranges


def _percent(part: Floats, whole: Floats) -> Floats:
    """Percents, where the whole is more than nothing: as TA-Lib has it, however little that is."""
    is_something = whole > 0
    return np.where(is_something, 100 * part / np.where(is_something, whole, 1.0), 0.0)


def _begin_obv(_: Parameters, candles: Candles) -> Sequence[float]:
    return [talib.OBV(candles.close, candles.volume)[-1]]


def _advance_obv(_: Parameters, state: State, pair: Pair) -> State:
    return [state[0] + np.sign(pair.now.close - pair.before.close) * pair.now.volume]


def _begin_ad(_: Parameters, candles: Candles) -> Sequence[float]:
    return [talib.AD(candles.high, candles.low, candles.close, candles.volume)[-1]]


def _advance_ad(_: Parameters, state: State, pair: Pair) -> State:
    now = pair.now
    wide = now.high - now.low
    within = ((now.close - now.low) - (now.high - now.close)) / np.where(wide > 0, wide, 1.0)
    return [state[0] + np.where(wide > 0, within * now.volume, 0.0)]


def _begin_ema(parameters: Parameters, candles: Candles) -> Sequence[float]:
    return [talib.EMA(candles.close, parameters["timeperiod"])[-1]]


def _advance_ema(parameters: Parameters, state: State, pair: Pair) -> State:
    return [_smooth(2 / (parameters["timeperiod"] + 1), state[0], pair.now.close)]


def _begin_macd(parameters: Parameters, candles: Candles) -> Sequence[float]:
    fast, slow = _fast_and_slow(parameters)
    # Its fast average begins so late that both have their first value at the same candle.
    late = candles.close[int(slow - fast) :]
    signal = talib.MACD(candles.close, **parameters)[1]
    return [_last(talib.EMA(late, fast)) if len(late) else np.nan, talib.EMA(candles.close, slow)[-1], signal[-1]]


def _advance_macd(parameters: Parameters, state: State, pair: Pair) -> State:
    fast, slow = (
        _smooth(2 / (period + 1), average, pair.now.close)
        for period, average in zip(_fast_and_slow(parameters), state, strict=False)
    )
    return [fast, slow, _smooth(2 / (parameters["signalperiod"] + 1), state[2], fast - slow)]


def _fast_and_slow(parameters: Parameters) -> Sequence[float]:
    """TA-Lib takes the shorter one for the fast one, however they are called."""
    return sorted((parameters["fastperiod"], parameters["slowperiod"]))


def _begin_rsi(parameters: Parameters, candles: Candles) -> Sequence[float]:
    changes = np.diff(candles.close, prepend=candles.close[:1])
    none = np.zeros(len(changes))
    # With nothing but highs a true range is the high.
    return [
        talib.ATR(np.maximum(sign * changes, 0.0), none, none, parameters["timeperiod"])[-1] for sign in (1.0, -1.0)
    ]


def _advance_rsi(parameters: Parameters, state: State, pair: Pair) -> State:
    change = pair.now.close - pair.before.close
    return [
        _wilder(parameters["timeperiod"], average, np.maximum(sign * change, 0.0))
        for sign, average in zip((1.0, -1.0), state, strict=True)
    ]


def _begin_atr(parameters: Parameters, candles: Candles) -> Sequence[float]:
    return [talib.ATR(candles.high, candles.low, candles.close, parameters["timeperiod"])[-1]]


def _advance_atr(parameters: Parameters, state: State, pair: Pair) -> State:
    return [_wilder(parameters["timeperiod"], state[0], _true_range(pair))]


def _begin_adx(parameters: Parameters, candles: Candles) -> Sequence[float]:
    """Sums of movements up and down and of true ranges, and itself."""
    prices, period = (candles.high, candles.low, candles.close), parameters["timeperiod"]
    up, down = (move(candles.high, candles.low, period)[-1] for move in (talib.PLUS_DM, talib.MINUS_DM))
    # An average that begins with one true range more than the sum does: what that makes is left over of.
    first = talib.TRANGE(*prices)[1 : int(period)]
    left = (1 - 1 / period) ** (len(candles) - 1 - period) * np.sum(first) / period
    return [up, down, talib.ATR(*prices, period)[-1] * period - left, talib.ADX(*prices, period)[-1]]


def _advance_adx(parameters: Parameters, state: State, pair: Pair) -> State:
    period, (up, down, ranges, index) = parameters["timeperiod"], state
    rise, fall = pair.now.high - pair.before.high, pair.before.low - pair.now.low
    up = up - up / period + np.where((rise > 0) & (rise > fall), rise, 0.0)
    down = down - down / period + np.where((fall > 0) & (fall > rise), fall, 0.0)
    ranges = ranges - ranges / period + _true_range(pair)
    above, below = _percent(up, ranges), _percent(down, ranges)
    both = above + below
    directed = (ranges > 0) & (both > 0)
    moved = _wilder(period, index, _percent(np.abs(below - above), both))
    return [up, down, ranges, np.where(directed, moved, index)]


def _last(values: Floats) -> float:
    return float(values[-1])


_RECURSIONS: Mapping[str, _Recursion] = {
    "obv": _Recursion(_begin_obv, _advance_obv, lambda state: state, 1),
    "ad": _Recursion(_begin_ad, _advance_ad, lambda state: state, 1),
    "ema": _Recursion(_begin_ema, _advance_ema, lambda state: state, 1),
    "macd": _Recursion(
        _begin_macd,
        _advance_macd,
        lambda state: [state[0] - state[1], state[2], state[0] - state[1] - state[2]],
        3,
    ),
    "rsi": _Recursion(_begin_rsi, _advance_rsi, lambda state: [_percent(state[0], state[0] + state[1])], 2),
    "atr": _Recursion(_begin_atr, _advance_atr, lambda state: state, 1),
    "adx": _Recursion(_begin_adx, _advance_adx, lambda state: state[3:], 4),
}
