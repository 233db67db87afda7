"""Tell whether all is well, from the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.domain.health import Health, health_of
from chandlery.domain.window import MINUTE, floor_minute
from chandlery.store import candles, marks, policies, runs, unindicated
from chandlery.store.policies import AggregateHealth, Scheduler, Storage
from chandlery.store.runs import Idle, LastRun
from chandlery.store.unindicated import Waiting


@dataclass(frozen=True)
class StatusReport:
    """How things stand; `lag_seconds` is how long the oldest minute still to be aggregated has been closed.

    `health` is that of the minutes, and not HEALTHY while any component is idle; each aggregate has its own. `idle`:
    components that write nothing, by name, and whether they are switched_off or dry_run. `indicators` is what waits to
    be computed; `wrong_buckets` is what a day's samples found of derived candles that are not what their minutes make.
    """

    at: datetime
    health: Health
    lag_seconds: float
    minutes_waiting: int
    oldest_waiting: datetime | None
    newest_candle: datetime | None
    components: Sequence[LastRun]
    idle: Mapping[str, str]
    aggregates: Sequence[AggregateHealth]
    wrong_buckets: int
    indicators: Waiting
    storage: Sequence[Storage]
    scheduler: Scheduler


def report_status(connection: Connection, at: datetime) -> StatusReport:
    """Freshness of the candles, of every component and aggregate, as of `at`; and what is stored.

    Raises:
        Retryable, Permanent: from the database.
    """
    waiting, oldest = marks.count_waiting(connection, floor_minute(at))
    lag = (at - oldest - MINUTE).total_seconds() if oldest else 0.0
    components = runs.list_last(connection)
    idle = {run.component: run.status for run in components if run.status in set(Idle)}
    return StatusReport(
        at=at,
        health=health_of(lag, all_work=not idle),
        lag_seconds=lag,
        minutes_waiting=waiting,
        oldest_waiting=oldest,
        newest_candle=candles.find_newest(connection),
        components=components,
        idle=idle,
        aggregates=policies.list_aggregation_health(connection, at),
        wrong_buckets=runs.count_wrong_buckets(connection, at),
        indicators=unindicated.count(connection, at),
        storage=policies.list_storage(connection),
        scheduler=policies.describe_scheduler(connection, at),
    )
