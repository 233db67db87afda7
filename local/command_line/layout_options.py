"""The options by which one says how a file of ticks or candles is laid out, where it does not tell by itself."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from local.market_file.asked import Asked, DayOrder, Unit

if TYPE_CHECKING:
    from local.market_file import MarketFileReader


def parse_columns(text: str) -> Mapping[str, str]:
    """Our columns by their names in a file, as in time=Date,price=Last."""
    pairs = [pair.partition("=") for pair in text.split(",")]
    wrong = next(("".join(pair) for pair in pairs if not (pair[0].strip() and pair[2].strip())), None)
    if wrong is not None:
        raise typer.BadParameter(f'"{wrong}" is not NAME=COLUMN; write it as in time=Date,price=Last or time=1,price=2')
    named = {ours.strip().lower(): theirs.strip() for ours, _, theirs in pairs}
    if len(named) < len(pairs):
        raise typer.BadParameter(f"{text} names a column twice")
    return named


def parse_zone(text: str) -> str:
    """A time zone."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(f"{text} is not a time zone, as in America/New_York or UTC") from None
    return text


Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="layout of the file, or the vendor of it, as in binance or binance-klines; without it the file tells",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="NAME=COLUMN,…",
        help="what the file calls its columns, as in time=Date,price=Last; by place where it has no header: time=1,"
        "price=2; a value in two columns: time=Date+Time",
    ),
]
TimeUnit = Annotated[
    Unit | None, typer.Option(help="what times count that are numbers; excel: days since 1900, as spreadsheets do")
]
TimeZone = Annotated[
    str | None,
    typer.Option(parser=parse_zone, metavar="ZONE", help="whose clock times without an offset are by"),
]
DayFirst = Annotated[
    bool | None, typer.Option("--day-first/--month-first", help="whether 09/04/2020 is the ninth of April")
]
DecimalComma = Annotated[
    bool | None,
    typer.Option("--decimal-comma/--no-decimal-comma", help="whether a comma begins decimals, or parts thousands"),
]
Ticker = Annotated[
    str | None, typer.Option(metavar="NAME", help="whose rows to take of a file that has those of several tickers")
]


def asked_of(
    format_: str | None,
    columns: str | None,
    time_unit: Unit | None,
    time_zone: str | None,
    day_first: bool | None,
    decimal_comma: bool | None,
    ticker: str | None,
) -> Asked:
    """What is said of the files."""
    order = None if day_first is None else DayOrder.DAY_FIRST if day_first else DayOrder.MONTH_FIRST
    named = parse_columns(columns) if columns else {}
    return Asked(format_, named, time_unit, time_zone, order, decimal_comma, ticker)


def describe_layout(reader: "MarketFileReader") -> Mapping[str, object]:
    """What a file turned out to be, for programs."""
    return {"layout": reader.layout, "left_out": reader.left_out, "remarks": list(reader.remarks())}
