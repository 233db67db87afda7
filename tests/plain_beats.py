"""What a source is missing by the cadence that an operator has set, in the plainest Python.

Beats are counted from midnight UTC. Each that begins at `since` or later, and is over at `due`, must have a row whose
time lies in it; all minutes of one that has none are missing, as far as the source's calendar is open. Of minutes that
are missing it is the feed that is down, unless another source of the same feed has a row in its own beat then.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import groupby

from chandlery.words.window import MINUTE, Window


@dataclass
class Source:
    """A source that has a cadence; `open_hours` are its calendar's."""

    feed: str
    every: timedelta
    since: datetime
    open_hours: Iterable[Window]
    rows: set[datetime] = field(default_factory=set)

    def beat(self, moment: datetime) -> Window:
        """The one that a moment lies in."""
        starts = moment - (moment - moment.replace(hour=0, minute=0, second=0, microsecond=0)) % self.every
        return Window(starts, starts + self.every)

    def has_row(self, moment: datetime) -> bool:
        """Whether the beat of a moment has one."""
        return self.since <= moment and self.beat(moment) in self._heard

    @cached_property
    def _heard(self) -> set[Window]:
        return {self.beat(row) for row in self.rows}


def missing(sources: Mapping[str, Source], due: datetime) -> dict[str, list[tuple[datetime, datetime, int, str]]]:
    """The gaps of each source: from, to, minutes, and why."""
    return {name: list(_gaps(sources, source, due)) for name, source in sources.items()}


def _gaps(
    sources: Mapping[str, Source], source: Source, due: datetime
) -> Iterator[tuple[datetime, datetime, int, str]]:
    why = [(minute, _why(sources, source, minute, due)) for minute in _expected(source, due)]
    for reason, minutes in groupby(why, key=lambda each: each[1]):
        if reason is not None:
            run = [minute for minute, _ in minutes]
            yield run[0], run[-1] + MINUTE, len(run), reason


def _expected(source: Source, due: datetime) -> Iterator[datetime]:
    for hours in source.open_hours:
        minute = max(hours.starts, source.since)
        while minute < min(hours.ends, due):
            yield minute
            minute += MINUTE


def _why(sources: Mapping[str, Source], source: Source, minute: datetime, due: datetime) -> str | None:
    if source.has_row(minute) or source.beat(minute).ends > due:
        return None
    others = [each for each in sources.values() if each.feed == source.feed and each is not source]
    return "instrument_silent" if any(each.has_row(minute) for each in others) else "feed_down"
