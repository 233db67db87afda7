"""What the verdict of health is measured by, on a database; and that all who ask get the same."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from chandlery.health.check_health import check_health
from chandlery.health.domain.health import Cause, Health, Verdict, judge
from chandlery.health.domain.measured import Freshness, Gaps
from chandlery.health.measure_health import measure_health
from chandlery.health.report_status import report_status
from chandlery.platform import runs
from chandlery.policies.store import policies
from chandlery.reference.domain.session import Break, Calendar, Session
from chandlery.reference.store import feeds, instruments, sessions
from chandlery.words.window import DAY, HOUR, MINUTE
from local import calendars
from local.command_line.functions import call, scheduled_event
from local.schedules import find_function
from tests.integration import api_scene
from tests.integration.market import NOON, around_the_clock, keep_at_work, put_candles
from tests.integration.policy_scene import hold_jobs

AT = NOON + 30 * MINUTE


@pytest.fixture
def desk(connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A database that functions run on, too."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return connection


def verdict(connection: Connection, at: datetime) -> Verdict:
    """What all who ask see."""
    told = check_health(connection, at).verdict
    status = report_status(connection, at)
    assert told == Verdict(status.health, status.causes)
    return told


def grades(told: Verdict) -> dict[str, Health]:
    """The worst of each subject."""
    return {cause.subject: cause.health for cause in reversed(told.causes)}


def store(connection: Connection, instrument: int, *times: datetime) -> None:
    """Candles, as another program writes them."""
    put_candles(connection, instrument, times)
    connection.execute(
        "UPDATE market.instruments SET data_from = least(data_from, %s) WHERE instrument_id = %s",
        [min(times), instrument],
    )


def run(connection: Connection, *components: str, at: datetime) -> None:
    """Components come when they are due."""
    for component in components:
        call(find_function(component), scheduled_event(at))
        import_module(f"functions.{component}").handler.sandbox.close()
    hold_jobs(connection)


def test_a_desk_without_instruments_is_well_and_says_that_nothing_is_expected(desk: Connection) -> None:
    told = verdict(desk, AT)
    assert (told.health, grades(told)) == (Health.HEALTHY, {"instruments": Health.HEALTHY})


def test_candles_of_years_ago_are_not_well_though_every_component_runs(desk: Connection) -> None:
    """Candles of 2019 are imported, and then everything is started."""
    now = datetime(2026, 3, 2, 20, 53, tzinfo=UTC)
    sessions.replace(desk, calendars.from_library("24/7", date(2019, 5, 1), date(2026, 5, 1)))
    instruments.add(desk, "CRYPTO@BTC@SPOT", "24/7", "coins")
    (coin,) = desk.execute("SELECT instrument_id FROM market.instruments").fetchone() or ()
    store(desk, coin, *(datetime(2019, 5, 3, 12, tzinfo=UTC) + n * MINUTE for n in range(10)))
    run(desk, "live_processor", "live_gap_monitor", "policy_maintenance", at=now)
    told = verdict(desk, now)
    assert told.health is Health.DELAYED
    assert Cause(Health.DELAYED, "feed coins", "has sent nothing for 20 h 53 min, in session") in told.causes
    assert (
        Cause(Health.DELAYED, "candles of coins, 24/7", "none in the last 14 days; 14 days of open hours without one")
        in told.causes
    )
    assert grades(told).keys() >= {"gaps", "coverage"}
    # The operator says that this is history, and nothing is expected of it any more.
    instruments.add(desk, "CRYPTO@BTC@SPOT", "24/7", "coins", delisted_at=datetime(2019, 5, 4, tzinfo=UTC))
    assert not {"feed coins", "candles of coins, 24/7"} & grades(verdict(desk, now)).keys()


def test_a_history_that_nobody_keeps_up_says_that_no_component_has_run(desk: Connection) -> None:
    (share,) = around_the_clock(desk, "X@A@EQ")
    store(desk, share, NOON)
    feeds.set_live(desk, "test", live=False)
    told = verdict(desk, NOON + MINUTE)
    assert grades(told) == {"components": Health.DELAYED}


def test_a_live_processor_that_has_not_run_for_years_is_missed(desk: Connection) -> None:
    (share,) = around_the_clock(desk, "X@A@EQ")
    store(desk, share, *(AT - n * MINUTE for n in range(1, 20)))
    feeds.set_live(desk, "test", live=False)
    keep_at_work(desk, AT)
    at = AT + MINUTE
    desk.execute(
        "UPDATE market.runs SET scheduled_at = scheduled_at - INTERVAL '3 years' WHERE component = 'live_processor'"
    )
    told = verdict(desk, at)
    (cause,) = (cause for cause in told.causes if cause.subject == "live_processor")
    assert (told.health, cause.health) == (Health.DELAYED, Health.DELAYED)
    assert cause.says.startswith("last ran at 2023-03-02T13:30:00Z, 2 years 364 days ago; ")


def test_aggregates_that_are_late_are_named(desk: Connection) -> None:
    (share,) = around_the_clock(desk, "X@A@EQ")
    store(desk, share, *(NOON + n * MINUTE for n in range(60)))
    feeds.set_live(desk, "test", live=False)
    for at in (NOON + 20 * MINUTE, NOON + 2 * HOUR, NOON + 2 * DAY):
        lags = policies.list_aggregate_lags(desk, at)
        # As the view shows them, which is too slow for those who cannot wait.
        expected = {each.aggregate: each.lag_seconds for each in policies.list_aggregation_health(desk, at)}
        assert {name: lags.get(name, 0.0) for name in expected} == expected
    keep_at_work(desk, at)
    late = {name for name, lag in lags.items() if lag > 300}
    assert late == {"candles_5m", "candles_15m", "candles_30m", "candles_1h", "candles_4h", "candles_1d_parts"}
    told = verdict(desk, at)
    assert told.health is Health.DELAYED
    assert grades(told).keys() >= late


def test_runs_are_shown_as_of_the_moment_asked_for(desk: Connection) -> None:
    def record(component: str, minute: int, error: str | None = None, **counts: int) -> None:
        at = NOON + minute * MINUTE
        runs.record(desk, component, at, counts=counts, changed=True, seconds=1, error=error)

    record("live_processor", 1, late_ticks=1)
    record("live_processor", 2, "no space")
    record("live_processor", 3, "no space")
    record("live_processor", 3, "no space")
    record("live_gap_monitor", 5)

    def found(minute: int) -> dict[str, tuple[Any, ...]]:
        return {
            run.component: (run.scheduled_at, run.status, run.failures_in_a_row, run.reported)
            for run in runs.list_last(desk, NOON + minute * MINUTE)
        }

    assert found(0) == {}
    assert found(1) == {"live_processor": (NOON + MINUTE, "succeeded", 0, {"late_ticks": 1})}
    # Each attempt counts, as for the alarm, and what was reported before still holds.
    assert found(4) == {"live_processor": (NOON + 3 * MINUTE, "failed", 3, {"late_ticks": 1})}
    assert found(5).keys() == {"live_processor", "live_gap_monitor"}
    assert found(5)["live_gap_monitor"] == (NOON + 5 * MINUTE, "succeeded", 0, {})


ROOM = timedelta(hours=3)
_OPENS = [NOON + n * ROOM for n in range(-3, 1)]
# Two hours each, but for a break of half an hour.
SHIFTS = Calendar(
    "SHIFTS",
    "UTC",
    date(2026, 2, 27),
    date(2026, 3, 2),
    tuple(
        Session(date(2026, 2, 27) + n * DAY, opens, opens + 2 * HOUR, (Break(opens + HOUR, opens + 1.5 * HOUR),))
        for n, opens in enumerate(_OPENS)
    ),
)


def is_open(minute: datetime) -> bool:
    """Whether a minute lies in the open hours, looked at by itself."""
    into = [minute - opens for opens in _OPENS if minute >= opens]
    return bool(into) and into[-1] < 2 * HOUR and not HOUR <= into[-1] < 1.5 * HOUR


@pytest.fixture
def shifts(connection: Connection) -> Connection:
    """Two instruments of one feed."""
    sessions.replace(connection, SHIFTS)
    instruments.add(connection, "X@A@EQ", "SHIFTS", "one")
    instruments.add(connection, "X@B@EQ", "SHIFTS", "one")
    return connection


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    newest=st.lists(st.integers(-9 * 60, 119), min_size=1, max_size=2, unique=True),
    ago=st.integers(1, 12 * 60),
)
def test_candles_are_behind_by_the_open_minutes_since(shifts: Connection, newest: Sequence[int], ago: int) -> None:
    with shifts.transaction(force_rollback=True):
        at = NOON + max(newest) * MINUTE + ago * MINUTE
        for instrument, minute in enumerate(newest, 1):
            store(shifts, instrument, NOON + minute * MINUTE)
        last = NOON + max(newest) * MINUTE
        missed = [last + n * MINUTE for n in range(1, ago) if is_open(last + n * MINUTE)]
        assert feeds.list_freshness(shifts, at) == [Freshness("one", "SHIFTS", last, 60.0 * len(missed))]


def test_nothing_is_behind_that_is_not_expected(shifts: Connection) -> None:
    def behind(at: datetime) -> list[float]:
        return [each.behind_seconds for each in feeds.list_freshness(shifts, at)]

    with shifts.transaction(force_rollback=True):
        assert behind(NOON) == []  # none has had a candle or a listing
        instruments.add(shifts, "X@A@EQ", "SHIFTS", "one", listed_at=NOON - HOUR)
        assert behind(NOON - HOUR) == []
        assert behind(NOON + 40 * MINUTE) == [40 * 60]  # listed, and never had any
        store(shifts, 1, NOON + 30 * MINUTE)
        assert behind(NOON + 40 * MINUTE) == [9 * 60]
        store(shifts, 2, NOON + 35 * MINUTE)
        assert behind(NOON + 40 * MINUTE) == [4 * 60]  # any instrument of the feed will do
        feeds.set_live(shifts, "one", live=False)
        assert behind(NOON + 40 * MINUTE) == []
        feeds.set_live(shifts, "one", live=True)
        instruments.add(shifts, "X@B@EQ", "SHIFTS", "one", delisted_at=NOON + 36 * MINUTE)
        assert behind(NOON + 40 * MINUTE) == [9 * 60]
        assert behind(NOON + 30 * DAY) == []  # a calendar that has ended is reported as such


def test_a_feed_is_missed_while_it_is_live_and_its_instruments_are_listed(shifts: Connection) -> None:
    def silent(at: datetime) -> dict[str, float]:
        return measure_health(shifts, at).silent_seconds  # type: ignore[return-value]  # a dict is one

    with shifts.transaction(force_rollback=True):
        at = NOON + 10 * MINUTE
        assert silent(at) == {"one": 600.0}
        feeds.set_live(shifts, "one", live=False)
        assert silent(at) == {}
        feeds.set_live(shifts, "one", live=True)
        for key in ("X@A@EQ", "X@B@EQ"):
            instruments.add(shifts, key, "SHIFTS", "one", delisted_at=NOON)
        assert silent(at) == {}


def test_setting_one_thing_of_a_feed_leaves_the_other(connection: Connection) -> None:
    feeds.set_live(connection, "one", live=False)
    feeds.set_limit(connection, "one", 45)
    feeds.set_limit(connection, "two", 30)
    feeds.set_live(connection, "two", live=False)
    assert [(feed.feed, feed.silence_seconds, feed.live) for feed in feeds.list_all(connection)] == [
        ("one", 45, False),
        ("two", 30, False),
    ]


def test_gaps_are_shown_as_of_the_moment_asked_for(connection: Connection) -> None:
    (share,) = around_the_clock(connection, "X@A@EQ")
    connection.execute(
        "INSERT INTO market.gaps (instrument_id, starts, ends, minutes, reason, found_at)"
        " SELECT %s, starts, starts + INTERVAL '2 minutes', 2, 'feed_down', starts"
        " FROM unnest(%s::timestamptz[]) AS starts",
        [share, [NOON - HOUR, NOON]],
    )
    assert measure_health(connection, NOON).gaps == Gaps(1, 2, NOON - HOUR, "X@A@EQ")
    assert measure_health(connection, NOON + MINUTE).gaps == Gaps(2, 4, NOON - HOUR, "X@A@EQ")


def test_marks_of_today_are_counted_apart_from_older_ones(connection: Connection) -> None:
    around_the_clock(connection, "X@A@EQ")
    for back in (10 * MINUTE, 5 * MINUTE, 3 * DAY, 2 * DAY):
        connection.execute("INSERT INTO market.dirty VALUES (%s, '{1}', '{1}')", [NOON - back])
    measured = measure_health(connection, NOON)
    assert (measured.waiting_since, measured.old_waiting_since) == (NOON - 10 * MINUTE, NOON - 3 * DAY)
    assert judge(measured).health is Health.DELAYED


def test_health_over_http_follows_the_verdict(desk: Connection, database_url: str) -> None:
    now = datetime.now(UTC)
    api_scene.set_scene(desk, now)

    def asked() -> tuple[int, str, list[str]]:
        health = api_scene.get("/api/v1/health")
        status = api_scene.get("/api/v1/timeframe-aggregation/status").json
        assert (health.json["health"], health.json["causes"]) == (status["health"], status["causes"])
        return health.status, health.json["health"], [cause["subject"] for cause in health.json["causes"]]

    with api_scene.settings(database_url):
        assert asked() == (200, "WARNING", ["gaps"])
        desk.execute("DELETE FROM market.gaps")
        assert asked() == (200, "HEALTHY", [])
        error = {"counts": {}, "changed": True, "seconds": 1, "error": "the disk is full"}
        desk.execute("DELETE FROM market.runs WHERE component = 'live_gap_monitor'")
        for back in range(3, 0, -1):
            runs.record(desk, "live_gap_monitor", now - back * MINUTE, **error)  # type: ignore[arg-type]
        assert asked() == (503, "FAILING", ["live_gap_monitor"])
        desk.execute("DELETE FROM market.runs")
        assert asked() == (503, "DELAYED", ["components"])
