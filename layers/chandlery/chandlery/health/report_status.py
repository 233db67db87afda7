"""Tell whether all is well, from the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from chandlery.health.domain.health import Cause, Health, judge
from chandlery.health.domain.measured import LastRun, Measured
from chandlery.health.measure_health import measure_health
from chandlery.indicators.store import unindicated
from chandlery.indicators.store.unindicated import Waiting
from chandlery.minutes.store import candles, marks
from chandlery.platform.runs import Idle
from chandlery.policies.domain.drops import PastDrop
from chandlery.policies.store import policies, sizes
from chandlery.policies.store.policies import AggregateHealth, Scheduler
from chandlery.policies.store.sizes import Storage
from chandlery.words.window import MINUTE, floor_minute

_LAST_DROPS = 3


@dataclass(frozen=True)
class StatusReport:
    """How things stand; `lag_seconds` is how long the oldest minute still to be aggregated has been closed.

    `health` and its `causes`, the worst first, are the verdict that /health answers; each aggregate has its own too.
    `idle`: components, or `indicators`, that write nothing, and whether they are switched_off or dry_run. `indicators`
    is what waits to be computed, `drops` what retention dropped last; `wrong_buckets` is what a day's samples found of
    aggregates that is wrong. `feed_latencies` are those that the live gap monitor's newest report tells.
    """

    at: datetime
    health: Health
    causes: Sequence[Cause]
    lag_seconds: float
    minutes_waiting: int
    oldest_waiting: datetime | None
    newest_candle: datetime | None
    components: Sequence[LastRun]
    idle: Mapping[str, str]
    aggregates: Sequence[AggregateHealth]
    wrong_buckets: int
    indicators: Waiting
    feed_latencies: Sequence[Mapping[str, Any]]
    storage: Sequence[Storage]
    scheduler: Scheduler
    drops: Sequence[PastDrop]


def report_status(connection: Connection, at: datetime) -> StatusReport:
    """The verdict of health as of `at`, every component and aggregate, what waits; and what is stored.

    Raises:
        Retryable, Permanent: from the database.
    """
    measured = measure_health(connection, at)
    verdict = judge(measured)
    waiting, oldest = marks.count_waiting(connection, floor_minute(at))
    components = list(measured.runs.values())
    return StatusReport(
        at=at,
        health=verdict.health,
        causes=verdict.causes,
        lag_seconds=(at - oldest - MINUTE).total_seconds() if oldest else 0.0,
        minutes_waiting=waiting,
        oldest_waiting=oldest,
        newest_candle=candles.find_newest(connection),
        components=components,
        idle=_idle(measured),
        aggregates=policies.list_aggregation_health(connection, at),
        wrong_buckets=measured.wrong_buckets,
        indicators=unindicated.count(connection, at),
        feed_latencies=measured.feed_latencies,
        storage=sizes.list_storage(connection),
        scheduler=policies.describe_scheduler(connection, at),
        drops=policies.list_drops(connection, _LAST_DROPS),
    )


def _idle(measured: Measured) -> Mapping[str, str]:
    """The components that write nothing, and the part of one."""
    of_components = {run.component: run.status for run in measured.runs.values() if run.status in set(Idle)}
    return of_components | ({"indicators": Idle.SWITCHED_OFF} if measured.indicators_are_off else {})
