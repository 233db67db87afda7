"""`chandlery import`: files of market data into the database."""

import csv
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg import Connection

from chandlery.domain.window import CLOCK_ALLOWANCE
from chandlery.store import instruments
from chandlery.usecases.import_ticks import import_ticks
from local.command_line.database import open_connection
from local.command_line.options import AsJson
from local.command_line.output import err, out, progress_bar, show_json
from local.lots import tick_lots
from local.market_file import open_tick_file

app = typer.Typer(no_args_is_help=True, help="Bring files of market data in.")


@app.command()
def ticks(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="CSV, CSV.gz or Parquet: time,price,size[,seq,…]")
    ],
    instrument: Annotated[str, typer.Option(metavar="KEY", help="whose ticks they are")],
    skip_bad: Annotated[bool, typer.Option(help="set bad rows aside in FILE.bad.csv instead of stopping")] = False,
    as_json: AsJson = False,
) -> None:
    """Import ticks; each file comes in whole or not at all, and may be imported again.

    Columns: time (ISO 8601 with an offset), price, size and, if there, seq, venue, conditions, updates_ohlc,
    updates_volume. Without seq the order of the rows counts.
    """
    with open_connection() as connection:
        known = instruments.find(connection, instrument)
        done = []
        for file in files:
            done.append(result := _import_file(connection, file, known.instrument_id, skip_bad=skip_bad))
            if not as_json:
                out.print(f"{file}: {result['new']:,} new ticks, {result['known']:,} known already", soft_wrap=True)
    if as_json:
        show_json(done)


def _import_file(connection: Connection, file: Path, instrument_id: int, *, skip_bad: bool) -> dict[str, Any]:
    with ExitStack() as stack:
        set_aside = _SetAside(file, stack) if skip_bad else None
        reader = stack.enter_context(open_tick_file(file, latest=datetime.now(UTC) + CLOCK_ALLOWANCE, on_bad=set_aside))
        bar = stack.enter_context(progress_bar())
        task = bar.add_task(file.name, total=reader.total_bytes)
        lots = tick_lots(iter(reader), instrument_id, lambda: bar.update(task, completed=reader.bytes_read))
        result = import_ticks(connection, instrument_id, lots)
    bad = set_aside.rows if set_aside else 0
    if set_aside and bad:
        err.print(f"[yellow]{file}: {bad:,} bad rows set aside in {set_aside.path}[/yellow]", soft_wrap=True)
    return {"file": str(file), "read": result.read, "new": result.new, "known": result.known, "bad": bad}


class _SetAside:
    """Bad rows, kept beside their file: line, column, reason and the row's own text."""

    def __init__(self, file: Path, stack: ExitStack) -> None:
        self.path = file.with_name(f"{file.name}.bad.csv")
        self.rows = 0
        self._stack = stack
        self._write: Callable[[Sequence[Any]], Any] | None = None

    def __call__(self, rows: Sequence[Any]) -> None:
        if self._write is None:
            out_file = self._stack.enter_context(self.path.open("w", newline="", encoding="utf-8"))
            self._write = csv.writer(out_file).writerow
            self._write(("line", "column", "reason", "row"))
        for row in rows:
            self._write((row.line, row.column, row.reason, row.text))
        self.rows += len(rows)
