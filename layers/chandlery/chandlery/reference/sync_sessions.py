"""Make the stored sessions of calendars those that somebody gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from psycopg import Connection

from chandlery.platform import schema
from chandlery.reference.domain.session import Calendar
from chandlery.reference.store import sessions


@dataclass(frozen=True)
class Synced:
    """A calendar's sessions, the days they are known for, and how many candles got other stamps or grades.

    `kept` are the first and the last of days that stay as an operator imported them.
    """

    calendar: str
    sessions: int
    known_from: date
    known_to: date
    kept: Sequence[tuple[date, date]]
    restamped: int


@dataclass(frozen=True)
class SessionsReport:
    """What became of each calendar, in the order given."""

    calendars: Sequence[Synced]


def sync_sessions(connection: Connection, calendars: Sequence[Calendar]) -> SessionsReport:
    """Replace what stood on the days of each calendar, a transaction each, and stamp the candles it touches anew.

    Days that an operator imported stay: see `domain.session.Calendar`.

    Raises:
        Retryable, Permanent: from the database; the calendars before stay done.
    """
    schema.check(connection)
    return SessionsReport([_replace(connection, calendar) for calendar in calendars])


def _replace(connection: Connection, calendar: Calendar) -> Synced:
    done = sessions.replace(connection, calendar)
    days = calendar.known_from, calendar.known_to
    return Synced(calendar.name, len(calendar.sessions), *days, done.kept, done.restamped)
