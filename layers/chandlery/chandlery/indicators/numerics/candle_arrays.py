"""Candles as arrays of numbers, to compute with. Needs numpy."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Candles:
    """A series of candles as arrays of one length, in order; `time` in seconds since 1970, a bucket's start."""

    time: Whole
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        """How many candles."""
        return len(self.time)

    def since(self, place: int) -> Self:
        """The same without those before a place."""
        return type(self)(*(getattr(self, field.name)[place:] for field in fields(self)))

    @classmethod
    def none(cls) -> Self:
        """No candle at all."""
        columns: list[Any] = [np.empty(0, np.int64 if field.type is Whole else np.float64) for field in fields(cls)]
        return cls(*columns)

    @classmethod
    def joined(cls, parts: "list[Self]") -> Self:
        """Series that follow each other, as one."""
        if len(parts) == 1:
            return parts[0]
        columns = [[getattr(each, field.name) for each in (cls.none(), *parts)] for field in fields(cls)]
        return cls(*map(np.concatenate, columns))


@dataclass(frozen=True)
class SessionCandles(Candles):
    """Candles that know besides what some indicators of our own need.

    `turnover` is Σ(price·size), NaN where it is not known. `session` is the session date as days since 1970-01-01, that
    of the newest session a bucket touches, the minute of its closing auction included; outside of sessions the date of
    the calendar's time zone, which for instruments traded round the clock is the UTC day.
    """

    turnover: Floats
    session: Whole
