"""`chandlery sessions`: when markets are open."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from psycopg import Connection

from chandlery.platform.errors import NotFound
from chandlery.reference.domain.session import Calendar, Origin
from chandlery.reference.store import instruments as instrument_store
from chandlery.reference.store import sessions as session_store
from chandlery.reference.store.sessions import Replaced
from chandlery.words.counting import spell
from local import calendars
from local.command_line.database import open_connection
from local.command_line.options import AsJson, parse_day
from local.command_line.output import err, out, show_json, show_rows
from local.known_markets import ADVICE

sessions = typer.Typer(no_args_is_help=True, help="Manage when markets are open.")

# How far ahead sessions are kept: holidays beyond are guesses that exchanges still change.
_AHEAD = timedelta(days=2 * 366)
_ENDS_SOON = timedelta(days=60)
_MOST_NAMED = 5


@sessions.command()
def sync(
    first: Annotated[
        date | None, typer.Option("--from", parser=parse_day, metavar="DATE", help="first day; 2005-01-01 when absent")
    ] = None,
    last: Annotated[
        date | None,
        typer.Option("--to", parser=parse_day, metavar="DATE", help="last day, included; two years ahead when absent"),
    ] = None,
    calendar: Annotated[list[str] | None, typer.Option(help="may be repeated; all in use when absent")] = None,
) -> None:
    """Fill sessions from the exchange_calendars library, and restamp the candles that a correction affects.

    Imported days stay; `sessions remove` returns them to the library.
    """
    with open_connection() as connection:
        in_use = sorted({instrument.calendar for instrument in instrument_store.list_all(connection)})
        if not (calendar or in_use):
            out.print("no instrument has a calendar yet; name one: --calendar XNYS")
        for name in [resolve(connection, each) for each in calendar or ()] or in_use:
            if calendar is None and not calendars.offers(name):
                out.print(f"{name} is not in the library; its sessions stay", markup=False)
                continue
            fill(connection, calendars.from_library(name, first or calendars.EARLIEST, last or horizon()))


@sessions.command("list")
def list_calendars(
    offered: Annotated[
        bool, typer.Option("--offered", help="list the calendars that can be filled, with their other names")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the calendars that are filled: their known days, sessions and instruments."""
    if offered:
        names = calendars.list_names()
        told = (f"{name} ({', '.join(others)})" if others else name for name, others in names.items())
        show_json(names) if as_json else out.print(" ".join(told), soft_wrap=True)
        return
    with open_connection() as connection:
        rows = [asdict(each) for each in session_store.list_calendars(connection)]
    columns = ("calendar", "time_zone", "known_from", "known_to", "imported", "sessions", "instruments")
    show_rows(rows, columns, title="calendars", as_json=as_json)


@sessions.command("import")
def import_sessions(
    file: Annotated[Path, typer.Argument(help="CSV: session_date,opens_at,closes_at[,break_starts_at,break_ends_at]")],
    calendar: Annotated[str, typer.Option(help="name of the calendar")],
    time_zone: Annotated[str, typer.Option(help="of the calendar, and of times in the file without an offset")],
) -> None:
    """Fill or correct a calendar from a file, which replaces all days from its first to its last.

    Several rows of one date are one session with breaks between them. `sync` changes neither these days nor the time
    zone until `sessions remove` returns them.
    """
    with open_connection() as connection:
        fill(connection, calendars.from_file(file, calendar, time_zone))
        other = calendars.resolve(calendar)
        if other != calendar and session_store.known(connection, other):
            err.print(f"[yellow]{calendar} is also a name of {other}, which is stored and not changed[/yellow]")


@sessions.command()
def remove(
    calendar: Annotated[str, typer.Argument(help="calendar whose imported days to remove")],
    first: Annotated[
        date | None,
        typer.Option("--from", parser=parse_day, metavar="DATE", help="first day; its first known one when absent"),
    ] = None,
    last: Annotated[
        date | None,
        typer.Option(
            "--to", parser=parse_day, metavar="DATE", help="last day, included; its last known one when absent"
        ),
    ] = None,
) -> None:
    """Remove imported days: the library's sessions replace them, or none where it has none."""
    with open_connection() as connection:
        stored = {each.calendar: each for each in session_store.list_calendars(connection)}.get(calendar)
        if stored is None:
            raise NotFound(f"no calendar {calendar} is stored: chandlery sessions list")
        starts, ends = first or stored.known_from, last or stored.known_to
        if starts is None or ends is None:
            raise NotFound(f"{calendar} knows no day: nothing is there to be removed")
        if starts > ends:
            raise typer.BadParameter(f"--from {starts} is after --to {ends}")
        for days in calendars.taken_back(calendar, stored.time_zone, starts, ends):
            fill(connection, days)


