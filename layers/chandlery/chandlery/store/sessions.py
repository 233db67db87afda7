"""Calendars and their sessions."""

from datetime import date

from psycopg import Connection

from chandlery.domain.session import Calendar
from chandlery.store.connection import transaction
from chandlery.store.statements import run


def replace(connection: Connection, calendar: Calendar) -> int:
    """Make the stored sessions of a stretch of days those of `calendar`, and stamp the candles they touch anew.

    Returns:
        The number of candles whose session date or extended hours changed.
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
        run(connection, "lock_candles")
        run(connection, "upsert_calendar", **stretch, time_zone=calendar.time_zone)
        gone = run(connection, "delete_changed_sessions", **stretch, **columns).fetchall()
        come = run(connection, "insert_sessions", calendar=calendar.name, **columns).fetchall()
        changed = [day for (day,) in gone + come]
        if not changed:
            return 0
        span = {"changed_from": min(changed), "changed_to": max(changed)}
        return run(connection, "restamp_candles", calendar=calendar.name, **span).rowcount


def known(connection: Connection, calendar: str) -> bool:
    """Whether a calendar has been filled."""
    return run(connection, "find_calendar", calendar=calendar).fetchone() is not None


def find_known_days(connection: Connection, calendar: str) -> tuple[date | None, date | None]:
    """The first and the last day a calendar knows; none when it was never filled."""
    row = run(connection, "find_calendar", calendar=calendar).fetchone()
    return (row[2], row[3]) if row else (None, None)
