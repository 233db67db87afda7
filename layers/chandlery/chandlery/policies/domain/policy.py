"""The policies wanted of the database: what is kept for how long, in what form, and how it is kept fresh."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from chandlery.datasets.declared import tables
from chandlery.words.counting import spell
from chandlery.words.window import DAY, HOUR, MINUTE

# A bucket whose last minute the live processor has not had time for is not materialised.
SETTLE = MINUTE
_UNITS = {DAY: "day", HOUR: "h", MINUTE: "min", timedelta(seconds=1): "s"}


@dataclass(frozen=True)
class Columnstore:
    """Chunks wholly older than `after` are turned into columns, by instrument or the like, in an order.

    Each batch tells the least and the greatest of `minmax`; TimescaleDB adds no Bloom filters where any are named.
    """

    after: timedelta
    schedule: timedelta
    segment_by: tuple[str, ...]
    order_by: tuple[str, ...]
    minmax: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sparse:
    """Chunks are of `chunk_interval` where their rows take less than `megabytes`.

    Before there are rows, that is taken to be so of a desk of at most `instruments`.
    """

    chunk_interval: timedelta
    megabytes: int
    instruments: int


@dataclass(frozen=True)
class Retention:
    """Chunks wholly older than `after` are dropped."""

    after: timedelta
    schedule: timedelta


@dataclass(frozen=True)
class Refresh:
    """The newest `over` of an aggregate is kept fresh, every `schedule`."""

    over: timedelta
    schedule: timedelta


@dataclass(frozen=True)
class Statistics:
    """What the planner knows of a table is made anew every `schedule`."""

    schedule: timedelta


@dataclass(frozen=True)
class TablePolicies:
    """The policies wanted of one table."""

    chunk_interval: timedelta
    sparse: Sparse | None = None
    columnstore: Columnstore | None = None
    retention: Retention | None = None
    refresh: Refresh | None = None
    statistics: Statistics | None = None


Policies = Mapping[str, TablePolicies]


class PolicyKind(StrEnum):
    """The policies that a job carries out, in the order in which they are due at one moment."""

    REFRESH = "refresh"
    COLUMNSTORE = "columnstore"
    RETENTION = "retention"
    STATISTICS = "statistics"


@dataclass(frozen=True)
class JobWanted:
    """What a policy's job is to do: how often, and over which age; None where an age means nothing."""

    kind: PolicyKind
    schedule: timedelta
    age: timedelta | None = None


# How long after the stroke of its schedule a kind's first job starts, and how far apart those of its tables are. At one
# stroke jobs would want more workers than there are, and two of them on one chunk would be in each other's way.
_STARTS = {
    PolicyKind.REFRESH: (timedelta(0), timedelta(seconds=2)),
    PolicyKind.COLUMNSTORE: (timedelta(minutes=3, seconds=3), timedelta(minutes=2)),
    PolicyKind.RETENTION: (timedelta(minutes=30, seconds=23), timedelta(minutes=2)),
    PolicyKind.STATISTICS: (timedelta(minutes=40, seconds=33), timedelta(minutes=2)),
}


def starts_after(table: str, job: JobWanted) -> timedelta:
    """How long after each stroke of its schedule a table's job starts."""
    first, step = _STARTS[job.kind]
    return (first + list(tables()).index(table) * step) % job.schedule


def workers_needed(policies: Policies, databases: int) -> int:
    """Background workers with which no job waits for another to end.

    One for TimescaleDB's launcher, one for each database's scheduler, one for TimescaleDB's own upkeep; one for each
    refresh, which come every few minutes, and one for each other kind of job, whose starts are spread.
    """
    kinds = [kind for table in policies.values() for kind in jobs_wanted(table)]
    refreshes = kinds.count(PolicyKind.REFRESH)
    return 1 + max(databases, 1) + 1 + refreshes + len(set(kinds) - {PolicyKind.REFRESH})


def jobs_wanted(policies: TablePolicies) -> Mapping[PolicyKind, JobWanted]:
    """The jobs a table's policies need."""
    jobs = []
    if policies.refresh:
        jobs.append(JobWanted(PolicyKind.REFRESH, policies.refresh.schedule, policies.refresh.over))
    if policies.columnstore:
        jobs.append(JobWanted(PolicyKind.COLUMNSTORE, policies.columnstore.schedule, policies.columnstore.after))
    if policies.retention:
        jobs.append(JobWanted(PolicyKind.RETENTION, policies.retention.schedule, policies.retention.after))
    if policies.statistics:
        jobs.append(JobWanted(PolicyKind.STATISTICS, policies.statistics.schedule))
    return {job.kind: job for job in jobs}


def spelled(duration: timedelta | None) -> str:
    """A duration in words, in the largest unit that leaves no rest: 6 h, 14 days."""
    if duration is None:
        return "none"
    for unit, name in _UNITS.items():
        if duration % unit == timedelta(0):
            count = duration // unit
            return spell(count, name, "" if name == "day" else name)
    return str(duration)
