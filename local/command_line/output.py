"""What a command shows: a table for people, JSON or CSV for programs; progress and remarks go to stderr."""

import csv
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

# Of rules and heat maps where no terminal tells its own.
_PIPE_WIDTH = 140
_ANY_WIDTH = 1_000_000

err = Console(stderr=True, highlight=False)
# A line stays one, whatever the width: a terminal breaks it, a pipe does not.
out = Console(highlight=False, soft_wrap=True, width=None if Console().is_terminal else _PIPE_WIDTH)

Row = Mapping[str, Any]


def show_rows(
    rows: Sequence[Row], columns: Sequence[str], *, title: str, as_json: bool, spare: Sequence[str] = ()
) -> None:
    """Rows as a table, or as a JSON array of objects.

    `spare` are columns that a table may do without on a terminal too narrow for all, the least important first.
    """
    if as_json:
        show_json([{column: row[column] for column in columns} for row in rows])
        return
    shown, left_out = list(columns), list[str]()
    table = _table(rows, shown, title)
    for name in [each for each in spare if out.is_terminal and each in columns]:
        if measure(table).minimum <= out.width:
            break
        shown.remove(name)
        left_out.append(name)
        table = _table(rows, shown, title)
    show_table(table)
    if left_out:
        said = ", ".join(name for name in columns if name in left_out)
        err.print(
            f"columns left out to fit {out.width} characters: {said}; a wider terminal, a pipe and --json show them"
        )


def _table(rows: Sequence[Row], columns: Sequence[str], title: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE)
    cells = {name: [plain(row[name]) for row in rows] for name in columns}
    for name in columns:
        # Words may go to the next line of a cell: nothing else is broken.
        table.add_column(name, no_wrap=not any(" " in cell for cell in cells[name]))
    for row in zip(*cells.values(), strict=True):
        table.add_row(*row)
    return table


def show_table(table: Table) -> None:
    """A table of which no cell is cut off: on a terminal too narrow for it row by row, a line for each column.

    In a pipe it is as wide as it likes.
    """
    needed = measure(table)
    if out.is_terminal and needed.minimum > out.width and table.show_header:
        table, width = _row_by_row(table), out.width
    else:
        width = max(out.width, needed.minimum) if out.is_terminal else needed.maximum
    Console(highlight=False, width=width).print(table)


def _row_by_row(table: Table) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.title, grid.title_justify = table.title, "left"
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        for column, cell in zip(table.columns, cells, strict=True):
            grid.add_row(column.header, cell)
        grid.add_row()
    return grid


def measure(table: Table) -> Measurement:
    """How wide a table has to be, and how wide it is with nothing wrapped."""
    return Measurement.get(out, out.options.update(max_width=_ANY_WIDTH), table)


def show_json(value: object) -> None:
    """One JSON document on stdout; decimals as text, since JSON's numbers would round them.

    By the standard library: it takes any value as `plain` writes it, in tables and CSV too; pydantic has its own way.
    """
    print(json.dumps(value, default=plain, indent=2))


def show_csv(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Rows as CSV with a header, on stdout."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([plain(row[column]) for column in columns])


def plain(value: object) -> str:
    """A value as text: times in ISO 8601 with Z, decimals without exponent or idle zeros, nothing for null."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Decimal():
            # Not by normalize(), which rounds to 28 digits.
            text = f"{value:f}"
            return text.rstrip("0").rstrip(".") if "." in text else text
        case float():
            return f"{value:.3f}"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case _:
            return str(value)


def spell_counts(counts: Row, names: Sequence[str]) -> str:
    """Some of a report's counts in words, by their names: 1 late tick, 2 late ticks."""
    return ", ".join(f"{plain(counts[name])} {_noun(name, counts[name])}" for name in names)


def _noun(name: str, count: object) -> str:
    words = name.replace("_", " ")
    return re.sub(r"s\b", "", re.sub(r"ies\b", "y", words)) if count == 1 else words
