"""`chandlery candles`: read candles."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.platform.errors import Permanent
from chandlery.reading.read_candles import Candle, CandleQuery, read_candles
from chandlery.reading.route_timeframe import route_timeframe
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store import instruments
from chandlery.refresh.store import derived
from chandlery.words.counting import spell
from chandlery.words.hours import Hours
from chandlery.words.timeframe import AUTO, Timeframe
from chandlery.words.window import Window
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


class Session(StrEnum):
    """Which hours candles are made of."""

    ALL = "all"
    REGULAR = "regular"


class Align(StrEnum):
    """What buckets are counted from."""

    CLOCK = "clock"
    SESSION = "session"


DERIVED_COLUMNS = (*COLUMNS[:8], "minutes", "expected", "sources", "price_eligible")
# What a narrow terminal goes without, in this order.
SPARE = ("version", "revision", "price_eligible", "source", "sources", "expected", "minutes", "trades", "vwap")


def candles(
    key: Key,
    timeframe: TimeframeOrAuto,
    starts: From,
    ends: To,
    session: Annotated[
        Session,
        typer.Option(help="regular: only regular hours, computed from minutes, as far back as minutes are kept"),
    ] = Session.ALL,
    align: Annotated[
        Align, typer.Option(help="session: count buckets from the session's open, and again from the end of its break")
    ] = Align.CLOCK,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an instrument's candles, each with the start of its bucket in UTC.

    Shown are the buckets that start from --from on and before --to. A day is a session date, a week its Monday, a month
    its first day, each at 00:00 UTC. The column minutes counts the complete one-minute candles of a bucket, expected
    those that sessions expect, without the minute of the closing auction.
    """
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
    window = window_of(starts, ends)
    try:
        hours = Hours.of(session, align)
    except ValueError as error:
        raise typer.BadParameter(f"{error}: --session regular") from None
    with open_connection() as connection:
        instrument = instruments.find(connection, key)
        chosen = route_timeframe(connection, instrument, window) if timeframe == AUTO else Timeframe(timeframe)
        rows = [candle._asdict() for candle in _read(connection, instrument, chosen, window, hours)]
    if not rows:
        told = f"{key} has no {chosen} candles there; to see where its data begins: chandlery instruments list"
        err.print(told, style="yellow", markup=False, soft_wrap=True)
    if timeframe == AUTO:
        err.print(f"timeframe {chosen}: {spell(len(rows), 'candle')}", markup=False)
    columns = COLUMNS if chosen is Timeframe.M1 and not hours.are_folded(chosen) else DERIVED_COLUMNS
    if as_csv:
        show_csv(rows, columns)
    else:
        show_rows(rows, columns, title=f"{key} {chosen}", as_json=as_json, spare=SPARE)


def _read(
    connection: Connection, instrument: Instrument, timeframe: Timeframe, window: Window, hours: Hours
) -> Sequence[Candle]:
    query = CandleQuery(timeframe, window.starts, window.ends, hours=hours)
    # All that is stored is shown, even where this machine's clock is behind.
    page = read_candles(connection, instrument, query, max(datetime.now(UTC), window.ends))
    if page.next_cursor is not None:
        raise Permanent(
            f"these are more than {len(page.candles):,} candles of regular hours, the most at a time: choose a shorter"
            " stretch"
        )
    if query.folded and any(
        dropped.starts < window.ends and window.starts < dropped.ends
        for dropped in derived.list_dropped(connection, CANDLES.name)
    ):
        err.print("retention dropped minutes of this stretch: candles of regular hours lack them", style="yellow")
    return page.candles
