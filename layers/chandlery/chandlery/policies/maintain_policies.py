"""Policy maintenance's job: the database has the policies wanted, and somebody carries them out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from psycopg import Connection

from chandlery.platform.domain.limits import REFRESH_PIECE_MINUTES
from chandlery.platform.errors import ChandleryError, Retryable
from chandlery.policies.apply_policies import PolicyPlan, plan_policies, put_right
from chandlery.policies.carry_out_policies import CarriedOut, carry_out
from chandlery.policies.domain.drops import kept_history
from chandlery.policies.domain.found import FoundJob
from chandlery.policies.domain.policy import Policies
from chandlery.policies.domain.policy_plan import Action
from chandlery.policies.store import policies as store
from chandlery.policies.store import sizes
from chandlery.refresh.refresh_stale import StaleReport, refresh_stale
from chandlery.refresh.verify_candles import verify_sample
from chandlery.words.duration import in_words

# A scheduler that is busy may start a job somewhat later.
_PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True)
class PolicyReport:
    """What one run found and did.

    `drift` counts what differed, `drifted` says it; of that, `waiting_for_permission` was not done. `policies_done`
    were carried out in the scheduler's place, `policies_left` found no time; `retention_waits` says for what. `drops`
    says what retention dropped, by whichever hand, since a run last told, and `rows_dropped` counts its rows;
    `history_kept` is older than retention and stays. `stale_waiting` counts marks of changed rows;
    `refresh_held_off` is whether another refresh was at work. `aggregate_lag_seconds` is that of the aggregate furthest
    behind, once all was done; `database_growth_bytes` counts from a day before, null where no run then told the size.
    `wrong_buckets` of a sample of aggregates are not what their rows make; `wrong_derived` names the first,
    `verified_day` is the UTC day they were of.
    `is_alone` is false where another run kept the policies: then nothing was done.
    """

    drift: int = 0
    drift_applied: int = 0
    jobs_failed: int = 0
    jobs_late: int = 0
    policies_done: int = 0
    policies_left: int = 0
    rows_dropped: int = 0
    stale_taken: int = 0
    stale_waiting: int = 0
    refresh_held_off: bool = False
    wrong_buckets: int = 0
    aggregate_lag_seconds: float | None = None
    database_bytes: int | None = None
    database_growth_bytes: int | None = None
    scheduler_runs: bool = False
    stands_in: bool = False
    is_alone: bool = True
    drifted: Sequence[str] = field(default_factory=list)
    waiting_for_permission: Sequence[str] = field(default_factory=list)
    failing_jobs: Sequence[str] = field(default_factory=list)
    late_jobs: Sequence[str] = field(default_factory=list)
    strange_jobs: Sequence[str] = field(default_factory=list)
    retention_waits: Sequence[str] = field(default_factory=list)
    verified_day: str | None = None
    wrong_derived: Sequence[str] = field(default_factory=list)
    drops: Sequence[str] = field(default_factory=list)
    history_kept: Sequence[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether the run left anything other than it found it."""
        return bool(self.drift_applied or self.policies_done or self.stale_taken or self.rows_dropped)


def maintain_policies(
    connection: Connection,
    scheduled_at: datetime,
    *,
    wanted: Policies,
    most_marks: int,
    has_time: Callable[[], bool],
    replayed: bool = False,
    refresh_piece_minutes: int = REFRESH_PIECE_MINUTES,
) -> PolicyReport:
    """Put drift right, carry out what the scheduler does not, refresh a share of what is stale.

    Args:
        connection: in autocommit mode.
        scheduled_at: the run's identity and only clock, aware.
        wanted: the policies to be kept.
        most_marks: stale marks to take, at most.
        has_time: asked before each piece of work whether another one fits.
        replayed: the scheduled time is a past one that is gone through once more: no setting is changed.
        refresh_piece_minutes: minutes that one refresh of what is stale may fold, about.

    Raises:
        Permanent: the policies cannot work, or the database is not one they can be kept for; nothing is changed then.
        Retryable: a part failed; whatever else was to be done is done, and the error's report tells of it.
    """
    with store.keeping(connection) as granted:
        if not granted:
            return PolicyReport(is_alone=False)
        planned = plan_policies(connection, scheduled_at, wanted)
        applied = put_right(connection, [] if replayed else planned.allowed(destructive=False), has_time)
        errors = [str(failure)] if (failure := applied.failure()) else []
        planned = replace(planned, found=store.find(connection, wanted, planned.found.at))
        carried = carry_out(
            connection,
            scheduled_at,
            _left_to_us(planned),
            has_time,
            server_time=planned.scheduler.server_time,
        )
        errors += carried.errors
        stale = StaleReport()
        try:
            stale = refresh_stale(
                connection,
                scheduled_at,
                most_marks=most_marks,
                has_time=has_time,
                piece_minutes=refresh_piece_minutes,
            )
        except ChandleryError as error:
            errors.append(f"what is stale: {error}")
        drops, rows = store.take_drops(connection, scheduled_at)
        report = replace(
            _report(planned, applied.done, carried, stale), drops=[str(drop) for drop in drops], rows_dropped=rows
        )
        report = _measured(connection, scheduled_at, report)
        try:
            report = _verified(connection, scheduled_at, report)
        except ChandleryError as error:
            errors.append(f"what is derived could not be verified: {error}")
    if errors:
        failed = Retryable("; ".join(errors))
        failed.report = report
        raise failed
    return report


