"""An indicator made ready to be computed, and how it is defined."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chandlery.indicators.numerics.candle_arrays import Floats, SessionCandles
from chandlery.indicators.numerics.parameters import IndicatorInfo, Value

Compute = Callable[[SessionCandles], list[Floats]]
Settled = Callable[[SessionCandles, int], bool]
# Forgotten, as far as digits tell: where two beginnings come to the same value, of the value, and of the greatest one.
_SAME, _SAME_OF_GREATEST = 1e-10, 1e-13


@dataclass(frozen=True)
class Prepared:
    """An indicator with all its parameters, and which candles it needs.

    Attributes:
        info: what it is.
        parameters: all of them, as JSON can say them; a time as its UTC instant in ISO 8601.
        lookback: candles before the first one at which every output has a value (a look ahead apart).
        warm_up: candles to read before the first wanted one, so that no value tells where reading began. At least the
            lookback. Where an indicator's memory depends on the candles themselves, `is_settled` tells whether it was
            enough.
        whole_sessions: how many session dates, the first wanted candle's own the last of them, must be read from
            their first candle on; 0: it knows nothing of sessions.
        anchor: the instant, UTC, from which on all candles must be read, however long ago; None: there is none.
        cumulative: its values begin with the candles it is given, and tell from where: a sum's, or a place in them.
    """

    info: IndicatorInfo
    parameters: Mapping[str, object]
    lookback: int
    warm_up: int
    whole_sessions: int = 0
    anchor: datetime | None = None
    cumulative: bool = False
    computing: Compute = field(repr=False, compare=False, kw_only=True)
    settling: Settled | None = field(repr=False, compare=False, default=None)

    def compute(self, candles: SessionCandles) -> list[Floats]:
        """Its values.

        Args:
            candles: any number of them, in order; none is refused.

        Returns:
            An array for each of `info.outputs`, as long as the candles; NaN where there is no value (yet).
        """
        return self.computing(candles)

    def is_settled(self, candles: SessionCandles, place: int) -> bool:
        """Whether values from a place on are those over the whole series, of which the candles are a later part.

        For cumulative indicators never. Of recursive ones whose memory can be calculated this is a bound; of the
        others an observation: they come to the same values from several beginnings.
        """
        if self.cumulative or not self.lookback <= place < len(candles):
            return False
        return self.settling is None or self.settling(candles, place)


@dataclass(frozen=True)
class Definition:
    """An indicator's description, and what makes it ready from its checked, complete parameters."""

    info: IndicatorInfo
    prepare: Callable[[Mapping[str, Value]], Prepared]


def jsonable(parameters: Mapping[str, Value]) -> dict[str, object]:
    """Parameters as JSON can say them."""
    return {
        name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for name, value in parameters.items()
    }


def agrees_from_anywhere(compute: Compute, lookback: int) -> Settled:
    """Settled by observation: begun at the first candle, at an eighth and at a quarter of the way, values are the same.

    What has not moved between two beginnings proves nothing: a ratio of two sums of nothing keeps its value.
    """

    def settled(candles: SessionCandles, place: int) -> bool:
        begins = (place // 8, place // 4)
        if place - begins[-1] <= lookback or not _moves(candles, (0, *begins, place)):
            return False
        whole = [output[place:] for output in compute(candles)]
        return all(
            _same(whole, [output[place - begin :] for output in compute(candles.since(begin))]) for begin in begins
        )

    return settled


def _moves(candles: SessionCandles, edges: Sequence[int]) -> bool:
    stretches = pairwise(edges)
    return all(end > start and np.ptp(candles.close[start:end]) > 0 for start, end in stretches)


def _same(some: Sequence[Floats], others: Sequence[Floats]) -> bool:
    for one, other in zip(some, others, strict=True):
        known = np.isfinite(one)
        if (known != np.isfinite(other)).any():
            return False
        apart = np.abs(one[known] - other[known])
        size = np.abs(one[known])
        if (apart > _SAME * size + _SAME_OF_GREATEST * size.max(initial=0.0)).any():
            return False
    return True


def floats(values: NDArray[Any]) -> Floats:
    """An array as TA-Lib takes it; itself where it is such already."""
    return np.ascontiguousarray(values, dtype=np.float64)
