"""What is exported: columns as a data set declares them, and the files that its rows come to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import LiteralString

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Value
from chandlery.platform.errors import Refused, psycopg_errors_translated
from chandlery.platform.statements import run, run_with, statement
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, Window

# A decimal of Parquet has 38 digits, and all of a column as many places: these leave 20 before the point.
DIGITS, PLACES = 38, 18
KEY = "instrument_key"
# How the database writes a value, as `plain` does; other kinds are written as their text.
_CELLS = {
    Kind.TIME: "replace(({0} AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z'",
    Kind.DECIMAL: "trim_scale({0})::text",
}


@dataclass(frozen=True)
class Selection:
    """Rows of a window: the relation that has them, its column of time, what is read of each, and their order.

    Attributes:
        instrument_ids: of these alone; None: of all.
    """

    relation: LiteralString
    stamp: str
    values: Sequence[Value]
    order: Sequence[str]
    window: Window
    instrument_ids: Sequence[int] | None = None

    def within(self, content: "Content") -> "Selection":
        """The rows of one file."""
        of = self.instrument_ids if content.instrument_id is None else [content.instrument_id]
        return replace(self, window=_day(content.day) if content.day else self.window, instrument_ids=of)

    def decimals(self) -> Sequence[str]:
        """Its numbers, in order."""
        return [value.name for value in self.values if value.kind is Kind.DECIMAL]


@dataclass(frozen=True)
class Content:
    """What goes into one file: rows of an instrument and of a day, of all where None; and how many they are.

    `fits` says of each decimal column whether all of its numbers fit into a decimal of Parquet.
    """

    key: str | None
    instrument_id: int | None
    day: date | None
    rows: int
    fits: Sequence[bool]


def select(
    connection: Connection,
    dataset: Dataset,
    timeframe: Timeframe | None,
    window: Window,
    instrument_ids: Sequence[int] | None,
) -> Selection:
    """The rows of a data set, as they stand or rolled up.

    Raises:
        Refused: it has no such timeframe.
        Retryable, Permanent: from the database.
    """
    readable = dict.fromkeys((*dataset.readable, *dataset.derived))
    if timeframe is not None and timeframe not in readable:
        there = f"there is: {', '.join(readable)}" if readable else "leave it out"
        raise Refused("timeframe", f"{dataset.name} have no timeframe {timeframe}; {there}")
    if dataset.read_by:
        values = _columns_of(connection, dataset.read_by)
        order = [dataset.time, *(value.name for value in values if value.name != dataset.time)]
        return Selection(dataset.read_by, dataset.time, values, order, window, instrument_ids)
    is_own = dataset.is_own(timeframe)
    return Selection(
        dataset.name if timeframe is None else dataset.relation(timeframe),
        dataset.time if is_own else "time",
        dataset.values(timeframe),
        dataset.order(timeframe),
        window,
        instrument_ids,
    )


def _columns_of(connection: Connection, view: str) -> Sequence[Value]:
    """The columns of a view; what is of a type of our own is read as text."""
    kinds = {kind.value: kind for kind in Kind}
    rows = run(connection, "list_view_columns", view=view).fetchall()
    return [Value(name, name, kinds.get(type_, Kind.TEXT)) for name, type_ in rows if name != "instrument_id"]


def plan(
    connection: Connection, selection: Selection, *, by_instrument: bool, by_day: bool, numbers_fit: bool
) -> Sequence[Content]:
    """The files that hold all of a selection, each with a row or more.

    Args:
        connection: in autocommit mode.
        selection: what is exported.
        by_instrument: whether each instrument has files of its own.
        by_day: whether each day, UTC, has.
        numbers_fit: whether to find out which numbers fit into decimals of Parquet.

    Raises:
        Retryable, Permanent: from the database.
    """
    reads = [value.read for value in selection.values if numbers_fit and value.kind is Kind.DECIMAL]
    fits = ", ".join(
        f"coalesce(bool_and(scale(trim_scale({read})) <= {PLACES} AND abs({read}) < 1e{DIGITS - PLACES}), true)"
        for read in reads
    )
    found = run_with(
        connection,
        selection.relation,
        {"stamp": selection.stamp, "fits": f"ARRAY[{fits}]::boolean[]"},
        "plan_export",
        starts=selection.window.starts,
        ends=selection.window.ends,
        instrument_ids=_listed(selection),
        by_instrument=by_instrument,
        by_day=by_day,
    )
    return [Content(*row) for row in found.fetchall()]


def stream(connection: Connection, selection: Selection) -> Iterator[bytes]:
    """The rows as lines of CSV, one at a time: the server sends them as it finds them.

    Raises:
        Retryable, Permanent: from the database.
    """
    lists = {
        "stamp": selection.stamp,
        "values": ", ".join(f"{value.read} AS {value.name}" for value in selection.values),
        "cells": ", ".join(_cell(value) for value in selection.values),
        "ordered": ", ".join(f"rows.{name}" for name in selection.order),
    }
    asked: Mapping[str, datetime | list[int] | None] = {
        "starts": selection.window.starts,
        "ends": selection.window.ends,
        "instrument_ids": _listed(selection),
    }
    query = statement("export_rows", selection.relation, lists=tuple(lists.items()))
    with psycopg_errors_translated(), connection.cursor().copy(query, asked) as copy:
        for line in copy:
            yield bytes(line)


def _listed(selection: Selection) -> list[int] | None:
    return None if selection.instrument_ids is None else list(selection.instrument_ids)


def _cell(value: Value) -> str:
    name = f"rows.{value.name}"
    return f"{_CELLS.get(value.kind, '{0}::text').format(name)} AS {value.name}"


def whole_days(window: Window) -> Window:
    """The days, UTC, that a window touches."""
    return Window(_day(window.starts.date()).starts, _day((window.ends - timedelta(microseconds=1)).date()).ends)


def _day(day: date) -> Window:
    starts = datetime.combine(day, time(), UTC)
    return Window(starts, starts + DAY)
