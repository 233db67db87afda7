"""`chandlery feeds`: whose ticks they are, and how long each may be silent."""

from dataclasses import asdict
from typing import Annotated

import typer

from chandlery.store import feeds as feed_store
from local.command_line.database import open_connection
from local.command_line.options import AsJson
from local.command_line.output import err, out, show_rows

app = typer.Typer(no_args_is_help=True, help="Whose ticks they are.")


@app.command("list")
def list_feeds(as_json: AsJson = False) -> None:
    """List the feeds: instruments, limit in seconds, the last second known to have had a tick."""
    with open_connection() as connection:
        rows = [asdict(feed) for feed in feed_store.list_all(connection)]
    columns = ("feed", "instruments", "silence_seconds", "last_tick_second")
    show_rows(rows, columns, title="feeds", as_json=as_json)


@app.command("set")
def set_feed(
    name: Annotated[str, typer.Argument(metavar="NAME", help="the feed, as instruments name it")],
    silence_seconds: Annotated[
        int, typer.Option(min=1, max=60, metavar="N", help="whole seconds on end without a tick; 60: never silent")
    ],
) -> None:
    """Set after how many seconds without any tick a feed has fallen silent, which makes its candles partial.

    Holds from now on: a minute judged before is judged anew only when its ticks change.
    """
    with open_connection() as connection:
        feed_store.set_limit(connection, name, silence_seconds)
        used = {feed.feed: feed.instruments for feed in feed_store.list_all(connection)}[name]
    if not used:
        err.print(f"no instrument names the feed {name} yet", style="yellow", markup=False)
    out.print(f"{name}: silent after {silence_seconds} s without a tick", markup=False)
