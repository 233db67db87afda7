"""The indicators of one timeframe that are stored, and what computing them takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import accumulate

from chandlery.indicators.numerics.functions import LIBRARY, Indicator
from chandlery.indicators.numerics.memory import Memory, memory_of
from chandlery.indicators.numerics.states import state_width
from chandlery.indicators.touched import touched
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import floor_hour


@dataclass(frozen=True)
class KeptIndicators:
    """A timeframe's indicators, in the order of the set; `numbers` are those under which their values stand."""

    timeframe: Timeframe
    wanted: Sequence[Indicator]
    numbers: Sequence[int]

    @cached_property
    def memories(self) -> Sequence[Memory]:
        """What each remembers."""
        return [memory_of(each) for each in self.wanted]

    @cached_property
    def pairs(self) -> Sequence[tuple[Indicator, Memory]]:
        """Each with what it remembers."""
        return list(zip(self.wanted, self.memories, strict=True))

    @cached_property
    def warm_up(self) -> int:
        """Candles before the first wanted value that suffice for all, as a rule."""
        return max(each.usual for each in self.memories)

    @cached_property
    def lookback(self) -> int:
        """Candles before the first wanted value that those need which go on from a state, and those with a window."""
        return max([1, *(each.lookback for each in self.memories if each.is_finite)])

    @cached_property
    def places(self) -> Sequence[slice]:
        """Where among the numbers of a standing each has its own: what it was made from, then its state."""
        widths = [0 if memory.is_finite else 1 + state_width(each) for each, memory in self.pairs]
        ends = list(accumulate(widths))
        return [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]

    @cached_property
    def can_stand(self) -> bool:
        """Whether all of them can go on from where they stand."""
        return all(memory.is_finite or state_width(each) for each, memory in self.pairs)

    def recent_from(self, last: int) -> int:
        """From where on candles may be marked again that are no later than the last one, in seconds since 1970.

        A mark is of an hour, and more candles of the same hour leave one.
        """
        return _recent_from(self.timeframe, last)

    @cached_property
    def made_of(self) -> str:
        """A digest of which they are, and of what computes them."""
        return sha256(f"{LIBRARY}: {', '.join(map(str, self.wanted))}".encode()).hexdigest()[:32]


@lru_cache(maxsize=4096)
def _recent_from(timeframe: Timeframe, last: int) -> int:
    return int(touched(timeframe, floor_hour(datetime.fromtimestamp(last, UTC)))[0].timestamp())
