"""`chandlery sessions`: when markets are open."""

import json
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from psycopg import Connection

from chandlery.domain.session import Calendar
from chandlery.store import instruments as instrument_store
from chandlery.store import sessions as session_store
from local import calendars
from local.command_line.database import open_connection
from local.command_line.options import AsJson, parse_day
from local.command_line.output import err, out, show_json, show_rows

sessions = typer.Typer(no_args_is_help=True, help="When markets are open.")

# How far ahead sessions are kept: holidays beyond are guesses that exchanges still change.
_AHEAD = timedelta(days=2 * 366)
_ENDS_SOON = timedelta(days=60)


@sessions.command()
def sync(
    first: Annotated[
        date | None, typer.Option("--from", parser=parse_day, metavar="DATE", help="2005-01-01 when absent")
    ] = None,
    last: Annotated[
        date | None,
        typer.Option("--to", parser=parse_day, metavar="DATE", help="two years ahead when absent"),
    ] = None,
    calendar: Annotated[list[str] | None, typer.Option(help="may be repeated; all in use when absent")] = None,
) -> None:
    """Fill sessions from the exchange_calendars library, and stamp the candles that a correction touches anew."""
    with open_connection() as connection:
        names = calendar or sorted({instrument.calendar for instrument in instrument_store.list_all(connection)})
        if not names:
            out.print("no instrument names a calendar yet; name one: --calendar XNYS")
        for name in names:
            fill(connection, calendars.from_library(name, first or calendars.EARLIEST, last or horizon()))


@sessions.command("list")
def list_calendars(
    offered: Annotated[bool, typer.Option("--offered", help="list the names that exchange_calendars knows")] = False,
    as_json: AsJson = False,
) -> None:
    """List the calendars that are filled: the days they know, their sessions, and the instruments that go by them."""
    if offered:
        names = calendars.list_names()
        show_json(names) if as_json else out.print(" ".join(names), soft_wrap=True)
        return
    with open_connection() as connection:
        rows = [asdict(each) for each in session_store.list_calendars(connection)]
    columns = ("calendar", "time_zone", "known_from", "known_to", "sessions", "instruments")
    show_rows(rows, columns, title="calendars", as_json=as_json)


@sessions.command("import")
def import_sessions(
    file: Annotated[Path, typer.Argument(help="CSV: session_date,opens_at,closes_at[,break_starts_at,break_ends_at]")],
    calendar: Annotated[str, typer.Option(help="the name the sessions go by")],
    time_zone: Annotated[str, typer.Option(help="of the calendar, and of times in the file that have no offset")],
) -> None:
    """Fill a calendar of your own from a file; it replaces what stood on the days from its first to its last."""
    with open_connection() as connection:
        fill(connection, calendars.from_file(file, calendar, time_zone))


@sessions.command("export")
def export_sessions(
    calendar: Annotated[list[str], typer.Argument(help="names, as exchange_calendars has them")],
    first: Annotated[
        date | None, typer.Option("--from", parser=parse_day, metavar="DATE", help="2005-01-01 when absent")
    ] = None,
    last: Annotated[
        date | None,
        typer.Option("--to", parser=parse_day, metavar="DATE", help="two years ahead when absent"),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="sessions of one's own, as `import` takes them")] = None,
    time_zone: Annotated[str | None, typer.Option(help="of the calendar in the file")] = None,
) -> None:
    """Write sessions as the event that the function `migrate` takes, for a database that only it can reach."""
    if file is None:
        found = [calendars.from_library(name, first or calendars.EARLIEST, last or horizon()) for name in calendar]
    elif time_zone is None or len(calendar) > 1:
        raise typer.BadParameter("a --file holds one calendar, and needs its --time-zone")
    else:
        found = [calendars.from_file(file, calendar[0], time_zone)]
    print(json.dumps(calendars.as_event(found), separators=(",", ":")))


def fill(connection: Connection, calendar: Calendar) -> None:
    """Make a calendar's sessions the stored ones, and say what that came to."""
    restamped = session_store.replace(connection, calendar)
    out.print(
        f"{calendar.name}: {len(calendar.sessions):,} sessions known from {calendar.known_from} to {calendar.known_to}"
        + (f", {restamped:,} candles stamped anew" if restamped else "")
    )
    if calendar.known_to < datetime.now(UTC).date() + _ENDS_SOON:
        err.print(
            f"[yellow]{calendar.name} is known to {calendar.known_to} only: later days have no sessions until a newer"
            " exchange_calendars, or a file of your own, says so[/yellow]"
        )


def horizon() -> date:
    """How far ahead sessions are kept."""
    return datetime.now(UTC).date() + _AHEAD
