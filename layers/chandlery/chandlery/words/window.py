"""Stretches of time and the minutes they are made of. All times are aware, UTC."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
# Beyond these there is no candle, and calendars of the library end well before.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
# A clock that runs ahead is forgiven this much before its ticks are called future ones.
CLOCK_ALLOWANCE = timedelta(minutes=5)
# No schedule of ours fires earlier or later: such a time comes of a slip, or of a wrong unit since 1970.
_SCHEDULED_FROM, _SCHEDULED_TO = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Window:
    """A half-open stretch `[starts, ends)`, never empty."""

    starts: datetime
    ends: datetime

    def __post_init__(self) -> None:
        """Refuse what is naive or upside down."""
        if self.starts.tzinfo is None or self.ends.tzinfo is None:
            raise ValueError("a window's times need a time zone")
        require_order(self.starts, self.ends)

    @classmethod
    def day_before(cls, ends: datetime) -> Self:
        """The 24 hours up to `ends`."""
        return cls(ends - DAY, ends)


class OutOfOrder(ValueError):
    """A stretch of time does not end after it starts."""


def require_order(starts: date | None, ends: date | None) -> None:
    """Refuse a stretch that does not end after it starts; an end that is absent is open.

    Raises:
        OutOfOrder: it does not.
    """
    if starts is not None and ends is not None and starts >= ends:
        raise OutOfOrder(f"a window must end after it starts: {starts} … {ends}")


def plausible_schedule(moment: datetime) -> datetime:
    """The same moment, an aware one, if a schedule can fire at it.

    Raises:
        ValueError: it lies before the year 2000 or after its century.
    """
    if not _SCHEDULED_FROM <= moment <= _SCHEDULED_TO:
        raise ValueError(
            f"no schedule fires at {moment.isoformat()}: give a time from {_SCHEDULED_FROM.date()}"
            f" to {_SCHEDULED_TO.date()}"
        )
    return moment


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


def floor_hour(moment: datetime) -> datetime:
    """The start of the hour a moment lies in.

    Raises:
        ValueError: the moment is naive.
    """
    return floor_minute(moment).replace(minute=0)


def whole_hours(window: Window) -> Window:
    """The hours that a window touches."""
    last = floor_hour(window.ends)
    return Window(floor_hour(window.starts), last if last == window.ends else last + HOUR)


def floor_week(moment: datetime) -> datetime:
    """Monday, 00:00 UTC, of the week a moment lies in."""
    return _MONDAY + (moment - _MONDAY) // WEEK * WEEK


def cut_days(window: Window, length: timedelta) -> Iterator[Window]:
    """A window in pieces of at most so many whole days; all but the first begin at midnight UTC."""
    starts = window.starts
    while starts < window.ends:
        ends = min(_EPOCH + (starts - _EPOCH) // DAY * DAY + length, window.ends)
        yield Window(starts, ends)
        starts = ends


def turn_of(window: Window, minutes: int, every: int = 1) -> Window:
    """The slice of a moving window whose turn it is at the minute it ends.

    The first turn is the newest `minutes`, each next one, `every` minutes later, reaches further back by `minutes`,
    until the window is through and the first comes again: so that work too large for one run is done over many,
    without remembering where the last one stopped. Each minute gets its turn before the window leaves it behind if
    `minutes` is twice `every` at least: a round is then over before what it went through can leave.
    """
    turns = max(-(-((window.ends - window.starts) // MINUTE) // minutes), 1)
    back = (epoch_minute(window.ends) // every % turns) * minutes * MINUTE
    ends = max(window.ends - back, min(window.starts + minutes * MINUTE, window.ends))
    return Window(max(ends - minutes * MINUTE, window.starts), ends)


def stretches_of(hours: Iterable[datetime], apart: timedelta) -> Sequence[Window]:
    """The stretches that hours, given by their starts, lie in: in order, cut where the next begins `apart` or later."""
    found: list[Window] = []
    for hour in sorted(hours):
        if found and hour - found[-1].ends < apart:
            found[-1] = Window(found[-1].starts, hour + HOUR)
        else:
            found.append(Window(hour, hour + HOUR))
    return found
