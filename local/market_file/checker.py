"""Tells a file's good rows from its bad ones, a batch at a time."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from local.market_file.candle_checks import Check, Fault, Parsed
from local.market_file.columns import Column
from local.market_file.errors import BadRow, RowWord
from local.market_file.rows import Rows, text_at


class Checker:
    """Parses and checks one file's rows; remembers what it must know from batch to batch.

    Args:
        columns: the columns that the file may have.
        schema: what they become.
        file: the file's name, for messages.
        word: what a row's place is called there.
        first_seq: what is added to a row's line to make what is `by_line`, if the file has no column for it.
        checks: of what must hold between columns, and between rows.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        schema: pa.Schema,
        file: str,
        word: RowWord,
        first_seq: int,
        checks: Sequence[Check] = (),
    ) -> None:
        self._columns = columns
        self._schema = schema
        self._file = file
        self._word: RowWord = word
        self._first_seq = first_seq
        self._checks = checks

    def check(self, rows: Rows) -> tuple[pa.RecordBatch, list[BadRow]]:
        """The good rows as a batch of the schema, and the bad ones, each with its first fault, in order."""
        faults: dict[int, Fault] = {}
        arrays = [self._parse(column, rows, faults) for column in self._columns]
        named = dict(zip(self._schema.names, arrays, strict=False))
        for check in self._checks:
            _add(faults, check(Parsed(named, rows, _unfaulted(rows, faults), self._word)))
        arrays.append(rows.lines)
        if faults:
            good = _unfaulted(rows, faults)
            arrays = [values.filter(good) for values in arrays]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema), self._bad_rows(rows, faults)

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
            bad.append(BadRow(self._file, line, fault.column, fault.reason, text=text, word=self._word))
        return sorted(bad, key=lambda row: row.line)


def _add(faults: dict[int, Fault], more: Iterator[Fault]) -> None:
    """Adds faults; a row keeps the first that was found."""
    for fault in more:
        faults.setdefault(fault.at, fault)


def _unfaulted(rows: Rows, faults: dict[int, Fault]) -> pa.Array:
    good = [True] * len(rows.lines)
    for index in faults:
        good[index] = False
    return pa.array(good, pa.bool_())
