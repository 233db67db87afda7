"""How a CSV file is laid out: the names of its columns, what parts them, and its first rows."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from itertools import islice

from local.market_file.errors import UnreadableFile
from local.market_file.guard import MOST_LEADING_LINES

_LONGEST_HEADER = 1 << 16
_SAMPLED_BYTES = 1 << 18
_SAMPLED_ROWS = 200
_DELIMITERS = ",;\t|"
_REMARKS = ("#", "http://", "https://")

Numbered = Sequence[tuple[int, Sequence[str]]]


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is laid out: its columns' names, what parts them, and how many lines come before its first row.

    `remark` is the last line before the names that begins with #, in cells.
    """

    names: Sequence[str]
    skipped: int
    delimiter: str = ","
    remark: Sequence[str] = ()


def read_header(stream: BufferedReader, file: str) -> Dialect:
    """The names in the first line that is neither blank nor a remark.

    Raises:
        UnreadableFile: there is none.
    """
    line, text, remark = 0, "", ""
    while not text.strip() or text.lstrip().startswith(_REMARKS):
        line, remark = line + 1, text.strip() or remark
        if line > MOST_LEADING_LINES:
            raise UnreadableFile(file, f"has no header in its first {MOST_LEADING_LINES:,} lines; they are blank")
        raw = stream.readline(_LONGEST_HEADER)
        if not raw:
            raise UnreadableFile(file, "is empty; it needs at least a header line")
        text = raw.decode("utf-8-sig" if line == 1 else "utf-8")
        if "\0" in text or len(raw) == _LONGEST_HEADER:
            raise UnreadableFile(file, "does not start with a header line of text; it must be CSV or Parquet")
    cells = {each: found for each in _DELIMITERS if (found := _cells(text, each))}
    if not cells:
        raise UnreadableFile(file, "has a header line that is not CSV; look for a quote that is never closed")
    delimiter = max(cells, key=lambda each: len(cells[each]))
    return Dialect(
        cells[delimiter], line, delimiter, [each.strip() for each in remark.removeprefix("#").split(delimiter)]
    )


def _cells(text: str, delimiter: str) -> Sequence[str]:
    """The cells of a line; none if it is not CSV with this between them."""
    try:
        return next(csv.reader([text], strict=True, delimiter=delimiter))
    except csv.Error:
        return ()


def sample_rows(stream: BufferedReader, dialect: Dialect) -> Numbered:
    """The first rows after the header, with their lines."""
    text = stream.read(_SAMPLED_BYTES)
    whole = text if len(text) < _SAMPLED_BYTES else text[: text.rfind(b"\n") + 1]
    return list(islice(_parse(whole.decode("utf-8", errors="replace"), dialect), _SAMPLED_ROWS))


def _parse(text: str, dialect: Dialect) -> Iterator[tuple[int, Sequence[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter)
    line = dialect.skipped + 1
    # What is not CSV is found when the file is read.
    with suppress(csv.Error):
        for cells in reader:
            if any(cells):
                yield line, cells
            line = dialect.skipped + 1 + reader.line_num
