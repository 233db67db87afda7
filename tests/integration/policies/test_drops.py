"""Nothing is dropped that the operator has not released; what is dropped is recorded, and reported once."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg import Connection
from pydantic import SecretStr

from chandlery.gaps.import_candles import import_candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.platform import runs
from chandlery.platform.connection import connect
from chandlery.platform.errors import Permanent, Retryable
from chandlery.platform.settings import Settings
from chandlery.policies.apply_policies import apply_policies
from chandlery.policies.domain.policy_plan import PolicyStep
from chandlery.policies.maintain_policies import PolicyReport
from chandlery.policies.store import policies
from chandlery.reference.store import instruments
from chandlery.refresh.store import derived as derived_store
from chandlery.words.window import Window
from tests.integration.market import around_the_clock
from tests.integration.policy_scene import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    WANTED,
    came_in_time,
    count,
    desk,
    hold_jobs,
    maintain,
    refresh_all,
    store_candles,
)
from tests.waiting import wait_until

__all__ = ["desk"]

# Chunks of candles begin on Thursdays: two that retention would drop at NOON, and history a year before them.
OLDER = datetime.fromisoformat("2025-11-13T00:00Z")
OLD = OLDER + 7 * DAY
EDGE = OLD + 7 * DAY
HISTORY = OLDER - 364 * DAY
RELEASED = ("candles", "ticks", "indicator_values", "option_quotes", "strike_candles", "flows", "sentiment")
FIRST_WAITS = "candles: let rows older than 90 days be dropped from now on: 2 chunks from 2025-11-13T00:00Z"
TOLD = [
    "candles from 2025-11-13T00:00Z to 2025-11-20T00:00Z: 6 rows",
    "candles from 2025-11-20T00:00Z to 2025-11-27T00:00Z: 60 rows",
]


def apply(connection: Connection, *history: str, allow: bool = True) -> list[tuple[str, PolicyStep]]:
    """Carry out the plan by hand; returns what the operator released."""
    with connection.transaction():
        _, done = apply_policies(connection, NOON, WANTED, allow_destructive=allow, history=history)
        hold_jobs(connection)
    return [
        (each.table, each.step)
        for each in done
        if each.step in (PolicyStep.RELEASE_RETENTION, PolicyStep.RELEASE_HISTORY)
    ]


def bring_in(connection: Connection, starts: datetime, minutes: int = 60) -> None:
    """Import candles, as the command does."""
    one: Any = [Decimal(1)] * minutes
    times = [starts + n * MINUTE for n in range(minutes)]
    import_candles(connection, 1, [CandleColumns(times, one, one, one, one, one, one, [1] * minutes)])


def drop(connection: Connection) -> tuple[list[str], str | None]:
    """What retention does of candles at NOON, once."""
    drops, waits = policies.drop_before(connection, "candles", NOON - 90 * DAY, 90 * DAY)
    return [str(each) for each in drops], waits


def stored(connection: Connection) -> list[datetime]:
    """Where the chunks of candles begin."""
    return [
        starts
        for (starts,) in connection.execute(
            "SELECT range_start FROM timescaledb_information.chunks"
            " WHERE hypertable_schema = 'market' AND hypertable_name = 'candles' ORDER BY 1"
        )
    ]


@pytest.fixture
def collected(desk: Connection) -> Connection:
    """A desk with all policies, and candles of two old chunks that came in their time, all derived."""
    around_the_clock(desk, "X@A@EQ")
    apply(desk, allow=False)
    store_candles(desk, OLDER, OLDER + HOUR, 10 * MINUTE)
    store_candles(desk, OLD, OLD + HOUR)
    store_candles(desk, NOON - HOUR, NOON)
    refresh_all(desk, NOON)
    came_in_time(desk)
    return desk


def run_at(connection: Connection, at: datetime, **changes: Any) -> PolicyReport:
    """One run of policy maintenance, with the row it leaves."""
    report = maintain(connection, at, **changes)
    runs.record(connection, "policy_maintenance", at, counts={"drops": report.drops}, changed=True, seconds=1)
    return report


def test_the_first_drop_waits_and_later_ones_do_not(collected: Connection) -> None:
    report = run_at(collected, NOON)
    assert (report.drift, report.drift_applied, report.rows_dropped, report.drops) == (1, 0, 0, [])
    (waiting,) = report.waiting_for_permission
    assert waiting.startswith(FIRST_WAITS)
    assert stored(collected)[:2] == [OLDER, OLD]

    released = [(table, PolicyStep.RELEASE_RETENTION) for table in RELEASED]
    assert sorted(apply(collected)) == sorted(released)
    report = run_at(collected, NOON + 12 * HOUR)
    assert (report.drift, report.rows_dropped, report.drops) == (0, 66, TOLD)
    assert OLD not in stored(collected)

    # What grows old later needs no release any more.
    store_candles(collected, EDGE, EDGE + HOUR)
    refresh_all(collected, NOON)
    came_in_time(collected)
    report = run_at(collected, NOON + 7 * DAY)
    assert (report.drift, report.rows_dropped) == (0, 60)
    assert apply(collected) == []


def test_a_shorter_retention_is_another_release(collected: Connection) -> None:
    apply(collected)
    drops, _ = policies.drop_before(collected, "candles", NOON, 89 * DAY)
    assert drops == []
    drops, _ = policies.drop_before(collected, "candles", NOON - 90 * DAY, 91 * DAY)
    assert len(drops) == 2


def test_what_was_released_is_no_shorter_once_rows_are_kept_longer(collected: Connection) -> None:
    apply(collected)
    collected.execute("UPDATE market.retentions SET after = '30 days'")
    collected.execute(
        'SELECT alter_job(job_id, config => config || \'{"drop_after": "30 days"}\') FROM timescaledb_information.jobs'
        " WHERE proc_name = 'apply_retention' AND config ->> 'table_name' = 'candles'"
    )
    time_for = iter([True])
    assert maintain(collected, NOON, has_time=lambda: next(time_for, False)).drift_applied == 1
    assert policies.find(collected, WANTED, NOON).released["candles"] == 90 * DAY


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize(
    ("imported", "why"), [(True, "imported"), (False, "written long after its time")], ids=["imported", "plain SQL"]
)
def test_history_stays_until_it_is_named(collected: Connection, imported: bool, why: str) -> None:
    write = bring_in if imported else lambda connection, at: store_candles(connection, at, at + HOUR)
    write(collected, HISTORY)
    refresh_all(collected, NOON)
    apply(collected)
    report = run_at(collected, NOON)
    assert report.drops == TOLD
    kept = f"candles, {why}: 1 chunk from 2024-11-14T00:00Z to 2024-11-21T00:00Z"
    assert (report.history_kept, report.drift) == ([kept], 0)
    assert HISTORY in stored(collected)

    assert apply(collected, "candles") == [("candles", PolicyStep.RELEASE_HISTORY)]
    report = run_at(collected, NOON + 12 * HOUR)
    assert report.drops == ["candles from 2024-11-14T00:00Z to 2024-11-21T00:00Z: 60 rows"]
    assert report.history_kept == []
    assert HISTORY not in stored(collected)


def test_a_chunk_that_came_in_time_stays_for_an_imported_row(collected: Connection) -> None:
    apply(collected)
    bring_in(collected, OLD + 2 * DAY, 1)
    refresh_all(collected, NOON)
    assert drop(collected) == (TOLD[:1], None)
    assert OLD in stored(collected)


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("imported", [False, True], ids=["plain SQL", "imported"])
def test_a_release_covers_nothing_that_comes_later(collected: Connection, imported: bool) -> None:
    bring_in(collected, HISTORY)
    apply(collected, "candles")
    if imported:
        bring_in(collected, HISTORY + DAY, 1)
        # As many rows as were named: still not those.
        collected.execute("DELETE FROM market.candles WHERE time = %s", [HISTORY])
    else:
        store_candles(collected, HISTORY + DAY, HISTORY + DAY + MINUTE)
    refresh_all(collected, NOON)
    assert drop(collected) == (TOLD, None)
    assert HISTORY in stored(collected)
    apply(collected, "candles")
    assert len(drop(collected)[0]) == 1


def test_an_import_of_what_is_there_already_is_none(collected: Connection) -> None:
    bring_in(collected, NOON - 3 * HOUR)
    before = collected.execute("SELECT * FROM market.imports").fetchall()
    assert len(before) == 1
    bring_in(collected, NOON - 3 * HOUR)
    assert collected.execute("SELECT * FROM market.imports").fetchall() == before


def test_an_import_that_went_with_its_instrument_keeps_no_chunk(collected: Connection) -> None:
    bring_in(collected, OLD + 2 * DAY, 1)
    assert collected.execute("SELECT count(*) FROM market.imports").fetchone() == (1,)
    instruments.remove(collected, "X@A@EQ", with_data=True)
    assert collected.execute("SELECT count(*) FROM market.imports").fetchone() == (0,)


def test_only_history_that_is_there_can_be_named(collected: Connection) -> None:
    with pytest.raises(Permanent, match="ticks has no history older than its retention; tables that have: none; see:"):
        apply(collected, "ticks")
    assert collected.execute("SELECT count(*) FROM market.retentions").fetchone() == (0,)


def test_history_below_what_was_dropped_is_kept_whole(collected: Connection) -> None:
    """Live minutes went, those of a year before are kept: they are derived, expected and refreshed as ever."""
    apply(collected)
    bring_in(collected, HISTORY)
    refresh_all(collected, NOON)
    assert maintain(collected, NOON).drops == TOLD
    assert derived_store.list_dropped(collected, "candles") == [Window(OLDER, EDGE)]

    collected.execute("UPDATE market.candles SET high = 50 WHERE time = %s", [HISTORY])
    bring_in(collected, HISTORY + DAY)
    refresh_all(collected, NOON)
    high = collected.execute("SELECT high FROM market.candles_1h WHERE time = %s", [HISTORY]).fetchone()
    assert high == (50,)
    more = collected.execute("SELECT trades FROM market.candles_1h WHERE time = %s", [HISTORY + DAY]).fetchone()
    assert more == (60,)

    collected.execute(
        "INSERT INTO market.sessions (calendar, session_date, opens_at, closes_at)"
        " SELECT '24/7', day::date, day, day + INTERVAL '1 day' FROM unnest(%s::timestamptz[]) AS day"
        " ON CONFLICT DO NOTHING",
        [[HISTORY, OLD]],
    )
    expected = collected.execute(
        "SELECT DISTINCT session_date::timestamptz FROM market.expected_stretches(%s, %s)", [HISTORY, EDGE]
    ).fetchall()
    assert expected == [(HISTORY,)]


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize(
    ("gap", "left"),
    [
        ((OLD + DAY, OLD + 2 * DAY), None),
        ((OLD - DAY, OLD + DAY), (OLD - DAY, OLD, 1440)),
        ((EDGE - DAY, EDGE + DAY), (EDGE, EDGE + DAY, 1440)),
        ((OLD - DAY, EDGE + DAY), (OLD - DAY, EDGE + DAY, 2880)),
    ],
)
def test_an_open_gap_keeps_what_is_not_dropped(
    collected: Connection, gap: tuple[datetime, datetime], left: tuple[datetime, datetime, int] | None
) -> None:
    collected.execute("DELETE FROM market.candles WHERE time < %s", [OLD])
    collected.execute("SELECT drop_chunks('market.candles', older_than => %s::timestamptz)", [OLD])
    refresh_all(collected, NOON)
    collected.execute(
        "INSERT INTO market.sessions (calendar, session_date, opens_at, closes_at)"
        " SELECT '24/7', day::date, day, day + INTERVAL '1 day' FROM generate_series(%s, %s, INTERVAL '1 day') AS day"
        " ON CONFLICT DO NOTHING",
        [OLD - 2 * DAY, EDGE + 2 * DAY],
    )
    starts, ends = gap
    collected.execute(
        "INSERT INTO market.gaps (instrument_id, starts, ends, minutes, reason, found_at)"
        " VALUES (1, %s, %s, %s, 'feed_down', %s)",
        [starts, ends, (ends - starts) // MINUTE, NOON],
    )
    apply(collected)
    assert drop(collected) == (TOLD[1:], None)
    found = collected.execute("SELECT starts, ends, minutes FROM market.gaps WHERE healed_at IS NULL").fetchall()
    assert found == ([left] if left else [])


def test_a_drop_that_cannot_be_recorded_does_not_happen(collected: Connection) -> None:
    apply(collected)
    before = count(collected, "candles")
    collected.execute("ALTER TABLE market.drops ADD CONSTRAINT nothing_fits CHECK (rows < 0) NOT VALID")
    try:
        with pytest.raises(Permanent, match="nothing_fits"):
            drop(collected)
    finally:
        collected.execute("ALTER TABLE market.drops DROP CONSTRAINT nothing_fits")
    assert (count(collected, "candles"), stored(collected)[:2]) == (before, [OLDER, OLD])
    assert drop(collected) == (TOLD, None)


def test_a_run_that_left_no_row_reported_nothing(collected: Connection) -> None:
    apply(collected)
    assert maintain(collected, NOON).rows_dropped == 66  # and dies before its row is written
    again = run_at(collected, NOON + 5 * MINUTE)
    assert (again.rows_dropped, again.drops) == (66, TOLD)
    assert maintain(collected, NOON + 10 * MINUTE).drops == []
    # The same run again names what it named, and counts nothing twice.
    twice = maintain(collected, NOON + 5 * MINUTE)
    assert (twice.rows_dropped, twice.drops) == (0, TOLD)


@pytest.fixture
def old_ticks(desk: Connection) -> Connection:
    """A tick that is 200 days old by the server's clock, came in its time, and may go."""
    around_the_clock(desk, "X@A@EQ")
    apply(desk)
    desk.execute(
        "INSERT INTO market.ticks (time, instrument_id, seq, price, size)"
        " VALUES (now() - INTERVAL '200 days', 1, 0, 1, 1)"
    )
    desk.execute("TRUNCATE market.dirty")
    came_in_time(desk)
    return desk


