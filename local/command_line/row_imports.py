"""`chandlery import DATASET`: rows of files, into any data set that takes them."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.importing.import_rows import RowImport, import_rows
from chandlery.importing.store.rows import list_cells
from chandlery.minutes.import_lots import OnConflict
from chandlery.platform.errors import Permanent
from chandlery.words.window import CLOCK_ALLOWANCE
from local.command_line.conflicts import describe_conflicts, exit_on_conflicts, spell_counts, tell_row_conflicts
from local.command_line.contract_imports import NAMED, Underlying, import_option_rows, spell_option_counts
from local.command_line.incoming_files import Counts, File, Options, SkipBad, import_files, watched
from local.command_line.options import AsJson

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
        instrument: Annotated[str, typer.Option(metavar="KEY", help="instrument that the rows belong to")],
        on_conflict: OnRowConflict = OnConflict.KEEP,
        skip_bad: SkipBad = False,
        as_json: AsJson = False,
    ) -> None:
        bring_in = partial(_import_rows, dataset=dataset, on_conflict=on_conflict)
        options = Options(skip_bad, aggregate=False, as_json=as_json)
        exit_on_conflicts(import_files(files, instrument, bring_in, _spell, options), on_conflict)

    return _command(dataset, rows, "")


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
    columns = [name for name in (*dataset.order(), *dataset.columns) if name != "instrument_id"]
    app = typer.Typer(add_completion=False)
    app.command(
        command_name(dataset),
        help=(
            f"Import {dataset.name}. Each file is imported whole or not at all, and may be imported again.\n\n"
            f"Columns: {', '.join(dict.fromkeys(columns))}; those that the table does not ask for may be absent.{more}"
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


def _import_rows(connection: Connection, file: File, *, dataset: Dataset, on_conflict: OnConflict) -> Counts:
    from local.market_file.row_columns import open_row_file, row_columns, told_columns
    from local.row_lots import row_lots

    columns = row_columns(dataset, list_cells(connection, dataset), datetime.now(UTC) + CLOCK_ALLOWANCE)
    instrument_id, key = file.instrument.instrument_id, dataset.order()
    with open_row_file(file.path, columns, on_bad=file.set_aside) as reader:
        file.describe(reader)
        told = told_columns(columns, reader.known_columns, dataset.key)
        lots = row_lots(iter(reader), told, lambda: file.progress(reader.bytes_read, reader.total_bytes))
        kept = watched(lots, dataset.name, file, lambda lot: (lot.starts, lot.ends))
        try:
            result = import_rows(connection, dataset, instrument_id, kept, on_conflict)
        except Permanent as error:
            if isinstance(error.report, RowImport):
                tell_row_conflicts(file.path, reader.word, error.report, key, on_conflict)
            raise
    tell_row_conflicts(file.path, reader.word, result, key, on_conflict)
    return {**vars(result), "known": result.known, "conflicts": describe_conflicts(result.conflicts)}
