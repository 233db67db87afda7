"""What each component did, per scheduled time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from chandlery.store.statements import read_rows, run


class Idle(StrEnum):
    """Why a run wrote nothing; the names are those of its status."""

    SWITCHED_OFF = "switched_off"
    DRY_RUN = "dry_run"


def record(
    connection: Connection,
    component: str,
    scheduled_at: datetime,
    *,
    counts: Mapping[str, object],
    changed: bool,
    seconds: float,
    error: str | None = None,
) -> None:
    """Write a run's row; one that repeats a succeeded run and changed nothing writes nothing."""
    run(
        connection,
        "record_run",
        component=component,
        scheduled_at=scheduled_at,
        status="failed" if error else "succeeded",
        counts=Jsonb(dict(counts)),
        changed=changed or error is not None,
        seconds=seconds,
        error=error,
    )


def record_idle(
    connection: Connection,
    component: str,
    scheduled_at: datetime,
    idle: Idle,
    *,
    counts: Mapping[str, object],
    seconds: float,
    error: str | None = None,
) -> None:
    """Write the row of a run that was switched off or dry, unless one that succeeded has it; an error made it fail."""
    run(
        connection,
        "record_idle_run",
        component=component,
        scheduled_at=scheduled_at,
        status="failed" if error else idle,
        counts=Jsonb(dict(counts)),
        seconds=seconds,
        error=error,
    )


@dataclass(frozen=True)
class LastRun:
    """A component's newest run."""

    component: str
    scheduled_at: datetime
    status: str
    seconds: float
    error: str | None
    failures_in_a_row: int
    counts: Mapping[str, Any]


def list_last(connection: Connection) -> Sequence[LastRun]:
    """The newest run of each component that ever ran, by name."""
    return read_rows(connection, LastRun, "list_component_runs")


def list_idle(connection: Connection) -> Mapping[str, str]:
    """The components whose newest run was switched off or dry, by name, and which of the two."""
    return dict(run(connection, "list_idle_components").fetchall())


def count_wrong_buckets(connection: Connection, at: datetime) -> int:
    """Wrong derived buckets that the samples of policy maintenance found in the day up to a moment."""
    row = run(connection, "count_wrong_buckets", at=at).fetchone()
    return int(row[0]) if row else 0
