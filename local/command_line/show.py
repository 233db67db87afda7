"""`chandlery show`: an instrument's rows of any data set, as they stand or rolled up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any

import typer
from psycopg import Connection

from chandlery.platform.domain.limits import PAGE_ROWS
from chandlery.platform.errors import Refused
from chandlery.reading.domain.summary import Rows
from chandlery.reading.read_rows import RowQuery, find_dataset, read_rows
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store import instruments
from chandlery.words.timeframe import Timeframe
from local.command_line.database import open_connection
from local.command_line.options import AsJson, From, Key, To, parse_timeframe, window_of
from local.command_line.output import err, show_csv, show_rows

_ROWS = 1_000


def show(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="name of a data set, such as ticks")],
    key: Key,
    starts: From,
    ends: To,
    timeframe: Annotated[
        Timeframe | None,
        typer.Argument(
            parser=parse_timeframe, metavar="[TIMEFRAME]", help="what rows are rolled up to; none: as they are"
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="DIMENSION=VALUE", help="only rows with this value; may be repeated, for others"),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help=f"most rows to show; {_ROWS:,} when absent, all with --csv and --json"),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an instrument's rows of a data set from --from on and before --to, the oldest first.

    With TIMEFRAME, a row is what the rows of its bucket are rolled up to, and its time the start of the bucket. Candles
    have a command of their own, which knows their sessions: chandlery candles.
    """
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
    window = window_of(starts, ends)
    most = limit if limit or as_csv or as_json else _ROWS
    query = RowQuery(timeframe, window.starts, window.ends, _dimensions(where or ()))
    chosen = find_dataset(dataset)
    columns = [value.name for value in chosen.values(timeframe)] if timeframe in (None, *chosen.readable) else []
    with open_connection() as connection:
        instrument = instruments.find(connection, key)
        rows = all_rows(connection, chosen, instrument, query, most)
        if as_csv:
            show_csv((dict(zip(columns, map(exact, row), strict=True)) for row in rows), columns)
            return
        cell = in_json if as_json else exact
        found = [dict(zip(columns, map(cell, row), strict=True)) for row in rows]
    title = f"{dataset} of {key}{f' {timeframe}' if timeframe else ''}"
    show_rows(found, columns, title=title, as_json=as_json, spare=columns[:0:-1])


def all_rows(
    connection: Connection, dataset: Rows, instrument: Instrument, query: RowQuery, most: int | None
) -> Iterator[Sequence[Any]]:
    """Page by page: none of them need be small enough for all to be in memory."""
    shown = 0
    while True:
        size = PAGE_ROWS if most is None else min(most - shown, PAGE_ROWS)
        page = read_rows(connection, dataset, instrument, replace(query, limit=size))
        yield from page.rows
        shown += len(page.rows)
        if page.next_cursor is None:
            break
        if shown == most:
            err.print(f"the first {shown:,} are shown, more: --limit N")
            break
        query = replace(query, cursor=page.next_cursor)
    if not shown:
        err.print(f"{instrument.key} has no {dataset.name} there", style="yellow", markup=False, soft_wrap=True)


def _dimensions(where: Sequence[str]) -> Mapping[str, str]:
    given = [each.partition("=") for each in where]
    for name, equals, _ in given:
        if not equals:
            raise Refused("where", f"--where {name} says no value; write it as --where {name}=VALUE")
    found = {name: value for name, _, value in given}
    if len(found) < len(given):
        raise Refused("where", "--where may say one value of each dimension; leave the others")
    return found


def in_json(value: Any) -> Any:
    """JSON has no word for a double that is no number: null, as the HTTP API says."""
    return None if isinstance(value, float) and not isfinite(value) else value


def exact(value: Any) -> Any:
    """A double with every digit, as decimals have them."""
    return Decimal(repr(value)) if isinstance(value, float) else value
