"""`chandlery candles`: read candles."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from chandlery.domain.timeframe import AUTO, Timeframe
from chandlery.store import candles as candle_store
from chandlery.store import derived, instruments
from chandlery.store.candles import Candle
from chandlery.store.derived import DerivedCandle
from chandlery.usecases.route_timeframe import route_timeframe
from local.command_line.database import open_connection
from local.command_line.options import AsJson, From, Key, TimeframeOrAuto, To, window_of
from local.command_line.output import err, show_csv, show_rows

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
DERIVED_COLUMNS = (*COLUMNS[:8], "minutes", "expected", "sources", "price_eligible")
# What a narrow terminal goes without, in this order.
SPARE = ("version", "revision", "price_eligible", "source", "sources", "expected", "minutes", "trades", "vwap")


def candles(
    key: Key,
    timeframe: TimeframeOrAuto,
    starts: From,
    ends: To,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an instrument's candles, UTC, named by the start of their bucket.

    A day is a session date, a week its Monday, a month its first day, each at 00:00 UTC; buckets that start in the
    stretch are shown. Minutes are the complete one-minute candles of a bucket, expected those that sessions expect:
    the minute of the closing auction is not among them.
    """
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
    window = window_of(starts, ends)
    found: Sequence[Candle | DerivedCandle]
    with open_connection() as connection:
        instrument = instruments.find(connection, key)
        chosen = route_timeframe(connection, key, window) if timeframe == AUTO else Timeframe(timeframe)
        if chosen is Timeframe.M1:
            found = candle_store.read(connection, instrument.instrument_id, window)
        else:
            found = derived.read(connection, instrument.instrument_id, chosen, window)
    if timeframe == AUTO:
        err.print(f"timeframe {chosen}: {len(found):,} candles", markup=False)
    columns = COLUMNS if chosen is Timeframe.M1 else DERIVED_COLUMNS
    rows = [asdict(candle) for candle in found]
    if as_csv:
        show_csv(rows, columns)
    else:
        show_rows(rows, columns, title=f"{key} {chosen}", as_json=as_json, spare=SPARE)
