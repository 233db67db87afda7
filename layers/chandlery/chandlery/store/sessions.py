"""Calendars and their sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg import Connection

from chandlery.domain.session import Calendar
from chandlery.store.connection import transaction
from chandlery.store.statements import read_rows, run


@dataclass(frozen=True)
class KnownCalendar:
    """A calendar that has been filled, from its first known day to its last; `instruments` go by it."""

    calendar: str
    time_zone: str
    known_from: date
    known_to: date
    sessions: int
    instruments: int


def replace(connection: Connection, calendar: Calendar) -> int:
    """Make the stored sessions of a stretch of days those of `calendar`, and stamp the candles they touch anew.

    Inside the sessions that went or came, candles are graded anew too; one that is partial now gets a mark as well, to
    be made of its ticks again where those are still kept.

    Returns:
        The number of candles whose session date, extended hours or grade changed.
    """
    columns = {
        "session_dates": [session.session_date for session in calendar.sessions],
        "opens_at": [session.opens_at for session in calendar.sessions],
        "closes_at": [session.closes_at for session in calendar.sessions],
        "break_starts_at": [session.break_starts_at for session in calendar.sessions],
        "break_ends_at": [session.break_ends_at for session in calendar.sessions],
    }
    stretch = {"calendar": calendar.name, "known_from": calendar.known_from, "known_to": calendar.known_to}
    with transaction(connection):
        # Sessions that come take back what was judged, under this lock: it goes before that of the candles.
        run(connection, "lock_gaps")
        run(connection, "lock_candles")
        run(connection, "upsert_calendar", **stretch, time_zone=calendar.time_zone)
        gone = run(connection, "delete_changed_sessions", **stretch, **columns).fetchall()
        come = run(connection, "insert_sessions", calendar=calendar.name, **columns).fetchall()
        changed = gone + come
        return _restamp(connection, calendar.name, changed) if changed else 0


def _restamp(connection: Connection, calendar: str, changed: Sequence[tuple[Any, ...]]) -> int:
    """Of sessions that went or came: their dates, and when they opened and closed."""
    days, opens_at, closes_at = (list(column) for column in zip(*changed, strict=True))
    run(connection, "set_bitmap_scans", setting="off")
    row = run(
        connection,
        "restamp_candles",
        calendar=calendar,
        changed_from=min(days),
        changed_to=max(days),
        opens_at=opens_at,
        closes_at=closes_at,
    ).fetchone()
    return int(row[0]) if row else 0


def list_calendars(connection: Connection) -> Sequence[KnownCalendar]:
    """Every calendar that has been filled, by name."""
    return read_rows(connection, KnownCalendar, "list_calendars")


def known(connection: Connection, calendar: str) -> bool:
    """Whether a calendar has been filled."""
    return run(connection, "find_calendar", calendar=calendar).fetchone() is not None


def find_known_days(connection: Connection, calendar: str) -> tuple[date | None, date | None]:
    """The first and the last day a calendar knows; none when it was never filled."""
    row = run(connection, "find_calendar", calendar=calendar).fetchone()
    return (row[2], row[3]) if row else (None, None)
