"""How a file is laid out, by what it begins with and what the command line says of it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from local.market_file.asked import NOTHING, Asked
from local.market_file.candle_checks import Check, Fault, Parsed
from local.market_file.clocks import Clock, UnclearTimes, judge_clock, parse_moments
from local.market_file.columns import Column
from local.market_file.csv_rows import CsvRows
from local.market_file.errors import UnreadableFile
from local.market_file.head import Dialect, Numbered, read_header, sample_rows
from local.market_file.json_rows import JsonRows, is_json, read_json_head
from local.market_file.layouts import LAYOUTS, Holds, Layout
from local.market_file.parquet_rows import ParquetRows, read_parquet_head
from local.market_file.refusals import refuse_unknown
from local.market_file.rows import RowSource
from local.market_file.rules import Rule
from local.market_file.rules_of import rules_of
from local.market_file.source import Format, decompressed, explained, format_of, open_raw
from local.market_file.written_numbers import PLAIN, UnclearNumbers, Written, judge_numbers, parse_written

# What else our columns are called, where a file has none of that name.
OTHER_NAMES: Mapping[str, Sequence[str]] = {
    "time": ("timestamp", "datetime", "date_time", "date+time", "<date>+<time>", "ts"),
    "size": ("quantity", "qty", "amount", "volume"),
    "trades": ("trade_count", "count"),
}
_CLOCKED = "time"
_PRICES = ("price", "open", "high", "low", "close", "vwap")
_NUMBERS = (*_PRICES, "size", "volume")
_UNCHANGED = (PLAIN, 0)


@dataclass(frozen=True)
class Head:
    """What a file begins with; `dialect` is that of CSV, and `is_headless` says that its first line is a row."""

    names: Sequence[str]
    rows: Numbered
    dialect: Dialect | None = None
    is_headless: bool = False
    has_tail: bool = False


@dataclass(frozen=True)
class Reading:
    """How a file is to be read.

    Attributes:
        columns: that are read.
        open: opens it.
        checks: of its rows.
        rules: of its layout.
        layout: the name of that; empty where it is ours, or that of the command line.
        told: how it is read, where that is otherwise than ours.
    """

    columns: Sequence[Column]
    open: Callable[[], RowSource]
    checks: Sequence[Check] = ()
    rules: Sequence[Rule] = ()
    layout: str = ""
    told: str = ""


def recognise(path: Path, holds: Holds, columns: Sequence[Column], asked: Asked = NOTHING) -> Reading:
    """How a file is to be read that holds rows of these columns.

    Raises:
        UnreadableFile: it cannot be read, is of no known layout, or can be read in two ways; says which flags decide.
    """
    format_ = format_of(path)
    source = _source_of(path, format_)
    head = _read_head(path, format_, source)
    layout, head = _choose(path, head, holds, columns, asked)
    try:
        return _read_as(path, format_, source, head, layout, columns, asked)
    except (UnclearTimes, UnclearNumbers) as error:
        raise UnreadableFile(path.name, str(error)) from error


def read_plainly(path: Path, columns: Sequence[Column]) -> Reading:
    """How a file is to be read whose columns are called as ours are.

    Raises:
        UnreadableFile: it cannot be read.
    """
    format_ = format_of(path)
    return Reading(columns, partial(_open, path, format_, _source_of(path, format_), None, columns, {}))


def _source_of(path: Path, format_: Format) -> type[CsvRows | JsonRows | ParquetRows]:
    if format_ == "parquet":
        return ParquetRows
    return JsonRows if is_json(path, format_) else CsvRows


def _read_head(path: Path, format_: Format, source: type) -> Head:
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


def _no_tail(parsed: Parsed) -> Iterator[Fault]:
    """The rows in which more stands behind the last delimiter, where the first row ends with one."""
    wide = len(parsed.rows.cells)
    for index in pc.indices_nonzero(pc.not_equal(parsed.rows.cells[-1], "")).to_pylist():
        yield Fault(index, "", f"has {wide} columns instead of {wide - 1}")


def _choose(path: Path, head: Head, holds: Holds, columns: Sequence[Column], asked: Asked) -> tuple[Layout, Head]:
    """The layout of a file, and its head with the names of its columns."""
    if asked.columns:
        return _mapped(path, head, holds, columns, asked)
    known = {name.strip().lower() for name in head.names}
    needed = [column.name for column in columns if column.required]
    ours = Layout("", holds, "", {column.name: column.title for column in columns if column.title})
    if asked.format is None and known.issuperset(needed):
        return ours, head
    found = [(layout, named) for layout in _layouts(path, asked) if (named := _fitting(path, layout, head, asked))]
    of_these = [each for each in found if each[0].holds is holds]
    if len(of_these) == 1:
        return of_these[0]
    if not found and asked.format is None and not head.is_headless:
        renamed = {name: _named(name, known) for name in needed}
        if all(renamed.values()):
            others = {name: title for name, title in ours.columns.items() if name not in renamed}
            return replace(ours, columns={**others, **{name: title or "" for name, title in renamed.items()}}), head
    return refuse_unknown(path, head.names, head.rows, holds, columns, [layout for layout, _ in found], asked)


def _named(name: str, known: set[str]) -> str | None:
    names = (name, *OTHER_NAMES.get(name, ()))
    return next((each for each in names if known.issuperset(each.split("+"))), None)


def _mapped(path: Path, head: Head, holds: Holds, columns: Sequence[Column], asked: Asked) -> tuple[Layout, Head]:
    """The layout that the command line says."""
    titles = {column.name: column.title for column in columns if column.title}
    strange = [name for name in asked.columns if name not in {column.name for column in columns}]
    if strange:
        raise UnreadableFile(path.name, f"{strange[0]} is no column of {holds}; these are: {', '.join(titles)}")
    if head.is_headless:
        wide = max((len(cells) for _, cells in head.rows), default=0)
        head = _with_names(head, [str(place) for place in range(1, wide + 1)])
    else:
        names = {str(place): name for place, name in enumerate(head.names, 1)}
        taken = {name.strip().lower() for name in head.names}
        asked = replace(
            asked,
            columns={
                ours: title if title.strip().lower() in taken else names.get(title, title)
                for ours, title in asked.columns.items()
            },
        )
    return Layout("", holds, "", {**titles, **asked.columns}), head


def _layouts(path: Path, asked: Asked) -> Sequence[Layout]:
    if asked.format is None:
        return LAYOUTS
    given = asked.format.lower()
    found = [layout for layout in LAYOUTS if given in (layout.name, layout.vendor)]
    if not found:
        names = ", ".join(layout.name for layout in LAYOUTS if layout.holds is not Holds.QUOTES)
        raise UnreadableFile(path.name, f"--format {asked.format} is not known; known are: {names}")
    return found


def _fitting(path: Path, layout: Layout, head: Head, asked: Asked) -> Head | None:
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
    parts = layout.columns[_CLOCKED].lower().split("+")
    texts = [
        " ".join(cells[titles.index(part)] for part in parts) for _, cells in head.rows[:5] if len(cells) == len(titles)
    ]
    clock = layout.clock or Clock()
    return clock.instants(pa.array(texts, pa.string())).null_count == 0


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
    return _with_names(head, [f"{place} ({name})" for place, name in enumerate(names[:wide], 1)]) if fits else None


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


def _with_names(head: Head, names: Sequence[str]) -> Head:
    dialect = replace(head.dialect, names=names) if head.dialect else None
    return replace(head, names=names, dialect=dialect)


def _read_as(
    path: Path,
    format_: Format,
    source: type,
    head: Head,
    layout: Layout,
    columns: Sequence[Column],
    asked: Asked,
) -> Reading:
    titles = _titles(layout, head)
    places = {name.strip().lower(): place for place, name in enumerate(head.names)}
    cells = partial(_cells, head.rows, places)
    opened = partial(_open, path, format_, source, head.dialect)
    clock = layout.clock if layout.clock and not asked.time_unit else None
    clock = clock or judge_clock(
        cells(titles[_CLOCKED]), asked, layout.zone, lambda: _every_time(opened, titles[_CLOCKED])
    )
    numbers = {name: list(cells(titles[name])) for name in _NUMBERS if name in titles}
    written = judge_numbers((each for of_one in numbers.values() for each in of_one), asked.decimal_comma)
    parsers = {name: (written, _power(layout, name, of_one)) for name, of_one in numbers.items()}
    made = [_as_written(column, titles, clock, parsers) for column in columns]
    rules = rules_of(path.name, layout, head.names, clock, asked)
    return Reading(
        made,
        partial(opened, made, {name: title for rule in rules for name, title in rule.extra.items()}),
        (_no_tail,) if head.has_tail else (),
        rules,
        layout.name,
        _tell(layout, titles, clock, written),
    )


def _as_written(
    column: Column, titles: Mapping[str, str], clock: Clock, parsers: Mapping[str, tuple[Written, int]]
) -> Column:
    """One of our columns as the file has it: what it is called there, and how it is read."""
    parse = column.parse
    if column.name == _CLOCKED:
        parse = partial(parse_moments, **{"clock": clock} | getattr(parse, "keywords", {}))
    elif parsers.get(column.name, _UNCHANGED) != _UNCHANGED:
        written, power = parsers[column.name]
        parse = partial(parse_written, parse=parse, written=written, power=power)
    called = titles.get(column.title, "") if column.title else ""
    return replace(column, called=called, parse=parse, may_be_naive=column.name == _CLOCKED and bool(clock.zone))


def _tell(layout: Layout, titles: Mapping[str, str], clock: Clock, written: Written) -> str:
    how = ", ".join(each for each in (str(clock), str(written)) if each)
    renamed = ", ".join(f"{ours} from {title}" for ours, title in titles.items() if ours != title)
    told = ": ".join(each for each in (layout.name or renamed, how) if each)
    return "; ".join(each for each in (told, layout.remark) if each)


def _titles(layout: Layout, head: Head) -> dict[str, str]:
    """Our columns by their names in the file, which may be places; a layout's optional ones where they are there."""
    names = {name.strip().lower(): name for name in head.names}
    placed = {name.partition(" (")[2].removesuffix(")"): name for name in head.names} if head.is_headless else {}
    return {ours: placed.get(title, names.get(title.lower(), title)) for ours, title in layout.columns.items()}


