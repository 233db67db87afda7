"""The policies file, the linter's rules, and the plan from found to wanted."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.datasets.declared import tables
from chandlery.platform.errors import Permanent
from chandlery.policies.carry_out_policies import is_due
from chandlery.policies.domain.drops import DueChunk, kept_history, let_go
from chandlery.policies.domain.found import Density, Found, FoundJob, FoundTable
from chandlery.policies.domain.policy import (
    SETTLE,
    Columnstore,
    JobWanted,
    Policies,
    PolicyKind,
    Refresh,
    Retention,
    Sparse,
    TablePolicies,
    jobs_wanted,
    spelled,
    starts_after,
    workers_needed,
)
from chandlery.policies.domain.policy_plan import CARELESS, PolicyStep, plan, release_history, releases
from chandlery.policies.domain.policy_rules import RULES, lint
from chandlery.policies.wanted import parse_duration, read_policies

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
STROKE = datetime(2000, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SHIPPED = read_policies()
Change = Callable[[TablePolicies], TablePolicies]


def changed(table: str, change: Change) -> Policies:
    return {**SHIPPED, table: change(SHIPPED[table])}


def columnstore(**changes: object) -> Change:
    def change(table: TablePolicies) -> TablePolicies:
        stored = table.columnstore or Columnstore(30 * DAY, HOUR, ("instrument_id",), ("time",))
        return replace(table, columnstore=replace(stored, **changes))  # type: ignore[arg-type]

    return change


def sparse(length: timedelta) -> Change:
    return lambda table: replace(table, sparse=Sparse(length, 2000, 2000))


def retention(after: timedelta) -> Change:
    return lambda table: replace(table, retention=Retention(after, HOUR))


def refresh(over: timedelta, schedule: timedelta = MINUTE) -> Change:
    return lambda table: replace(table, refresh=Refresh(over, schedule))


def due_chunk(table: str, ends: datetime, history: str | None = None) -> DueChunk:
    """A chunk older than its table's retention."""
    return DueChunk(table, ends - 7 * DAY, ends, history, int(history is not None), is_released=False, rows=60)


def as_found(policies: Policies, *, due: Sequence[DueChunk] = ()) -> Found:
    """A database that has exactly these policies, and whose operator released retention."""
    tables, jobs = {}, list[FoundJob]()
    for name, table in policies.items():
        stored = table.columnstore
        tables[name] = FoundTable(
            name,
            f"market.{name}",
            table.chunk_interval,
            ", ".join(stored.segment_by) if stored else "",
            ", ".join(stored.order_by) if stored else "",
            ", ".join(stored.minmax) if stored else "",
            0,
        )
        for job in jobs_wanted(table).values():
            end = SETTLE if job.kind is PolicyKind.REFRESH else None
            jobs.append(
                FoundJob(
                    1000 + len(jobs),
                    job.kind,
                    name,
                    "p",
                    job.schedule,
                    job.age,
                    end,
                    first_start=STROKE + starts_after(name, job),
                    scheduled=True,
                    failed=False,
                    error=None,
                    runs=1,
                    late_seconds=0,
                )
            )
    released = {name: table.retention.after for name, table in policies.items() if table.retention}
    return Found(NOW, tables, jobs, due, released)


def with_job(found: Found, table: str, kind: PolicyKind, **changes: object) -> Found:
    jobs = [
        replace(job, **changes) if (job.table_name, job.kind) == (table, kind) else job  # type: ignore[arg-type]
        for job in found.jobs
    ]
    return replace(found, jobs=jobs)


def test_the_shipped_policies_pass() -> None:
    assert lint(SHIPPED) == []


