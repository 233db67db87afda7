"""What is stored of derived rows, and the marks that say which are stale."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.platform.connection import transaction
from chandlery.platform.session import require_own
from chandlery.platform.statements import read_rows, run
from chandlery.words.window import Window


@dataclass(frozen=True)
class StaleHour:
    """A mark: minutes of this hour changed."""

    mark_id: int
    hour: datetime


@dataclass(frozen=True)
class OpenHour:
    """An hour whose marks were taken before all buckets over it had closed; those closed at `settled` are refreshed."""

    open_hour_id: int
    hour: datetime
    settled: datetime | None


def list_dropped(connection: Connection, dataset: str) -> Sequence[Window]:
    """The stretches of a data set that retention has dropped, in order."""
    return read_rows(connection, Window, "list_dropped", dataset=dataset)


@contextmanager
def dropping_held(connection: Connection, dataset: str) -> Iterator[Sequence[Window]]:
    """The stretches of a data set that have been dropped, in order; retention drops no other meanwhile.

    Raises:
        Retryable: retention is at work for too long.
    """
    require_own(connection, "refreshing what is derived")
    run(connection, "hold_horizon")
    try:
        yield list_dropped(connection, dataset)
    finally:
        # With a connection that broke, its locks went too.
        if not connection.closed:
            run(connection, "release_horizon")


def find_stored(connection: Connection, dataset: str) -> Window | None:
    """From where to where rows of a data set may be stored; none without any."""
    stored = list_stored(connection, dataset)
    return Window(stored[0].starts, stored[-1].ends) if stored else None


def list_stored(connection: Connection, dataset: str) -> Sequence[Window]:
    """The stretches in which rows of a data set may be stored, by the edges of their chunks, the oldest first."""
    return [Window(starts, ends) for starts, ends in run(connection, "list_stored_stretches", dataset=dataset)]


def list_watermarks(connection: Connection) -> Mapping[str, datetime | None]:
    """Up to where each continuous aggregate is materialized, by its name; none where nothing is."""
    return dict(run(connection, "list_watermarks").fetchall())


def list_stale_hours(
    connection: Connection, dataset: Dataset, at: datetime, most: int | None, since: datetime | None = None
) -> Sequence[StaleHour]:
    """Marks of hours up to a moment, the newest hours first, at most so many."""
    values: dict[str, Any] = {"dataset": dataset.name, "since": since or "-infinity", "at": at, "most": most}
    return read_rows(connection, StaleHour, "list_stale_hours", **values)


def list_open_hours(connection: Connection, dataset: Dataset, at: datetime) -> Sequence[OpenHour]:
    """Hours up to a moment that were refreshed while a bucket over them was open."""
    return read_rows(connection, OpenHour, "list_open_hours", dataset=dataset.name, at=at)


def count_stale(connection: Connection, dataset: Dataset, at: datetime) -> int:
    """How many marks of hours up to a moment wait."""
    row = run(connection, "count_stale", dataset=dataset.name, at=at).fetchone()
    return int(row[0]) if row else 0


def take_marks(
    connection: Connection,
    dataset: Dataset,
    stale_hours: Sequence[StaleHour],
    open_hours: Sequence[OpenHour],
    still_open: Sequence[datetime],
    settled: datetime,
) -> None:
    """Take marks whose hours have been refreshed, in one transaction: exactly these, not those that came meanwhile.

    Args:
        connection: in autocommit mode.
        dataset: whose marks.
        stale_hours: their indicators are older now.
        open_hours: what was read of them; closed by now, or to be replaced.
        still_open: hours among them with a bucket that is open.
        settled: the buckets over them that had closed by then have been refreshed.
    """
    with transaction(connection):
        mark_ids = [mark.mark_id for mark in stale_hours]
        timeframes = [each.value for each in dataset.derived]
        run(connection, "take_stale", mark_ids=mark_ids, is_indicated=dataset.is_indicated, timeframes=timeframes)
        run(
            connection,
            "replace_open_hours",
            dataset=dataset.name,
            open_hour_ids=[row.open_hour_id for row in open_hours],
            hours=list(still_open),
            settled=settled,
        )
