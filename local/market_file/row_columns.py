"""The columns of files of a data set, as it declares them and as its table takes them."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import pyarrow as pa

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.importing.store.rows import Cell
from local.market_file.candle_checks import Check
from local.market_file.columns import Column
from local.market_file.columns import Kind as Read
from local.market_file.reader import MarketFileReader, OnBad
from local.market_file.recognition import read_plainly
from local.market_file.values import (
    Parsed,
    parse_cells,
    parse_dates,
    parse_flags,
    parse_integers,
    parse_numbers,
    parse_texts,
    parse_times,
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
    names = [*dataset.order(), *(name for name in dataset.columns if name not in dataset.key)]
    return [_column(dataset, name, asked[name], latest) for name in names]


def _column(dataset: Dataset, name: str, cell: Cell, latest: datetime) -> Column:
    read, parse = _READ[dataset.columns[name]]
    if name == dataset.time:
        parse = partial(parse_times, latest=latest)
    elif name in dataset.unsigned:
        parse = parse_numbers
    elif name in dataset.sequence and cell.may_be_absent:
        return Column(name, read, parse, required=False, default=0)
    cells = partial(parse_cells, parse=parse, may_be_empty=cell.may_be_empty)
    return Column(name, read, cells, required=not cell.may_be_absent, nullable=True)


def told_columns(columns: Sequence[Column], known: Collection[str], key: Collection[str]) -> Sequence[str]:
    """Those that rows are written with: the file's own, and what else tells rows apart."""
    return [each.name for each in columns if each.name in known or each.name in key]


def open_row_file(
    path: str | os.PathLike[str],
    columns: Sequence[Column],
    *,
    on_bad: OnBad | None = None,
    batch_rows: int = 20_000,
    checks: Sequence[Check] = (),
) -> MarketFileReader:
    """Opens a file of a data set's rows. Arguments and errors are those of `open_tick_file`."""
    reading = read_plainly(Path(path), columns)
    return MarketFileReader(Path(path), reading, batch_rows=batch_rows, on_bad=on_bad, checks=checks)