@sessions.command("export")
def export_sessions(
    calendar: Annotated[list[str], typer.Argument(help="names, as in exchange_calendars")],
    first: Annotated[
        date | None, typer.Option("--from", parser=parse_day, metavar="DATE", help="first day; 2005-01-01 when absent")
    ] = None,
    last: Annotated[
        date | None,
        typer.Option("--to", parser=parse_day, metavar="DATE", help="last day, included; two years ahead when absent"),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="your own sessions, as for `import`")] = None,
    time_zone: Annotated[str | None, typer.Option(help="of the calendar in the file")] = None,
) -> None:
    """Write sessions as an event for the function `migrate`, for a database that only functions can reach."""
    if file is None:
        names = [calendars.resolve(name) for name in calendar]
        found = [calendars.from_library(name, first or calendars.EARLIEST, last or horizon()) for name in names]
    elif time_zone is None or len(calendar) > 1:
        raise typer.BadParameter("a --file holds one calendar, and needs its --time-zone")
    else:
        found = [calendars.from_file(file, calendar[0], time_zone)]
    print(json.dumps(calendars.as_event(found), separators=(",", ":")))


def resolve(connection: Connection, name: str) -> str:
    """The calendar that a name stands for, and says so; one that is stored under the name goes first."""
    if session_store.known(connection, name):
        return name
    meant = calendars.resolve(name)
    if meant != name:
        out.print(f"{name} is the calendar {meant}", markup=False)
    if advice := ADVICE.get(meant):
        err.print(advice, style="yellow", markup=False)
    return meant


def fill(connection: Connection, calendar: Calendar) -> None:
    """Make a calendar's sessions the stored ones, and say what that came to."""
    done = session_store.replace(connection, calendar)
    out.print("; ".join(_described(calendar, done)), markup=False, soft_wrap=True)
    if done.known_to is not None and done.known_to < datetime.now(UTC).date() + _ENDS_SOON:
        err.print(
            f"[yellow]{calendar.name} is known to {done.known_to} only: later days have no sessions until a newer"
            " exchange_calendars, or a file of your own, says so[/yellow]"
        )


def _described(calendar: Calendar, done: Replaced) -> Iterator[str]:
    """What was done, what changed, and what stays because somebody imported it."""
    yield f"{calendar.name}: " + _deed(calendar, done)
    if done.time_zone_before is not None and (done.changed or calendar.origin is not Origin.LIBRARY):
        yield f"{spell(done.changed, 'day')} changed"
    if done.time_zone_before not in (None, done.time_zone):
        yield f"time zone {done.time_zone} instead of {done.time_zone_before}"
    if done.kept:
        yield f"as imported {'stay' if len(done.kept) > 1 else 'stays'} {_describe_days(done.kept)}"
        if calendar.time_zone != done.time_zone:
            yield f"time zone stays {done.time_zone}, as imported"
    if done.restamped:
        yield f"{spell(done.restamped, 'candle')} restamped"


def _deed(calendar: Calendar, done: Replaced) -> str:
    known = f"known from {done.known_from} to {done.known_to}" if done.known_from else "no day is known"
    days = _describe_days([(calendar.known_from, calendar.known_to)])
    match calendar.origin:
        case Origin.LIBRARY:
            return f"{spell(len(calendar.sessions), 'session')} known from {calendar.known_from} to {calendar.known_to}"
        case Origin.OPERATOR:
            return f"{spell(len(calendar.sessions), 'session')} imported, {known}"
        case Origin.TAKEN_BACK:
            return f"the library's sessions again: {days}"
        case Origin.FORGOTTEN:
            return f"sessions removed: {days}, {known}"


def _describe_days(stretches: Sequence[tuple[date, date]]) -> str:
    """Days as first and last of each stretch, the first few of them."""
    told = [f"{first}" if first == last else f"{first} to {last}" for first, last in stretches[:_MOST_NAMED]]
    more = len(stretches) - len(told)
    return ", ".join([*told, *([f"and {more} more"] if more > 0 else [])])


def horizon() -> date:
    """How far ahead sessions are kept."""
    return datetime.now(UTC).date() + _AHEAD
