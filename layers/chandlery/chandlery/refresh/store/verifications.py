"""Whether what is stored is right: derived rows against those they are made of, unique keys against themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.rollup import Rollup, order_best_first
from chandlery.platform.connection import transaction
from chandlery.platform.statements import read_rows, run
from chandlery.refresh.domain.verification import Verification
from chandlery.words.window import Window


@dataclass(frozen=True)
class _Compared:
    same: int
    twice: int
    different: int
    only_derived: int
    only_minutes: int
    waiting: int
    buckets: list[datetime]
    examples: list[str]


def find_range(connection: Connection, tables: Sequence[str]) -> Window | None:
    """Where tables may hold anything; none where nothing is."""
    row = run(connection, "find_verified_range", tables=list(tables)).fetchone()
    return Window(row[0], row[1]) if row and row[0] else None


def list_share(connection: Connection, share: int, shares: int) -> Sequence[int]:
    """The instruments of one of so many shares."""
    return [number for (number,) in run(connection, "list_instrument_share", share=share, shares=shares)]


def verify_derived(
    connection: Connection, aggregate: str, window: Window, instrument_ids: Sequence[int] | None = None
) -> Verification:
    """Hold an aggregate's materialized buckets of a window against their minutes, of all instruments or of some."""
    (found,) = read_rows(
        connection,
        _Compared,
        "verify_derived",
        aggregate=aggregate,
        starts=window.starts,
        ends=window.ends,
        instrument_ids=None if instrument_ids is None else list(instrument_ids),
    )
    return Verification(aggregate, **vars(found))


def mark_wrong(connection: Connection, dataset: Dataset, rollup: Rollup, window: Window) -> None:
    """Leave stale marks for the wrong buckets of a window, by which their indicators will be computed anew."""
    values: dict[str, Any] = {"dataset": dataset.name, "works": list(dataset.works), "aggregate": rollup.relation}
    run(connection, "mark_wrong_derived", **values, starts=window.starts, ends=window.ends)


def list_copies(connection: Connection, dataset: Dataset, window: Window) -> Verification:
    """Keys of a data set that stand more than once in a window."""
    row = run(connection, "list_copies", **_key(dataset), starts=window.starts, ends=window.ends).fetchone()
    keys, examples = row or (0, [])
    return Verification(dataset.name, twice=keys, examples=examples)


def remove_copies(connection: Connection, dataset: Dataset, window: Window) -> int:
    """Leave one row of each key of a data set in a window, in one transaction; returns how many rows went.

    Writers that take the data set's lock wait meanwhile.
    """
    values = {**_key(dataset), "best_first": order_best_first(dataset.best_first)}
    with transaction(connection):
        run(connection, "lock_writers", dataset=dataset.name)
        return _count(run(connection, "remove_copies", **values, starts=window.starts, ends=window.ends))


def remove_derived_copies(connection: Connection, aggregate: str, window: Window) -> int:
    """Leave one row of each key of an aggregate in a window, in one transaction; returns how many rows went.

    Refreshes of the aggregate wait meanwhile.
    """
    with transaction(connection):
        run(connection, "lock_refresh", aggregate=aggregate)
        return _count(
            run(connection, "remove_derived_copies", aggregate=aggregate, starts=window.starts, ends=window.ends)
        )


def _key(dataset: Dataset) -> dict[str, Any]:
    return {"dataset": dataset.name, "time_column": dataset.time, "keys": list(dataset.key)}


def _count(found: Cursor[TupleRow]) -> int:
    row = found.fetchone()
    return int(row[0]) if row else 0
