"""`chandlery strikes`, `chain` and `expiries`: read options."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Annotated, Any

import typer
from psycopg import Connection
from rich.box import SIMPLE
from rich.table import Table

from chandlery.options.domain.answers import CHAIN
from chandlery.options.domain.metrics import ExpiryMetrics
from chandlery.options.read_chain import ChainQuery, read_chain
from chandlery.options.read_expiries import read_expiries
from chandlery.options.read_strikes import StrikeQuery, read_strikes, values_of
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store import instruments
from local.command_line.database import open_connection
from local.command_line.options import AsJson, From, Key, TimeframeName, To, parse_day, parse_moment, window_of
from local.command_line.output import err, measure, out, plain, show_csv, show_rows, show_table

Row = Mapping[str, Any]
AsCsv = Annotated[bool, typer.Option("--csv", help="CSV with a header")]
Expiry = Annotated[
    date | None,
    typer.Option("--expiry", parser=parse_day, metavar="DATE", help="contracts that expire on this date alone"),
]
At = Annotated[
    datetime | None,
    typer.Option(
        parser=parse_moment,
        metavar="TIME",
        help="as it was known then, by minutes that had ended; else the newest there is",
    ),
]
# What a narrow terminal goes without, in this order.
_SPARE = (
    *("expires_at", "contract", "minutes", "underlying_avg", "forward"),
    *(f"{side}_vendor_{name}" for side in ("put", "call") for name in ("vega", "theta", "gamma", "delta", "iv")),
    *(
        f"{side}_{name}"
        for name in (
            "iv_status",
            "oi_as_of",
            "trades",
            "open",
            "high",
            "low",
            "bid",
            "ask",
            "vega",
            "theta",
            "gamma",
            "mid",
        )
        for side in ("put", "call")
    ),
    *("moneyness", "put_delta", "call_delta", "put_volume", "call_volume", "put_oi", "call_oi"),
)
_CALLS = ("call_oi", "call_volume", "call_iv", "call_delta", "call_last", "call_bid", "call_ask")
_PUTS = ("put_bid", "put_ask", "put_last", "put_delta", "put_iv", "put_volume", "put_oi")
_RATIOS = ("pcr_volume", "pcr_oi", "oi_coverage")
# From here on a number with two decimals has more than four digits.
_FIVE_DIGITS = 100
# What a narrow terminal goes without on either side, in this order.
_SPARE_OF_SIDES = ("last", "delta", "volume", "oi", "iv")


def strikes(
    key: Key,
    timeframe: TimeframeName,
    starts: From,
    ends: To,
    expiry: Expiry = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show the strike candles of an underlying, calls and puts in a row, each with the start of its bucket in UTC.

    Prices are those of trades, bid and ask those of the last quote. Means of greeks are those of the bucket's minutes;
    open interest is the last that was published by then, at call_oi_as_of.
    """
    window = window_of(starts, ends)
    query = StrikeQuery(timeframe, window.starts, window.ends, expiry)
    columns = [value.name for value in values_of(query)]
    rows = _read(key, lambda connection, underlying: read_strikes(connection, underlying, query), as_csv, as_json)
    _show([dict(zip(columns, row, strict=True)) for row in rows], columns, f"{key} {timeframe}", as_csv, as_json)