def _power(layout: Layout, name: str, cells: Sequence[tuple[int, str]]) -> int:
    if name in layout.powers:
        return layout.powers[name]
    if not layout.raw_power or name not in _PRICES:
        return 0
    given = [text.strip() for _, text in cells if text.strip()]
    return 0 if any("." in text for text in given) or not given else layout.raw_power


def _cells(rows: Numbered, places: Mapping[str, int], title: str) -> Iterator[tuple[int, str]]:
    """The sampled cells of a column, with their lines."""
    title = title.strip().lower()
    at = [places.get(part, -1) for part in ([title] if title in places else title.split("+"))]
    for line, cells in rows:
        if all(0 <= place < len(cells) for place in at):
            yield line, " ".join(cells[place] for place in at)


def _open(
    path: Path,
    format_: Format,
    source: type,
    dialect: Dialect | None,
    columns: Sequence[Column],
    extra: Mapping[str, str],
) -> RowSource:
    if source is ParquetRows:
        return ParquetRows(path, columns, extra)
    if source is JsonRows:
        return JsonRows(path, format_, columns, extra)
    return CsvRows(path, format_, columns, dialect, extra)


def _every_time(opened: Callable[..., RowSource], title: str) -> Iterator[tuple[int, str]]:
    """All times of a file, with their lines."""
    source = opened((), {"time": title})
    try:
        for rows in source.rows(50_000):
            yield from zip(rows.lines.to_pylist(), rows.columns["time"].cast(pa.string()).to_pylist(), strict=True)
    finally:
        source.close()
