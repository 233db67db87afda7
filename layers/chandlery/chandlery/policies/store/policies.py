"""Policies as the database has them, and the steps that make them what they should be."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection
from psycopg import errors as pg

from chandlery.datasets import declared
from chandlery.platform.connection import transaction
from chandlery.platform.dry_run import runs_dry
from chandlery.platform.errors import Permanent
from chandlery.platform.schema import KNOWN
from chandlery.platform.session import require_own
from chandlery.platform.statements import read_rows, run
from chandlery.policies.domain.drops import Drop, DueChunk, PastDrop
from chandlery.policies.domain.found import Density, Found, FoundJob, FoundTable
from chandlery.policies.domain.policy import Policies
from chandlery.policies.domain.policy_plan import Action, PolicyStep

_UNKNOWN_CATALOGUE = (pg.UndefinedTable, pg.UndefinedColumn, pg.UndefinedFunction, pg.InvalidSchemaName)
# While we waited for a chunk the scheduler's job has turned it, or dropped it.
_DONE_BY_ANOTHER = (pg.DuplicateObject, pg.UndefinedTable)
# Whoever comes to a table while a change of its policies waits for it, waits as long.
_LOCK_MILLISECONDS = 2000
# A keeper asks the database for something every few seconds.
_FORGOTTEN_AFTER = timedelta(minutes=5)
# Each step's named query.
_QUERIES = {
    PolicyStep.SET_CHUNK_INTERVAL: "set_chunk_interval",
    PolicyStep.SET_COLUMNSTORE: "set_columnstore",
    PolicyStep.SET_MINMAX: "set_minmax",
    PolicyStep.REMOVE_COLUMNSTORE: "remove_columnstore",
    PolicyStep.ADD_REFRESH: "add_refresh_job",
    PolicyStep.ADD_COLUMNSTORE: "add_columnstore_job",
    PolicyStep.ADD_RETENTION: "add_retention_job",
    PolicyStep.ADD_STATISTICS: "add_statistics_job",
    PolicyStep.ALTER_JOB: "alter_job",
    PolicyStep.DELETE_JOB: "delete_job",
    PolicyStep.RELEASE_RETENTION: "release_retention",
    PolicyStep.RELEASE_HISTORY: "release_history",
}


@dataclass(frozen=True)
class Scheduler:
    """Whether TimescaleDB's background scheduler runs or may come to, and whether its work is ours at a moment.

    `workers` is how many background workers the server allows it, `schedulers` how many databases share them.
    """

    runs: bool
    may_run: bool
    stands_in: bool
    workers: int
    schedulers: int
    server_time: datetime


@dataclass(frozen=True)
class Upkeep:
    """When we last carried out a policy, by scheduled time, and how often it has failed in a row."""

    policy: str
    ran_at: datetime
    succeeded_at: datetime | None
    failures: int
    error: str | None


@dataclass(frozen=True)
class _Dropping:
    """A chunk that retention dropped, nulls where there was none, and what it waits for; null: nothing."""

    table_name: str
    starts: datetime | None
    ends: datetime | None
    rows: int | None
    waits: str | None


@dataclass(frozen=True)
class _ReportedDrop:
    """A drop that a run reports; `is_new` where no run named it before."""

    table_name: str
    starts: datetime
    ends: datetime
    rows: int | None
    is_new: bool


@dataclass(frozen=True)
class AggregateHealth:
    """How fresh an aggregate is; see market.aggregation_health_at."""

    aggregate: str
    health: str
    lag_seconds: float
    materialized_up_to: datetime | None
    oldest_waiting: datetime | None
    schedule: timedelta
    last_run_at: datetime | None
    next_run_at: datetime | None
    failures: int | None
    error: str | None
    stale_waiting: int


def describe_scheduler(connection: Connection, at: datetime) -> Scheduler:
    """Who carries out the policies at a moment: TimescaleDB's scheduler, or we."""
    (scheduler,) = read_rows(connection, Scheduler, "describe_scheduler", at=at)
    return scheduler


def find(connection: Connection, wanted: Policies, at: datetime, *, count_rows: bool = False) -> Found:
    """The policies the database has; `count_rows` of what retention would drop: that takes long.

    Raises:
        Permanent: a table of `wanted` is no hypertable any more, or TimescaleDB's catalogue is one we do not know.
    """
    with _catalogue_known(connection):
        tables = {table.table_name: table for table in read_rows(connection, FoundTable, "list_policy_tables")}
        jobs = read_rows(connection, FoundJob, "list_policy_jobs")
        horizons = {name: at - table.retention.after for name, table in wanted.items() if table.retention}
        due = read_rows(
            connection,
            DueChunk,
            "list_due_chunks",
            tables=list(horizons),
            horizons=list(horizons.values()),
            count_rows=count_rows,
        )
        released: Mapping[str, timedelta] = dict(run(connection, "list_retentions").fetchall())
        sparse = [name for name, table in wanted.items() if table.sparse]
        densities = {each.table_name: each for each in read_rows(connection, Density, "list_densities", tables=sparse)}
    for name in wanted:
        if name not in tables:
            kind = "continuous aggregate" if declared.tables()[name].bucket else "hypertable"
            raise Permanent(
                f"market.{name} is no {kind}: no policy can be kept for it; make it one again, as its migration does,"
                " or run: chandlery migrate upgrade head"
            )
    return Found(at, tables, jobs, due, released, densities)


