"""Rows of a file on their way into a data set's table."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg import errors as pg

from chandlery.datasets.dataset import Dataset
from chandlery.platform.errors import WrongSchema, psycopg_errors_translated
from chandlery.platform.statements import read_rows, run_with, statement
from chandlery.reference.domain.contract import Named

# Conflicts that are named; all are counted.
NAMED = 10


@dataclass(frozen=True)
class Lot:
    """Some rows of one instrument, of several, or of several contracts of one underlying.

    Attributes:
        rows: how many.
        starts: the earliest row's time.
        ends: the latest row's.
        hours: the starts of the hours that they lie in, each once.
        columns: those that the file has.
        lines: lines of CSV, one a row: its instrument, of those given in the order of their places; its cells in the
            order of `columns`; its place in the file.
        text: the same as a JSON array of objects: cells by their columns, the place in the file as `#line`, and as
            `instrument_id` the place of its instrument, from 1 on. For a database that cannot COPY.
        named: the contracts that rows name, where they do.
        instrument_ids: the instruments that rows name, where they do.
    """

    rows: int
    starts: datetime
    ends: datetime
    hours: Sequence[datetime]
    columns: Sequence[str]
    lines: Callable[[Sequence[int]], bytes]
    text: Callable[[], str]
    named: Sequence[Named] = ()
    instrument_ids: Sequence[int] = ()


@dataclass(frozen=True)
class Cell:
    """What a table's column asks of a file."""

    name: str
    may_be_empty: bool
    may_be_absent: bool


@dataclass(frozen=True)
class RowConflict:
    """A row whose key is a stored row's, with other content.

    `stored_line` is the place of a row that says what is stored, where one came with it: null says that it came before.
    """

    line: int
    said: Mapping[str, Any]
    stored: Mapping[str, Any]
    stored_line: int | None
    instrument: str = ""


@dataclass(frozen=True)
class RowsWritten:
    """What became of a lot: rows that were new, taken back or replaced, and those in conflict, the first ones named."""

    new: int = 0
    cancelled: int = 0
    replaced: int = 0
    conflicting: int = 0
    conflicts: Sequence[RowConflict] = ()

    def __add__(self, other: "RowsWritten") -> "RowsWritten":
        """Both together."""
        return RowsWritten(
            self.new + other.new,
            self.cancelled + other.cancelled,
            self.replaced + other.replaced,
            self.conflicting + other.conflicting,
            (*self.conflicts, *other.conflicts)[:NAMED],
        )


def list_cells(connection: Connection, dataset: Dataset) -> Sequence[Cell]:
    """What its table asks of a file, column by column, but for the instrument.

    Raises:
        WrongSchema: there is no such table, or it lacks a column.
    """
    cells = read_rows(connection, Cell, "list_cells", table_name=dataset.name)
    lacking = dataset.columns.keys() - {each.name for each in cells} - {"instrument_id"}
    if lacking:
        told = ", ".join(sorted(lacking))
        raise WrongSchema(
            f"market.{dataset.name} has not what is declared of it: {told}; run: chandlery migrate upgrade head"
        )
    return cells


@dataclass
class RowWriter:
    """Writes lots inside the caller's transaction; all of them have the same columns.

    `whose` tells the instruments of a lot's rows, by their places; `named` is how many conflicts of a lot are named.
    """

    connection: Connection
    dataset: Dataset
    whose: Callable[[Lot], Sequence[int]]
    replace: bool = False
    named: int = NAMED
    _ready: bool = field(default=False, init=False)
    _copies: bool = field(default=True, init=False)

    def write(self, lot: Lot) -> RowsWritten:
        """Write a lot. The same row again changes nothing; one with other content only with `replace`.

        One that takes back the row of its key always wins.

        Raises:
            Retryable, Permanent: from the database; the caller's transaction is then to be rolled back.
        """
        lists = self._lists(lot)
        self._run("write_rows:empty_said_rows" if self._ready else "write_rows:create_said_rows", lists)
        self._ready = True
        instrument_ids = list(self.whose(lot))
        self._fill(lot, lists, instrument_ids)
        new = self._run("write_rows:insert_said_rows", lists).rowcount
        if new == lot.rows or not lists["content"]:
            return RowsWritten(new)
        # Not by adding them up, which names the first ones alone.
        return replace(self._settle(lot, lists, instrument_ids), new=new)

    def _fill(self, lot: Lot, lists: Mapping[str, str], instrument_ids: list[int]) -> None:
        """Have the rows wait, each with its instrument."""
        if not self._stream("write_rows:copy_said_lines", lists, lambda: [lot.lines(instrument_ids)]):
            self._run("write_rows:fill_said_rows", lists, rows=lot.text(), instrument_ids=instrument_ids)

    def _stream(self, name: str, lists: Mapping[str, str], blocks: Callable[[], Iterable[str | bytes]]) -> bool:
        """Whether lines were streamed: not where the database cannot COPY, or has the key of one."""
        if not self._copies:
            return False
        copying = statement(name, self.dataset.name, lists=tuple(lists.items()))
        with psycopg_errors_translated():
            try:
                with self.connection.transaction(), self.connection.cursor() as cursor, cursor.copy(copying) as copy:
                    for block in blocks():
                        copy.write(block)
            except pg.FeatureNotSupported:
                self._copies = False
            except pg.UniqueViolation:
                return False
        return self._copies

    def _settle(self, lot: Lot, lists: Mapping[str, str], instrument_ids: list[int]) -> RowsWritten:
        """Hold the lot against what is stored by now."""
        stretch = {"instrument_ids": instrument_ids, "starts": lot.starts, "ends": lot.ends}
        takes_back = self.dataset.cancelled in lot.columns
        cancelled = self._run("write_rows:cancel_said_rows", lists, **stretch).rowcount if takes_back else 0
        noted = ["#line", *self.dataset.noted]
        found = self._run("write_rows:list_row_conflicts", lists, **stretch, noted=noted, most=self.named).fetchall()
        if not found:
            return RowsWritten(0, cancelled)
        replaced = self._run("write_rows:replace_said_rows", lists).rowcount if self.replace else 0
        return RowsWritten(0, cancelled, replaced, found[0][-1], [_conflict(*row[:-1]) for row in found])

    def _lists(self, lot: Lot) -> Mapping[str, str]:
        columns, key = ["instrument_id", *lot.columns], self.dataset.key
        content = [name for name in columns if name not in {*key, *self.dataset.noted}]
        of_row = {"said": "said_row", "stored": "stored_row", "given": "EXCLUDED"}
        lists = {"columns": columns, "others": lot.columns, "key": key, "content": content}
        lists |= {name: [f"{row}.{column}" for column in content] for name, row in of_row.items()}
        flag = self.dataset.cancelled
        return {name: ", ".join(each) for name, each in lists.items()} | {
            "same": " AND ".join(f"stored_row.{name} = said_row.{name}" for name in key),
            "cancelled": flag,
            "final": f"stored_row.{flag}" if flag else "false",
        }

    def _run(self, step: str, lists: Mapping[str, str], **values: Any) -> Any:
        return run_with(self.connection, self.dataset.name, lists, step, **values)


def _conflict(line: int, said: str, stored: str, *others: Any) -> RowConflict:
    """Of rows as JSON: numbers keep every digit."""
    return RowConflict(line, *(json.loads(each, parse_float=Decimal) for each in (said, stored)), *others)
