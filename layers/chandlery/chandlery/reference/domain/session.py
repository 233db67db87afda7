"""When a calendar's market is open."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import ClassVar

_LONGEST = timedelta(days=2)


@dataclass(frozen=True)
class Break:
    """A stretch of a session in which its market rests, aware times."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Session:
    """A calendar's regular open hours on one session date, aware times; its breaks lie inside them, in order.

    Raises:
        ValueError: a time is naive, the times are not in order, or lie more than two days apart.
    """

    # A break under another name would be one that nobody reads.
    __pydantic_config__: ClassVar = {"extra": "forbid"}

    session_date: date
    opens_at: datetime
    closes_at: datetime
    breaks: tuple[Break, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be a session."""
        rests = [moment for rest in self.breaks for moment in (rest.starts_at, rest.ends_at)]
        times = [self.opens_at, *rests, self.closes_at]
        if any(moment.tzinfo is None for moment in times):
            raise ValueError(f"session {self.session_date}: a time has no time zone; write an offset or Z")
        if any(earlier >= later for earlier, later in pairwise(times)):
            raise ValueError(f"session {self.session_date}: open, breaks and close are not in order")
        if self.closes_at - self.opens_at > _LONGEST:
            raise ValueError(f"session {self.session_date}: longer than two days; give each trading day its own")


class Origin(StrEnum):
    """Who says when a market is open; what an operator says stands until it is taken back, or forgotten."""

    LIBRARY = "library"
    OPERATOR = "operator"
    TAKEN_BACK = "taken back"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True)
class Calendar:
    """A calendar's sessions over a stretch of days, both ends included, in order and without overlap.

    Those of an operator replace what stands on these days, those of the library leave out the days an operator said.
    `Origin.TAKEN_BACK` gives days of an operator back to the library, whose sessions these are; `FORGOTTEN` removes
    those of a calendar that no library has.

    Raises:
        ValueError: two sessions overlap or share a date, or one is of a day outside the stretch.
    """

    name: str
    time_zone: str
    known_from: date
    known_to: date
    sessions: tuple[Session, ...]
    origin: Origin = Origin.LIBRARY

    def __post_init__(self) -> None:
        """Refuse overlapping sessions, and those of days that are not told of."""
        for session in self.sessions:
            if not self.known_from <= session.session_date <= self.known_to:
                raise ValueError(
                    f"calendar {self.name}: session {session.session_date} is not within {self.known_from} to"
                    f" {self.known_to}"
                )
        for earlier, later in pairwise(self.sessions):
            if later.session_date <= earlier.session_date or later.opens_at < earlier.closes_at:
                raise ValueError(
                    f"calendar {self.name}: sessions {earlier.session_date} and {later.session_date} overlap"
                )
