"""What a file begins with, and whether a layout fits that."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from local.market_file.asked import Asked
from local.market_file.candle_checks import Fault, Parsed
from local.market_file.clocks import Clock
from local.market_file.csv_rows import CsvRows
from local.market_file.dialect import Dialect, Numbered, read_header, sample_rows
from local.market_file.errors import UnreadableFile
from local.market_file.json_rows import JsonRows, is_json, read_json_head
from local.market_file.layouts import Layout
from local.market_file.parquet_rows import ParquetRows, read_parquet_head
from local.market_file.source import Format, decompressed, explained, open_raw

SourceKind = type[CsvRows | JsonRows | ParquetRows]


@dataclass(frozen=True)
class Head:
    """What a file begins with; `dialect` is that of CSV, and `is_headless` says that its first line is a row."""

    names: Sequence[str]
    rows: Numbered
    dialect: Dialect | None = None
    is_headless: bool = False
    has_tail: bool = False


def source_of(path: Path, format_: Format) -> SourceKind:
    """What reads a file.

    Raises:
        UnreadableFile: it is a JSON array.
    """
    if format_ == "parquet":
        return ParquetRows
    return JsonRows if is_json(path, format_) else CsvRows


def read_head(path: Path, format_: Format, source: SourceKind) -> Head:
    """What a file begins with.

    Raises:
        UnreadableFile: with nothing that can be read.
    """
    if source is ParquetRows:
        return Head(*read_parquet_head(path))
    if source is JsonRows:
        return Head(*read_json_head(path, format_))
    with explained(path), open_raw(path) as raw:
        stream = decompressed(raw, format_)
        dialect = read_header(stream, path.name)
        rows = sample_rows(stream, dialect)
    if not _is_row(dialect.names):
        wide = len(dialect.names) + 1
        if rows and len(rows[0][1]) == wide and not rows[0][1][-1]:
            return Head(dialect.names, rows, replace(dialect, names=[*dialect.names, ""]), has_tail=True)
        return Head(dialect.names, rows, dialect)
    names = dialect.remark if len(dialect.remark) == len(dialect.names) else ()
    before = replace(dialect, skipped=dialect.skipped - 1, names=names)
    return Head(names, [(dialect.skipped, dialect.names), *rows], before, is_headless=not names)


def _is_row(cells: Sequence[str]) -> bool:
    """Whether most cells are values rather than names."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    return len(filled) > 1 and 2 * sum(cell[0].isdigit() or cell[0] in "-+." for cell in filled) > len(filled)


def no_tail(parsed: Parsed) -> Iterator[Fault]:
    """The rows in which more stands behind the last delimiter, where the first row ends with one."""
    wide = len(parsed.rows.cells)
    for index in pc.indices_nonzero(pc.not_equal(parsed.rows.cells[-1], "")).to_pylist():
        yield Fault(index, "", f"has {wide} columns instead of {wide - 1}")


def fit(path: Path, layout: Layout, head: Head, asked: Asked) -> Head | None:
    """The head with the names of its columns, if it is one of this layout."""
    if head.is_headless:
        return _shaped(layout, head)
    if layout.stacked and len(head.rows) >= len(layout.stacked) - 1 and _is_stacked(layout, head):
        return _unstacked(path, head, asked)
    if not layout.has_header or not layout.needed <= {name.strip().lower() for name in head.names}:
        return None
    return head if layout.clock is None or _is_by(layout, head) else None


def _is_by(layout: Layout, head: Head) -> bool:
    """Whether the first times are written as the layout has them: of two that are called alike, this one."""
    titles = [name.strip().lower() for name in head.names]
    parts = layout.columns["time"].lower().split("+")
    texts = [
        " ".join(cells[titles.index(part)] for part in parts) for _, cells in head.rows[:5] if len(cells) == len(titles)
    ]
    instants = (layout.clock or Clock()).instants(pa.array(texts, pa.string()))
    return None not in instants.cast(pa.int64()).to_pylist()


def _shaped(layout: Layout, head: Head) -> Head | None:
    if layout.shape is None:
        return None
    names, patterns = list(layout.shape.cells), list(layout.shape.cells.values())
    wide = len(head.rows[0][1])
    if not layout.shape.least <= wide <= len(names):
        return None
    whole = [cells for _, cells in head.rows if len(cells) == wide]
    fits = all(
        all(re.fullmatch(pattern, cell.strip()) for pattern, cell in zip(patterns, cells, strict=False))
        for cells in whole[:1]
    )
    return with_names(head, [f"{place} ({name})" for place, name in enumerate(names[:wide], 1)]) if fits else None


def _is_stacked(layout: Layout, head: Head) -> bool:
    lines = [head.names, *(cells for _, cells in head.rows)]
    return all(line[0].strip() in words for line, words in zip(lines, layout.stacked, strict=False))


def _unstacked(path: Path, head: Head, asked: Asked) -> Head:
    """The head of a file whose columns' names, tickers and index stand in lines of their own."""
    (_, tickers), (last, (index, *_)), *rows = head.rows
    of = sorted(set(tickers[1:]))
    if len(of) > 1 and asked.ticker is None:
        raise UnreadableFile(path.name, f"has columns of {', '.join(of)}; say whose are to be read: --ticker {of[0]}")
    if asked.ticker not in (None, *of):
        raise UnreadableFile(path.name, f"has no columns of {asked.ticker}; it has those of {', '.join(of)}")
    wanted = asked.ticker or next(iter(of), "")
    names = [
        index,
        *(name if ticker == wanted else "" for name, ticker in zip(head.names[1:], tickers[1:], strict=False)),
    ]
    skipped = replace(head.dialect, names=names, skipped=last) if head.dialect else None
    return Head(names, rows, skipped)


def with_names(head: Head, names: Sequence[str]) -> Head:
    """The same with other names of its columns."""
    dialect = replace(head.dialect, names=names) if head.dialect else None
    return replace(head, names=names, dialect=dialect)
