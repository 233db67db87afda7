"""Read an instrument's rows of any data set that is shown, as they stand or rolled up: the one way to, whoever asks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.measures import Value
from chandlery.platform.asked import check_limit, check_order
from chandlery.platform.errors import NotFound, Refused
from chandlery.reading.domain.cursor import write_cursor
from chandlery.reading.domain.summary import Rows
from chandlery.reading.position import read_position
from chandlery.reading.store import row_pages
from chandlery.reading.store.row_pages import Row, RowsWanted
from chandlery.reference.domain.instrument import Instrument
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import EARLIEST, LATEST, Window

_SOONEST = timedelta(microseconds=1)


@dataclass(frozen=True)
class RowQuery:
    """Which rows of an instrument: those whose time, of a roll-up the start of its bucket, lies in [starts, ends).

    Attributes:
        timeframe: rows as they stand where absent.
        starts: with it, pages go forward from there; without, from the newest row backward.
        ends: no end where absent.
        where: what dimensions are to be, in words.
        limit: rows a page, 1 … 10,000.
        cursor: `next_cursor` of a page of the same question.
    """

    timeframe: Timeframe | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    limit: int = 500
    cursor: str | None = None


@dataclass(frozen=True)
class RowPage:
    """Rows, oldest first, and what their values are; `next_cursor` leads on, null where nothing more is there."""

    values: Sequence[Value]
    rows: Sequence[Row]
    next_cursor: str | None


def find_dataset(name: str) -> Dataset:
    """A data set that is shown.

    Raises:
        NotFound: there is none of that name; names those there are.
    """
    found = {each.name: each for each in declared.shown()}
    if name not in found:
        raise NotFound(f"there is no data set {name[:60]!r} to read here; there is: {', '.join(found)}")
    return found[name]


def read_rows(connection: Connection, dataset: Rows, instrument: Instrument, query: RowQuery) -> RowPage:
    """One page. It goes on exactly where the one before ended: rows that arrive meanwhile shift nothing.

    The newest bucket of a roll-up may be one that has not ended.

    Args:
        connection: in autocommit mode, or in a transaction that sees one moment; nothing is written.
        dataset: one that is shown, or a summary.
        instrument: whose rows.
        query: what is asked for.

    Raises:
        Refused: a value is wrong, or the cursor belongs to another question.
        Retryable, Permanent: from the database.
    """
    check_limit(query.limit)
    check_order(query.starts, query.ends)
    if query.timeframe is not None and query.timeframe not in dataset.readable:
        there = f"there is: {', '.join(dataset.readable)}" if dataset.readable else "leave it out"
        raise Refused("timeframe", f"these rows have no timeframe {query.timeframe}; {there}")
    where = _where(dataset, query.where)
    values, order = dataset.values(query.timeframe), dataset.order(query.timeframe)
    asked = _asked(dataset, instrument, query, where)
    after = _after(values[: len(order)], query, asked)
    window = _window(query, after)
    if window is None:
        return RowPage(values, [], None)
    wanted = RowsWanted(query.timeframe, window, where, after, query.starts is None, query.limit + 1)
    rows = row_pages.read_page(connection, dataset, instrument.instrument_id, wanted)
    if len(rows) <= query.limit:
        return RowPage(values, rows, None)
    chosen = rows[1:] if wanted.backward else rows[:-1]
    last = chosen[0] if wanted.backward else chosen[-1]
    position = [_written(value) for value in last[: len(order)]]
    return RowPage(values, chosen, write_cursor(asked | {"position": json.dumps(position)}))


def _where(dataset: Rows, said: Mapping[str, str]) -> Mapping[str, str]:
    """What dimensions are to be, as the database takes it."""
    found = {}
    for name, text in said.items():
        if name not in dataset.dimensions:
            there = ", ".join(dataset.dimensions) or "none"
            raise Refused(name, f"{dataset.name} have no dimension {name}; there is: {there}")
        try:
            found[name] = dataset.columns[name].normal(text)
        except ValueError as error:
            raise Refused(name, f"{name} {error}") from None
    return found


def _asked(
    dataset: Rows, instrument: Instrument, query: RowQuery, where: Mapping[str, str]
) -> dict[str, str | int | bool | None]:
    return {
        "dataset": dataset.name,
        "key": instrument.key,
        "timeframe": query.timeframe.value if query.timeframe else None,
        "from": query.starts.isoformat() if query.starts else None,
        "to": query.ends.isoformat() if query.ends else None,
        "where": json.dumps(where, sort_keys=True),
    }


def _after(
    order: Sequence[Value], query: RowQuery, asked: Mapping[str, str | int | bool | None]
) -> Mapping[str, str] | None:
    """The row that the page before ended with: what it is ordered by."""
    position = read_position(query.cursor, asked, {value.name: value.kind for value in order})
    return None if position is None else dict(zip((value.name for value in order), position, strict=True))


def _window(query: RowQuery, after: Mapping[str, str] | None) -> Window | None:
    """Where rows of the page may lie; none where there is no such place."""
    starts, ends = (query.starts or EARLIEST).astimezone(UTC), (query.ends or LATEST).astimezone(UTC)
    if after is not None:
        position = datetime.fromisoformat(next(iter(after.values())))
        if query.starts:
            starts = max(starts, position)
        else:
            ends = min(ends, position + _SOONEST)
    return Window(starts, ends) if starts < ends else None


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
