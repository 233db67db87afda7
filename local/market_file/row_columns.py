"""The columns of files of a data set, as it declares them and as its table takes them."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.importing.store.rows import Cell
from chandlery.platform.errors import Permanent
from chandlery.reference.domain.instrument import NO_KEY, is_key
from local.market_file.asked import NOTHING, Asked
from local.market_file.candle_checks import Check
from local.market_file.columns import Column
from local.market_file.columns import Kind as Read
from local.market_file.layouts import Holds
from local.market_file.reader import MarketFileReader, OnBad
from local.market_file.recognition import read_plainly, recognise
from local.market_file.values import (
    Parsed,
    parse_cells,
    parse_dates,
    parse_flags,
    parse_integers,
    parse_numbers,
    parse_numbers_within,
    parse_texts,
    parse_times,
    parse_with_default,
    parse_words,
    quote,
)

# Numbers stay text: the table's own type reads every digit.
_READ: Mapping[Kind, tuple[Read, Callable[[pa.Array], Parsed]]] = {
    Kind.INTEGER: ("integer", partial(parse_integers, bits=Kind.INTEGER.bits)),
    Kind.BIGINT: ("integer", parse_integers),
    Kind.DECIMAL: ("number", partial(parse_numbers, negative=True)),
    Kind.REAL: ("number", partial(parse_numbers, negative=True)),
    Kind.TEXT: ("text", parse_texts),
    Kind.FLAG: ("flag", parse_flags),
    Kind.TIME: ("time", parse_times),
    Kind.DATE: ("date", parse_dates),
}


def row_columns(dataset: Dataset, cells: Sequence[Cell], latest: datetime) -> Sequence[Column]:
    """The columns of a file of its rows, the key first; a row whose own time lies after `latest` is bad."""
    asked = {each.name: each for each in cells}
    return [_column(dataset, name, asked[name], latest) for name in dataset.said]


def instrument_column(known: Collection[str], strange: str) -> Column:
    """The column by which rows name their instrument: one of those known; `strange` says what others are not."""
    keys = pa.array(known, pa.string())
    return _instrument_column(lambda texts: pc.is_in(texts, keys), strange)


def any_instrument_column() -> Column:
    """The same where nobody here knows the instruments: whatever reads as a key."""

    def is_good(texts: pa.Array) -> pa.Array:
        seen = texts.dictionary_encode()
        return pa.array(map(is_key, seen.dictionary.to_pylist()), pa.bool_()).take(seen.indices)

    return _instrument_column(is_good, NO_KEY)


def require_instruments(reader: MarketFileReader) -> None:
    """Refuse a file whose rows do not name their instruments.

    Raises:
        Permanent: it has no such column.
    """
    if "instrument" not in reader.known_columns:
        raise Permanent(
            f"{reader.path}: no column instrument names the rows' instruments; say whose they are: --instrument KEY"
        )


def _instrument_column(is_good: Callable[[pa.Array], pa.Array], strange: str) -> Column:
    def parse(texts: pa.Array) -> Parsed:
        texts = pc.utf8_trim_whitespace(texts)
        others = pc.invert(is_good(texts))
        return Parsed(
            texts, others if pc.any(others, min_count=0).as_py() else None, lambda text: strange % quote(text)
        )

    cells = partial(parse_cells, parse=parse, may_be_empty=False)
    return Column("instrument", "text", cells, required=False, nullable=True)


def _column(dataset: Dataset, name: str, cell: Cell, latest: datetime) -> Column:
    read, parse = _READ[dataset.columns[name]]
    if name == dataset.time:
        parse = partial(parse_times, latest=latest)
    elif name in dataset.unsigned:
        parse = parse_numbers
    elif name in dataset.among:
        parse = partial(parse_words, words=dataset.among[name])
    elif name in dataset.within:
        least, most = dataset.within[name]
        parse = partial(parse_numbers_within, least=least, most=most)
    elif name in dataset.sequence and cell.may_be_absent:
        return Column(name, read, parse, required=False, default=0)
    if name in dataset.otherwise:
        cells = partial(parse_with_default, parse=parse, otherwise=dataset.otherwise[name])
        return Column(name, read, cells, required=not cell.may_be_absent, nullable=True)
    cells = partial(parse_cells, parse=parse, may_be_empty=cell.may_be_empty)
    return Column(name, read, cells, required=not cell.may_be_absent, nullable=True)


def written_columns(columns: Sequence[Column], known: Collection[str], key: Collection[str]) -> Sequence[str]:
    """Those that rows are written with: the file's own, and what else tells rows apart."""
    return [each.name for each in columns if each.name in known or each.name in key]


def open_row_file(
    path: str | os.PathLike[str],
    columns: Sequence[Column],
    *,
    on_bad: OnBad | None = None,
    batch_rows: int = 20_000,
    checks: Sequence[Check] = (),
    asked: Asked = NOTHING,
) -> MarketFileReader:
    """Opens a file of a data set's rows. Arguments and errors are those of `open_tick_file`."""
    plain = asked == NOTHING
    reading = read_plainly(Path(path), columns) if plain else recognise(Path(path), Holds.ROWS, columns, asked)
    return MarketFileReader(Path(path), reading, batch_rows=batch_rows, on_bad=on_bad, checks=checks)
