"""When a calendar's market is open."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

_LONGEST = timedelta(days=2)


@dataclass(frozen=True)
class Session:
    """A calendar's regular open hours on one session date, aware times; the break, if any, lies inside them.

    Raises:
        ValueError: a time is naive, the times are not in order, or lie more than two days apart.
    """

    session_date: date
    opens_at: datetime
    closes_at: datetime
    break_starts_at: datetime | None = None
    break_ends_at: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be a session."""
        times = [self.opens_at, self.break_starts_at, self.break_ends_at, self.closes_at]
        if (self.break_starts_at is None) != (self.break_ends_at is None):
            raise ValueError(f"session {self.session_date}: a break needs both a start and an end")
        given = [moment for moment in times if moment is not None]
        if any(moment.tzinfo is None for moment in given):
            raise ValueError(f"session {self.session_date}: a time has no time zone; write an offset or Z")
        if any(earlier >= later for earlier, later in pairwise(given)):
            raise ValueError(
                f"session {self.session_date}: open, break start, break end and close are not in this order"
            )
        if self.closes_at - self.opens_at > _LONGEST:
            raise ValueError(f"session {self.session_date}: longer than two days; give each trading day its own")


@dataclass(frozen=True)
class Calendar:
    """A calendar's sessions over a stretch of days, both ends included, in order and without overlap.

    Raises:
        ValueError: two sessions overlap or share a date, or one is of a day outside the stretch.
    """

    name: str
    time_zone: str
    known_from: date
    known_to: date
    sessions: tuple[Session, ...]

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