@contextmanager
def _catalogue_known(connection: Connection) -> Iterator[None]:
    try:
        yield
    except Permanent as error:
        if isinstance(error.__cause__, _UNKNOWN_CATALOGUE):
            version = run(connection, "describe_database").fetchone()
            raise Permanent(
                f"TimescaleDB {version[0] if version else '?'} has not the catalogue this code reads:"
                f" {error.__cause__.diag.message_primary}; nothing was changed; use TimescaleDB {KNOWN}, or the"
                " release of Chandlery made for this one"
            ) from error
        raise


def apply(connection: Connection, action: Action) -> None:
    """Carry out one action, in a transaction of its own: a reader locks several aggregates, from above.

    Raises:
        Retryable, Permanent: from the database; nothing is changed then.
    """
    with transaction(connection):
        # A dry run is one transaction, whose later statements may wait as long as ever.
        if not runs_dry(connection):
            run(connection, "set_lock_timeout", milliseconds=_LOCK_MILLISECONDS)
        run(connection, _QUERIES[action.step], **action.values)


@contextmanager
def keeping(connection: Connection) -> Iterator[bool]:
    """Be the only keeper of the policies; whether that was granted."""
    require_own(connection, "keeping the policies")
    granted = _is_true(connection, "try_lock_policies")
    if not granted and _is_true(connection, "end_forgetful_keepers", idle=_FORGOTTEN_AFTER):
        granted = _is_true(connection, "try_lock_policies")
    try:
        yield granted
    finally:
        if granted and not connection.closed:
            run(connection, "unlock_policies")


def _is_true(connection: Connection, query: str, **values: object) -> bool:
    row = run(connection, query, **values).fetchone()
    return bool(row and row[0])


def turn_to_columns(connection: Connection, table: str, before: datetime) -> int:
    """Turn the chunks that lie wholly before a moment into columns, a transaction each; returns how many.

    A dry run counts them: it would keep their writers waiting, and nothing after it depends on how they are stored.
    """
    chunks = run(connection, "list_chunks_to_columns", table_name=table, before=before).fetchall()
    for (chunk,) in () if runs_dry(connection) else chunks:
        try:
            run(connection, "turn_chunk_to_columns", chunk=chunk)
        except Permanent as error:
            if not isinstance(error.__cause__, _DONE_BY_ANOTHER):
                raise
    return len(chunks)


def drop_before(
    connection: Connection, table: str, horizon: datetime, age: timedelta, has_time: Callable[[], bool] = lambda: True
) -> tuple[Sequence[Drop], str | None]:
    """Drop the chunks that lie wholly before a moment, as far as they are released and nothing needs them.

    Args:
        connection: in autocommit mode: each chunk is a transaction of its own.
        table: of a retention policy.
        horizon: aware.
        age: at which the policy drops rows: only where the operator let it be so short.
        has_time: asked before each chunk but the first whether another one fits.

    Returns:
        What was dropped, and what retention waits for before it drops more; none: nothing.
    """
    drops = list[Drop]()
    while not drops or has_time():
        (found,) = read_rows(connection, _Dropping, "drop_before", table_name=table, horizon=horizon, age=age)
        if found.starts is None or found.ends is None:
            return drops, found.waits
        drops.append(Drop(table, found.starts, found.ends, found.rows))
    return drops, None


def take_drops(connection: Connection, at: datetime) -> tuple[Sequence[Drop], int]:
    """What the run of a scheduled time is to report as dropped, by whomever, and how many rows no run told before."""
    tables = declared.tables()
    rows = read_rows(
        connection,
        _ReportedDrop,
        "take_drops",
        at=at,
        tables=list(tables),
        datasets=[each.dataset.name for each in tables.values()],
        timeframes=[each.rollup.timeframe.value if each.rollup else None for each in tables.values()],
    )
    drops = [Drop(each.table_name, each.starts, each.ends, each.rows) for each in rows]
    return drops, sum(each.rows or 0 for each in rows if each.is_new)


def list_drops(connection: Connection, most: int) -> Sequence[PastDrop]:
    """What was dropped last, the newest drop first."""
    return read_rows(connection, PastDrop, "list_drops", most=most)


def analyze(connection: Connection, table: str) -> None:
    """Make the planner's statistics of a table anew."""
    run(connection, "analyze_table", table_name=table)


def list_upkeep(connection: Connection) -> Mapping[str, Upkeep]:
    """The policies we have carried out, by name."""
    return {upkeep.policy: upkeep for upkeep in read_rows(connection, Upkeep, "list_upkeep")}


def record_upkeep(connection: Connection, policy: str, at: datetime, error: str | None = None) -> None:
    """Remember that a policy was carried out at a scheduled time, or that it failed."""
    run(connection, "record_upkeep", policy=policy, at=at, error=error)


def list_aggregation_health(connection: Connection, at: datetime) -> Sequence[AggregateHealth]:
    """How fresh each aggregate is at a moment, the shortest buckets first."""
    return read_rows(connection, AggregateHealth, "list_aggregation_health", at=at)


def list_aggregate_lags(connection: Connection, at: datetime) -> Mapping[str, float]:
    """How far each aggregate is behind at a moment, in seconds, as `list_aggregation_health` tells it, and sooner."""
    return dict(run(connection, "list_aggregate_lags", at=at).fetchall())
