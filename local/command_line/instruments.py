"""`chandlery instruments`: what is traded."""

import re
import shlex
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from psycopg import Connection

from chandlery.platform.errors import NotFound, Permanent
from chandlery.reference.domain.instrument import ASSET_TYPES, UNDESCRIBED, Description, Instrument, exchange_of
from chandlery.reference.store import instruments as instrument_store
from chandlery.reference.store import sessions as session_store
from chandlery.words.counting import spell
from local import calendars
from local.command_line.database import open_connection
from local.command_line.options import AsJson, Key, in_order, parse_moment
from local.command_line.output import out, plain, show_rows
from local.command_line.reference import fill, horizon, resolve

app = typer.Typer(no_args_is_help=True, help="Manage what is traded.")

_TICKER = re.compile(r"(?:([a-z][a-z0-9_]*)=)?(\S+)")
_NEGATIVE, _NEGATIVE_SAYS = "prices below zero", {True: "allowed", False: "refused"}
_DESCRIBED = ("name", "asset_type", "sector", "industry")
_VENDOR = "polygon"  # whose a ticker is that names no vendor


def parse_asset_type(text: str) -> str:
    """A kind of asset."""
    if text not in ASSET_TYPES:
        raise typer.BadParameter(f"{text} is no kind of asset; there are {', '.join(ASSET_TYPES)}")
    return text


CalendarName = Annotated[str | None, typer.Option(help="trading calendar, such as XNYS, XBOM, CMES, FX or 24/7")]
Feed = Annotated[
    str | None, typer.Option(help="where its ticks come from; for a new instrument, its exchange when absent")
]
Listed = Annotated[
    datetime | None,
    typer.Option(parser=parse_moment, metavar="TIME", help="candles are expected from this time on"),
]
Delisted = Annotated[
    datetime | None,
    typer.Option(parser=parse_moment, metavar="TIME", help="candles are expected until this time"),
]
Ticker = Annotated[
    list[str] | None,
    typer.Option(metavar="[VENDOR=]TICKER", help=f"its name at a vendor, {_VENDOR} by default; may be repeated"),
]
AllowNegative = Annotated[
    bool | None,
    typer.Option("--allow-negative/--no-allow-negative", help="whether its prices may be negative; not by default"),
]
Name = Annotated[str | None, typer.Option(help="what it is called, as International Business Machines")]
AssetType = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(ASSET_TYPES), parser=parse_asset_type, help="what it is; as its key says when absent"
    ),
]
Sector = Annotated[str | None, typer.Option(help="the sector of its issuer")]
Industry = Annotated[str | None, typer.Option(help="the industry of its issuer")]


@app.command()
def add(
    key: Key,
    calendar: CalendarName = None,
    feed: Feed = None,
    listed: Listed = None,
    delisted: Delisted = None,
    ticker: Ticker = None,
    allow_negative: AllowNegative = None,
    name: Name = None,
    asset_type: AssetType = None,
    sector: Sector = None,
    industry: Industry = None,
) -> None:
    """Add an instrument, and fill its calendar's sessions if there are none.

    An instrument that exists gets what it lacks, such as a listing or a ticker; to change what it has, use `instruments
    set`. Without --listed, candles are expected from its earliest one on.
    """
    try:
        exchange = exchange_of(key)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    described = Description(name, asset_type, sector, industry)
    named = _named(feed, listed, delisted, ticker, allow_negative) | {"description": described}
    with open_connection() as connection:
        named["calendar"] = calendar and resolve(connection, calendar)
        try:
            known = instrument_store.find(connection, key)
        except NotFound:
            if calendar is None:
                raise typer.BadParameter(f"{key} is new: name its --calendar, as XNYS or 24/7") from None
            fill_calendar(connection, named["calendar"])
            instrument_store.add(connection, key, **named | {"feed": feed or exchange})
            out.print(_described(instrument_store.find(connection, key)), markup=False, soft_wrap=True)
            return
        _refuse_other(known, named)
        _change(connection, known, named)


@app.command("set")
def set_instrument(
    key: Key,
    calendar: CalendarName = None,
    feed: Feed = None,
    listed: Listed = None,
    delisted: Delisted = None,
    ticker: Ticker = None,
    allow_negative: AllowNegative = None,
    name: Name = None,
    asset_type: AssetType = None,
    sector: Sector = None,
    industry: Industry = None,
) -> None:
    """Change the named properties of an instrument, and show the former values.

    Another calendar gives the stored candles its session dates.
    """
    described = Description(name, asset_type, sector, industry)
    named = _named(feed, listed, delisted, ticker, allow_negative) | {"description": described}
    if calendar is None and not any(value not in (None, {}, UNDESCRIBED) for value in named.values()):
        raise typer.BadParameter("name what to change: --calendar, --feed, --listed, --ticker …")
    with open_connection() as connection:
        known = instrument_store.find(connection, key)
        if calendar is not None:
            named["calendar"] = resolve(connection, calendar)
            fill_calendar(connection, named["calendar"])
        _change(connection, known, named)


