"""What each component did, per scheduled time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from psycopg import Connection
from psycopg.types.json import Jsonb

from chandlery.health.domain.measured import LastRun
from chandlery.platform.statements import read_rows, run


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


def may_record(connection: Connection) -> bool:
    """Whether the login may write a run's row."""
    (allowed,) = run(connection, "may_record_runs").fetchone() or (False,)
    return bool(allowed)


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


def list_last(connection: Connection, at: datetime) -> Sequence[LastRun]:
    """The newest run, up to a moment, of each component that had run by then, by name."""
    return read_rows(connection, LastRun, "list_component_runs", at=at)


def count_wrong_buckets(connection: Connection, at: datetime) -> int:
    """Wrong derived buckets that the samples of policy maintenance found in the day up to a moment."""
    row = run(connection, "count_wrong_buckets", at=at).fetchone()
    return int(row[0]) if row else 0
