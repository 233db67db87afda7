"""What a command shows: a table for people, JSON or CSV for programs; progress and remarks go to stderr."""

import csv
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from threading import Event, Thread
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from chandlery.settings import LocalSettings

_SECONDS_BETWEEN_LINES = 30.0

err = Console(stderr=True, highlight=False)
# Where nothing tells the width, or it is a narrow one, a table of candles still shows every digit.
out = Console(highlight=False, width=max(Console().width, 140))

Row = Mapping[str, Any]


def show_rows(rows: Sequence[Row], columns: Sequence[str], *, title: str, as_json: bool) -> None:
    """Rows as a table, or as a JSON array of objects."""
    if as_json:
        show_json([{column: row[column] for column in columns} for row in rows])
        return
    table = Table(*columns, title=title, title_justify="left", header_style="bold", box=SIMPLE)
    for row in rows:
        table.add_row(*(plain(row[column]) for column in columns))
    out.print(table)


def show_json(value: object) -> None:
    """One JSON document on stdout; decimals as text, since JSON's numbers would round them."""
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
            return f"{value.normalize():f}"
        case float():
            return f"{value:.3f}"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case _:
            return str(value)


def spell_counts(counts: Row, names: Sequence[str]) -> str:
    """Some of a report's counts in words."""
    return ", ".join(f"{plain(counts[name])} {name.replace('_', ' ')}" for name in names)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on stderr; where that is no terminal, a line now and then."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with bar, _lines_now_and_then(lambda: _spell_tasks(bar)):
        yield bar


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr that a command lives while it works; call what this yields to say what it is at.

    On a terminal that is a line that counts the seconds, and goes with the work; elsewhere a line now and then.
    """
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    task = bar.add_task(what, total=None)
    with bar, _lines_now_and_then(lambda: _spell_tasks(bar)):
        yield lambda at: bar.update(task, description=f"{what}: {at}")


def _spell_tasks(bar: Progress) -> str:
    return ", ".join(
        task.description + (f" ({100 * task.completed / task.total:.0f} %)" if task.total else "")
        for task in bar.tasks
        if not task.finished
    )


@contextmanager
def _lines_now_and_then(say: Callable[[], str]) -> Iterator[None]:
    """Where stderr is no terminal, and CHANDLERY_PROGRESS is not false, say now and then what is done, since when."""
    if err.is_terminal or not LocalSettings().chandlery_progress:
        yield
        return
    began, ended = time.monotonic(), Event()

    def tell() -> None:
        while not ended.wait(_SECONDS_BETWEEN_LINES):
            print(f"{say()}: {time.monotonic() - began:.0f} s so far", file=sys.stderr, flush=True)

    teller = Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