def test_the_shipped_policies_are_those_promised() -> None:
    ticks, candles = SHIPPED["ticks"], SHIPPED["candles"]
    assert (ticks.chunk_interval, candles.chunk_interval) == (6 * HOUR, 7 * DAY)
    assert ticks.columnstore is not None
    assert candles.columnstore is not None
    assert (ticks.columnstore.after, candles.columnstore.after) == (DAY, 7 * DAY)
    assert (ticks.retention, candles.retention) == (Retention(90 * DAY, 6 * HOUR), Retention(90 * DAY, 12 * HOUR))
    assert SHIPPED["indicator_values"].retention == Retention(90 * DAY, 12 * HOUR)
    for derived in ("candles", "strike_candles"):
        assert SHIPPED[f"{derived}_5m"].refresh == Refresh(2 * HOUR, MINUTE)
        assert SHIPPED[f"{derived}_15m"].refresh == Refresh(6 * HOUR, 5 * MINUTE)
    assert SHIPPED["strike_candles"].retention == Retention(90 * DAY, 12 * HOUR)
    assert not [name for name in SHIPPED if tables()[name].bucket and SHIPPED[name].retention]


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        (changed("ticks", retention(6 * DAY)), "before the live gap monitor's 7 days are over"),
        (changed("candles", retention(4 * DAY)), "inside the 5 days over which candles_1d_parts is refreshed"),
        (changed("candles", retention(20 * DAY)), "inside the 21 days that the gap monitors look back"),
        (changed("ticks", retention(120 * DAY)), "while their ticks are kept 120 days"),
        (changed("ticks", lambda table: replace(table, retention=None)), "while their ticks are kept for ever"),
        (changed("ticks", columnstore(after=23 * HOUR)), "ticks are written for 1 day"),
        (changed("candles", columnstore(after=6 * DAY)), "candles are written for 7 days"),
        (changed("candles_5m", columnstore(after=6 * DAY)), "younger than what is still being upserted"),
        (changed("candles_4h", refresh(40 * DAY)), "lies inside the refresh window of 40 days"),
        (changed("ticks", columnstore(after=90 * DAY)), "is not before retention drops the chunk"),
        (changed("candles_1h", refresh(2 * HOUR)), "less than two buckets of 1 h"),
        (changed("candles_5m", refresh(2 * HOUR, 3 * HOUR)), "every 3 h is too seldom for a window of 2 h"),
        (changed("candles", lambda table: replace(table, chunk_interval=91 * DAY)), "longer than the 90 days"),
        (
            changed("candles", lambda table: replace(table, chunk_interval=36 * HOUR)),
            "36 h is not whole buckets of candles_1d_parts, of 1 day",
        ),
        (
            changed("ticks", sparse(91 * DAY)),
            "sparse.chunk_interval: a chunk of 91 days is longer than",
        ),
        (changed("ticks", sparse(6 * HOUR)), "6 h is not longer than the 6 h of other chunks"),
        (changed("ticks", columnstore(minmax=("symbol",))), "columnstore.minmax: there is no column 'symbol'"),
        (changed("candles_5m", retention(30 * DAY)), "30 days is shorter than candles are kept (90 days)"),
        (changed("candles_15m", retention(100 * DAY)), "100 days is shorter than candles_5m is kept (for ever)"),
        (changed("candle_hours", retention(90 * DAY)), "dropped along with their candles"),
        (changed("candles_5m", lambda table: replace(table, refresh=None)), "nothing would keep the aggregate fresh"),
        (changed("ticks", refresh(2 * HOUR)), "ticks is no aggregate"),
        (changed("ticks", columnstore(segment_by=("symbol",))), "there is no column 'symbol'; there are: cancelled,"),
        (changed("ticks", columnstore(order_by=("moment", "time"))), "there is no column 'moment'"),
        (changed("ticks", columnstore(order_by=("time UPWARDS",))), "is no column with ASC or DESC"),
        (changed("ticks", columnstore(order_by=("time", "instrument_id"))), "cannot be both"),
        (changed("ticks", columnstore(segment_by=("time",), order_by=("seq",))), "each segment would be a single row"),
        (changed("ticks", columnstore(order_by=("seq",))), "time is missing"),
        ({name: SHIPPED[name] for name in SHIPPED if name != "candles_4h"}, "candles_4h: has no policies"),
    ],
)
def test_what_would_lose_data_or_never_work_is_refused(policies: Policies, said: str) -> None:
    problems = lint(policies)
    assert [problem for problem in problems if said in problem], problems
    assert all(re.match(r"\w+(\.\w+)*: ", problem) for problem in problems)


def test_every_rule_is_tried() -> None:
    cases = test_what_would_lose_data_or_never_work_is_refused.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert all(any(list(rule(policies)) for policies, _ in cases) for rule in RULES)


