"""Tells a file's good rows from its bad ones, a batch at a time."""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from local.market_file.candle_checks import Check, Fault, Parsed
from local.market_file.columns import Column
from local.market_file.errors import BadRow, RowWord
from local.market_file.rows import Rows, text_at
from local.market_file.rules import Rule


class Checker:
    """Parses and checks one file's rows; remembers what it must know from batch to batch.

    Args:
        columns: the columns that the file may have.
        schema: what they become.
        file: the file's name, for messages.
        word: what a row's place is called there.
        first_seq: what is added to a row's line to make what is `by_line`, if the file has no column for it.
        checks: of what must hold between columns, and between rows.
        rules: of the file's layout: which rows are left out, before they are checked.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        schema: pa.Schema,
        file: str,
        word: RowWord,
        first_seq: int,
        checks: Sequence[Check] = (),
        rules: Sequence[Rule] = (),
    ) -> None:
        self._columns = columns
        self._schema = schema
        self._file = file
        self._word: RowWord = word
        self._first_seq = first_seq
        self._checks = checks
        self._rules = rules
        self._titles = {column.name: column.title or column.name for column in columns}

    def check(self, rows: Rows) -> tuple[pa.RecordBatch, list[BadRow]]:
        """The good rows as a batch of the schema, and the bad ones, each with its first fault, in order."""
        faults: dict[int, Fault] = {}
        arrays = [self._parse(column, rows, faults) for column in self._columns]
        named = dict(zip(self._schema.names, arrays, strict=False))
        left_out = self._leave_out(named, rows, faults)
        for check in self._checks:
            _add(faults, check(Parsed(named, rows, _good(rows, faults, left_out), self._word)))
        for rule in self._rules:
            rule.watch(Parsed(named, rows, _good(rows, faults, left_out), self._word))
        arrays.append(rows.lines)
        if faults or left_out is not None:
            good = _good(rows, faults, left_out)
            arrays = [values.filter(good) for values in arrays]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema), self._bad_rows(rows, faults)

    def _leave_out(self, named: Mapping[str, pa.Array], rows: Rows, faults: dict[int, Fault]) -> pa.Array | None:
        """Which rows the layout's rules leave out, whose faults do not count; none if there are none."""
        left_out: pa.Array | None = None
        for rule in self._rules:
            kept = pa.repeat(pa.scalar(value=True), len(rows.lines)) if left_out is None else pc.invert(left_out)
            found = rule.leave_out(Parsed(named, rows, kept, self._word))
            if found is not None and pc.any(found).as_py():
                left_out = found if left_out is None else pc.or_(left_out, found)
        if left_out is not None:
            for index in pc.indices_nonzero(left_out).to_pylist():
                faults.pop(index, None)
        return left_out

    def _parse(self, column: Column, rows: Rows, faults: dict[int, Fault]) -> pa.Array:
        texts = rows.columns.get(column.name)
        if texts is None:
            return self._absent(column, rows)
        parsed = column.parse(texts)
        if parsed.bad is not None:
            indices = pc.indices_nonzero(parsed.bad).to_pylist()
            _add(faults, (Fault(i, column.name, parsed.reason(text_at(texts, i))) for i in indices))
        return parsed.values

    def _absent(self, column: Column, rows: Rows) -> pa.Array:
        if column.by_line:
            return pc.add(rows.lines, self._first_seq)
        return pa.repeat(pa.scalar(column.default, column.field.type), len(rows.lines))

    def _bad_rows(self, rows: Rows, faults: dict[int, Fault]) -> list[BadRow]:
        bad = [BadRow(self._file, row.line, None, row.reason, text=row.text, word=self._word) for row in rows.misshapen]
        for index, fault in faults.items():
            line, text = rows.lines[index].as_py(), rows.text(index)
            column = self._titles.get(fault.column, fault.column)
            bad.append(BadRow(self._file, line, column, fault.reason, text=text, word=self._word))
        return sorted(bad, key=lambda row: row.line)


def _add(faults: dict[int, Fault], more: Iterator[Fault]) -> None:
    """Adds faults; a row keeps the first that was found."""
    for fault in more:
        faults.setdefault(fault.at, fault)


def _good(rows: Rows, faults: dict[int, Fault], left_out: pa.Array | None) -> pa.Array:
    good = [True] * len(rows.lines)
    for index in faults:
        good[index] = False
    unfaulted = pa.array(good, pa.bool_())
    return unfaulted if left_out is None else pc.and_not(unfaulted, left_out)
