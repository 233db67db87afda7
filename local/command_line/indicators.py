"""`chandlery indicators`: stored values of indicators."""

from dataclasses import asdict
from typing import Annotated

import typer

from chandlery.indicators.list_latest_indicators import list_latest_indicators
from chandlery.words.timeframe import Timeframe
from local.command_line.database import open_connection
from local.command_line.options import AsJson
from local.command_line.output import err, show_csv, show_json, show_rows

app = typer.Typer(no_args_is_help=True, help="See stored indicators.")

_COLUMNS = (
    "instrument_key", "timeframe", "name", "parameters", "time", "value", "value_2", "value_3", "made_at"
)  # fmt: skip


@app.callback()
def _group() -> None:
    """A group, though it has one command."""


@app.command()
def latest(
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="of one instrument; of all when absent")] = None,
    timeframe: Annotated[
        Timeframe | None, typer.Option(parser=Timeframe.parse, metavar="TIMEFRAME", help="of this timeframe alone")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="of this name alone, such as rsi")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="values, at most")] = 1000,
    as_csv: Annotated[bool, typer.Option("--csv", help="as CSV on stdout")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the newest stored value of each indicator of each instrument."""
    with open_connection() as connection:
        page = list_latest_indicators(connection, key=key, timeframe=timeframe, name=name, limit=limit)
    rows = [{column: asdict(each)[column] for column in _COLUMNS} for each in page.indicators]
    if as_json:
        show_json(rows)
        return
    written = [
        row | {"parameters": " ".join(f"{name}={value}" for name, value in row["parameters"].items())} for row in rows
    ]
    if as_csv:
        show_csv(written, _COLUMNS)
    else:
        show_rows(written, _COLUMNS, title="latest indicators", as_json=False, spare=("made_at", "parameters"))
    if page.next_cursor is not None:
        err.print("there are more: --limit N")
