"""What of an indicator's stored values must be rewritten when candles change, for many series at once.

A series is a few hundred candles, and numpy takes as long to be called as it takes for those: so a series by itself
costs its call of TA-Lib, and everything else is done for all of them in one array.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from chandlery.indicators.numerics.candle_arrays import Candles, Floats
from chandlery.indicators.numerics.functions import Indicator, compute
from chandlery.indicators.numerics.memory import Memory

OUTPUTS = 3  # columns of market.indicators
# A stored value stays while it differs by less: a tenth of what it may differ from one over the whole series. What lies
# is the difference of two numbers, as macd is, has no digits below the last ones of those.
_SAME, _SAME_OF_SCALE = 1e-10, 1e-15
_PERCENT = 100.0

Times = NDArray[np.int64]
Places = NDArray[np.int64]
Which = NDArray[np.bool_]


@dataclass(frozen=True)
class Values:
    """An indicator's values of some series, in the order of the series and of time; NaN in outputs that it has not.

    Attributes:
        series: the place of the series of each.
        time: in seconds since 1970.
        made_from: likewise.
        outputs: as many as the table has columns.
    """

    series: Places
    time: Times
    made_from: Times
    outputs: Sequence[Floats]

    @classmethod
    def none(cls) -> "Values":
        """No value at all."""
        nothing = np.empty(0, np.int64)
        return cls(nothing, nothing, nothing, [np.empty(0)] * OUTPUTS)

    def __len__(self) -> int:
        """How many values."""
        return len(self.time)

    def at(self, which: Which) -> "Values":
        """Those alone that are chosen."""
        outputs = [output[which] for output in self.outputs]
        return Values(self.series[which], self.time[which], self.made_from[which], outputs)


@dataclass(frozen=True)
class ChangedSeries:
    """A stretch of candles around changed ones.

    Attributes:
        candles: those from some warm-up on.
        first: where the first changed bucket starts, in seconds since 1970.
        last: where the last changed bucket ends.
        begins: whether the series begins with them.
        ends: whether the series ends with them.
    """

    candles: Candles
    first: int
    last: int
    begins: bool
    ends: bool

    @cached_property
    def place(self) -> int:
        """The place of the first candle from the first changed bucket on."""
        return int(np.searchsorted(self.candles.time, self.first))

    @cached_property
    def place_after(self) -> int:
        """The place of the first candle after the last changed bucket."""
        return int(np.searchsorted(self.candles.time, self.last))


@dataclass(frozen=True)
class Renewal:
    """What to write and delete of some series.

    Attributes:
        written: values that are new or differ.
        new: of those, whether nothing was stored there.
        deleted: stored values without a candle.
        last: the last value of each series that has any, whether it differs or not.
        needs_earlier: of each series, whether a value could stem from where its candles begin.
        needs_later: of each series, whether its last value still differs, and it goes on.
    """

    written: Values
    new: Which
    deleted: Values
    last: Values
    needs_earlier: Which
    needs_later: Which


def renew(indicator: Indicator, memory: Memory, series: Sequence[ChangedSeries], stored: Values) -> Renewal:
    """Hold an indicator's values from the first changed bucket of each series on against the stored ones.

    Args:
        indicator: which.
        memory: its own.
        series: the candles of each.
        stored: its values from the candle before the first changed bucket to the last candle, and to the last changed
            bucket, of each.
    """
    found, highs, needs_earlier = _compute(indicator, memory, series, stored)
    firsts = np.array([each.first for each in series], np.int64)
    before = stored.at(stored.time >= firsts[stored.series])
    here, there = _shared(found, before)
    differs = ~here
    scale = highs[here] if memory.in_prices else np.full(np.count_nonzero(here), _PERCENT)
    differs[here] = _differ(found.at(here), before.at(there), scale, memory)
    if memory.is_finite and here.any():
        # Later values are the same but for the last digits of running sums, which tell where those began.
        differs &= ~here | (found.time < _window_ends(series, memory.lookback)[found.series])
    ends = np.array([each.ends for each in series], np.bool_)
    is_last = np.diff(found.series, append=len(series)) > 0
    settled = np.zeros(len(series), np.bool_)
    settled[found.series[is_last & ~differs]] = True
    return Renewal(
        written=found.at(differs),
        new=~here[differs],
        deleted=before.at(~there),
        last=found.at(is_last),
        needs_earlier=needs_earlier,
        needs_later=~ends & ~needs_earlier & ~settled,
    )


def _compute(
    indicator: Indicator, memory: Memory, series: Sequence[ChangedSeries], stored: Values
) -> tuple[Values, Floats, Which]:
    """The values from the first changed bucket on, the high of each one's candle, and which need earlier candles."""
    needs_earlier = np.zeros(len(series), np.bool_)
    seeds = _seeds(series, stored) if memory.cumulative else {}
    numbers, begun, parts, times, highs = [], [], [], [], []
    for number, each in enumerate(series):
        candles, place = each.candles, each.place
        if place == len(candles):
            continue
        if number in seeds:
            value, made_from = seeds[number]
            candles, place = _seeded(indicator, candles.since(place - 1), value), 1
        elif each.begins or memory.is_ready(candles, place):
            made_from = int(candles.time[0])
        else:
            needs_earlier[number] = True
            continue
        numbers.append(number)
        begun.append(made_from)
        parts.append([output[place:] for output in compute(indicator, candles)])
        times.append(candles.time[place:])
        highs.append(candles.high[place:])
    if not numbers:
        return Values.none(), np.empty(0), needs_earlier
    lengths = [len(each) for each in times]
    outputs = [np.concatenate(output) for output in zip(*parts, strict=True)]
    outputs += [np.full(len(outputs[0]), np.nan)] * (OUTPUTS - len(outputs))
    values = Values(np.repeat(numbers, lengths), np.concatenate(times), np.repeat(begun, lengths), outputs)
    known = np.isfinite(outputs[0])
    return values.at(known), np.concatenate(highs)[known], needs_earlier