@given(st.sampled_from(["s", "min", "h", "day", "days", "weeks"]), st.integers(1, 3000))
def test_a_duration_is_reported_as_it_was_written(unit: str, count: int) -> None:
    duration = parse_duration(f"{count} {unit}")
    assert parse_duration(spelled(duration).replace(",", "")) == duration


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[ticks]\nchunk_interval = "6 fortnights"', "policies.toml, line 2, ticks.chunk_interval: '6 fortnights' is"),
        ("[ticks]\n\nchunk_interval = 6", "line 3, ticks.chunk_interval: 6 is no duration; write a number and one of"),
        ('[ticks]\nchunk_interval = "0 h"', "line 2, ticks.chunk_interval: '0 h' is no duration to keep anything for"),
        (
            '[ticks]\nchunk_interval = "6 h"\nretention = { after = "1 month", schedule = "1 h" }',
            "line 3, ticks.retention.after: '1 month'",
        ),
        (
            '[candles]\nchunk_interval = "7 days"\n[ticks]\nchunk_interval = "6 h"\n[ticks.retention]\nafter = "x"',
            "line 6, ticks.retention.after: 'x' is no duration",
        ),
        (
            '# a comment\n[tocks]\nchunk_interval = "6 h"',
            "line 2, tocks: no such table; there are: open_interest, option_quotes, strike_candles,",
        ),
        ('[ticks]\nchunk = "6 h"\nchunk_interval = "6 h"', "line 2, ticks.chunk: no such key; there are: chunk_interv"),
        (
            '[ticks]\nchunk_interval = "6 h"\nretention = { before = "14 days" }',
            "line 3, ticks.retention.after: is missing",
        ),
        ('[ticks]\nstatistics = { schedule = "1 h" }', "line 1, ticks.chunk_interval: is missing"),
        ("[ticks\n", "policies.toml cannot be read: "),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "policies.toml"
    path.write_text(text)
    with pytest.raises(Permanent) as raised:
        read_policies(path)
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"policies\.toml cannot be read: .*No such file"):
        read_policies(tmp_path / "policies.toml")


def test_what_is_as_it_should_be_needs_nothing() -> None:
    assert plan(SHIPPED, as_found(SHIPPED)) == []


@pytest.mark.parametrize(
    ("found", "gigabytes", "instruments", "wanted"),
    [
        (6 * HOUR, None, 2000, DAY),
        (6 * HOUR, None, 2001, 6 * HOUR),
        (6 * HOUR, 0.9, 10_000, DAY),
        (6 * HOUR, 1.9, 2, 6 * HOUR),
        (DAY, 1.9, 2, DAY),
        (DAY, 2.1, 2, 6 * HOUR),
        (7 * DAY, 1.5, 2, 6 * HOUR),
    ],
)
def test_chunks_are_as_long_as_their_rows_let_them(
    found: timedelta, gigabytes: float | None, instruments: int, wanted: timedelta
) -> None:
    a_day = None if gigabytes is None else int(gigabytes * 1e9)
    ticks = replace(as_found(SHIPPED).tables["ticks"], chunk_interval=found)
    database = replace(
        as_found(SHIPPED),
        tables={**as_found(SHIPPED).tables, "ticks": ticks},
        densities={"ticks": Density("ticks", a_day, instruments)},
    )
    assert [(each.step, each.values["chunk_interval"]) for each in plan(SHIPPED, database)] == (
        [] if found == wanted else [(PolicyStep.SET_CHUNK_INTERVAL, wanted)]
    )


def test_what_batches_state_is_corrected() -> None:
    found = as_found(SHIPPED)
    bare = replace(found, tables={**found.tables, "ticks": replace(found.tables["ticks"], minmax="")})
    (action,) = plan(SHIPPED, bare)
    assert (action.step, action.says) == (
        PolicyStep.SET_MINMAX,
        "ticks: columns tell the least and greatest cancelled; they told none",
    )


def test_jobs_start_apart() -> None:
    starts = [
        (name, job, starts_after(name, job)) for name, table in SHIPPED.items() for job in jobs_wanted(table).values()
    ]
    assert len({after for _, _, after in starts}) == len(starts) > 27
    # A chunk's columnstore and retention are far apart, whichever hour both fall on.
    for name, job, after in starts:
        assert timedelta(0) <= after < job.schedule
        others = [other for table, each, other in starts if table == name and each.kind is not job.kind]
        if job.kind is not PolicyKind.REFRESH:
            assert all(abs(other - after) >= 2 * MINUTE for other in others), name


def test_an_aggregate_is_refreshed_after_what_it_is_made_of() -> None:
    refreshes = {
        name: starts_after(name, job)
        for name, table in SHIPPED.items()
        for job in jobs_wanted(table).values()
        if job.kind is PolicyKind.REFRESH
    }
    for name, after in refreshes.items():
        assert refreshes.get(str(tables()[name].source), timedelta(0)) < after < MINUTE


def test_a_start_lies_inside_a_short_schedule() -> None:
    quick = JobWanted(PolicyKind.STATISTICS, 5 * MINUTE)
    assert all(timedelta(0) <= starts_after(name, quick) < 5 * MINUTE for name in tables())


def test_workers_are_counted() -> None:
    # Launcher, scheduler, upkeep; fourteen refreshes; columnstore, retention, statistics.
    assert workers_needed(SHIPPED, 1) == workers_needed(SHIPPED, 0) == 3 + 14 + 3
    assert workers_needed(SHIPPED, 4) == 23


