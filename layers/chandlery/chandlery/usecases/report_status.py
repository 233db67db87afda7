"""Tell whether all is well, from the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.domain.drops import PastDrop
from chandlery.domain.health import Health, health_of
from chandlery.domain.window import MINUTE, floor_minute
from chandlery.store import candles, marks, policies, runs, unindicated
from chandlery.store.policies import AggregateHealth, Storage
from chandlery.store.runs import Idle, LastRun
from chandlery.store.unindicated import Waiting

_LAST_DROPS = 3


@dataclass(frozen=True)
class StatusReport:
    """How things stand; `lag_seconds` is how long the oldest minute still to be aggregated has been closed.

    `health` is that of the minutes, and not HEALTHY while any component is idle; each aggregate has its own. `idle`:
    components that write nothing, by name, and whether they are switched_off or dry_run. `indicators` is what waits to
    be computed, `drops` what retention dropped last.
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
    indicators: Waiting
    storage: Sequence[Storage]
    drops: Sequence[PastDrop]


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
        indicators=unindicated.count(connection, at),
        storage=policies.list_storage(connection),
        drops=policies.list_drops(connection, _LAST_DROPS),
    )
