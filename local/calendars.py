"""Where sessions come from: the `exchange_calendars` library, what it lacks put right, or a file of one's own."""

import csv
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import TypeAdapter

from chandlery.platform.errors import Permanent
from chandlery.reference.domain.session import Break, Calendar, Origin, Session
from local.known_markets import FX, OTHER_NAMES, REFUSED, fx_calendar, other_names, with_halt

EARLIEST = date(2005, 1, 1)
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_COLUMNS = ("session_date", "opens_at", "closes_at")
_BREAK = ("break_starts_at", "break_ends_at")


def offers(name: str) -> bool:
    """Whether the library, or `known_markets`, has a calendar of this name."""
    import exchange_calendars

    return name == FX or (name in exchange_calendars.get_calendar_names() and _meant(name) not in REFUSED)


def resolve(name: str) -> str:
    """The calendar that a name people use stands for; the name itself where it is none."""
    return OTHER_NAMES.get(name.upper()) or _meant(name)


def from_library(name: str, first: date, last: date) -> Calendar:
    """A calendar's sessions from `exchange_calendars`, cut to the days the library knows; what it lacks is put right.

    Raises:
        Permanent: the library has no such calendar, or knows no day of the stretch.
    """
    if name == FX:
        return fx_calendar(first, last)
    if reason := REFUSED.get(_meant(name)):
        raise Permanent(f"the calendar {name} is not to be used: {reason}")
    if not offers(name):
        raise Permanent(
            f"no calendar {name} in exchange_calendars (it has XNYS, XBOM, CMES, FX, 24/7 and others:"
            " chandlery sessions list --offered);"
            " fill one of your own: chandlery sessions import FILE --calendar NAME --time-zone ZONE"
        )
    with _pandas_quiet():
        return _read_library(name, first, last)


def taken_back(name: str, time_zone: str, first: date, last: date) -> Sequence[Calendar]:
    """What is to stand on days once an operator's sessions are taken back: the library's, and none where it has none.

    Raises:
        Permanent: the library cannot say.
    """
    known_from, known_to = _bounds(name) if offers(name) else (date.max, date.min)
    inside = max(known_from, first), min(known_to, last)
    if inside[0] > inside[1]:
        return [Calendar(name, time_zone, first, last, (), Origin.FORGOTTEN)]
    outside = [(first, inside[0] - _DAY), (inside[1] + _DAY, last)]
    return [
        replace(from_library(name, *inside), origin=Origin.TAKEN_BACK),
        *(Calendar(name, time_zone, *days, (), Origin.FORGOTTEN) for days in outside if days[0] <= days[1]),
    ]


def list_names() -> Mapping[str, Sequence[str]]:
    """The calendars that can be used, each with the other names it goes by."""
    import exchange_calendars

    names = {*exchange_calendars.get_calendar_names(include_aliases=False), FX} - {*REFUSED}
    aliases = [alias for alias in exchange_calendars.get_calendar_names() if _meant(alias) != alias]
    return {
        name: sorted({alias for alias in aliases if _meant(alias) == name}.union(other_names(name)))
        for name in sorted(names)
    }


def _meant(name: str) -> str:
    import exchange_calendars

    known = name in exchange_calendars.get_calendar_names()
    return str(exchange_calendars.resolve_alias(name)) if known else name


@contextmanager
def _pandas_quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # The library reads pandas in a way that pandas 3.1 warns of; the values are right.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="Series.values returning an ndarray")
        yield


def _bounds(name: str) -> tuple[date, date]:
    """The first and the last day that can be asked for."""
    if name == FX:
        return date.min, date.max
    with _pandas_quiet():
        known = _class_of(name)
        return _day(known.bound_min()) or date.min, _day(known.bound_max()) or date.max


def _class_of(name: str) -> Any:
    # By its name alone: to make a calendar of all its years takes a second.
    from exchange_calendars.calendar_utils import _default_calendar_factories

    return _default_calendar_factories[_meant(name)]


def _read_library(name: str, first: date, last: date) -> Calendar:
    known_from, known_to = _bounds(name)
    starts, ends = max(known_from, first), min(known_to, last)
    if starts > ends:
        raise Permanent(f"exchange_calendars knows {name} from {known_from} to {known_to} only")
    # The library refuses a stretch of a single day, or one without a session.
    calendar = _class_of(name)(start=max(known_from, starts - _WEEK), end=ends)
    rows, known_as = calendar.schedule.loc[str(starts) : str(ends)].itertuples(), _meant(name)
    sessions = tuple(with_halt(known_as, _session(row)) for row in rows)
    return Calendar(name, str(calendar.tz), starts, ends, sessions)


def as_event(found: Sequence[Calendar]) -> dict[str, Any]:
    """The event by which the function `migrate` makes these the stored ones."""
    return {"do": "sync-sessions", "calendars": TypeAdapter(list[Calendar]).dump_python(list(found), mode="json")}


def _day(stamp: Any) -> date | None:
    return None if stamp is None else stamp.date()


def _session(row: Any) -> Session:
    # pandas marks a missing break as NaT, which is unequal to itself.
    has_break = row.break_start == row.break_start
    rests = (Break(row.break_start.to_pydatetime(), row.break_end.to_pydatetime()),) if has_break else ()
    return Session(row.Index.date(), row.open.to_pydatetime(), row.close.to_pydatetime(), rests)


def from_file(path: Path, name: str, time_zone: str) -> Calendar:
    """A calendar's sessions from CSV: session_date, opens_at, closes_at and, if there, break_starts_at, break_ends_at.

    Several rows of one date are one session, with breaks between them. Times without an offset are read in `time_zone`.

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
            parts = [_row_session(path, rows.line_num, row, zone) for row in rows]
    except OSError as error:
        raise Permanent(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise Permanent(f"{path} cannot be read: {error}") from None
    if not parts:
        raise Permanent(f"{path} has no sessions")
    parts.sort(key=lambda part: (part.session_date, part.opens_at))
    try:
        sessions = tuple(_joined(list(day)) for _, day in groupby(parts, key=lambda part: part.session_date))
        days = sessions[0].session_date, sessions[-1].session_date
        return Calendar(name, time_zone, *days, sessions, Origin.OPERATOR)
    except ValueError as error:
        raise Permanent(f"{path}: {error}") from None


def _row_session(path: Path, line: int, row: dict[str, str], zone: ZoneInfo) -> Session:
    try:
        opens, closes = (_moment(row[column], zone) for column in _COLUMNS[1:])
        rest = [_moment(row[column], zone) for column in _BREAK if row.get(column)]
        if len(rest) != 1:
            return Session(date.fromisoformat(row["session_date"]), opens, closes, (Break(*rest),) if rest else ())
    except (ValueError, TypeError) as error:
        raise Permanent(f"{path} line {line}: {error}") from None
    raise Permanent(f"{path} line {line}: a break needs both a start and an end")


def _joined(parts: Sequence[Session]) -> Session:
    """The session of one date, from its parts in order."""
    between = [Break(before.closes_at, after.opens_at) for before, after in pairwise(parts)]
    own = [rest for part in parts for rest in part.breaks]
    breaks = tuple(sorted((*own, *between), key=lambda rest: rest.starts_at))
    return Session(parts[0].session_date, parts[0].opens_at, parts[-1].closes_at, breaks)


def _moment(text: str, zone: ZoneInfo) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
