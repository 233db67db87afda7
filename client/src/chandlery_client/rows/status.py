"""Whether all is well."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .open_enum import OpenEnum


class Verdict(OpenEnum):
    """The verdict on the desk: the worst of its causes."""

    HEALTHY = "HEALTHY"
    WARNING = "WARNING"
    DELAYED = "DELAYED"
    FAILING = "FAILING"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why the verdict is not better."""

    health: Verdict
    subject: str
    says: str


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the service is ready, and how well the desk is."""

    status: str
    health: Verdict | None = None
    problem: str | None = None
    timescaledb: str | None = None
    edition: str | None = None
    schema_revision: str | None = None
    causes: list[Cause] | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """A component's newest run."""

    component: str
    scheduled_at: datetime
    status: str
    seconds: float
    error: str | None
    failures_in_a_row: int
    counts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """How fresh a continuous aggregate is."""

    aggregate: str
    health: str
    lag_seconds: float
    materialized_up_to: datetime | None
    oldest_waiting: datetime | None
    last_run_at: datetime | None
    next_run_at: datetime | None
    failures: int | None
    stale_waiting: int


@dataclass(frozen=True, slots=True)
class FeedLatency:
    """How long a feed's ticks were under way."""

    feed: str
    latency_p50_seconds: float
    latency_p99_seconds: float


@dataclass(frozen=True, slots=True)
class Status:
    """How components, aggregates, gaps, policies and the cache fare."""

    at: datetime
    health: Verdict
    causes: list[Cause]
    lag_seconds: float
    minutes_waiting: int
    oldest_waiting: datetime | None
    newest_candle: datetime | None
    components: list[Component]
    idle: Mapping[str, str]
    aggregates: list[Aggregate]
    feed_latencies: list[FeedLatency] = field(default_factory=list)
    gaps: Mapping[str, Any] = field(default_factory=dict)
    policies: Mapping[str, Any] = field(default_factory=dict)
    cache: Mapping[str, Any] = field(default_factory=dict)
