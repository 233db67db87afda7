"""CSV files, gzipped or not, as rows of text that know their lines."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from chandlery.words.counting import spell
from local.market_file.columns import Column, Header, match_header
from local.market_file.dialect import Dialect, read_header
from local.market_file.errors import RowWord, UnreadableFile
from local.market_file.guard import MOST_MISSHAPEN, blocks
from local.market_file.rows import Misshapen, Rows, cells_at
from local.market_file.source import Format, decompressed, explained, open_raw


class CsvRows:
    """A CSV file in UTF-8, quoted or not, with a header line unless the dialect has its columns' names.

    A row's line is the line on which it starts, also after blank lines (which are ignored, as are rows of
    nothing but commas) and after quoted values that hold line ends.

    Raises:
        UnreadableFile: when made, or while rows are read.
    """

    word: RowWord = "line"

    def __init__(
        self,
        path: Path,
        format_: Format,
        columns: Sequence[Column],
        dialect: Dialect | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self._path = path
        self._position = 0
        with explained(path):
            self._raw = open_raw(path)
        try:
            with explained(path):
                self._stream = decompressed(self._raw, format_)
                if dialect is None:
                    dialect = read_header(self._stream, path.name)
                else:
                    for _ in range(dialect.skipped):
                        self._stream.readline()
            self._dialect = dialect
            self.header: Header = match_header(dialect.names, columns, path.name, extra)
        except BaseException:
            self._raw.close()
            raise

    def rows(self, most: int) -> Iterator[Rows]:
        """The rows in order, at most `most` at a time; once only."""
        with explained(self._path):
            lines = _Lines(self._dialect.skipped + 1)
            for block in blocks(self._stream, self._path.name, self._dialect.delimiter):
                batch = self._parse(block, lines)
                self._position = self._raw.tell()
                for start in range(0, max(batch.num_rows, 1), most):
                    yield self._numbered(batch.slice(start, most), lines)

    def position(self) -> int:
        """How many bytes of the file are behind the rows so far: compressed ones, if it is compressed."""
        return self._position

    def close(self) -> None:
        """Closes the file."""
        self._raw.close()

    def _parse(self, block: bytes, lines: "_Lines") -> pa.RecordBatch:
        """A block as a batch of text; blank lines are kept, so that lines can be counted.

        Arrow gets bytes rather than the file: it would read ahead in a thread, and one that outlives the interpreter
        aborts it.
        """
        names = [str(position) for position in range(self.header.width)]
        try:
            table = pa_csv.read_csv(
                pa.BufferReader(block),
                # With threads, Arrow does not number the rows that it leaves out.
                pa_csv.ReadOptions(column_names=names, block_size=len(block) + 1, use_threads=False),
                pa_csv.ParseOptions(
                    delimiter=self._dialect.delimiter,
                    ignore_empty_lines=False,
                    newlines_in_values=True,
                    invalid_row_handler=lines.leave_out,
                ),
                pa_csv.ConvertOptions(check_utf8=False, column_types=dict.fromkeys(names, pa.string())),
            )
        except pa.ArrowInvalid as error:
            if lines.gave_up is None:
                raise
            raise UnreadableFile(self._path.name, lines.gave_up) from error
        columns = [column.combine_chunks() for column in table.columns]
        return pa.record_batch(columns, names)

    def _numbered(self, batch: pa.RecordBatch, lines: "_Lines") -> Rows:
        numbers, misshapen = lines.number(batch)
        blank = _blank(batch, next(iter(self.header.positions.values()))[0])
        if blank is not None:
            keep = pc.invert(blank)
            batch, numbers = batch.filter(keep), numbers.filter(keep)
        columns = {name: cells_at(batch.columns, at) for name, at in self.header.positions.items()}
        return Rows(columns, numbers, batch.columns, misshapen)


class _Lines:
    """Counts lines. Arrow tells of a block's misshapen rows, by their place in it, before it hands out the others."""

    def __init__(self, first: int) -> None:
        self._line = first
        self._row = 1
        self._waiting: deque[pa_csv.InvalidRow] = deque()
        self._on_end = (0, 0)
        self.gave_up: str | None = None

    def leave_out(self, row: pa_csv.InvalidRow) -> str:
        """Remembers a row with the wrong number of columns, unless too many follow on one another; Arrow calls this."""
        number = self._row + row.number - 1
        self._waiting.append(row._replace(number=number))
        first, last = self._on_end
        self._on_end = (first if number == last + 1 else number, number)
        if number - self._on_end[0] < MOST_MISSHAPEN:
            return "skip"
        self.gave_up = (
            f"has {MOST_MISSHAPEN:,} consecutive rows with {spell(row.actual_columns, 'column')} instead of"
            f" {row.expected_columns}; correct its header, or write it again"
        )
        return "error"

    def number(self, batch: pa.RecordBatch) -> tuple[pa.Array, list[Misshapen]]:
        """The line of each row, and the misshapen rows before, between and right after them."""
        inner = _line_ends(batch)
        rows, line = batch.num_rows, self._line
        if inner is None and not (self._waiting and self._waiting[0].number <= self._row + rows):
            self._line, self._row = line + rows, self._row + rows
            return pa.arange(line, line + rows), []
        numbers: list[int] = []
        misshapen = self._pass_misshapen()
        for ends in inner or [0] * rows:
            numbers.append(self._line)
            self._step(ends)
            misshapen += self._pass_misshapen()
        return pa.array(numbers, pa.int64()), misshapen

    def _pass_misshapen(self) -> list[Misshapen]:
        passed = []
        while self._waiting and self._waiting[0].number == self._row:
            row = self._waiting.popleft()
            if row.text.strip():
                passed.append(Misshapen(self._line, _explain_shape(row, self._line), row.text))
            self._step(row.text.count("\n"))
        return passed

    def _step(self, line_ends_within: int) -> None:
        self._line += 1 + line_ends_within
        self._row += 1


def _blank(batch: pa.RecordBatch, known: int) -> pa.Array | None:
    """Which rows hold nothing at all, nor in a known column; None if no row does."""
    blank = pc.equal(batch.column(known), "")
    if pc.any(blank).as_py():
        blank = reduce(pc.and_, (pc.equal(cells, "") for cells in batch.columns))
    return blank if pc.any(blank).as_py() else None


def _line_ends(batch: pa.RecordBatch) -> list[int] | None:
    """How many line ends each row holds inside its values; None if none does."""
    if not any(pc.any(pc.match_substring(cells, "\n")).as_py() for cells in batch.columns):
        return None
    counts: list[int] = reduce(pc.add, (pc.count_substring(cells, "\n") for cells in batch.columns)).to_pylist()
    return counts


def _explain_shape(row: pa_csv.InvalidRow, line: int) -> str:
    ends = row.text.count("\n")
    reason = f"has {spell(row.actual_columns, 'column')} instead of {row.expected_columns}"
    return f"{reason} (a quote in it runs on to line {line + ends})" if ends else reason
