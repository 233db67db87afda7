"""Calendars and their sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.platform.connection import transaction
from chandlery.platform.errors import Permanent
from chandlery.platform.statements import read_rows, run
from chandlery.reference.domain.session import Calendar, Session
from chandlery.words.window import DAY


@dataclass(frozen=True)
class KnownCalendar:
    """A calendar that is stored, from its first known day to its last; `instruments` go by it.

    `imported` tells the days whose sessions an operator imported; null: none.
    """

    calendar: str
    time_zone: str
    known_from: date | None
    known_to: date | None
    imported: str | None
    sessions: int
    instruments: int


@dataclass(frozen=True)
class Replaced:
    """What became of a calendar.

    Attributes:
        time_zone, known_from, known_to: what is stored now; no day is known where all were removed.
        time_zone_before: what was stored; null where the calendar is new.
        changed: session dates whose hours came, went or changed.
        kept: the days among those given that stay as an operator imported them, first and last of each stretch.
        restamped: candles whose session date, extended hours or grade changed.
    """

    time_zone: str
    known_from: date | None
    known_to: date | None
    time_zone_before: str | None
    changed: int
    kept: Sequence[tuple[date, date]]
    restamped: int


def replace(connection: Connection, calendar: Calendar) -> Replaced:
    """Make the stored sessions of a stretch of days those of `calendar`, and stamp the candles they touch anew.

    Days that an operator imported stay, unless the calendar is an operator's own, or takes them back. Inside the
    sessions that went or came, candles are graded anew too; one that is partial now gets a mark as well, to be made of
    its ticks again where those are still kept.

    Raises:
        Permanent: a session would overlap one that stays; nothing is written then.
        Retryable: from the database.
    """
    stretch = {"calendar": calendar.name, "known_from": calendar.known_from, "known_to": calendar.known_to}
    with transaction(connection):
        # Sessions that come take back what was judged, under this lock: it goes before that of the candles.
        run(connection, "lock_gaps")
        run(connection, "lock_candles")
        before = run(connection, "find_calendar", calendar=calendar.name).fetchone()
        row = run(
            connection, "upsert_calendar", **stretch, time_zone=calendar.time_zone, origin=calendar.origin.value
        ).fetchone()
        if row is None:
            raise AssertionError("an upsert answers its row")
        time_zone, known_from, known_to, days_kept = row
        given = {**_columns(calendar.sessions), "days_kept": days_kept}
        gone = run(connection, "delete_changed_sessions", **stretch, **given).fetchall()
        come = run(connection, "insert_sessions", calendar=calendar.name, **given).fetchall()
        changed = gone + come
        if overlap := run(connection, "find_overlap", **stretch).fetchone():
            raise Permanent(
                f"calendar {calendar.name}: sessions {overlap[0]} and {overlap[1]} would overlap; import both days,"
                f" or take an imported one back: chandlery sessions remove {calendar.name} --from DATE --to DATE"
            )
        moved = before is not None and before[1] != time_zone and known_from and (known_from, known_to)
        restamped = _restamp(connection, calendar.name, changed, moved or None)
    return Replaced(
        time_zone,
        known_from,
        known_to,
        before[1] if before else None,
        len({day for day, *_ in changed}),
        [(days.lower, days.upper - DAY) for days in days_kept],
        restamped,
    )


def _columns(sessions: Sequence[Session]) -> dict[str, Sequence[Any]]:
    return {
        "session_dates": [session.session_date for session in sessions],
        "opens_at": [session.opens_at for session in sessions],
        "closes_at": [session.closes_at for session in sessions],
        "breaks": [
            "{"
            + ",".join(f"[{rest.starts_at.isoformat()},{rest.ends_at.isoformat()})" for rest in session.breaks)
            + "}"
            for session in sessions
        ],
    }


def _restamp(
    connection: Connection, calendar: str, changed: Sequence[tuple[Any, ...]], moved: tuple[date, date] | None
) -> int:
    """Of sessions that went or came: their dates, and when they opened and closed; `moved`: days in another zone."""
    days = [*(moved or ()), *(day for day, *_ in changed)]
    if not days:
        return 0
    opens_at, closes_at = [opens for _, opens, _ in changed], [closes for *_, closes in changed]
    return _run_restamp(connection, calendar, None, (min(days), max(days)), opens_at=opens_at, closes_at=closes_at)


def restamp_instrument(connection: Connection, instrument_id: int, calendar: str) -> int:
    """Stamp all candles of an instrument by its new calendar, in a transaction that holds the lock of the candles.

    Returns:
        How many candles changed: their session date, extended hours or grade.
    """
    return _run_restamp(connection, calendar, instrument_id, ("-infinity", "infinity"), opens_at=[], closes_at=[])


def _run_restamp(
    connection: Connection,
    calendar: str,
    instrument_id: int | None,
    days: tuple[date | str, date | str],
    **changed: Sequence[datetime],
) -> int:
    run(connection, "set_bitmap_scans", setting="off")
    stretch = {"changed_from": days[0], "changed_to": days[1]}
    row = run(
        connection,
        "restamp_candles",
        dataset=CANDLES.name,
        calendar=calendar,
        instrument_id=instrument_id,
        **stretch,
        **changed,
    ).fetchone()
    return int(row[0]) if row else 0


def list_calendars(connection: Connection) -> Sequence[KnownCalendar]:
    """Every calendar that is stored, by name."""
    return read_rows(connection, KnownCalendar, "list_calendars")


def known(connection: Connection, calendar: str) -> bool:
    """Whether a calendar has been filled."""
    return run(connection, "find_calendar", calendar=calendar).fetchone() is not None


def time_zone_of(connection: Connection, calendar: str) -> str:
    """The time zone of a calendar that has been filled."""
    row = run(connection, "find_calendar", calendar=calendar).fetchone()
    if row is None:
        raise AssertionError(f"instruments of {calendar} have no calendar")
    return str(row[1])


def find_known_days(connection: Connection, calendar: str) -> tuple[date | None, date | None]:
    """The first and the last day a calendar knows; none when it was never filled."""
    row = run(connection, "find_calendar", calendar=calendar).fetchone()
    return (row[2], row[3]) if row else (None, None)
