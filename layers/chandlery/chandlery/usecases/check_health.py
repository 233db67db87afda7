"""Tell in a moment whether the database answers, is the one this code knows, and how far its candles lag."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.domain.health import Health, health_of
from chandlery.domain.window import MINUTE, floor_minute
from chandlery.errors import Permanent
from chandlery.store import marks, runs, schema


@dataclass(frozen=True)
class HealthReport:
    """Whether the service can do its work; `lag_seconds` is the age of the oldest minute still to be aggregated.

    `problem` says in a sentence what is wrong with the database; None where nothing is. Late candles are told by
    `candles`, and leave the service ready: it can answer. `idle`: components that write nothing, by name, and whether
    they are switched_off or dry_run; while there is any, `candles` are not HEALTHY.
    """

    ready: bool
    problem: str | None
    timescaledb: str | None
    edition: str | None
    revision: str | None
    candles: Health | None
    lag_seconds: float | None
    idle: Mapping[str, str]


def check_health(connection: Connection, at: datetime) -> HealthReport:
    """Look at the database, as of a moment, aware.

    Raises:
        Retryable, Permanent: the database does not answer.
    """
    found = schema.describe(connection)
    problem = None
    try:
        schema.judge(found)
    except Permanent as error:
        problem = str(error)
    lag: float | None = None
    idle: Mapping[str, str] = {}
    if problem is None:
        _, oldest = marks.count_waiting(connection, floor_minute(at))
        lag = max((at - oldest - MINUTE).total_seconds(), 0.0) if oldest else 0.0
        idle = runs.list_idle(connection)
    return HealthReport(
        ready=problem is None,
        problem=problem,
        timescaledb=found.timescaledb,
        edition=found.edition,
        revision=found.revision,
        candles=None if lag is None else health_of(lag, all_work=not idle),
        lag_seconds=lag,
        idle=idle,
    )
