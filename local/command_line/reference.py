"""`chandlery instruments` and `chandlery sessions`: reference data."""

import json
import re
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from psycopg import Connection

from chandlery.domain.instrument import Instrument, exchange_of
from chandlery.domain.session import Calendar
from chandlery.store import instruments as instrument_store
from chandlery.store import sessions as session_store
from local import calendars
from local.command_line.database import open_connection
from local.command_line.options import AsJson, Key, parse_day, parse_moment
from local.command_line.output import err, out, plain, show_rows

instruments = typer.Typer(no_args_is_help=True, help="What is traded.")
sessions = typer.Typer(no_args_is_help=True, help="When markets are open.")

# How far ahead sessions are kept: holidays beyond are guesses that exchanges still change.
_AHEAD = timedelta(days=2 * 366)
_ENDS_SOON = timedelta(days=60)


_TICKER = re.compile(r"(?:([a-z][a-z0-9_]*)=)?(\S+)")
_VENDOR = "polygon"  # whose a ticker is that names no vendor


@instruments.command()
def add(
    key: Key,
    calendar: Annotated[str, typer.Option(help="trading calendar, as XNYS, XBOM, CMES or 24/7")],
    feed: Annotated[str | None, typer.Option(help="whose ticks they are; the exchange when absent")] = None,
    listed: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="TIME", help="candles are expected from here on"),
    ] = None,
    delisted: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="TIME", help="candles are expected up to here"),
    ] = None,
    ticker: Annotated[
        list[str] | None,
        typer.Option(metavar="[VENDOR=]TICKER", help=f"what a vendor calls it, {_VENDOR} if none is named; repeatable"),
    ] = None,
) -> None:
    """Add an instrument, or change it; fills the calendar's sessions if they are not there yet.

    Where it is there already, calendar and feed become those given here; --listed, --delisted and --ticker keep what
    is stored when absent. Without --listed, candles are expected from the earliest one on.
    """
    try:
        exchange = exchange_of(key)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if listed and delisted and listed >= delisted:
        raise typer.BadParameter(f"--listed {plain(listed)} is not before --delisted {plain(delisted)}")
    tickers = dict(_parse_ticker(text) for text in ticker or ())
    with open_connection() as connection:
        if not session_store.known(connection, calendar):
            _fill(connection, calendars.from_library(calendar, calendars.EARLIEST, _horizon()))
        instrument_store.add(
            connection, key, calendar, feed or exchange, listed_at=listed, delisted_at=delisted, tickers=tickers
        )
        added = instrument_store.find(connection, key)
    more = {"listed": added.listed_at, "delisted": added.delisted_at, "tickers": _tickers_told(added)}
    told = "".join(f", {name} {plain(value)}" for name, value in more.items() if value)
    out.print(f"{key}: calendar {calendar}, feed {feed or exchange}{told}", markup=False, soft_wrap=True)


@instruments.command("list")
def list_instruments(as_json: AsJson = False) -> None:
    """List the instruments; data_from is the earliest candle."""
    with open_connection() as connection:
        found = instrument_store.list_all(connection)
    rows = [asdict(each) | ({} if as_json else {"tickers": _tickers_told(each)}) for each in found]
    columns = ("key", "calendar", "feed", "instrument_id", "listed_at", "delisted_at", "data_from", "tickers")
    show_rows(rows, columns, title="instruments", as_json=as_json)


def _parse_ticker(text: str) -> tuple[str, str]:
    found = _TICKER.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f'"{text}" is not a ticker: write TICKER or VENDOR=TICKER, as in {_VENDOR}=IBM')
    return found[1] or _VENDOR, found[2]


def _tickers_told(instrument: Instrument) -> str:
    return ", ".join(f"{vendor}={ticker}" for vendor, ticker in sorted((instrument.tickers or {}).items()))


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
            _fill(connection, calendars.from_library(name, first or calendars.EARLIEST, last or _horizon()))


@sessions.command("import")
def import_sessions(
    file: Annotated[Path, typer.Argument(help="CSV: session_date,opens_at,closes_at[,break_starts_at,break_ends_at]")],
    calendar: Annotated[str, typer.Option(help="the name the sessions go by")],
    time_zone: Annotated[str, typer.Option(help="of the calendar, and of times in the file that have no offset")],
) -> None:
    """Fill a calendar of your own from a file; it replaces what stood on the days from its first to its last."""
    with open_connection() as connection:
        _fill(connection, calendars.from_file(file, calendar, time_zone))


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
        found = [calendars.from_library(name, first or calendars.EARLIEST, last or _horizon()) for name in calendar]
    elif time_zone is None or len(calendar) > 1:
        raise typer.BadParameter("a --file holds one calendar, and needs its --time-zone")
    else:
        found = [calendars.from_file(file, calendar[0], time_zone)]
    print(json.dumps(calendars.as_event(found), separators=(",", ":")))


def _fill(connection: Connection, calendar: Calendar) -> None:
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


def _horizon() -> date:
    return datetime.now(UTC).date() + _AHEAD