def test_a_bare_database_gets_everything_and_loses_nothing() -> None:
    bare = replace(as_found(SHIPPED), jobs=[])
    actions = plan(SHIPPED, bare)
    assert len(actions) == sum(len(jobs_wanted(table)) for table in SHIPPED.values())
    assert not any(action.destructive for action in actions)


@pytest.mark.parametrize(
    ("due", "destructive"),
    [
        ([due_chunk("candles", NOW - 90 * DAY)], True),
        ([due_chunk("candles", NOW - 90 * DAY + MINUTE)], False),
        ([due_chunk("ticks", NOW - 90 * DAY)], False),
        ([due_chunk("candles", NOW - 90 * DAY, history="imported")], False),
    ],
)
def test_retention_waits_for_permission_where_rows_would_go(due: Sequence[DueChunk], destructive: bool) -> None:
    found = as_found(SHIPPED, due=due)
    jobs = [job for job in found.jobs if (job.table_name, job.kind) != ("candles", PolicyKind.RETENTION)]
    (action,) = plan(SHIPPED, replace(found, jobs=jobs))
    assert (action.step, action.destructive) == (PolicyStep.ADD_RETENTION, destructive)


@pytest.mark.parametrize("released", [{}, {"candles": 91 * DAY}])
def test_the_first_drop_of_a_table_waits_for_the_operator(released: dict[str, timedelta]) -> None:
    waiting = replace(as_found(SHIPPED), released=released)
    # Nothing is due: nothing waits, and the operator can let it go beforehand.
    assert plan(SHIPPED, waiting) == []
    held = releases(SHIPPED, waiting)
    assert [(each.table, each.drops_rows) for each in held] == [
        ("option_quotes", False), ("strike_candles", False), ("ticks", False), ("candles", False),
        ("flows", False), ("indicator_values", False), ("sentiment", False),
    ]  # fmt: skip

    due = [due_chunk("candles", NOW - 97 * DAY), due_chunk("candles", NOW - 90 * DAY)]
    (action,) = plan(SHIPPED, replace(waiting, due=due))
    assert (action.step, action.destructive, action.drops_rows) == (PolicyStep.RELEASE_RETENTION, True, True)
    assert action.says == (
        "candles: let rows older than 90 days be dropped from now on: 2 chunks from 2025-11-18T12:00Z to"
        " 2025-12-02T12:00Z, 120 rows"
    )
    assert action.values == {"table_name": "candles", "age": 90 * DAY, "at": NOW}


def test_what_the_operator_let_go_is_no_drift() -> None:
    assert plan(SHIPPED, as_found(SHIPPED, due=[due_chunk("candles", NOW - 90 * DAY)])) == []


def test_history_is_no_drift_and_is_released_by_name_alone() -> None:
    due = [due_chunk("ticks", NOW - days * DAY, history="imported") for days in (400, 393, 200)]
    found = as_found(SHIPPED, due=[*due, due_chunk("candles", NOW - 90 * DAY)])
    assert plan(SHIPPED, found) == []
    (kept,) = kept_history(found.due)
    assert kept == (
        "ticks, imported: 2 chunks from 2025-01-19T12:00Z to 2025-02-02T12:00Z, 120 rows;"
        " 1 chunk from 2025-08-07T12:00Z to 2025-08-14T12:00Z, 60 rows"
    )
    assert list(kept_history(found.due, but_of={"ticks"})) == []
    assert list(let_go(found.due, but_of=())) == [
        "candles: 1 chunk from 2025-11-25T12:00Z to 2025-12-02T12:00Z, 60 rows"
    ]
    assert list(let_go(found.due, but_of=("candles",))) == []
    action = release_history("ticks", found)
    assert action is not None
    assert (action.destructive, action.values["starts"]) == (True, [chunk.starts for chunk in due])
    assert (action.values["rows"], action.values["imports"]) == ([60, 60, 60], [1, 1, 1])
    assert release_history("candles", found) is None