def chain(
    key: Key,
    expiry: Expiry = None,
    at: At = None,
    near: Annotated[
        int | None, typer.Option(min=0, max=10_000, metavar="N", help="strikes at most N places from the money alone")
    ] = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show the option chain of an underlying: calls on the left, puts on the right, the newest that is known of each.

    Without --expiry it is that of each expiry that has not passed. Volume is that of the session so far. Open interest
    is carried forward since it was published, at call_oi_as_of. A volatility older than a quarter of an hour is not
    shown.
    """
    query = ChainQuery(expiry, at, near)
    rows = _read(key, lambda connection, underlying: read_chain(connection, underlying, query), as_csv, as_json)
    told = [dict(zip(CHAIN, row, strict=True)) for row in rows]
    if as_csv or as_json or not told:
        _show(told, list(CHAIN), key, as_csv, as_json)
        return
    for (day, contract, _), strikes_of_it in groupby(
        told, lambda row: (row["expiry"], row["contract"], row["expires_at"])
    ):
        _show_chain(f"{key} {day} {contract}".rstrip(), list(strikes_of_it))


def expiries(key: Key, at: At = None, as_csv: AsCsv = False, as_json: AsJson = False) -> None:
    """Show what each expiry of an underlying comes to: forward, volatility at the money, straddle, ratios, max pain.

    Unknown is empty. Expiries that have passed are left out.
    """
    found = _read(key, lambda connection, underlying: read_expiries(connection, underlying, at), as_csv, as_json)
    spare = (
        "expires_at",
        "contract",
        "expected_move",
        "put_oi",
        "call_oi",
        "put_volume",
        "call_volume",
    )
    columns = list(ExpiryMetrics.__dataclass_fields__)
    _show([vars(each) for each in found], columns, key, as_csv, as_json, spare)


def _read(
    key: str, read: Callable[[Connection, Instrument], Sequence[Any]], as_csv: bool, as_json: bool
) -> Sequence[Any]:
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
    with open_connection() as connection:
        found = read(connection, instruments.find(connection, key))
    if not found:
        told = f"there are no strike candles of {key} there; the option processor makes them: chandlery status"
        err.print(told, style="yellow", markup=False, soft_wrap=True)
    return found


def _show(
    rows: Sequence[Row],
    columns: Sequence[str],
    title: str,
    as_csv: bool,
    as_json: bool,
    spare: Sequence[str] = _SPARE,
) -> None:
    if as_csv:
        show_csv([{name: _exact(value) for name, value in row.items()} for row in rows], columns)
    elif as_json:
        exact = [{name: _exact(value) for name, value in row.items()} for row in rows]
        show_rows(exact, columns, title=title, as_json=True)
    else:
        shown = [{name: _rounded(value) for name, value in _in_few_digits(row).items()} for row in rows]
        show_rows(shown, columns, title=title, as_json=False, spare=spare)


def _exact(value: object) -> object:
    """With every digit: what is shown to people has few."""
    return Decimal(repr(value)) if isinstance(value, float) else value


def _rounded(value: object) -> object:
    """To four digits; of large numbers to cents."""
    if not isinstance(value, float):
        return value
    return Decimal(f"{value:.2f}" if abs(value) >= _FIVE_DIGITS else f"{value:.4g}")


def _in_few_digits(row: Row) -> Row:
    """Ratios as floats, which are rounded: their decimals have no end."""
    return {name: float(value) if value is not None and name in _RATIOS else value for name, value in row.items()}


def _show_chain(title: str, rows: Sequence[Row]) -> None:
    """Calls, the strike, puts; the money stands out."""
    newest = max((row["time"] for row in rows if row["time"]), default=None)
    close, forward = rows[0]["underlying_close"], rows[0]["forward"]
    known = {"underlying": close, "forward": _rounded(forward)}
    money = ", ".join(f"{name} {plain(value)}" for name, value in known.items() if value is not None)
    said = f"{title}, at {plain(newest)}" if newest else f"{title}: nothing known of any strike"
    said = f"{said}: {money}" if money else said
    left_out: list[str] = []
    table = _table(said, rows, left_out)
    for name in _SPARE_OF_SIDES:
        if not out.is_terminal or measure(table).minimum <= out.width:
            break
        left_out.append(name)
        table = _table(said, rows, left_out)
    show_table(table)
    if left_out:
        err.print(
            f"left out to fit {out.width} characters: {', '.join(left_out)}; a wider terminal and --csv show them"
        )


def _table(title: str, rows: Sequence[Row], left_out: Sequence[str]) -> Table:
    calls, puts = ([name for name in side if name.partition("_")[2] not in left_out] for side in (_CALLS, _PUTS))
    table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE)
    for name in calls:
        table.add_column(name.replace("_", "\n"), justify="right", no_wrap=True)
    strikes_shown = [f"> {plain(row['strike'])} <" if row["rank"] == 0 else plain(row["strike"]) for row in rows]
    widest = max(map(len, strikes_shown))
    table.add_column("\nstrike", justify="center", no_wrap=True, style="bold", min_width=widest)
    for name in puts:
        table.add_column(name.replace("_", "\n"), justify="right", no_wrap=True)
    for row, strike in zip(rows, strikes_shown, strict=True):
        cells = [
            *(_cell(row, name) for name in calls),
            strike,
            *(_cell(row, name) for name in puts),
        ]
        table.add_row(*cells, style="reverse" if row["rank"] == 0 else None)
    return table


def _cell(row: Row, name: str) -> str:
    value = row[name]
    if value is None:
        return ""
    if name.endswith("_iv"):
        return f"{value * 100:.1f}%"
    return f"{value:.3f}" if isinstance(value, float) else plain(value)
