"""`chandlery feeds`: whose ticks they are, and how long each may be silent."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from chandlery.reference.store import feeds as feed_store
from local.command_line.database import open_connection
from local.command_line.options import AsJson
from local.command_line.output import err, out, show_rows

app = typer.Typer(no_args_is_help=True, help="Manage where ticks come from.")


@app.command("list")
def list_feeds(as_json: AsJson = False) -> None:
    """List the feeds: instruments, silence limit in seconds, whether each is live, and the second of its last tick."""
    with open_connection() as connection:
        rows = [asdict(feed) for feed in feed_store.list_all(connection)]
    columns = ("feed", "instruments", "silence_seconds", "live", "last_tick_second")
    show_rows(rows, columns, title="feeds", as_json=as_json)


@app.command("set")
def set_feed(
    name: Annotated[str, typer.Argument(metavar="NAME", help="name of the feed")],
    silence_seconds: Annotated[
        int | None,
        typer.Option(min=1, max=60, metavar="N", help="whole seconds in a row without a tick; 60: never silent"),
    ] = None,
    live: Annotated[
        bool | None,
        typer.Option("--live/--not-live", help="whether new ticks are expected"),
    ] = None,
) -> None:
    """Set after how many seconds without a tick a feed counts as silent, and whether it is live.

    Minutes during which a feed was silent are partial. A new limit holds from now on: an earlier minute is judged again
    only when its ticks change. If a feed is not live (imported history, a vendor's daily file), or if it never sent and
    all its data were imported, its silence and the age of its candles are no cause for an alarm. --live says that it
    sends from now on.
    """
    if silence_seconds is None and live is None:
        raise typer.BadParameter("name what to set: --silence-seconds N, --live or --not-live")
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