@pytest.mark.parametrize(
    ("table", "kind", "changes", "said", "destructive"),
    [
        ("candles", PolicyKind.RETENTION, {"age": 91 * DAY}, "does so for 91 days", True),
        ("candles", PolicyKind.RETENTION, {"age": 89 * DAY}, "does so for 89 days", False),
        ("candles", PolicyKind.RETENTION, {"age": None}, "does so for none", False),
        ("candles", PolicyKind.REFRESH, {}, None, False),
        ("candles_5m", PolicyKind.REFRESH, {"schedule": HOUR}, "runs every 1 h", False),
        ("candles_5m", PolicyKind.REFRESH, {"scheduled": False}, "is paused", False),
        ("candles_5m", PolicyKind.REFRESH, {"end_offset": None}, "leaves out the newest none", False),
        ("ticks", PolicyKind.RETENTION, {"first_start": NOW}, "starts 0 s into its schedule", False),
        ("ticks", PolicyKind.RETENTION, {"first_start": NOW + MINUTE}, "starts 1 min into its schedule", False),
        ("ticks", PolicyKind.RETENTION, {"first_start": None}, "has no fixed schedule", False),
        ("ticks", PolicyKind.COLUMNSTORE, {"age": 2 * DAY}, "does so for 2 days", False),
    ],
)
def test_a_job_that_differs_is_altered(
    table: str, kind: PolicyKind, changes: dict[str, object], said: str | None, destructive: bool
) -> None:
    actions = plan(SHIPPED, with_job(as_found(SHIPPED), table, kind, **changes))
    assert [(action.step, action.destructive) for action in actions] == (
        [(PolicyStep.ALTER_JOB, destructive)] if said else []
    )
    assert all((said or "") in action.says for action in actions)


def test_a_paused_retention_is_resumed_only_if_nothing_goes_at_once() -> None:
    for due, destructive in ([], False), ([due_chunk("ticks", NOW - 90 * DAY)], True):
        found = with_job(as_found(SHIPPED, due=due), "ticks", PolicyKind.RETENTION, scheduled=False)
        (action,) = plan(SHIPPED, found)
        assert (action.destructive, action.drops_rows) == (destructive, destructive)


def test_jobs_too_many_and_careless_ones_go_and_strangers_stay() -> None:
    found = as_found(SHIPPED)
    again = replace(found.jobs_of("ticks", "retention")[0], job_id=2000)
    careless = [
        replace(again, job_id=2003 + number, kind=kind, table_name="candles_5m") for number, kind in enumerate(CARELESS)
    ]
    unwanted = replace(again, job_id=2001, table_name="candles_5m")
    stranger = replace(again, job_id=2002, kind=None)
    orphan = replace(again, job_id=2005, table_name="gone")
    actions = plan(SHIPPED, replace(found, jobs=[*found.jobs, again, unwanted, stranger, *careless, orphan]))
    assert [(action.step, action.values["job_id"]) for action in actions] == [
        (PolicyStep.DELETE_JOB, job_id) for job_id in (2000, 2001, 2003, 2004, 2005)
    ]
    assert [each.says.rpartition(": ")[2] for each in actions[2:4]] == [
        "TimescaleDB's own retention",
        "TimescaleDB's own refresh policy",
    ]
    assert not any(action.destructive for action in actions)


def test_a_columnstore_that_is_not_wanted_waits_for_permission_if_it_is_used() -> None:
    found = as_found(SHIPPED)
    for chunks, destructive in ((0, False), (3, True)):
        stored = replace(found.tables["candle_hours"], order_by="hour", columnar_chunks=chunks)
        (action,) = plan(SHIPPED, replace(found, tables={**found.tables, "candle_hours": stored}))
        assert (action.step, action.destructive, action.drops_rows) == (
            PolicyStep.REMOVE_COLUMNSTORE,
            destructive,
            False,
        )


def test_an_aggregate_gets_its_jobs_in_an_order_in_which_it_can() -> None:
    found = as_found(SHIPPED)
    plain = {name: replace(table, order_by="", segment_by="") for name, table in found.tables.items()}
    steps = [
        action.step for action in plan(SHIPPED, replace(found, tables=plain, jobs=[])) if action.table == "candles_5m"
    ]
    assert steps == [
        PolicyStep.ADD_REFRESH,
        PolicyStep.SET_COLUMNSTORE,
        PolicyStep.ADD_COLUMNSTORE,
        PolicyStep.ADD_STATISTICS,
    ]


@given(st.integers(0, 10_000), st.integers(1, 500), st.sampled_from([1, 5, 15, 60, 1440]))
def test_a_policy_is_due_once_a_mark_of_its_schedule(start: int, minutes: int, every: int) -> None:
    schedule, last, done = every * MINUTE, None, 0
    marks = set()
    for minute in range(start, start + minutes, 5):
        at = NOW + minute * MINUTE
        marks.add((at - datetime(2000, 1, 1, tzinfo=UTC)) // schedule)
        if is_due(last, at, schedule):
            last, done = at, done + 1
            assert not is_due(last, at, schedule)
    assert done == len(marks)


def test_an_earlier_time_is_due_as_well() -> None:
    assert is_due(NOW, NOW - 365 * DAY, HOUR)
