"""Timeframes, and the buckets they cut time into. All times are aware, UTC."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from chandlery.words.window import DAY, HOUR, MINUTE, WEEK, Window, floor_week

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Timeframe(StrEnum):
    """How long the buckets of candles are.

    Up to four hours a bucket is a stretch of UTC. A day is a session date, named by its midnight UTC, whenever its
    session opens; a week is named by its Monday, a month by its first day.
    """

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"
    W1 = "1w"
    MO1 = "1mo"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The timeframe of a name or of an alias of it: `5m`, `5minute`, `5minutes`, `4H`, `1M` (a month).

        Raises:
            ValueError: there is no such timeframe.
        """
        try:
            return cls(text)
        except ValueError:
            raise ValueError(f"no timeframe {text}; there is: {', '.join(cls)}") from None

    @classmethod
    def _missing_(cls, value: object) -> "Timeframe | None":
        """By an alias, wherever a timeframe is read; the case tells months from minutes, and nothing else."""
        name = _ALIASES.get(str(value))
        return cls(name) if name else None

    @property
    def by_session(self) -> bool:
        """Whether its buckets are made of session dates."""
        return self in (Timeframe.D1, Timeframe.W1, Timeframe.MO1)

    @property
    def width(self) -> timedelta | None:
        """How long a bucket is; none for months, which differ."""
        return _WIDTHS.get(self)

    @property
    def longest(self) -> timedelta:
        """What no bucket of it exceeds, from its start to where it is closed."""
        # A session of a date ends the next evening UTC at the latest, and a minute later is settled.
        return (self.width or 31 * DAY) + (2 * DAY if self.by_session else timedelta())

    def floor_bucket(self, moment: datetime) -> datetime:
        """The start of the bucket a moment lies in.

        Raises:
            ValueError: the moment is naive.
        """
        if moment.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        moment = moment.astimezone(UTC)
        if self is Timeframe.MO1:
            return datetime(moment.year, moment.month, 1, tzinfo=UTC)
        if self is Timeframe.W1:
            return floor_week(moment)
        return moment - (moment - _EPOCH) % _WIDTHS[self]

    def next_bucket(self, start: datetime) -> datetime:
        """The start of the bucket after the one a moment lies in."""
        floor = self.floor_bucket(start)
        if self is Timeframe.MO1:
            return self.floor_bucket(floor + 31 * DAY)
        return floor + _WIDTHS[self]

    def ceil_bucket(self, moment: datetime) -> datetime:
        """A moment itself where a bucket starts there, else the start of the next one."""
        floor = self.floor_bucket(moment)
        return floor if floor == moment else self.next_bucket(floor)

    def buckets(self, window: Window) -> Iterator[datetime]:
        """The starts of the buckets that a window touches, in order."""
        bucket = self.floor_bucket(window.starts)
        while bucket < window.ends:
            yield bucket
            bucket = self.next_bucket(bucket)

    def whole_buckets(self, touched: Iterable[Window], within: Window) -> list[Window]:
        """The buckets that windows touch, those alone that lie whole in `within`, as runs in order without overlap."""
        runs: list[Window] = []
        starts, ends = self.ceil_bucket(within.starts), self.floor_bucket(within.ends)
        for window in sorted(touched, key=lambda window: window.starts):
            first, beyond = self.floor_bucket(window.starts), self.ceil_bucket(window.ends)
            first, beyond = max(first, starts), min(beyond, ends)
            if first >= beyond:
                continue
            if runs and first <= runs[-1].ends:
                runs[-1] = Window(runs[-1].starts, max(runs[-1].ends, beyond))
            else:
                runs.append(Window(first, beyond))
        return runs


_WIDTHS = {
    Timeframe.M1: MINUTE,
    Timeframe.M5: 5 * MINUTE,
    Timeframe.M15: 15 * MINUTE,
    Timeframe.M30: 30 * MINUTE,
    Timeframe.H1: HOUR,
    Timeframe.H4: 4 * HOUR,
    Timeframe.D1: DAY,
    Timeframe.W1: WEEK,
}
_WORDS = {"mo": "month", "m": "minute", "h": "hour", "d": "day", "w": "week"}
_ALIASES = {
    f"{name.rstrip('mohdw')}{_WORDS[name.lstrip('0123456789')]}{plural}": name.value
    for name in Timeframe
    for plural in ("", "s")
} | {"1H": "1h", "4H": "4h", "1D": "1d", "1W": "1w", "1M": "1mo"}

# What stands for a timeframe that is to be chosen; and how many candles of it are enough to draw a stretch by.
AUTO = "auto"
ENOUGH = 200


def choose_timeframe(points: Mapping[Timeframe, int]) -> Timeframe:
    """The coarsest timeframe that has enough candles; where none has, the one that has most, of equals the finest."""
    enough = [each for each in Timeframe if points.get(each, 0) >= ENOUGH]
    return enough[-1] if enough else max(Timeframe, key=lambda each: points.get(each, 0))
