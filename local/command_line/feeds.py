"""`chandlery feeds`: whose ticks they are, and how long each may be silent."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from chandlery.store import feeds as feed_store
from local.command_line.database import open_connection
from local.command_line.options import AsJson
from local.command_line.output import err, out, show_rows

app = typer.Typer(no_args_is_help=True, help="Whose ticks they are.")


@app.command("list")
def list_feeds(as_json: AsJson = False) -> None:
    """List the feeds: instruments, limit in seconds, whether it is live, the last second known to have had a tick."""
    with open_connection() as connection:
        rows = [asdict(feed) for feed in feed_store.list_all(connection)]
    columns = ("feed", "instruments", "silence_seconds", "live", "last_tick_second")
    show_rows(rows, columns, title="feeds", as_json=as_json)


@app.command("set")
def set_feed(
    name: Annotated[str, typer.Argument(metavar="NAME", help="the feed, as instruments name it")],
    silence_seconds: Annotated[
        int | None,
        typer.Option(min=1, max=60, metavar="N", help="whole seconds on end without a tick; 60: never silent"),
    ] = None,
    live: Annotated[
        bool | None,
        typer.Option("--live/--not-live", help="whether ticks are expected of it as time goes on"),
    ] = None,
) -> None:
    """Set after how many seconds without any tick a feed has fallen silent, or that it is not live.

    A feed that fell silent makes its candles partial. That holds from now on: a minute judged before is judged anew
    only when its ticks change. Of a feed that is not live (imported history, a vendor's daily file) neither silence nor
    the age of its candles is told. Nor is it of a feed that never sent, all of whose data were imported: --live says
    that it sends from now on.
    """
    if silence_seconds is None and live is None:
        raise typer.BadParameter("say what to set: --silence-seconds N, --live or --not-live")
    with open_connection() as connection:
        if silence_seconds is not None:
            feed_store.set_limit(connection, name, silence_seconds)
        if live is not None:
            feed_store.set_live(connection, name, live=live)
        if live:
            feed_store.begin(connection, name, datetime.now(UTC))
        (feed,) = (each for each in feed_store.list_all(connection) if each.feed == name)
    if not feed.instruments:
        err.print(f"no instrument names the feed {name} yet", style="yellow", markup=False)
    is_live = "live" if feed.live else "not live"
    out.print(f"{name}: {is_live}, silent after {feed.silence_seconds} s without a tick", markup=False)
