"""`chandlery watchlists`: lists of instruments of a user, with levels that are alerts."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from chandlery.desk import keep_items, keep_watchlists
from chandlery.desk.domain.user import Caller
from chandlery.desk.domain.watchlist import Item, Watchlist
from local.command_line.database import open_connection
from local.command_line.options import AsJson, Key, User
from local.command_line.output import out, show_rows
from local.http_server import LOCAL_USER

app = typer.Typer(no_args_is_help=True, help="Keep a user's watchlists.")

_LISTS = ("watchlist_id", "name", "is_default", "description", "colour", "icon", "updated_at")
_ITEMS = ("item_id", "instrument_key", "position", "price_alert_high", "price_alert_low", "notes", "updated_at")
NONE = "none"  # takes a value away

ListId = Annotated[int, typer.Argument(metavar="LIST", min=1, help="number of a watchlist")]
ItemId = Annotated[int, typer.Argument(metavar="ITEM", min=1, help="number of an item")]
Description = Annotated[str | None, typer.Option(help="what it is for; none takes it away")]
Colour = Annotated[str | None, typer.Option(help="as #rrggbb; none takes it away")]
Icon = Annotated[str | None, typer.Option(help="name of a picture; none takes it away")]
Default = Annotated[bool | None, typer.Option("--default/--no-default", help="whether it is shown first")]
Place = Annotated[int | None, typer.Option("--position", min=0, help="its place; the last when absent")]
Notes = Annotated[str | None, typer.Option(help="whatever is to be remembered; none takes it away")]
High = Annotated[str | None, typer.Option("--high", metavar="PRICE", help="alert above it; none takes it away")]
Low = Annotated[str | None, typer.Option("--low", metavar="PRICE", help="alert below it; none takes it away")]


@app.command("list")
def list_lists(user: User = LOCAL_USER, as_json: AsJson = False) -> None:
    """List the watchlists, the default first."""
    with open_connection() as connection:
        _show(keep_watchlists.list_watchlists(connection, caller_of(user), now()), as_json=as_json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="what it is called")],
    description: Description = None,
    colour: Colour = None,
    icon: Icon = None,
    default: Default = None,
    user: User = LOCAL_USER,
) -> None:
    """Add a watchlist."""
    said = said_of(name=name, description=description, colour=colour, icon=icon, is_default=default)
    with open_connection() as connection:
        added = keep_watchlists.add_watchlist(connection, caller_of(user), now(), said)
    out.print(f"watchlist {added.watchlist_id}: {added.name}", markup=False)


@app.command("set")
def set_list(
    watchlist_id: ListId,
    name: Annotated[str | None, typer.Option(help="what it is called")] = None,
    description: Description = None,
    colour: Colour = None,
    icon: Icon = None,
    default: Default = None,
    user: User = LOCAL_USER,
) -> None:
    """Change what is named of a watchlist."""
    said = said_of(name=name, description=description, colour=colour, icon=icon, is_default=default)
    with open_connection() as connection:
        changed = keep_watchlists.change_watchlist(connection, caller_of(user), now(), watchlist_id, said, None)
        _show([changed], as_json=False)


@app.command()
def remove(watchlist_id: ListId, user: User = LOCAL_USER) -> None:
    """Remove a watchlist, its items, and their alerts."""
    with open_connection() as connection:
        keep_watchlists.delete_watchlist(connection, caller_of(user), now(), watchlist_id, None)
    out.print(f"watchlist {watchlist_id}: removed")


@app.command()
def show(watchlist_id: ListId, user: User = LOCAL_USER, as_json: AsJson = False) -> None:
    """Show the items of a watchlist, in their order."""
    with open_connection() as connection:
        _show_items(keep_items.list_items(connection, caller_of(user), now(), watchlist_id), as_json=as_json)


@app.command("add-item")
def add_item(
    watchlist_id: ListId,
    key: Key,
    position: Place = None,
    notes: Notes = None,
    high: High = None,
    low: Low = None,
    user: User = LOCAL_USER,
) -> None:
    """Add an instrument to a watchlist; its levels are armed from now on."""
    said = said_of(instrument_key=key, position=position, notes=notes, price_alert_high=high, price_alert_low=low)
    with open_connection() as connection:
        _show_items([keep_items.add_item(connection, caller_of(user), now(), watchlist_id, said)], as_json=False)


@app.command("set-item")
def set_item(
    watchlist_id: ListId,
    item_id: ItemId,
    position: Place = None,
    notes: Notes = None,
    high: High = None,
    low: Low = None,
    user: User = LOCAL_USER,
) -> None:
    """Change what is named of an item; another level is armed from now on."""
    said = said_of(position=position, notes=notes, price_alert_high=high, price_alert_low=low)
    with open_connection() as connection:
        caller, at = caller_of(user), now()
        _show_items([keep_items.change_item(connection, caller, at, watchlist_id, item_id, said, None)], as_json=False)


@app.command("remove-item")
def remove_item(watchlist_id: ListId, item_id: ItemId, user: User = LOCAL_USER) -> None:
    """Take an item off a watchlist, and its alerts."""
    with open_connection() as connection:
        keep_items.delete_item(connection, caller_of(user), now(), watchlist_id, item_id, None)
    out.print(f"item {item_id}: removed")


def said_of(**named: Any) -> dict[str, Any]:
    """What was named, as the HTTP API has it: none is null, and what was not named is left out."""
    return {name: None if value == NONE else value for name, value in named.items() if value is not None}


def caller_of(user: str) -> Caller:
    """The user of a name."""
    try:
        return Caller(user)
    except ValueError as error:
        raise typer.BadParameter(f"--user: {error}") from None


def now() -> datetime:
    """When a command is given."""
    return datetime.now(UTC)


def _show(found: Any, *, as_json: bool) -> None:
    rows: list[Watchlist] = list(found)
    show_rows([asdict(each) for each in rows], _LISTS, title="watchlists", as_json=as_json)


def _show_items(found: Any, *, as_json: bool) -> None:
    rows: list[Item] = list(found)
    show_rows([asdict(each) for each in rows], _ITEMS, title="items", as_json=as_json, spare=["updated_at"])