def _seeds(series: Sequence[ChangedSeries], stored: Values) -> dict[int, tuple[float, int]]:
    """By the place of a series, the value stored before its first changed bucket, and what that was made from."""
    before = np.array([each.candles.time[each.place - 1] if each.place else -1 for each in series], np.int64)
    seeds = stored.at(stored.time == before[stored.series])
    pairs = zip(seeds.outputs[0].tolist(), seeds.made_from.tolist(), strict=True)
    return dict(zip(seeds.series.tolist(), pairs, strict=True))


def _seeded(indicator: Indicator, candles: Candles, value: float) -> Candles:
    """The candles with the first one made such that the cumulative indicator has a value there; exactly so."""
    volume = candles.volume.copy()
    volume[0] = value
    if indicator.name == "obv":
        return Candles(candles.time, candles.open, candles.high, candles.low, candles.close, volume)
    # The close at the high: all of the volume is accumulated.
    high, low, close = candles.high.copy(), candles.low.copy(), candles.close.copy()
    high[0], low[0], close[0] = 1.0, 0.0, 1.0
    return Candles(candles.time, candles.open, high, low, close, volume)


def _shared(one: Values, other: Values) -> tuple[Which, Which]:
    """Which of each are in the other, by series and time; without doubles: ten times as fast as numpy.isin."""
    here, there = np.zeros(len(one), np.bool_), np.zeros(len(other), np.bool_)
    if len(one) and len(other):
        earliest = min(one.time.min(), other.time.min())
        length = max(one.time.max(), other.time.max()) - earliest + 1
        keys, others = (each.series * length + (each.time - earliest) for each in (one, other))
        places = np.minimum(np.searchsorted(others, keys), len(others) - 1)
        here = others[places] == keys
        there[places[here]] = True
    return here, there


def _window_ends(series: Sequence[ChangedSeries], lookback: int) -> Times:
    """From when on no window of this many candles holds a changed one, for each series."""
    ends = np.full(len(series), np.iinfo(np.int64).max)
    for number, each in enumerate(series):
        if (window := each.place_after + lookback) < len(each.candles):
            ends[number] = each.candles.time[window]
    return ends


def _differ(found: Values, stored: Values, scale: Floats, memory: Memory) -> Which:
    differs = np.zeros(len(found), np.bool_)
    for new, old in zip(found.outputs, stored.outputs, strict=True):
        apart = np.abs(new - old)
        # Sums must go on from what is stored to the last digit; elsewhere NaN is in both, and compares as not greater.
        allowed = 0.0 if memory.cumulative else _SAME * np.maximum(np.abs(new), np.abs(old)) + _SAME_OF_SCALE * scale
        differs |= apart > allowed
    return differs
