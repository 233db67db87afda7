"""`chandlery send`: rows of files, in records, to where a deployed stack takes them; for drills, and to send again."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.ticks import TICKS
from chandlery.importing.store.rows import list_cells
from chandlery.ingest.domain.envelope import MOST_ROWS, SCHEMA_VERSION
from chandlery.platform.errors import Permanent
from chandlery.reference.domain.instrument import exchange_of
from chandlery.words.counting import spell
from chandlery.words.window import CLOCK_ALLOWANCE
from local.command_line.database import open_connection
from local.command_line.layout_options import (
    Columns,
    DayFirst,
    DecimalComma,
    Format,
    Ticker,
    TimeUnit,
    TimeZone,
    asked_of,
)
from local.command_line.liveness import progress_bar
from local.command_line.options import AsJson
from local.command_line.output import err, out, show_json
from local.market_file.asked import Asked
from local.sending import Outcome, Target, find_target

if TYPE_CHECKING:
    from local.market_file import MarketFileReader
    from local.market_file.columns import Column

_NAMED = 10  # refused ones that are shown; all are counted


def send(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON lines or Parquet, as for import")],
    to: Annotated[
        str, typer.Option(metavar="QUEUE|STREAM|URL", help="a queue's URL or ARN, a stream's ARN, or an HTTP API's URL")
    ],
    instrument: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="instrument that the rows belong to, or whose options they are of; may be absent where a column"
            " instrument names it, as in sentiment and flows",
        ),
    ] = None,
    dataset: Annotated[str, typer.Option(metavar="NAME", help="data set of the rows, as in sentiment")] = TICKS.name,
    feed: Annotated[
        str | None,
        typer.Option(help="where they come from; when absent the exchange of --instrument, without that the data set"),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=MOST_ROWS, help="rows in a record")] = 300,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="file with the bearer's token, for an HTTP API"),
    ] = None,
    layout: Format = None,
    columns: Columns = None,
    time_unit: TimeUnit = None,
    time_zone: TimeZone = None,
    day_first: DayFirst = None,
    decimal_comma: DecimalComma = None,
    ticker: Ticker = None,
    as_json: AsJson = False,
) -> None:
    """Send a file's rows in records to a queue, a stream, or an HTTP API. A file may be sent again: twice is once.

    Of a call that is answered in part, only what was not taken is sent again. What is refused for good is named, and
    the exit code is 1.
    """
    chosen = _find(dataset)
    origin = _origin(chosen, instrument)
    header = {
        "data_set": chosen.name,
        "schema_version": SCHEMA_VERSION,
        "feed": feed or origin,
        "producer": "chandlery send",
    }
    path = f"/api/v1/{chosen.name.replace('_', '-')}"
    target = find_target(to, path, instrument or origin, token_file.read_text().strip() if token_file else None)
    asked = asked_of(layout, columns, time_unit, time_zone, day_first, decimal_comma, ticker)
    with _open(file, chosen, instrument, asked) as reader:
        outcome, sent = _send(reader, file.name, chosen, instrument, header, rows, target)
    if as_json:
        show_json({"file": str(file), "rows": sent, **asdict(outcome)})
    else:
        told = "".join(f", {number:,} {name}" for name, number in outcome.counts.items() if name != "status")
        out.print(
            f"{file}: {spell(sent, 'row')} in {spell(outcome.sent, 'record')} sent, {outcome.retried:,} retried{told}",
            markup=False,
            soft_wrap=True,
        )
    for reason in outcome.refused[:_NAMED]:
        err.print(f"refused: {reason}", style="yellow", markup=False, soft_wrap=True)
    if outcome.refused:
        err.print(f"{spell(len(outcome.refused), 'refusal')} in all", style="yellow")
        raise typer.Exit(1)


def _send(
    reader: "MarketFileReader",
    name: str,
    dataset: Dataset,
    key: str | None,
    header: dict[str, Any],
    rows: int,
    target: Target,
) -> tuple[Outcome, int]:
    from local.market_file.row_columns import require_instruments

    if key is None:
        require_instruments(reader)
    outcome, sent, number = Outcome(), 0, count(1)
    with progress_bar() as bar:
        task = bar.add_task(name, total=None)
        names = [each for each in reader.schema.names if each in reader.known_columns or each in dataset.key]
        alike = _alike(dataset, key, names)
        for batch in reader:
            found = batch.select(names).to_pylist()
            sent += len(found)
            bodies = [
                _body(header | {"batch_id": f"{name[:80]} {next(number)}"}, alike, found[start : start + rows])
                for start in range(0, len(found), rows)
            ]
            for start in range(0, len(bodies), target.at_once):
                target.send(bodies[start : start + target.at_once], outcome)
            bar.update(task, completed=reader.bytes_read, total=reader.total_bytes)
    return outcome, sent


def _alike(dataset: Dataset, key: str | None, names: Sequence[str]) -> dict[str, str]:
    """What a row says that does not say otherwise."""
    alike = {"instrument": key} if key else {}
    # Where a file has a column of names of contracts, an empty one is a name too.
    return alike | {"contract": ""} if dataset.is_of_contracts and "contract" in names else alike


def _body(header: dict[str, Any], alike: dict[str, str], rows: Sequence[dict[str, Any]]) -> str:
    told = (alike | {name: _sent(cell) for name, cell in row.items() if cell is not None} for row in rows)
    return "\n".join(json.dumps(line) for line in (header, *told))


def _sent(cell: Any) -> Any:
    """Numbers are texts already; what is left are whole numbers, flags, times and dates."""
    return cell if isinstance(cell, (str, int, bool)) else cell.isoformat()


def _open(file: Path, dataset: Dataset, key: str | None, asked: Asked) -> "MarketFileReader":
    # Imported here: it loads pyarrow.
    from local.market_file import open_tick_file
    from local.market_file.row_columns import open_row_file, row_columns

    latest = datetime.now(UTC) + CLOCK_ALLOWANCE
    if dataset is TICKS:
        return open_tick_file(file, latest=latest, allow_negative=True, asked=asked)
    with open_connection() as connection:
        columns = row_columns(dataset, list_cells(connection, dataset), latest)
    return open_row_file(file, [*_naming(dataset, key), *columns], asked=asked)


def _naming(dataset: Dataset, key: str | None) -> "Sequence[Column]":
    """The columns by which rows say whose they are."""
    from local.market_file.contract_columns import contract_columns
    from local.market_file.row_columns import any_instrument_column, instrument_column

    if dataset.is_of_contracts:
        return contract_columns()
    # Rows that name another instrument than the one given are bad.
    return [instrument_column([key], f"%s is not {key}") if key else any_instrument_column()]


def _find(name: str) -> Dataset:
    found = {each.name: each for each in declared.sent()}
    if name not in found:
        raise Permanent(f"no rows of {name} can be sent; there are: {', '.join(sorted(found))}")
    return found[name]


def _origin(dataset: Dataset, key: str | None) -> str:
    """What rows come from where no feed is said: the exchange of their instrument, where they are of one."""
    if key is None:
        if dataset is TICKS or dataset.is_of_contracts:
            lacking = "underlying" if dataset.is_of_contracts else "instrument"
            raise Permanent(f"a file of {dataset.name} does not name its {lacking}; say which: --instrument KEY")
        return dataset.name
    try:
        return exchange_of(key)
    except ValueError as error:
        raise Permanent(str(error)) from None