def dropped_ticks(connection: Connection) -> list[tuple[int, str]]:
    return connection.execute("SELECT rows, table_name FROM market.drops").fetchall()


def job_of(connection: Connection, table: str) -> int:
    row = connection.execute(
        "SELECT job_id FROM timescaledb_information.jobs"
        " WHERE proc_name = 'apply_retention' AND config ->> 'table_name' = %s",
        [table],
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_what_a_job_of_the_database_drops_is_reported_once(old_ticks: Connection) -> None:
    old_ticks.execute("CALL run_job(%s)", [job_of(old_ticks, "ticks")])
    assert (count(old_ticks, "ticks"), dropped_ticks(old_ticks)) == (0, [(1, "ticks")])
    report = run_at(old_ticks, NOON)
    assert (report.rows_dropped, len(report.drops)) == (1, 1)
    assert report.drops[0].startswith("ticks from ")
    assert report.drops[0].endswith(": 1 row")
    assert maintain(old_ticks, NOON + 5 * MINUTE).drops == []


@pytest.mark.parametrize("released", [True, False])
def test_the_scheduler_itself_drops_what_was_released_alone(
    old_ticks: Connection, server_url: str, released: bool
) -> None:
    if not released:
        old_ticks.execute("TRUNCATE market.retentions")
    job_id = job_of(old_ticks, "ticks")
    old_ticks.execute("SELECT alter_job(%s, scheduled => true, next_start => now())", [job_id])
    # TimescaleDB's launcher looks for copied databases once a minute, unless it is called.
    old_ticks.execute("SELECT _timescaledb_functions.start_background_workers()")
    wait_until(lambda: (old_ticks.execute(_RUNS, [job_id]).fetchone() or (0,))[0], "the scheduler ran the job")
    assert dropped_ticks(old_ticks) == ([(1, "ticks")] if released else [])
    assert count(old_ticks, "ticks") == (0 if released else 1)


_RUNS = """
SELECT coalesce(sum(total_runs), 0) FROM timescaledb_information.job_stats
WHERE job_id = %s AND last_run_status IS NOT NULL AND job_status <> 'Running'
"""


def test_an_import_under_way_is_waited_for_and_kept(collected: Connection, server_url: str, database_url: str) -> None:
    apply(collected)
    settings = Settings(database_url=SecretStr(database_url))
    with connect(settings, "other") as other, ThreadPoolExecutor(1) as pool:
        with other.transaction():
            other.execute(
                "INSERT INTO market.imports (table_name, instrument_id, starts, ends) VALUES ('candles', 1, %s, %s)",
                [OLD, OLD + HOUR],
            )
            other.execute("UPDATE market.candles SET high = 9 WHERE time = %s", [OLD])
            dropping = pool.submit(drop, collected)
            while not other.execute(_WAITING).fetchone() and not dropping.done():
                time.sleep(0.05)
        refresh_all(other, NOON)
        drops, _ = dropping.result(30)
    assert drops == TOLD[:1]
    assert drop(collected) == ([], None)
    assert OLD in stored(collected)


_WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"


def test_two_that_drop_at_once_drop_each_chunk_once(collected: Connection, server_url: str, database_url: str) -> None:
    apply(collected)
    settings = Settings(database_url=SecretStr(database_url))
    with connect(settings, "other") as other, ThreadPoolExecutor(2) as pool:
        both = [pool.submit(drop, each) for each in (collected, other)]
        told = sorted(each for found in both for each in found.result(30)[0])
    assert told == TOLD
    assert collected.execute("SELECT sum(rows), count(*) FROM market.drops").fetchone() == (66, 2)


def test_what_was_dropped_before_drops_were_recorded_stays_dropped(collected: Connection) -> None:
    """A horizon without its drops, as an upgrade or somebody's hand leaves it."""
    collected.execute("INSERT INTO market.horizons VALUES ('candles', %s)", [OLDER])
    assert [window.ends for window in derived_store.list_dropped(collected, "candles")] == [OLDER]
    apply(collected)
    assert drop(collected) == (TOLD, None)
    (window,) = derived_store.list_dropped(collected, "candles")
    assert (window.starts.year, window.ends) == (1900, EDGE)


def test_a_failing_run_reports_its_drops(collected: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(collected)

    def fail(connection: Connection, table: str) -> None:
        raise Permanent(f"no statistics today, {table}")

    monkeypatch.setattr(policies, "analyze", fail)
    with pytest.raises(Retryable, match="no statistics today") as raised:
        maintain(collected, NOON)
    assert isinstance(raised.value.report, PolicyReport)
    assert (raised.value.report.rows_dropped, raised.value.report.drops) == (66, TOLD)


def test_a_replayed_run_changes_no_setting(desk: Connection) -> None:
    report = maintain(desk, NOON, replayed=True)
    assert (report.drift > 30, report.drift_applied) == (True, 0)
    assert desk.execute("SELECT count(*) FROM timescaledb_information.jobs WHERE job_id >= 1000").fetchone() == (0,)
    assert desk.execute("SELECT count(*) FROM market.retentions").fetchone() == (0,)


def test_a_late_run_drops_the_same(collected: Connection) -> None:
    apply(collected)
    assert maintain(collected, NOON + timedelta(hours=1)).drops == TOLD
