"""`chandlery export`: rows of any data set into CSV and Parquet files."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from chandlery.datasets import declared
from chandlery.reference.store import instruments
from chandlery.words.counting import spell
from chandlery.words.timeframe import Timeframe
from local.command_line.database import open_connection
from local.command_line.liveness import progress_bar
from local.command_line.options import AsJson, From, To, dataset_of, parse_timeframe, window_of
from local.command_line.output import err, out, show_json
from local.exporting.export_rows import By, ExportReport, Format, export_rows
from local.exporting.selection import select, whole_days


def export(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help=" ".join(each.name for each in declared.DATASETS))],
    starts: From,
    ends: To,
    target: Annotated[
        Path, typer.Option("--out", metavar="PATH", help="file to write, .csv or .parquet; with --by a folder")
    ],
    keys: Annotated[
        list[str] | None,
        typer.Option(
            "--instrument-key", metavar="KEY", help="of this instrument alone; may be repeated; all when absent"
        ),
    ] = None,
    timeframe: Annotated[
        Timeframe | None,
        typer.Option(parser=parse_timeframe, metavar="TIMEFRAME", help="rolled up; rows as they are when absent"),
    ] = None,
    by: Annotated[
        list[By] | None,
        typer.Option(help="a file for each instrument, each day (UTC, whole days), or, given twice, for both"),
    ] = None,
    format_: Annotated[
        Format | None, typer.Option("--format", help="as the file's name says when absent, parquet in a folder")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="with --by: leave files that are there as they are")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the rows of a data set from --from on and before --to to files, all of their digits kept.

    Each file appears once it is whole, in the place of a former one: run again, it writes the same. A folder reads as
    DuckDB, polars, Spark and Arrow know it: OUT/instrument=KEY/date=DAY/DATASET.parquet. No file is ever removed.

    Numbers are decimals of 38 digits in Parquet, 18 of them places; a column that has one beyond is text.
    """
    chosen = dataset_of(dataset, declared.DATASETS, "DATASET")
    if resume and not by:
        raise typer.BadParameter("--resume leaves files of a folder as they are; it needs --by")
    window = window_of(starts, ends)
    written_as = format_ or (Format.PARQUET if by else _format_of(target))
    with open_connection() as connection, progress_bar() as bar:
        of = [instruments.find(connection, key).instrument_id for key in dict.fromkeys(keys)] if keys else None
        asked = whole_days(window) if By.DAY in (by or ()) else window
        selection = select(connection, chosen, timeframe, asked, of)
        task = bar.add_task(f"export {selection.relation}", total=None)
        report = export_rows(
            connection,
            selection,
            target,
            written_as,
            by=by or (),
            resume=resume,
            progress=lambda done, total, path: bar.update(task, completed=done, total=total, description=str(path)),
        )
    if as_json:
        show_json(asdict(report) | {"out": str(target)})
    else:
        _show(report, target)


def _show(report: ExportReport, target: Path) -> None:
    if report.as_text:
        err.print(f"as text, for numbers beyond Parquet's decimals: {', '.join(report.as_text)}", markup=False)
    if not report.files and not report.files_kept:
        err.print("no rows there: nothing is written", style="yellow")
        return
    kept = f"; {spell(report.files_kept, 'file')} there already" if report.files_kept else ""
    written = f"{spell(report.rows, 'row')} in {spell(report.files, 'file')}"
    out.print(f"{written} written to {target}{kept}", markup=False, soft_wrap=True)


def _format_of(target: Path) -> Format:
    try:
        return Format(target.suffix.removeprefix(".").lower())
    except ValueError:
        raise typer.BadParameter(
            f"{target} says neither .csv nor .parquet; name it so, or give --format", param_hint="--out"
        ) from None
