"""Policies wanted against found on a real TimescaleDB: drift, bad databases, standing in for the scheduler."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from psycopg import Connection

from chandlery.platform import runs
from chandlery.platform.connection import connect
from chandlery.platform.errors import ChandleryError, Permanent, Retryable
from chandlery.platform.settings import Settings
from chandlery.policies.apply_policies import apply_policies, plan_policies
from chandlery.policies.maintain_policies import PolicyReport
from chandlery.policies.store import policies as store
from chandlery.policies.store import sizes
from tests.conftest import SERVER_URL
from tests.integration.market import around_the_clock
from tests.integration.policy_scene import (
    DAY,
    DERIVED,
    HOUR,
    MINUTE,
    NOON,
    WANTED,
    came_in_time,
    count,
    desk,
    hold_jobs,
    keep,
    maintain,
    relation_of,
    store_candles,
)

__all__ = ["desk"]

_JOB = "(SELECT min(job_id) FROM timescaledb_information.jobs WHERE proc_name = '{}' AND schedule_interval = '{}')"


def _of(table: str, procedure: str, schedule: str) -> str:
    """The job of a table, in SQL."""
    return _JOB.format(procedure, schedule).replace("WHERE", f"WHERE config ->> 'table_name' = '{table}' AND")


REFRESH = _of("candles_5m", "apply_refresh", "1 minute")
STRIKES = _of("strike_candles_15m", "apply_refresh", "5 minutes")
RETENTION = _of("candles", "apply_retention", "12 hours")
STATISTICS = _of("ticks", "apply_statistics", "7 days")
CALM = (0, 0, False)
_ADD_REFRESH_POLICY = (
    "SELECT add_continuous_aggregate_policy('market.candles_5m', INTERVAL '1 day', INTERVAL '1 min', INTERVAL '1 h',"
    " initial_start => '2100-01-01')"
)


def _add_retention(table: str) -> str:
    config = f'{{"table_name": "{table}", "drop_after": "1 day"}}'
    return (
        f"SELECT add_job('market.apply_retention', INTERVAL '1 h', config => '{config}', initial_start => '2100-01-01')"
    )


def calm(report: PolicyReport) -> tuple[int, int, bool]:
    return (report.drift, report.policies_done, report.changed)


def jobs(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT proc_name, schedule_interval, config, scheduled,"
        " initial_start - date_bin(schedule_interval, initial_start, '2000-01-01 00:00Z')"
        " FROM timescaledb_information.jobs WHERE job_id >= 1000 ORDER BY proc_name, config::text"
    ).fetchall()


def test_the_first_run_sets_everything_up_and_the_second_finds_nothing(desk: Connection) -> None:
    first = maintain(desk, NOON)
    assert first.drift == first.drift_applied == len(first.drifted) > 30
    assert first.waiting_for_permission == []
    tables = {table.table_name: table for table in store.find(desk, WANTED, NOON).tables.values()}
    assert tables["ticks"].chunk_interval == DAY
    ticks = tables["ticks"]
    assert (ticks.segment_by, ticks.order_by, ticks.minmax) == ("instrument_id", "time, seq", "cancelled")
    assert tables["candles_5m"].chunk_interval == timedelta(days=28)
    strikes = tables["strike_candles"], tables["strike_candles_5m"], tables["strike_candles_15m"]
    assert [each.chunk_interval for each in strikes] == [DAY, 7 * DAY, 28 * DAY]
    of_chain = ("instrument_id, expires_at, contract", "strike, time")
    assert {(each.segment_by, each.order_by) for each in strikes} == {of_chain}
    kept = jobs(desk)
    assert strike_jobs(desk) == [
        ("strike_candles", "columnstore", HOUR, DAY),
        ("strike_candles", "retention", 12 * HOUR, 90 * DAY),
        ("strike_candles_15m", "columnstore", 12 * HOUR, 28 * DAY),
        ("strike_candles_15m", "refresh", 5 * MINUTE, 6 * HOUR),
        ("strike_candles_5m", "columnstore", 12 * HOUR, 7 * DAY),
        ("strike_candles_5m", "refresh", MINUTE, 2 * HOUR),
    ]

    assert calm(maintain(desk, NOON)) == CALM
    assert jobs(desk) == kept


def strike_jobs(connection: Connection) -> list[tuple[object, ...]]:
    """What is done to strike candles of 1, 5 and 15 minutes: how often, and over or after how long."""
    tables = ("strike_candles", "strike_candles_5m", "strike_candles_15m")
    found = store.find(connection, WANTED, NOON).jobs
    told = [(job.table_name, str(job.kind), job.schedule, job.age) for job in found if job.table_name in tables]
    return sorted(each for each in told if each[1] != "statistics")


def test_a_plan_changes_nothing(desk: Connection) -> None:
    planned = plan_policies(desk, NOON, WANTED)
    assert len(planned.actions) > 30
    assert jobs(desk) == []


@pytest.mark.sampled(every=6)
@pytest.mark.parametrize(
    ("sabotage", "said"),
    [
        (
            f"SELECT delete_job({_of('candles_4h', 'apply_refresh', '1 hour')})",
            "candles_4h: refresh the newest 4 days every 1 h; there is no such job",
        ),
        (
            "CALL remove_columnstore_policy('market.candles')",
            "candles: turn chunks into columns after 7 days, looking every 6 h; there is no such job",
        ),
        (
            f"SELECT alter_job({REFRESH}, schedule_interval => INTERVAL '1 hour')",
            r"candles_5m: refresh the newest 2 h every 1 min; job \d+ runs every 1 h",
        ),
        (
            f"SELECT alter_job({STRIKES}, schedule_interval => INTERVAL '1 hour')",
            r"strike_candles_15m: refresh the newest 6 h every 5 min; job \d+ runs every 1 h",
        ),
        (f"SELECT alter_job({REFRESH}, scheduled => false)", r"candles_5m: .*; job \d+ is paused"),
        (
            f'SELECT alter_job({RETENTION}, config => \'{{"table_name": "candles", "drop_after": "1 year"}}\')',
            r"candles: drop chunks after 90 days, looking every 12 h; job \d+ does so for 365 days",
        ),
        (
            f'SELECT alter_job({RETENTION}, config => \'{{"table_name": "candles", "drop_after": "soon"}}\')',
            r"candles: drop chunks after 90 days, looking every 12 h; job \d+ does so for none",
        ),
        (
            f"SELECT alter_job({STATISTICS}, initial_start => '2000-01-01 00:00Z')",
            r"ticks: update statistics every 7 days; job \d+ starts 0 s into its schedule, .*",
        ),
        (
            _add_retention("ticks"),
            r"ticks: remove job \d+, which is one too many: retention",
        ),
        (
            "SELECT add_retention_policy('market.candles', INTERVAL '30 days', initial_start => '2100-01-01')",
            r"candles: remove job \d+, which drops rows before .*: TimescaleDB's own retention",
        ),
        (
            _ADD_REFRESH_POLICY,
            r"candles_5m: remove job \d+, which runs in parallel .*: TimescaleDB's own refresh policy",
        ),
        (
            "SELECT set_chunk_time_interval('market.ticks', INTERVAL '2 days')",
            "ticks: new chunks of 1 day; they are of 2 days",
        ),
        (
            "CALL market.set_columnstore('candles', '', 'time DESC')",
            "candles: columns segmented by instrument_id, in order of time; they were by nothing, in order .* DESC",
        ),
    ],
)
def test_drift_is_named_and_put_right_in_one_run(desk: Connection, sabotage: str, said: str) -> None:
    maintain(desk, NOON)
    before = jobs(desk)
    desk.execute(sabotage)
    hold_jobs(desk)

    report = maintain(desk, NOON)
    # A longer retention found would be shortened: an operator must allow that.
    if "365 days" in said:
        assert report.waiting_for_permission == report.drifted
        apply_policies(desk, NOON, WANTED, allow_destructive=True)

    assert report.drift == 1
    assert re.fullmatch(said, report.drifted[0]), report.drifted
    assert calm(maintain(desk, NOON)) == CALM
    assert jobs(desk) == before


def test_jobs_start_in_the_future_and_apart(desk: Connection) -> None:
    keep(desk)
    starts = desk.execute(
        "SELECT initial_start > now(), initial_start <= now() + schedule_interval, extract(epoch FROM initial_start)"
        " FROM timescaledb_information.jobs WHERE job_id >= 1000"
    ).fetchall()
    assert {row[:2] for row in starts} == {(True, True)}
    # No two at one second of an hour, whatever their schedules.
    assert len({row[2] % 3600 for row in starts}) == len(starts) > 27


def test_drift_that_a_table_in_use_keeps_from_being_put_right_holds_up_no_other(
    desk: Connection, server_url: str, database_url: str
) -> None:
    around_the_clock(desk, "X@A@EQ")
    with connect(Settings(database_url=database_url), "writer") as writer, writer.transaction(force_rollback=True):
        store_candles(writer, NOON - HOUR, NOON)
        with pytest.raises(
            Retryable, match=r"\d+ changes of policies were made, others failed: candles: .*lock timeout"
        ):
            maintain(desk, NOON)
    left = plan_policies(desk, NOON, WANTED).actions
    assert {action.table for action in left} == {"candles"}
    assert maintain(desk, NOON).drift == len(left)
    assert calm(maintain(desk, NOON)) == CALM


def test_a_run_without_time_leaves_drift_to_the_next(desk: Connection) -> None:
    maintain(desk, NOON, has_time=iter([True, True, *[False] * 100]).__next__)
    assert len(plan_policies(desk, NOON, WANTED).actions) > 25


def test_a_strangers_job_is_named_and_left_alone(desk: Connection) -> None:
    maintain(desk, NOON)
    desk.execute("CREATE PROCEDURE public.stranger(job_id integer, config jsonb) LANGUAGE plpgsql AS 'BEGIN END'")
    try:
        desk.execute("SELECT add_job('public.stranger', INTERVAL '1 hour', initial_start => '2100-01-01')")
        before = jobs(desk)
        report = maintain(desk, NOON)
        assert report.drift == 0
        assert [re.sub(r"\d+", "N", name) for name in report.strange_jobs] == ["job N, public.stranger"]
        assert jobs(desk) == before
    finally:
        desk.execute("SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE proc_name = 'stranger'")
        desk.execute("DROP PROCEDURE public.stranger")


def record_run(connection: Connection, job: str, *, succeeded: bool, next_start: str) -> int:
    """A run as the scheduler records it; the embedded database has none. Returns the job's number."""
    row = connection.execute(
        "INSERT INTO _timescaledb_internal.bgw_job_stat (job_id, last_start, last_finish, next_start,"  # noqa: S608
        " last_successful_finish, last_run_success, total_runs, total_duration, total_duration_failures,"
        " total_successes, total_failures, total_crashes, consecutive_failures, consecutive_crashes)"
        f" VALUES ({job}, now() - INTERVAL '3 hours', now(), {next_start}, '-infinity', %(succeeded)s, 1, '0', '0',"
        " 0, 1, 0, 1, 0) ON CONFLICT (job_id) DO UPDATE SET last_run_success = excluded.last_run_success,"
        " last_start = excluded.last_start, last_finish = now(), next_start = excluded.next_start RETURNING job_id",
        {"succeeded": succeeded},
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def with_scheduler(desk: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """As if a background scheduler ran, and the time were the server's."""
    scheduler = store.Scheduler(runs=True, may_run=True, stands_in=False, workers=16, schedulers=1, server_time=NOON)
    monkeypatch.setattr(store, "describe_scheduler", lambda *_: scheduler)
    # A real one would take a late job up at once.
    desk.execute("SELECT _timescaledb_functions.stop_background_workers()")
    return desk


def test_where_a_scheduler_runs_nobody_replaces_it(with_scheduler: Connection) -> None:
    report = maintain(with_scheduler, NOON)
    assert (report.drift_applied > 30, report.policies_done) == (True, 0)


def test_a_job_that_failed_is_named_and_done_by_us(with_scheduler: Connection) -> None:
    maintain(with_scheduler, NOON)
    job_id = record_run(with_scheduler, STATISTICS, succeeded=False, next_start="now() + INTERVAL '1 day'")
    report = maintain(with_scheduler, NOON)
    assert (report.jobs_failed, report.jobs_late, report.policies_done) == (1, 0, 1)
    assert report.failing_jobs == [f"job {job_id}, statistics of ticks: it did not say why"]
    assert store.list_upkeep(with_scheduler).keys() == {"statistics ticks"}
    # It stays named until it succeeds, and is not done again before it is due.
    assert maintain(with_scheduler, NOON).policies_done == 0


def test_a_job_that_is_late_is_named_and_done_by_us(with_scheduler: Connection) -> None:
    maintain(with_scheduler, NOON)
    job_id = record_run(with_scheduler, REFRESH, succeeded=True, next_start="now() - INTERVAL '2 hours'")
    report = maintain(with_scheduler, NOON)
    assert (report.jobs_failed, report.jobs_late, report.policies_done) == (0, 1, 1)
    assert re.fullmatch(rf"job {job_id}, refresh of candles_5m: 2 h late(, never run)?", report.late_jobs[0])


def test_a_run_reports_how_far_behind_aggregates_are(with_scheduler: Connection) -> None:
    around_the_clock(with_scheduler, "X@A@EQ")
    keep(with_scheduler)
    assert maintain(with_scheduler, NOON, most_marks=0).aggregate_lag_seconds == 0
    # A scheduler that runs, and refreshes nothing: the bucket that closed at 11:05 was due six minutes later.
    store_candles(with_scheduler, NOON - HOUR, NOON)
    report = maintain(with_scheduler, NOON, most_marks=0)
    assert report.aggregate_lag_seconds == (55 - 6) * 60


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize(("before", "known"), [(DAY, True), (DAY + 2 * HOUR, True), (DAY + 3 * HOUR, False)])
def test_a_run_reports_the_databases_size_and_growth(desk: Connection, before: timedelta, known: bool) -> None:
    first = maintain(desk, NOON)
    assert first.database_bytes is not None
    assert first.database_bytes > 1_000_000
    assert first.database_growth_bytes is None
    counts = {"database_bytes": 1_000_000}
    runs.record(desk, "policy_maintenance", NOON - before, counts=counts, changed=True, seconds=1)
    # Neither another component's run nor one that failed before it looked says how large it was.
    runs.record(desk, "live_processor", NOON - DAY, counts={"database_bytes": 5}, changed=True, seconds=1)
    runs.record(desk, "policy_maintenance", NOON - DAY - MINUTE, counts={}, changed=True, seconds=1, error="no")
    second = maintain(desk, NOON)
    assert second.database_bytes is not None
    assert second.database_growth_bytes == (second.database_bytes - 1_000_000 if known else None)


def test_our_own_jobs_run(desk: Connection) -> None:
    keep(desk)
    ours = desk.execute("SELECT job_id FROM timescaledb_information.jobs WHERE proc_schema = 'market'").fetchall()
    assert len(ours) > 10
    for (job_id,) in ours:
        desk.execute("CALL run_job(%s)", [job_id])


def test_a_job_fails_on_a_server_and_is_put_right(desk: Connection, server_url: str) -> None:
    maintain(desk, NOON)
    with pytest.raises(ChandleryError):
        desk_run(desk, RETENTION, '{"table_name": "nothing", "drop_after": "1 day"}')
    # It is Chandlery's by its procedure, and keeps none of its tables: the right one is missing then.
    report = maintain(desk, NOON)
    assert any("candles: drop chunks after 90 days" in said for said in report.drifted)
    assert plan_policies(desk, NOON, WANTED).actions == []


def desk_run(connection: Connection, job: str, config: str) -> None:
    from chandlery.platform.errors import psycopg_errors_translated

    connection.execute(f"SELECT alter_job({job}, config => '{config}')")
    with psycopg_errors_translated():
        connection.execute(
            "CALL run_job((SELECT job_id FROM timescaledb_information.jobs WHERE config ->> 'table_name' = 'nothing'))"
        )


def test_what_would_drop_rows_waits_for_permission(desk: Connection) -> None:
    around_the_clock(desk, "X@A@EQ")
    store_candles(desk, NOON - 120 * DAY, NOON - 120 * DAY + HOUR)
    came_in_time(desk)
    report = maintain(desk, NOON)
    first = "candles: let rows older than 90 days be dropped from now on: 1 chunk from 2025-10-30T00:00Z to 2025-11-06"
    said = ["candles: drop chunks after 90 days, looking every 12 h; there is no such job", f"{first}T00:00Z"]
    assert report.waiting_for_permission == said
    assert count(desk, "candles") == 60
    assert [action.says for action in plan_policies(desk, NOON, WANTED).actions] == said

    _, done = apply_policies(desk, NOON, WANTED, allow_destructive=True)
    hold_jobs(desk)
    assert [action.says for action in done][:2] == [said[0], f"{said[1]}, 60 rows"]
    assert plan_policies(desk, NOON, WANTED).actions == []


@pytest.fixture
def plain_table(desk: Connection) -> Iterator[Connection]:
    with desk.transaction(force_rollback=True):
        desk.execute("DROP TABLE market.candle_hours")
        desk.execute("CREATE TABLE market.candle_hours (instrument_id integer, hour timestamptz)")
        yield desk


def test_a_hypertable_turned_back_into_a_table_is_reported(plain_table: Connection) -> None:
    with pytest.raises(Permanent, match=r"market\.candle_hours is no hypertable: .*make it one again"):
        maintain(plain_table, NOON)
    assert jobs(plain_table) == []


def test_another_catalogue_is_reported(desk: Connection) -> None:
    view = "timescaledb_information.hypertable_columnstore_settings"
    desk.execute(f"ALTER VIEW {view} RENAME TO renamed")
    try:
        with pytest.raises(
            Permanent, match=r"TimescaleDB \d.* has not the catalogue this code reads: .*use TimescaleDB"
        ):
            maintain(desk, NOON)
    finally:
        desk.execute("ALTER VIEW timescaledb_information.renamed RENAME TO hypertable_columnstore_settings")
    assert jobs(desk) == []


def test_a_role_without_rights_is_reported_and_changes_nothing(desk: Connection) -> None:
    desk.execute("SET ROLE chandlery_reader")
    try:
        with pytest.raises(Permanent, match=r"the database role lacks a right: .*grant it, or connect as"):
            apply_policies(desk, NOON, WANTED, allow_destructive=False)
    finally:
        desk.execute("RESET ROLE")
    assert jobs(desk) == []


def test_policies_that_cannot_work_are_refused_and_change_nothing(desk: Connection) -> None:
    with pytest.raises(Permanent, match=r"the policies are refused: candles_4h: has no policies; .*correct policies"):
        maintain(desk, NOON, wanted={name: WANTED[name] for name in WANTED if name != "candles_4h"})
    assert jobs(desk) == []


def test_one_keeper_at_a_time(desk: Connection, server_url: str, database_url: str) -> None:
    with connect(Settings(database_url=database_url), "other") as other, store.keeping(other) as granted:
        assert granted
        report = maintain(desk, NOON)
        assert (report.is_alone, report.changed, report.drift) == (False, False, 0)
        with pytest.raises(Retryable, match="another run keeps the policies right now"):
            apply_policies(desk, NOON, WANTED, allow_destructive=False)
    assert maintain(desk, NOON).is_alone


def test_a_keeper_that_forgot_its_lock_keeps_nobody_out(
    desk: Connection, server_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that is stopped in the middle may leave its session to a server that notices nothing for hours."""
    with connect(Settings(database_url=database_url), "other") as other:
        other.execute("SELECT pg_advisory_lock(hashtext('market.policies'))")
        assert not maintain(desk, NOON).is_alone
        monkeypatch.setattr(store, "_FORGOTTEN_AFTER", timedelta(0))
        assert maintain(desk, NOON).is_alone


def test_a_policy_that_fails_keeps_no_other_from_being_done(desk: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(desk)

    def fail(connection: Connection, table: str, before: datetime) -> int:
        raise Permanent(f"no columns today, {table}")

    with monkeypatch.context() as patch:
        patch.setattr(store, "turn_to_columns", fail)
        with pytest.raises(
            Retryable, match="columnstore ticks: no columns today, ticks; columnstore candles"
        ) as raised:
            maintain(desk, NOON)
    report = raised.value.report
    assert isinstance(report, PolicyReport)
    assert report.policies_done > 10
    upkeep = store.list_upkeep(desk)["columnstore ticks"]
    assert (upkeep.failures, upkeep.error) == (1, "no columns today, ticks")

    # The next run tries what failed again, and does not wait for its schedule.
    maintain(desk, NOON + 5 * MINUTE)
    upkeep = store.list_upkeep(desk)["columnstore ticks"]
    assert (upkeep.failures, upkeep.error, upkeep.succeeded_at) == (0, None, NOON + 5 * MINUTE)
    maintain(desk, NOON + 10 * MINUTE)
    assert store.list_upkeep(desk)["columnstore ticks"] == upkeep
    assert maintain(desk, NOON + 12 * HOUR).policies_done > 10


def test_a_run_without_time_leaves_what_is_due_for_the_next(desk: Connection) -> None:
    keep(desk)
    report = maintain(desk, NOON, has_time=lambda: False)
    assert (report.policies_done, report.policies_left > 20) == (0, True)
    assert maintain(desk, NOON + 5 * MINUTE).policies_done == report.policies_left


def test_old_chunks_become_columns_and_take_late_candles_in(desk: Connection) -> None:
    around_the_clock(desk, "X@A@EQ")
    keep(desk)
    store_candles(desk, NOON - 20 * DAY, NOON - 20 * DAY + 3 * HOUR)
    store_candles(desk, NOON - HOUR, NOON)
    maintain(desk, NOON)

    def columnar() -> list[tuple[object, ...]]:
        return desk.execute(
            "SELECT is_compressed FROM timescaledb_information.chunks WHERE hypertable_name = 'candles'"
            " ORDER BY range_start"
        ).fetchall()

    assert columnar() == [(True,), (False,)]
    store_candles(desk, NOON - 20 * DAY + 3 * HOUR, NOON - 20 * DAY + 4 * HOUR)
    assert store.turn_to_columns(desk, "candles", NOON - 7 * DAY) == 1
    assert store.turn_to_columns(desk, "candles", NOON - 7 * DAY) == 0
    (stored,) = [table for table in sizes.list_storage(desk) if table.table_name == "candles"]
    assert (stored.chunks, stored.columnar_chunks) == (2, 1)
    assert stored.before_bytes is not None
    assert stored.ratio is not None
    assert stored.bytes_per_day is not None


@pytest.mark.long
def test_without_a_scheduler_every_aggregate_stays_healthy(desk: Connection) -> None:
    around_the_clock(desk, "X@A@EQ")
    keep(desk)
    # Over midnight; on the embedded database less of it.
    before, after = (3 * HOUR, HOUR) if SERVER_URL else (30 * MINUTE, 30 * MINUTE)
    midnight = NOON.replace(hour=0) + DAY
    at, ends = midnight - before, midnight + after
    while at <= ends:
        # As the live processor does: each minute once it is over.
        store_candles(desk, at - 5 * MINUTE, at)
        healths = store.list_aggregation_health(desk, at)
        assert {each.health for each in healths} == {"HEALTHY"}, at
        maintain(desk, at)
        healths = store.list_aggregation_health(desk, at)
        assert {(each.health, each.lag_seconds) for each in healths} == {("HEALTHY", 0.0)}, at
        at += 5 * MINUTE
    by_name = {each.aggregate: each for each in healths}
    assert by_name["candles_5m"].materialized_up_to == at - 10 * MINUTE
    assert by_name["candles_1d_parts"].materialized_up_to == midnight

    # Nobody maintains any more: the bucket that closed at `last` is due six minutes later.
    last = at - 5 * MINUTE
    store_candles(desk, last, last + HOUR)
    for seconds, health in ((479, "HEALTHY"), (481, "WARNING"), (660, "WARNING"), (661, "DELAYED")):
        now = last + timedelta(seconds=seconds)
        (lag,) = [each for each in store.list_aggregation_health(desk, now) if each.aggregate == "candles_5m"]
        assert (lag.health, lag.oldest_waiting) == (health, last - 5 * MINUTE), seconds
        assert lag.lag_seconds == seconds - 360
    maintain(desk, last + 15 * MINUTE)
    assert {each.health for each in store.list_aggregation_health(desk, last + 15 * MINUTE)} == {"HEALTHY"}


def test_an_instruments_derived_candles_are_stale_until_somebody_refreshes(desk: Connection) -> None:
    around_the_clock(desk, "X@A@EQ")
    keep(desk)
    store_candles(desk, NOON - 10 * DAY, NOON - 10 * DAY + MINUTE)
    waiting = {each.aggregate: each.stale_waiting for each in store.list_aggregation_health(desk, NOON)}
    stale = {name: number for name, number in waiting.items() if number}
    assert stale == dict(zip(DERIVED, (12, 4, 2, 1, 1, 1), strict=True))
    maintain(desk, NOON)
    assert {each.stale_waiting for each in store.list_aggregation_health(desk, NOON)} == {0}
    assert count(desk, "candles_5m") == 1
    assert relation_of(desk, "candles_5m") != "market.candles_5m"
