"""Stretches of time and the minutes they are made of. All times are aware, UTC."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Window:
    """A half-open stretch `[starts, ends)`, never empty."""

    starts: datetime
    ends: datetime

    def __post_init__(self) -> None:
        """Refuse what is naive or upside down."""
        if self.starts.tzinfo is None or self.ends.tzinfo is None:
            raise ValueError("a window's times need a time zone")
        if self.starts >= self.ends:
            raise ValueError(f"a window must end after it starts: {self.starts} … {self.ends}")

    @classmethod
    def day_before(cls, ends: datetime) -> Self:
        """The 24 hours up to `ends`."""
        return cls(ends - DAY, ends)

    def minutes(self) -> Iterator[datetime]:
        """Every whole minute, in order, from the one at or after the start."""
        minute = floor_minute(self.starts + MINUTE - timedelta(microseconds=1))
        while minute < self.ends:
            yield minute
            minute += MINUTE


def floor_minute(moment: datetime) -> datetime:
    """The start of the minute a moment lies in.

    Raises:
        ValueError: the moment is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def epoch_minute(moment: datetime) -> int:
    """Whole minutes since 1970-01-01T00:00Z."""
    return (moment - _EPOCH) // MINUTE


def daily_turn(day: Window, at: datetime, minutes: int) -> Window:
    """The slice of a 24-hour window whose turn it is at a given minute.

    A day is cut into slices of `minutes`, by the clock; run after run each comes up once, so that work too large for
    one run is done over many, without remembering where the last one stopped.
    """
    slices = -(-1440 // minutes)
    first = (epoch_minute(at) % slices) * minutes
    back = (epoch_minute(day.ends) - minutes - first) % 1440
    starts = max(day.ends - (back + minutes) * MINUTE, day.starts)
    return Window(starts, min(starts + minutes * MINUTE, day.ends))
