"""Rows as they come out of a file, before anything about their values is known."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from local.market_file.columns import Header
from local.market_file.errors import RowWord


@dataclass(frozen=True)
class Misshapen:
    """A row with the wrong number of columns."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Rows:
    """Some rows: the known columns (text, or for time in Parquet timestamps), each row's line, all cells.

    `misshapen` are rows before, between or right after these, of which there is only the text.
    """

    columns: Mapping[str, pa.Array]
    lines: pa.Array
    cells: Sequence[pa.Array]
    misshapen: Sequence[Misshapen] = ()

    def text(self, index: int) -> str:
        """The row at `index` as a line of CSV."""
        line = io.StringIO()
        csv.writer(line).writerow([text_at(cells, index) for cells in self.cells])
        return line.getvalue().removesuffix("\r\n")


class RowSource(Protocol):
    """A file that is read row by row; `word` is what one calls a row's place in it."""

    header: Header
    word: RowWord

    def rows(self, most: int) -> Iterator[Rows]:
        """The rows in order, at most `most` at a time; once only."""
        ...

    def position(self) -> int:
        """About how many bytes of the file the rows so far came from."""
        ...

    def close(self) -> None:
        """Closes the file."""
        ...


def cells_at(columns: Sequence[pa.Array] | Mapping[int, pa.Array], places: Sequence[int]) -> pa.Array:
    """The cells at a place of all rows; of several places joined, with a blank between them."""
    first, *others = (columns[place] for place in places)
    return pc.binary_join_element_wise(first, *others, " ") if others else first


def text_at(values: pa.Array, index: int) -> str:
    """One value as text; null is empty."""
    text: str | None = values.slice(index, 1).cast(pa.string())[0].as_py()
    return text or ""
