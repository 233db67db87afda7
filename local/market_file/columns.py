"""The columns of files: what they are called, how they are read, what they become."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import partial
from typing import Literal

import pyarrow as pa

from local.market_file.errors import UnreadableFile
from local.market_file.values import (
    INSTANT,
    Parsed,
    parse_any_integers,
    parse_flags,
    parse_integers,
    parse_numbers,
    parse_texts,
    parse_times,
)

Kind = Literal["time", "date", "number", "integer", "flag", "text"]
_TYPES: dict[Kind, pa.DataType] = {
    "time": INSTANT,
    "date": pa.date32(),
    "number": pa.string(),
    "integer": pa.int64(),
    "flag": pa.bool_(),
    "text": pa.string(),
}


@dataclass(frozen=True)
class Column:
    """One column: its name, how its text is parsed, whether a file must have it and what it is if not.

    `called` is what files call it, where that is not its name; empty: no file has it. One that is `by_line` is made of
    the rows' places where the file lacks it. Where it `may_be_naive`, somebody says whose clock its times are by.
    """

    name: str
    kind: Kind
    parse: Callable[[pa.Array], Parsed]
    required: bool = True
    nullable: bool = False
    default: bool | int | None = None
    called: str | None = None
    by_line: bool = False
    may_be_naive: bool = False

    @property
    def title(self) -> str:
        """What files call it."""
        return self.name if self.called is None else self.called

    @property
    def field(self) -> pa.Field:
        """The Arrow field that this column becomes."""
        return pa.field(self.name, _TYPES[self.kind], nullable=self.nullable)


@dataclass(frozen=True)
class Header:
    """Where a file's columns are: positions by column name, several where a value is in several of them.

    `ignored` are the others, with what each may be meant for: nothing, where its name is like none that the file lacks.
    """

    positions: dict[str, tuple[int, ...]]
    ignored: dict[str, str | None]
    width: int


def tick_columns(latest: datetime | None, *, by_row: bool = False, allow_negative: bool = False) -> tuple[Column, ...]:
    """The columns of a tick file; a time after `latest` is bad, and unless allowed a negative price.

    With `by_row` the file's own seq, whatever stands there, becomes `file_seq`, and seq comes of the rows' order.
    """
    own_seq = Column("file_seq", "integer", parse_any_integers, required=False, nullable=True, called="seq")
    return (
        Column("time", "time", partial(parse_times, latest=latest)),
        Column("seq", "integer", parse_integers, required=False, called="" if by_row else None, by_line=True),
        *([own_seq] if by_row else []),
        Column("price", "number", partial(parse_numbers, negative=allow_negative)),
        Column("size", "number", parse_numbers),
        Column("venue", "text", parse_texts, required=False, nullable=True),
        Column("conditions", "text", parse_texts, required=False, nullable=True),
        Column("updates_ohlc", "flag", parse_flags, required=False, default=True),
        Column("updates_volume", "flag", parse_flags, required=False, default=True),
        Column("cancelled", "flag", partial(parse_flags, empty=False), required=False, default=False),
    )


def candle_columns(latest: datetime | None, *, allow_negative: bool = False) -> tuple[Column, ...]:
    """The columns of a file of one-minute candles; one after `latest` is bad, and unless allowed a negative price."""
    whole_minutes = partial(parse_times, latest=latest, whole_minutes=True)
    price = partial(parse_numbers, negative=allow_negative)
    count = partial(parse_integers, least=0, nullable=True)
    return (
        Column("time", "time", whole_minutes),
        *(Column(name, "number", price) for name in ("open", "high", "low", "close")),
        Column("volume", "number", parse_numbers),
        Column("vwap", "number", partial(price, nullable=True), required=False, nullable=True),
        Column("turnover", "number", partial(price, nullable=True), required=False, nullable=True),
        Column("trades", "integer", count, required=False, nullable=True),
    )


def schema_of(columns: Sequence[Column]) -> pa.Schema:
    """The schema of every batch: the columns, then `line`, the row's place in its file."""
    return pa.schema([*(column.field for column in columns), pa.field("line", pa.int64(), nullable=False)])


def match_header(
    names: Sequence[str], columns: Sequence[Column], file: str, extra: Mapping[str, str] | None = None
) -> Header:
    """Finds the columns among the names in the file; case and surrounding spaces do not matter.

    `extra` are columns that are read as they stand, by our name for each.

    Raises:
        UnreadableFile: a required column is missing, or a name appears twice.
    """
    found = [name.strip().lower() for name in names]
    twice = [name for name, times in Counter(found).items() if times > 1 and name]
    if twice:
        raise UnreadableFile(file, f"has the column {twice[0]} more than once; leave one of them")
    titles = {column.name: column.title for column in columns if column.title} | dict(extra or {})
    places = {name: _places(title, found) for name, title in titles.items()}
    missing = [column.title for column in columns if column.required and not places.get(column.name)]
    if missing:
        shown = ", ".join(name.strip() for name in names)
        raise UnreadableFile(file, f"has no column {', '.join(missing)}; its columns are: {shown}")
    positions = {name: at for name, at in places.items() if at}
    used = {place for at in positions.values() for place in at}
    lacking = [title for name, title in titles.items() if name not in positions]
    all_names = [name.strip() or f"(column {place})" for place, name in enumerate(names, 1)]
    ignored = {name: _meant(name.lower(), lacking) for place, name in enumerate(all_names) if place not in used}
    return Header(positions, ignored, len(names))


def _places(title: str, found: Sequence[str]) -> tuple[int, ...]:
    """Where a column is; where it is none, those whose names its name joins by a plus."""
    title = title.strip().lower()
    parts = [title] if title in found else [part.strip() for part in title.split("+")]
    return tuple(found.index(part) for part in parts) if all(part in found for part in parts) else ()


def _meant(name: str, lacking: Sequence[str]) -> str | None:
    """What a column may be meant for: a name it begins with, or one that looks like it."""
    begun = [title for title in lacking if name.startswith(title)]
    return next(iter(begun or get_close_matches(name, lacking, n=1)), None)
