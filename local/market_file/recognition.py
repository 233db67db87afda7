"""How a file is laid out, by what it begins with and what the command line says of it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from local.market_file.asked import NOTHING, Asked
from local.market_file.candle_checks import Check
from local.market_file.clocks import Clock, parse_moments
from local.market_file.columns import Column
from local.market_file.csv_rows import CsvRows
from local.market_file.dialect import Dialect, Numbered
from local.market_file.errors import UnreadableFile
from local.market_file.head import Head, SourceKind, fit, no_tail, read_head, source_of, with_names
from local.market_file.json_rows import JsonRows
from local.market_file.judged_clock import UnclearTimes, judge_clock
from local.market_file.layouts import LAYOUTS, Holds, Layout
from local.market_file.parquet_rows import ParquetRows
from local.market_file.refusals import refuse_unknown
from local.market_file.rows import RowSource
from local.market_file.rules import Rule
from local.market_file.rules_of import rules_of
from local.market_file.source import Format, format_of
from local.market_file.values import Parsed
from local.market_file.written_numbers import PLAIN, UnclearNumbers, Written, judge_numbers, parse_written

# What else our columns are called, where a file has none of that name.
OTHER_NAMES: Mapping[str, Sequence[str]] = {
    "time": ("timestamp", "datetime", "date_time", "date+time", "<date>+<time>", "ts"),
    "size": ("quantity", "qty", "amount", "volume"),
}
# Whose rows they are, where a file that is laid out by nobody known says it.
_TICKERS = ("ticker", "symbol")
_CLOCKED = "time"
_PRICES = ("price", "open", "high", "low", "close", "vwap")
_UNCHANGED = (PLAIN, 0)


@dataclass(frozen=True)
class Reading:
    """How a file is to be read.

    Attributes:
        columns: that are read.
        open: opens it.
        checks: of its rows.
        rules: of its layout.
        layout: the name of that; empty where it is ours, or that of the command line.
        read_as: how it is read, where that is otherwise than ours.
        unread: columns that are left unread without a word: those of a vendor, and one that is empty throughout.
    """

    columns: Sequence[Column]
    open: Callable[[], RowSource]
    checks: Sequence[Check] = ()
    rules: Sequence[Rule] = ()
    layout: str = ""
    read_as: str = ""
    unread: Collection[str] = ()


def recognise(path: Path, holds: Holds, columns: Sequence[Column], asked: Asked = NOTHING) -> Reading:
    """How a file is to be read that holds rows of these columns.

    Raises:
        UnreadableFile: it cannot be read, is of no known layout, or can be read in two ways; says which flags decide.
    """
    format_ = format_of(path)
    source = source_of(path, format_)
    head = read_head(path, format_, source)
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
    return Reading(columns, partial(_open, path, format_, source_of(path, format_), None, columns, {}))


def _choose(path: Path, head: Head, holds: Holds, columns: Sequence[Column], asked: Asked) -> tuple[Layout, Head]:
    """The layout of a file, and its head with the names of its columns."""
    if asked.columns or holds is Holds.ROWS:
        return _mapped(path, head, holds, columns, asked)
    known = {name.strip().lower() for name in head.names}
    needed = [column.name for column in columns if column.required]
    ours = Layout("", holds, "", {column.title: column.title for column in columns if column.title}, tickers=_TICKERS)
    if asked.format is None and known.issuperset(needed):
        return ours, head
    found = [(layout, named) for layout in _layouts(path, asked) if (named := fit(path, layout, head, asked))]
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
    titles = {column.title: column.title for column in columns if column.title}
    strange = [name for name in asked.columns if name not in titles]
    if strange:
        raise UnreadableFile(path.name, f"{strange[0]} is not a column of {holds}; these are: {', '.join(titles)}")
    if head.is_headless:
        wide = max((len(cells) for _, cells in head.rows), default=0)
        head = with_names(head, [str(place) for place in range(1, wide + 1)])
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
    tickers = () if holds is Holds.ROWS else _TICKERS
    return Layout("", holds, "", {**titles, **asked.columns}, tickers=tickers), head


def _layouts(path: Path, asked: Asked) -> Sequence[Layout]:
    if asked.format is None:
        return LAYOUTS
    given = asked.format.lower()
    found = [layout for layout in LAYOUTS if given in (layout.name, layout.vendor)]
    if not found:
        names = ", ".join(layout.name for layout in LAYOUTS if layout.holds is not Holds.QUOTES)
        raise UnreadableFile(path.name, f"--format {asked.format} is not known; known are: {names}")
    return found


def _read_as(
    path: Path,
    format_: Format,
    source: SourceKind,
    head: Head,
    layout: Layout,
    columns: Sequence[Column],
    asked: Asked,
) -> Reading:
    titles = _titles(layout, head)
    places = {name.strip().lower(): place for place, name in enumerate(head.names)}
    cells = partial(_cells, head.rows, places)
    opened = partial(_open, path, format_, source, head.dialect)
    said = asked.time_unit or asked.time_zone or asked.day_order
    clock = (None if said else layout.clock) or judge_clock(
        cells(titles[_CLOCKED]), asked, layout.zone, lambda: _every_time(opened, titles[_CLOCKED])
    )
    written_out = [column.name for column in columns if column.kind == "number"]
    numbers = {name: list(cells(titles[name])) for name in written_out if name in titles}
    written = judge_numbers((each for of_one in numbers.values() for each in of_one), asked.decimal_comma)
    parsers = {name: (written, _power(layout, name, of_one)) for name, of_one in numbers.items()}
    made = [_as_written(column, titles, clock, parsers) for column in columns]
    rules = rules_of(path.name, layout, head.names, clock, asked)
    return Reading(
        made,
        partial(opened, made, {name: title for rule in rules for name, title in rule.extra.items()}),
        (no_tail,) if head.has_tail else (),
        rules,
        layout.name,
        _describe(layout, titles, clock, written),
        _unread(layout, head),
    )


def _unread(layout: Layout, head: Head) -> Collection[str]:
    if layout.name:
        return [name.strip() or f"(column {place})" for place, name in enumerate(head.names, 1)]
    return [f"(column {len(head.names) + 1})"] if head.has_tail else []


def _as_written(
    column: Column, titles: Mapping[str, str], clock: Clock, parsers: Mapping[str, tuple[Written, int]]
) -> Column:
    """One of our columns as the file has it: what it is called there, and how it is read."""
    parse = column.parse
    if column.name == _CLOCKED:
        parse = _by_clock(parse, clock)
    elif parsers.get(column.name, _UNCHANGED) != _UNCHANGED:
        written, power = parsers[column.name]
        parse = partial(parse_written, parse=parse, written=written, power=power)
    called = titles.get(column.title, "") if column.title else ""
    return replace(column, called=called, parse=parse, may_be_naive=column.name == _CLOCKED and bool(clock.zone))


def _by_clock(parse: Callable[[pa.Array], Parsed], clock: Clock) -> Callable[[pa.Array], Parsed]:
    """What reads times as a clock writes them, in the place of what reads plain ones."""
    given = getattr(parse, "keywords", {})
    if isinstance(parse, partial) and "parse" in given:
        return partial(parse.func, **given | {"parse": _by_clock(given["parse"], clock)})
    return partial(parse_moments, **{"clock": clock} | given)


def _describe(layout: Layout, titles: Mapping[str, str], clock: Clock, written: Written) -> str:
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
    source: SourceKind,
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
