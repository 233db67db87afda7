"""What each component did, per scheduled time."""

from collections.abc import Mapping
from datetime import datetime

from psycopg import Connection
from psycopg.types.json import Jsonb

from chandlery.store.statements import run


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
