"""Which hours candles up to four hours are made of, and where their buckets begin."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from chandlery.words.timeframe import Timeframe
from chandlery.words.window import MINUTE

# Buckets that more minutes are read for: the first and the last of them may be cut off, and one lie beyond the end.
_CUT_OFF = 3


class Hours(StrEnum):
    """All that is traded; regular hours in buckets of the clock; regular hours, counted from where a session opens.

    Days, weeks and months are of regular hours in any case.
    """

    ALL = "all"
    REGULAR = "regular"
    FROM_OPEN = "from open"

    @classmethod
    def of(cls, session: str, align: str) -> Self:
        """By the words of those who ask: `all` or `regular`, and `clock` or `session`.

        Raises:
            ValueError: hours that are not regular cannot be counted from where a session opens.
        """
        if session == "all":
            if align == "session":
                raise ValueError("buckets are counted from a session's open in regular hours alone")
            return cls("all")
        return cls("from open" if align == "session" else "regular")

    def are_folded(self, timeframe: Timeframe) -> bool:
        """Whether candles of a timeframe are folded from minutes when they are read; all others are stored."""
        return self is not Hours.ALL and not timeframe.by_session

    def first_open(self, timeframe: Timeframe, at: datetime) -> datetime:
        """Folded candles that start before it are closed at a moment."""
        width = timeframe.width or MINUTE
        if self is Hours.FROM_OPEN:  # that of a closing auction may follow
            width += MINUTE
        return at - width + timedelta(microseconds=1)


def most_folded(timeframe: Timeframe, minutes: int) -> int:
    """How many candles so many minutes suffice for, whatever buckets these lie in."""
    return minutes // _most_in(timeframe) - _CUT_OFF


def minutes_for(timeframe: Timeframe, candles: int) -> int:
    """How many minutes suffice for so many candles."""
    return (candles + _CUT_OFF) * _most_in(timeframe)


def _most_in(timeframe: Timeframe) -> int:
    """Minutes in a bucket, with that of a closing auction."""
    return (timeframe.width or MINUTE) // MINUTE + 1
