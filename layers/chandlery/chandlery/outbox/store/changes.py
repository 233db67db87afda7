"""Changes of data: those that nobody was told of yet, and what was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.platform.statements import read_rows, run
from chandlery.words.timeframe import Timeframe


@dataclass(frozen=True)
class PublishedChange:
    """What was told of a data set; `instruments` are those that are named, of `instrument_count`, null: of any."""

    cursor: int
    published_at: datetime
    dataset: str
    kinds: list[str]
    timeframes: list[str]
    starts: datetime
    ends: datetime
    instrument_count: int | None
    instruments: list[str]


def list_published(
    connection: Connection, after: int, dataset: str | None, keys: Sequence[str], most: int
) -> Sequence[PublishedChange]:
    """Changes after a cursor, of a data set or of all, in the order in which they were committed.

    Of some instruments, or of any where none is named.
    """
    keyed: dict[str, Any] = {"after": after, "dataset": dataset, "keys": list(keys), "most": most}
    return read_rows(connection, PublishedChange, "list_published_changes", **keyed)


def find_outermost(connection: Connection) -> tuple[int | None, int | None]:
    """The first and the newest cursor that are kept; none where nothing is."""
    row = run(connection, "find_outermost_changes").fetchone()
    return (row[0], row[1]) if row else (None, None)


def mark_as_healed(connection: Connection) -> None:
    """Call what the transaction writes from here on healed."""
    run(connection, "mark_as_healed")


def write_changes(
    connection: Connection, datasets: Sequence[Dataset], at: datetime, *, most: int, most_named: int, most_bytes: int
) -> int:
    """Take changes and write the messages that tell of them, in the caller's transaction: one a data set.

    Args:
        connection: inside a transaction.
        datasets: all there are.
        at: the run's scheduled time.
        most: instruments of all changes that are taken, counted once a change; the first is taken in any case.
        most_named: instruments that a message names.
        most_bytes: what their keys may take in it.

    Returns:
        How many messages.
    """
    run(connection, "publish_changes:lock_changes")
    return run(
        connection,
        "publish_changes:write_changes",
        datasets=[each.name for each in datasets],
        timeframes=[_own_timeframe(each) for each in datasets],
        widths=[each.cadence.every if each.cadence else None for each in datasets],
        at=at,
        most=most,
        most_named=most_named,
        most_bytes=most_bytes,
    ).rowcount


def _own_timeframe(dataset: Dataset) -> str | None:
    """The timeframe of its own rows, where they are of one."""
    every = dataset.cadence.every if dataset.cadence else None
    return next((each.value for each in Timeframe if each.width == every), None) if every else None