def _left_to_us(planned: PolicyPlan) -> Sequence[FoundJob]:
    """All jobs where no scheduler does them at this time; else those that it does not get done."""
    jobs = planned.found.jobs
    if planned.scheduler.stands_in:
        return jobs
    return [job for job in jobs if job.failed or _is_late(job)]


def _is_late(job: FoundJob) -> bool:
    return job.scheduled and timedelta(seconds=job.late_seconds) > max(job.schedule, _PATIENCE)


def _report(planned: PolicyPlan, applied: Sequence[Action], carried: CarriedOut, stale: StaleReport) -> PolicyReport:
    ours = [job for job in planned.found.jobs if job.kind is not None]
    report = PolicyReport(
        drift=len(planned.actions),
        drift_applied=len(applied),
        policies_done=carried.done,
        policies_left=carried.left,
        stale_taken=stale.marks_taken,
        stale_waiting=stale.marks_left,
        refresh_held_off=stale.is_held_off,
        scheduler_runs=planned.scheduler.runs,
        stands_in=planned.scheduler.stands_in,
        drifted=[action.says for action in planned.actions],
        waiting_for_permission=[action.says for action in planned.actions if action.destructive],
        strange_jobs=[f"job {job.job_id}, {job.procedure}" for job in planned.strangers],
        retention_waits=carried.waits,
        history_kept=list(kept_history(planned.found.due)),
    )
    failing = list(_failing(ours))
    # Where none runs, all are: that much is told already.
    late = list(_late(ours)) if planned.scheduler.runs else []
    return replace(report, jobs_failed=len(failing), jobs_late=len(late), failing_jobs=failing, late_jobs=late)


def _measured(connection: Connection, scheduled_at: datetime, report: PolicyReport) -> PolicyReport:
    """The report, with how things stand after the run."""
    aggregates = store.list_aggregation_health(connection, scheduled_at)
    size = sizes.measure_size(connection, scheduled_at)
    return replace(
        report,
        aggregate_lag_seconds=max((aggregate.lag_seconds for aggregate in aggregates), default=0.0),
        database_bytes=size.database_bytes,
        database_growth_bytes=size.growth_bytes,
    )


def _verified(connection: Connection, scheduled_at: datetime, report: PolicyReport) -> PolicyReport:
    """The report, with what a sample of aggregates came to."""
    sample = verify_sample(connection, scheduled_at)
    return replace(
        report,
        wrong_buckets=sample.wrong,
        verified_day=f"{sample.days.starts:%Y-%m-%d}" if sample.days else None,
        wrong_derived=[f"{each.table} {example}" for each in sample.tables for example in each.examples][:10],
    )


def _failing(jobs: Sequence[FoundJob]) -> Iterator[str]:
    for job in jobs:
        if job.failed:
            yield f"job {job.job_id}, {job.kind} of {job.table_name}: {job.error or 'it did not say why'}"


def _late(jobs: Sequence[FoundJob]) -> Iterator[str]:
    for job in jobs:
        if _is_late(job):
            late = f"{in_words(job.late_seconds)} late{'' if job.runs else ', never run'}"
            yield f"job {job.job_id}, {job.kind} of {job.table_name}: {late}"
