"""`chandlery import DATASET`: rows of files, into any data set that takes them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.importing.import_rows import RowImport, import_named_rows, import_rows
from chandlery.importing.store.rows import list_cells
from chandlery.minutes.import_lots import OnConflict
from chandlery.platform.errors import Permanent
from chandlery.reference.store import instruments
from chandlery.words.window import CLOCK_ALLOWANCE
from local.command_line.conflicts import describe_conflicts, exit_on_conflicts, report_row_conflicts, spell_counts
from local.command_line.contract_imports import NAMED, Underlying, import_option_rows, spell_option_counts
from local.command_line.incoming_files import Counts, File, Options, SkipBad, import_files, watched
from local.command_line.layout_options import Columns, DayFirst, DecimalComma, TimeUnit, TimeZone, asked_of
from local.command_line.options import AsJson
from local.market_file.asked import Asked

if TYPE_CHECKING:
    from local.market_file import MarketFileReader

_STRANGE = "%s is not an instrument here; add it first: chandlery instruments add KEY --calendar NAME"

OnRowConflict = Annotated[
    OnConflict,
    typer.Option(
        help="what to do with a row that has the key of another one, but other content: keep the first, replace"
        " it, or refuse the file"
    ),
]


def command_of(dataset: Dataset) -> Any:
    """The command that imports its files."""
    if dataset.is_of_contracts:
        return _command_of_contracts(dataset)

    def rows(
        files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="CSV, JSON lines or Parquet")],
        instrument: Annotated[
            str | None,
            typer.Option(metavar="KEY", help="instrument that the rows belong to, where they do not name theirs"),
        ] = None,
        on_conflict: OnRowConflict = OnConflict.KEEP,
        skip_bad: SkipBad = False,
        columns: Columns = None,
        time_unit: TimeUnit = None,
        time_zone: TimeZone = None,
        day_first: DayFirst = None,
        decimal_comma: DecimalComma = None,
        as_json: AsJson = False,
    ) -> None:
        asked = asked_of(None, columns, time_unit, time_zone, day_first, decimal_comma, None)
        bring_in = partial(_import_rows, dataset=dataset, on_conflict=on_conflict, asked=asked)
        options = Options(skip_bad, aggregate=False, as_json=as_json)
        exit_on_conflicts(import_files(files, instrument, bring_in, _spell, options), on_conflict)

    return _command(dataset, rows, " A column instrument names that of each row.")


def _command_of_contracts(dataset: Dataset) -> Any:
    def rows(
        files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="CSV, JSON lines or Parquet")],
        underlying: Underlying,
        on_conflict: OnRowConflict = OnConflict.KEEP,
        skip_bad: SkipBad = False,
        as_json: AsJson = False,
    ) -> None:
        bring_in = partial(import_option_rows, dataset=dataset, on_conflict=on_conflict)
        options = Options(skip_bad, aggregate=False, as_json=as_json)
        exit_on_conflicts(import_files(files, underlying, bring_in, spell_option_counts, options), on_conflict)

    return _command(dataset, rows, f" {NAMED[0].upper()}{NAMED[1:]}; one that is not stored is made.")


def _command(dataset: Dataset, rows: Callable[..., None], more: str) -> Any:
    app = typer.Typer(add_completion=False)
    app.command(
        command_name(dataset),
        help=(
            f"Import {dataset.name.replace('_', ' ')}. Each file is imported whole or not at all, and may be imported"
            " again.\n\n"
            f"Columns: {', '.join(dataset.said)}; those that the table does not ask for may be absent.{more}"
            " Times are ISO 8601 with an offset. The same row again changes nothing. A row with the"
            f" {', '.join(dataset.order())} of another one but other content is a conflict: by default the first is"
            " kept, all other rows are imported, and the exit code is 1."
        ),
    )(rows)
    return typer.main.get_command(app)


def command_name(dataset: Dataset) -> str:
    """What the command that imports it is called."""
    return dataset.name.replace("_", "-")


def _spell(counts: Counts) -> str:
    return spell_counts(counts, "new row", "cancelled", "replaced")


def _import_rows(
    connection: Connection, file: File, *, dataset: Dataset, on_conflict: OnConflict, asked: Asked
) -> Counts:
    from local.market_file.row_columns import instrument_column, open_row_file, row_columns, written_columns

    columns = row_columns(dataset, list_cells(connection, dataset), datetime.now(UTC) + CLOCK_ALLOWANCE)
    known = {file.of.key: file.of.instrument_id} if file.of else instruments.list_keys(connection)
    named = instrument_column(known, f"%s is not {file.of.key}" if file.of else _STRANGE)
    with open_row_file(file.path, [named, *columns], on_bad=file.set_aside, asked=asked) as reader:
        file.describe(reader)
        told = written_columns(columns, reader.known_columns, dataset.key)
        key = dataset.order() if file.of else ("instrument", *dataset.order())
        try:
            result = _write(connection, file, dataset, reader, told, known, on_conflict)
        except Permanent as error:
            if isinstance(error.report, RowImport):
                report_row_conflicts(file.path, reader.word, error.report, key, on_conflict)
            raise
    report_row_conflicts(file.path, reader.word, result, key, on_conflict)
    return {**vars(result), "known": result.known, "conflicts": describe_conflicts(result.conflicts)}


def _write(
    connection: Connection,
    file: File,
    dataset: Dataset,
    reader: "MarketFileReader",
    columns: Sequence[str],
    known: Mapping[str, int],
    on_conflict: OnConflict,
) -> RowImport:
    from local.market_file.row_columns import require_instruments
    from local.row_lots import named_row_lots, row_lots

    def read() -> None:
        file.progress(reader.bytes_read, reader.total_bytes)

    if file.of is None:
        require_instruments(reader)
    lots = row_lots(iter(reader), columns, read) if file.of else named_row_lots(iter(reader), columns, known, read)
    kept = watched(lots, dataset.name, file, lambda lot: (lot.starts, lot.ends))
    if file.of is None:
        return import_named_rows(connection, dataset, kept, on_conflict)
    return import_rows(connection, dataset, file.of.instrument_id, kept, on_conflict)
