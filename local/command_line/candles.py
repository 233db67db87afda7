"""`chandlery candles`: read candles."""

from dataclasses import asdict
from typing import Annotated

import typer

from chandlery.store import candles as candle_store
from chandlery.store import instruments
from local.command_line.database import open_connection
from local.command_line.options import AsJson, From, Key, To, window_of
from local.command_line.output import show_csv, show_rows

COLUMNS = (
    "time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "vwap",
    "trades",
    "source",
    "version",
    "revision",
)
TIMEFRAMES = ("1m",)


def candles(
    key: Key,
    timeframe: Annotated[str, typer.Argument(help=" ".join(TIMEFRAMES))],
    starts: From,
    ends: To,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an instrument's candles, UTC, named by the start of their bucket."""
    if timeframe not in TIMEFRAMES:
        raise typer.BadParameter(f"no timeframe {timeframe}; there is: {', '.join(TIMEFRAMES)}")
    with open_connection() as connection:
        instrument = instruments.find(connection, key)
        found = candle_store.read(connection, instrument.instrument_id, window_of(starts, ends))
    rows = [asdict(candle) for candle in found]
    if as_csv:
        show_csv(rows, COLUMNS)
    else:
        show_rows(rows, COLUMNS, title=f"{key} {timeframe}", as_json=as_json)