@app.command()
def remove(
    key: Key,
    with_data: Annotated[
        bool, typer.Option("--with-data", help="also delete its rows of every data set, and its gaps, for good")
    ] = False,
) -> None:
    """Remove an instrument; if it has data, only with --with-data."""
    with open_connection() as connection:
        instrument_store.remove(connection, key, with_data=with_data)
    out.print(f"{key}: removed", markup=False)


@app.command("list")
def list_instruments(as_json: AsJson = False) -> None:
    """List the instruments; data_from is the time of the earliest candle."""
    with open_connection() as connection:
        found = instrument_store.list_all(connection)
    rows = [asdict(each) | ({} if as_json else {"tickers": _describe_tickers(each)}) for each in found]
    columns = (
        "key",
        "calendar",
        "feed",
        "instrument_id",
        "listed_at",
        "delisted_at",
        "data_from",
        "tickers",
        "allow_negative",
        *_DESCRIBED,
        "exchange",
        "uuid",
    )
    spare = ["uuid", "exchange", *reversed(_DESCRIBED)]
    show_rows(rows, columns, title="instruments", as_json=as_json, spare=spare)


def _named(
    feed: str | None,
    listed: datetime | None,
    delisted: datetime | None,
    ticker: list[str] | None,
    allow_negative: bool | None,
) -> dict[str, Any]:
    in_order("--listed", listed, "--delisted", delisted)
    tickers = dict(_parse_ticker(text) for text in ticker or ())
    life = {"listed_at": listed, "delisted_at": delisted}
    return {"feed": feed, **life, "tickers": tickers, "allow_negative": allow_negative}


def _parse_ticker(text: str) -> tuple[str, str]:
    found = _TICKER.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f'"{text}" is not a ticker: write TICKER or VENDOR=TICKER, as in {_VENDOR}=IBM')
    return found[1] or _VENDOR, found[2]


def fill_calendar(connection: Connection, calendar: str) -> None:
    """Fill a calendar's sessions if there are none."""
    if not session_store.known(connection, calendar):
        fill(connection, calendars.from_library(calendar, calendars.EARLIEST, horizon()))


def _refuse_other(known: Instrument, named: dict[str, Any]) -> None:
    """Raises `Permanent` where a named value is another than the instrument has."""
    before, wanted = _values(known), _flatten(named)
    other = [name for name, value in wanted.items() if before.get(name, value) != value]
    if other:
        told = ", ".join(f"{name} {plain(before[name])}" for name in other)
        # All that was named and is not so, the new as well.
        options = " ".join(_option(name, value) for name, value in wanted.items() if before.get(name) != value)
        raise Permanent(
            f"{known.key} exists with {told}; to change it: chandlery instruments set {known.key} {options}"
        )


def _change(connection: Connection, known: Instrument, named: dict[str, Any]) -> None:
    """Change what is named, and say what changed."""
    restamped = instrument_store.change(connection, known.key, **named)
    before, after = _values(known), _values(instrument_store.find(connection, known.key))
    changes = [
        f"{name} {plain(value)}" + (f" instead of {plain(before[name])}" if name in before else "")
        for name, value in after.items()
        if before.get(name) != value
    ]
    if restamped:
        changes.append(f"{spell(restamped, 'candle')} restamped")
    out.print(f"{known.key}: {', '.join(changes) or 'nothing changed'}", markup=False, soft_wrap=True)


def _values(known: Instrument) -> dict[str, Any]:
    return _flatten(asdict(known))


def _flatten(values: dict[str, Any]) -> dict[str, Any]:
    """What is told of an instrument, by its name in messages; what is not known is left out."""
    names = {"calendar": "calendar", "feed": "feed", "listed_at": "listed", "delisted_at": "delisted"}
    tickers = {f"ticker at {vendor}": ticker for vendor, ticker in (values["tickers"] or {}).items()}
    said = vars(values["description"]) if "description" in values else values
    told = {name.replace("_", " "): said[name] for name in _DESCRIBED if said[name] is not None}
    allowed = {_NEGATIVE: _NEGATIVE_SAYS[values["allow_negative"]]} if values["allow_negative"] is not None else {}
    return {named: values[name] for name, named in names.items() if values[name] is not None} | tickers | told | allowed


def _option(name: str, value: object) -> str:
    if name == _NEGATIVE:
        return "--allow-negative" if value == _NEGATIVE_SAYS[True] else "--no-allow-negative"
    option, _, vendor = name.replace("asset type", "asset-type").partition(" at ")
    return f"--{option} {vendor}={value}" if vendor else f"--{option} {shlex.quote(plain(value))}"


def _described(added: Instrument) -> str:
    more = {"listed": added.listed_at, "delisted": added.delisted_at, "tickers": _describe_tickers(added)}
    told = "".join(f", {name} {plain(value)}" for name, value in more.items() if value)
    told += f", {_NEGATIVE} {_NEGATIVE_SAYS[True]}" if added.allow_negative else ""
    return f"{added.key}: calendar {added.calendar}, feed {added.feed}{told}"


def _describe_tickers(instrument: Instrument) -> str:
    return ", ".join(f"{vendor}={ticker}" for vendor, ticker in sorted((instrument.tickers or {}).items()))
