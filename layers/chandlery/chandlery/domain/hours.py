"""Which hours candles up to four hours are made of, and where their buckets begin."""

from enum import StrEnum
from typing import Self

from chandlery.domain.timeframe import Timeframe


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
                raise ValueError("buckets are counted from a session's open in regular hours alone: session=regular")
            return cls("all")
        return cls("from open" if align == "session" else "regular")

    def are_folded(self, timeframe: Timeframe) -> bool:
        """Whether candles of a timeframe are folded from minutes when they are read; all others are stored."""
        return self is not Hours.ALL and not timeframe.by_session
