"""The policies wanted held against those found: what is to be done, in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from chandlery.datasets.declared import tables
from chandlery.policies.domain.drops import describe_chunks
from chandlery.policies.domain.found import Density, Found, FoundJob, FoundTable
from chandlery.policies.domain.policy import (
    SETTLE,
    Columnstore,
    JobWanted,
    Policies,
    PolicyKind,
    TablePolicies,
    jobs_wanted,
    spelled,
    starts_after,
)
from chandlery.words.counting import spell
from chandlery.words.window import DAY

# TimescaleDB's own policies that are taken away, by the kind of their jobs, and why.
CARELESS = {
    "timescaledb_retention": ("drops rows before candles are derived from them: TimescaleDB's own retention"),
    "timescaledb_refresh": "runs in parallel with other refreshes: TimescaleDB's own refresh policy",
}
# From where the strokes of every schedule are counted.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class PolicyStep(StrEnum):
    """What an action does; each has a named query of the same name."""

    SET_CHUNK_INTERVAL = "set_chunk_interval"
    SET_COLUMNSTORE = "set_columnstore"
    SET_MINMAX = "set_minmax"
    REMOVE_COLUMNSTORE = "remove_columnstore"
    ADD_REFRESH = "add_refresh_job"
    ADD_COLUMNSTORE = "add_columnstore_job"
    ADD_RETENTION = "add_retention_job"
    ADD_STATISTICS = "add_statistics_job"
    ALTER_JOB = "alter_job"
    DELETE_JOB = "delete_job"
    RELEASE_RETENTION = "release_retention"
    RELEASE_HISTORY = "release_history"


_ADD = {
    PolicyKind.REFRESH: PolicyStep.ADD_REFRESH,
    PolicyKind.COLUMNSTORE: PolicyStep.ADD_COLUMNSTORE,
    PolicyKind.RETENTION: PolicyStep.ADD_RETENTION,
    PolicyKind.STATISTICS: PolicyStep.ADD_STATISTICS,
}


@dataclass(frozen=True)
class Action:
    """One step from what is found to what is wanted; a destructive one waits until somebody allows it.

    `drops_rows` says that rows go because of it that are there now.
    """

    table: str
    step: PolicyStep
    says: str
    destructive: bool = False
    drops_rows: bool = False
    values: Mapping[str, object] = field(default_factory=dict)


def plan(wanted: Policies, found: Found) -> Sequence[Action]:
    """What is to be done, in an order in which it can be; nothing where nothing differs."""
    return [
        *_removals(wanted, found),
        *(action for name in tables() for action in _changes(name, wanted, found)),
        *(action for action in releases(wanted, found) if found.due_of(action.table)),
    ]


def releases(wanted: Policies, found: Found) -> Sequence[Action]:
    """What the operator has to say before retention drops anything: for each table that it is wanted of."""
    return [action for name in tables() if name in wanted for action in _release(name, wanted[name], found)]


def release_history(name: str, found: Found) -> Action | None:
    """The operator's word for a table's history that is older than its retention; none where there is none."""
    kept = [chunk for chunk in found.due if chunk.table_name == name and chunk.is_kept]
    if not kept:
        return None
    return Action(
        name,
        PolicyStep.RELEASE_HISTORY,
        f"{name}: let history be dropped, {describe_chunks(kept)}",
        destructive=True,
        drops_rows=True,
        values={
            "table_name": name,
            "starts": [chunk.starts for chunk in kept],
            "ends": [chunk.ends for chunk in kept],
            "rows": [chunk.rows for chunk in kept],
            "imports": [chunk.imports for chunk in kept],
            "at": found.at,
        },
    )


def _release(name: str, policies: TablePolicies, found: Found) -> Iterator[Action]:
    if not policies.retention:
        return
    after, released = policies.retention.after, found.released.get(name)
    if released is not None and released <= after:
        return
    due = found.due_of(name)
    going = f": {describe_chunks(due)}" if due else "; none is that old yet"
    yield Action(
        name,
        PolicyStep.RELEASE_RETENTION,
        f"{name}: let rows older than {spelled(after)} be dropped from now on{going}",
        destructive=True,
        drops_rows=bool(due),
        values={"table_name": name, "age": after, "at": found.at},
    )


def _removals(wanted: Policies, found: Found) -> Iterator[Action]:
    for job in found.jobs:
        if job.kind is None or job.table_name is None:
            continue
        if job.table_name not in wanted:
            if job.table_name not in found.tables:
                yield _deleting(job, "is of a table that is no more")
            continue
        if job.kind in CARELESS:
            yield _deleting(job, CARELESS[job.kind])
        elif PolicyKind(job.kind) not in jobs_wanted(wanted[job.table_name]):
            yield _deleting(job, f"is not wanted: {job.kind}")
        elif job != found.jobs_of(job.table_name, job.kind)[0]:
            yield _deleting(job, f"is one too many: {job.kind}")


def _changes(name: str, wanted: Policies, found: Found) -> Iterator[Action]:
    if name not in wanted:
        return
    policies, table = wanted[name], found.tables[name]
    interval = chunk_interval(policies, table.chunk_interval, found.densities.get(name))
    if table.chunk_interval != interval:
        yield Action(
            name,
            PolicyStep.SET_CHUNK_INTERVAL,
            f"{name}: new chunks of {spelled(interval)}; they are of {spelled(table.chunk_interval)}",
            values={"hypertable": table.relation, "chunk_interval": interval},
        )
    jobs = jobs_wanted(policies)
    for kind in PolicyKind:
        if kind is PolicyKind.COLUMNSTORE:
            yield from _columnstore(name, policies, table)
        if kind in jobs:
            yield from _job(name, jobs[kind], found)


def chunk_interval(policies: TablePolicies, found: timedelta, density: Density | None) -> timedelta:
    """How long new chunks are to be; rows about as many as decide it leave it as it is found."""
    sparse = policies.sparse
    if sparse is None or density is None:
        return policies.chunk_interval
    if density.bytes_a_day is None:
        return sparse.chunk_interval if density.instruments <= sparse.instruments else policies.chunk_interval
    held = density.bytes_a_day * (sparse.chunk_interval / DAY) / (sparse.megabytes * 1_000_000)
    most = 1 if found == sparse.chunk_interval else 0.5
    return sparse.chunk_interval if held <= most else policies.chunk_interval


def _columnstore(name: str, policies: TablePolicies, table: FoundTable) -> Iterator[Action]:
    columnstore = policies.columnstore
    if columnstore is None:
        if table.order_by or table.segment_by:
            yield Action(
                name,
                PolicyStep.REMOVE_COLUMNSTORE,
                f"{name}: no columnstore; turn {spell(table.columnar_chunks, 'chunk')} back into rows",
                destructive=table.columnar_chunks > 0,
                values={"table_name": name},
            )
        return
    segment_by, order_by = ", ".join(columnstore.segment_by), _ordered(columnstore)
    if (table.segment_by, table.order_by) != (segment_by, order_by):
        was = (
            f"they were by {table.segment_by or 'nothing'}, in order of {table.order_by}"
            if table.order_by
            else "there are none"
        )
        yield Action(
            name,
            PolicyStep.SET_COLUMNSTORE,
            f"{name}: columns segmented by {segment_by or 'nothing'}, in order of {order_by}; {was}",
            values={"table_name": name, "segment_by": segment_by, "order_by": order_by},
        )
    if columnstore.minmax and table.minmax != (minmax := ", ".join(columnstore.minmax)):
        yield Action(
            name,
            PolicyStep.SET_MINMAX,
            f"{name}: columns tell the least and greatest {minmax}; they told {table.minmax or 'none'}",
            values={"table_name": name, "minmax": list(columnstore.minmax)},
        )


def _ordered(columnstore: Columnstore) -> str:
    """As the catalogue has it: each column, and DESC where it is so."""
    return ", ".join(_term(*term.split()) for term in columnstore.order_by)


def _term(column: str, *words: str) -> str:
    return " ".join([column, *(word.upper() for word in words if word.upper() != "ASC")])


def _job(name: str, wanted: JobWanted, found: Found) -> Iterator[Action]:
    jobs = found.jobs_of(name, wanted.kind)
    if not jobs:
        drops = wanted.kind is PolicyKind.RETENTION and _would_drop(found, name, wanted)
        values = {"table_name": name, "schedule": wanted.schedule, "starts_after": starts_after(name, wanted)}
        if wanted.age is not None:
            values["age"] = wanted.age
        says = f"{name}: {_in_words(wanted)}; there is no such job"
        yield Action(name, _ADD[wanted.kind], says, drops, drops, values)
        return
    job = jobs[0]
    differs = list(_differences(name, wanted, job))
    if not differs:
        return
    retention = wanted.kind is PolicyKind.RETENTION
    sooner = retention and job.age is not None and wanted.age is not None and wanted.age < job.age
    # A job that is paused, or that was told nonsense, drops nothing.
    idle = not job.scheduled or job.age is None
    drops = retention and (sooner or idle) and _would_drop(found, name, wanted)
    yield Action(
        name,
        PolicyStep.ALTER_JOB,
        f"{name}: {_in_words(wanted)}; job {job.job_id} {' and '.join(differs)}",
        sooner or drops,
        drops,
        {
            "job_id": job.job_id,
            "kind": str(wanted.kind),
            "schedule": wanted.schedule,
            "age": wanted.age,
            "starts_after": starts_after(name, wanted),
        },
    )


def _differences(name: str, wanted: JobWanted, job: FoundJob) -> Iterator[str]:
    if not job.scheduled:
        yield "is paused"
    if job.schedule != wanted.schedule:
        yield f"runs every {spelled(job.schedule)}"
    if job.age != wanted.age:
        yield f"does so for {spelled(job.age)}"
    if wanted.kind is PolicyKind.REFRESH and job.end_offset != SETTLE:
        yield f"leaves out the newest {spelled(job.end_offset)}"
    if job.first_start is None:
        yield "has no fixed schedule"
    elif (found := (job.first_start - _EPOCH) % wanted.schedule) != starts_after(name, wanted):
        yield f"starts {spelled(found) if found else '0 s'} into its schedule, at the same time as others"


def _in_words(job: JobWanted) -> str:
    every = f"every {spelled(job.schedule)}"
    match job.kind:
        case PolicyKind.REFRESH:
            return f"refresh the newest {spelled(job.age)} {every}"
        case PolicyKind.COLUMNSTORE:
            return f"turn chunks into columns after {spelled(job.age)}, looking {every}"
        case PolicyKind.RETENTION:
            return f"drop chunks after {spelled(job.age)}, looking {every}"
        case _:
            return f"update statistics {every}"


def _would_drop(found: Found, name: str, wanted: JobWanted) -> bool:
    return wanted.age is not None and any(chunk.ends <= found.at - wanted.age for chunk in found.due_of(name))


def _deleting(job: FoundJob, why: str) -> Action:
    return Action(
        job.table_name or "",
        PolicyStep.DELETE_JOB,
        f"{job.table_name}: remove job {job.job_id}, which {why}",
        values={"job_id": job.job_id},
    )
