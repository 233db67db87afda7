"""Where sessions come from: the `exchange_calendars` library, or a file of one's own."""

import csv
import warnings
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import TypeAdapter

from chandlery.domain.session import Calendar, Session
from chandlery.errors import Permanent

EARLIEST = date(2005, 1, 1)
_WEEK = timedelta(days=7)
_COLUMNS = ("session_date", "opens_at", "closes_at")
_BREAK = ("break_starts_at", "break_ends_at")


def from_library(name: str, first: date, last: date) -> Calendar:
    """A calendar's sessions from `exchange_calendars`, cut to the days the library knows.

    Raises:
        Permanent: the library has no such calendar, or knows no day of the stretch.
    """
    import exchange_calendars

    if name not in exchange_calendars.get_calendar_names():
        raise Permanent(
            f"no calendar {name} in exchange_calendars (it has XNYS, XBOM, CMES, 24/7 and others);"
            " fill one of your own: chandlery sessions import FILE --calendar NAME --time-zone ZONE"
        )
    with warnings.catch_warnings():
        # The library reads pandas in a way that pandas 3.1 warns of; the values are right.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="Series.values returning an ndarray")
        known = type(exchange_calendars.get_calendar(name))
        starts = max(filter(None, (_day(known.bound_min()), first)))
        ends = min(filter(None, (_day(known.bound_max()), last)))
        if starts > ends:
            raise Permanent(
                f"exchange_calendars knows {name} from {_day(known.bound_min())} to {_day(known.bound_max())} only"
            )
        # The library refuses a stretch of a single day, or one without a session.
        calendar = known(start=max(filter(None, (_day(known.bound_min()), starts - _WEEK))), end=ends)
        rows = calendar.schedule.loc[str(starts) : str(ends)].itertuples()
        sessions = tuple(_session(row) for row in rows)
    return Calendar(name, str(calendar.tz), starts, ends, sessions)


def list_names() -> Sequence[str]:
    """The calendars that `exchange_calendars` knows; many go by other names as well."""
    import exchange_calendars

    names: list[str] = exchange_calendars.get_calendar_names(include_aliases=False)
    return sorted(names)


def as_event(found: Sequence[Calendar]) -> dict[str, Any]:
    """The event by which the function `migrate` makes these the stored ones."""
    return {"do": "sync-sessions", "calendars": TypeAdapter(list[Calendar]).dump_python(list(found), mode="json")}


def _day(stamp: Any) -> date | None:
    return None if stamp is None else stamp.date()


def _session(row: Any) -> Session:
    # pandas marks a missing break as NaT, which is unequal to itself.
    breaks = [None if moment != moment else moment.to_pydatetime() for moment in (row.break_start, row.break_end)]
    return Session(row.Index.date(), row.open.to_pydatetime(), row.close.to_pydatetime(), *breaks)


def from_file(path: Path, name: str, time_zone: str) -> Calendar:
    """A calendar's sessions from CSV: session_date, opens_at, closes_at and, if there, break_starts_at, break_ends_at.

    Times without an offset are read in `time_zone`.

    Raises:
        Permanent: the file, a row of it (named by its line) or the time zone is wrong.
    """
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Permanent(f"no time zone {time_zone}; write an IANA name, as in America/New_York") from None
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            missing = [column for column in _COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise Permanent(f"{path}: no column {missing[0]}; it needs {', '.join(_COLUMNS)}")
            sessions = tuple(_row_session(path, rows.line_num, row, zone) for row in rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Permanent(f"{path} cannot be read: {error}") from None
    if not sessions:
        raise Permanent(f"{path} has no sessions")
    ordered = tuple(sorted(sessions, key=lambda session: session.session_date))
    try:
        return Calendar(name, time_zone, ordered[0].session_date, ordered[-1].session_date, ordered)
    except ValueError as error:
        raise Permanent(f"{path}: {error}") from None


def _row_session(path: Path, line: int, row: dict[str, str], zone: ZoneInfo) -> Session:
    try:
        breaks = [_moment(row[column], zone) if row.get(column) else None for column in _BREAK]
        opens, closes = (_moment(row[column], zone) for column in _COLUMNS[1:])
        return Session(date.fromisoformat(row["session_date"]), opens, closes, *breaks)
    except (ValueError, TypeError) as error:
        raise Permanent(f"{path} line {line}: {error}") from None


def _moment(text: str, zone: ZoneInfo) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
