"""Carry out policies in the place of a background scheduler, by the scheduled time instead of the server's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.platform.dry_run import runs_dry
from chandlery.platform.errors import ChandleryError
from chandlery.policies.domain.found import FoundJob
from chandlery.policies.domain.policy import PolicyKind
from chandlery.policies.store import policies as store
from chandlery.refresh.refresh_stale import Refresher
from chandlery.words.window import Window

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_KINDS = list(PolicyKind)


class _Busy(Exception):
    """Another refresh is at work; the next run looks again."""


@dataclass(frozen=True)
class CarriedOut:
    """What standing in came to; `left` policies were due, and found no time or another refresh at work."""

    done: int
    left: int
    waits: Sequence[str]
    errors: Sequence[str]


def is_due(last: datetime | None, at: datetime, schedule: timedelta) -> bool:
    """Whether a mark of the schedule lies between the last time and this one, whichever came first: replays go back."""
    return last is None or (last - _EPOCH) // schedule != (at - _EPOCH) // schedule


def carry_out(
    connection: Connection,
    at: datetime,
    jobs: Sequence[FoundJob],
    has_time: Callable[[], bool],
    *,
    server_time: datetime,
) -> CarriedOut:
    """Carry out what is due, each policy by itself: one that fails keeps no other from being done.

    Args:
        connection: in autocommit mode.
        at: the scheduled time, aware.
        jobs: those to carry out.
        has_time: asked before each policy whether another one fits.
        server_time: the server's clock, aware: nothing is dropped before its time by this clock as well.

    Raises:
        Retryable, Permanent: what was done cannot be recorded.
    """
    upkeep = store.list_upkeep(connection)
    done, left, waits, errors = 0, 0, list[str](), list[str]()
    for job in sorted(filter(_is_ours, jobs), key=_place):
        policy = f"{job.kind} {job.table_name}"
        # One that failed is tried again by the next run: it was not done for its time.
        if not is_due(upkeep[policy].succeeded_at if policy in upkeep else None, at, job.schedule):
            continue
        if not has_time():
            left += 1
            continue
        try:
            waits += _carry_out(connection, at, job, server_time, has_time)
        except _Busy:
            left += 1
        except ChandleryError as error:
            store.record_upkeep(connection, policy, at, str(error))
            errors.append(f"{policy}: {error}")
        else:
            store.record_upkeep(connection, policy, at)
            done += 1
    return CarriedOut(done, left, waits, errors)


def _is_ours(job: FoundJob) -> bool:
    return job.kind in _KINDS and job.table_name in declared.tables() and job.scheduled


def _place(job: FoundJob) -> tuple[int, int]:
    return _KINDS.index(PolicyKind(str(job.kind))), list(declared.tables()).index(str(job.table_name))


def _carry_out(
    connection: Connection, at: datetime, job: FoundJob, server_time: datetime, has_time: Callable[[], bool]
) -> Sequence[str]:
    """Returns what it waits for, if anything.

    Raises:
        _Busy: it was not done, since another refresh is at work.
    """
    table = str(job.table_name)
    if job.kind == PolicyKind.STATISTICS:
        store.analyze(connection, table)
    elif job.age is not None:
        before = at - job.age
        if job.kind == PolicyKind.REFRESH:
            # A dry run cannot ask TimescaleDB what of so long a stretch is stale, and would compute all of it.
            if runs_dry(connection):
                return []
            rollup = declared.tables()[table].rollup
            if rollup and not Refresher(connection, at).refresh(rollup, [Window(before, at)]):
                raise _Busy
        elif job.kind == PolicyKind.COLUMNSTORE:
            store.turn_to_columns(connection, table, before)
        # What is dropped does not come back: one wrong clock is not enough for that, and a replay's is behind.
        else:
            horizon = min(before, server_time - job.age)
            _, waits = store.drop_before(connection, table, horizon, job.age, has_time)
            return [waits] if waits else []
    return []
