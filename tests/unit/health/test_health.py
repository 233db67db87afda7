"""The verdict of health: the worst of what is measured, each cause named, in plain words."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.health.domain.health import (
    DELAYED_SECONDS,
    WARNING_SECONDS,
    Cause,
    Health,
    Verdict,
    health_of_lag,
    judge,
)
from chandlery.health.domain.measured import Freshness, Gaps, LastRun, Measured
from chandlery.health.domain.rhythm import RHYTHMS
from chandlery.platform.settings import SCHEDULED
from chandlery.platform.statements import SQL
from chandlery.words.duration import between, in_words
from tests.unit.test_template import FUNCTIONS

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
seconds = st.floats(0, 1e9)
counts = st.integers(0, 10**6)
portions = st.floats(0, 1)
ages = st.timedeltas(timedelta(0), timedelta(days=5000))
names = st.sampled_from(["a", "b", "c"])


def ran(component: str, ago: timedelta = timedelta(0), status: str = "succeeded", **more: Any) -> LastRun:
    """A component's last run; the first one was long ago."""
    told = more.pop("reported", {})
    began = AT - timedelta(days=400)
    run = LastRun(component, AT - ago, status, 1.0, None, 0, told, AT - ago, told, began)
    return replace(run, **more)


WELL = Measured(AT, runs={name: ran(name) for name in RHYTHMS}, scheduler_runs=True)


def after(run: LastRun) -> Measured:
    """All is well but for one component."""
    return replace(WELL, runs={**WELL.runs, run.component: run})


def told(component: str, **said: Any) -> Measured:
    """All is well but for what one component reported."""
    return after(ran(component, reported=said))


def test_where_all_is_well_nothing_is_named() -> None:
    assert judge(WELL) == Verdict(Health.HEALTHY, [])


CASES: Mapping[str, tuple[Measured, Cause]] = {
    "a feed that fell silent": (
        replace(WELL, silent_seconds={"cts": 75_180.0, "utp": 12.0}),
        Cause(Health.DELAYED, "feed cts", "has sent nothing for 20 h 53 min, in session"),
    ),
    "a feed that has just fallen silent": (
        replace(WELL, silent_seconds={"cts": 121.0}),
        Cause(Health.WARNING, "feed cts", "has sent nothing for 2 min 1 s, in session"),
    ),
    "a feed whose ticks come late": (
        told(
            "live_gap_monitor",
            late_feeds=["cts"],
            feed_latencies=[
                {"feed": "cts", "latency_p50_seconds": 900.5, "latency_p99_seconds": 2400.0},
                {"feed": "utp", "latency_p50_seconds": 0.2, "latency_p99_seconds": 1.5},
            ],
        ),
        Cause(
            Health.WARNING,
            "feed cts",
            "its ticks come late: half of them within 15 min, 99 of 100 within 40 min of their own time",
        ),
    ),
    "candles of days ago": (
        replace(WELL, freshness=[Freshness("cts", "XNYS", AT - timedelta(days=4, hours=19), 24_000.0)]),
        Cause(
            Health.DELAYED,
            "candles of cts, XNYS",
            "the newest starts at 2026-02-25T17:00:00Z, 4 days 19 h ago; 6 h 40 min of open hours without one",
        ),
    ),
    "no candle for weeks": (
        replace(WELL, freshness=[Freshness("cts", "XNYS", None, 200_000.0)]),
        Cause(Health.DELAYED, "candles of cts, XNYS", "none in the last 14 days; 2 days 7 h of open hours without one"),
    ),
    "minutes that wait": (
        replace(WELL, waiting_since=AT - 8 * MINUTE),
        Cause(
            Health.DELAYED,
            "minutes",
            "wait for the live processor; the oldest began at 2026-03-02T11:52:00Z, 8 min ago",
        ),
    ),
    "minutes that wait for a gap monitor": (
        replace(WELL, old_waiting_since=AT - timedelta(days=3)),
        Cause(
            Health.WARNING, "minutes", "wait for the gap monitors; the oldest began at 2026-02-27T12:00:00Z, 3 days ago"
        ),
    ),
    "a live processor that has not run for years": (
        after(ran("live_processor", timedelta(days=800))),
        Cause(
            Health.DELAYED,
            "live_processor",
            "last ran at 2023-12-23T12:00:00Z, 2 years 69 days ago; it is due every 1 min",
        ),
    ),
    "a component that never ran": (
        replace(WELL, runs={name: run for name, run in WELL.runs.items() if name != "historical_processor"}),
        Cause(Health.DELAYED, "historical_processor", "has never run; it is due every 6 h"),
    ),
    "no component ever ran": (
        Measured(AT),
        Cause(Health.DELAYED, "components", "none has ever run: chandlery up, or deploy the stack"),
    ),
    "a component that fails": (
        after(ran("live_processor", status="failed", error="the disk is full", failures_in_a_row=3)),
        Cause(Health.FAILING, "live_processor", "failed 3 times in a row: the disk is full"),
    ),
    "a component that failed once": (
        after(ran("live_processor", status="failed", error="the disk is full", failures_in_a_row=1)),
        Cause(Health.WARNING, "live_processor", "failed once: the disk is full"),
    ),
    "a component that is switched off": (
        after(ran("live_processor", status="switched_off")),
        Cause(Health.WARNING, "live_processor", "is switched off, and does nothing"),
    ),
    "a component that is dry": (
        after(ran("live_processor", status="dry_run")),
        Cause(Health.WARNING, "live_processor", "does only dry runs, and writes nothing"),
    ),
    "an aggregate behind": (
        replace(WELL, aggregate_lags={"candles_5m": 4320.0}),
        Cause(Health.DELAYED, "candles_5m", "is 1 h 12 min behind"),
    ),
    "open gaps": (
        replace(WELL, gaps=Gaps(1411, 2_700_000, AT - timedelta(days=30), "X@A@EQ")),
        Cause(
            Health.WARNING,
            "gaps",
            "1,411 open, of 2,700,000 minutes; the oldest, of X@A@EQ, began at 2026-01-31T12:00:00Z, 30 days ago:"
            " chandlery gaps",
        ),
    ),
    "coverage of a day": (
        told("live_gap_monitor", coverage_24h=0.9, coverage_7d=0.99),
        Cause(Health.DELAYED, "coverage", "of the last 24 hours is 90.00%, below 99%: chandlery coverage"),
    ),
    "coverage of a week": (
        told("live_gap_monitor", coverage_24h=1.0, coverage_7d=0.97),
        Cause(Health.DELAYED, "coverage", "of the last 7 days is 97.00%, below 98%: chandlery coverage"),
    ),
    "a calendar that ends": (
        told("live_gap_monitor", ending_calendars=["XNYS"]),
        Cause(Health.WARNING, "calendar XNYS", "has no sessions 30 days ahead: chandlery sessions sync"),
    ),
    "drift that waits": (
        told("policy_maintenance", drift=3, drift_applied=1),
        Cause(Health.WARNING, "policies", "2 differ from those wanted: chandlery policies plan"),
    ),
    "a job that fails": (
        told("policy_maintenance", failing_jobs=["job 1001, refresh of candles_5m: no space"]),
        Cause(Health.WARNING, "jobs", "one fails: job 1001, refresh of candles_5m: no space"),
    ),
    "a job that is late": (
        told("policy_maintenance", late_jobs=["job 1001, refresh of candles_5m: 2 h late"]),
        Cause(Health.WARNING, "jobs", "one is late: job 1001, refresh of candles_5m: 2 h late"),
    ),
    "changed hours that wait": (
        told("policy_maintenance", stale_waiting=1200),
        Cause(Health.WARNING, "aggregates", "1,200 marks of changed hours wait to be refreshed"),
    ),
    "indicators that wait": (
        told("historical_processor", indicator_marks_left=7),
        Cause(Health.WARNING, "indicators", "7 instrument-hours wait to be computed"),
    ),
    "changes that no rule has judged": (
        told("signal_processor", signal_marks_left=3),
        Cause(Health.WARNING, "signals", "3 changes wait to be judged by rules"),
    ),
    "indicators that are new": (
        told("historical_processor", indicators_unfilled=2),
        Cause(Health.WARNING, "indicators", "2 new ones are not filled over history yet"),
    ),
}


@pytest.mark.parametrize(("measured", "cause"), CASES.values(), ids=CASES.keys())
def test_what_is_not_as_it_should_be_is_named(measured: Measured, cause: Cause) -> None:
    assert judge(measured) == Verdict(cause.health, [cause])


def test_where_nobody_carries_the_policies_out_that_is_reported() -> None:
    said = Cause(
        Health.DELAYED,
        "policies",
        "not carried out: neither a background scheduler nor policy_maintenance runs",
    )
    for run in (ran("policy_maintenance", timedelta(hours=1)), ran("policy_maintenance", status="switched_off")):
        assert said in judge(replace(after(run), scheduler_runs=False)).causes
        assert said not in judge(after(run)).causes
    assert judge(replace(WELL, scheduler_runs=False)).health is Health.HEALTHY


def test_of_a_desk_without_instruments_nothing_is_expected_and_it_says_so() -> None:
    empty = Measured(AT, has_instruments=False)
    nothing = Cause(Health.HEALTHY, "instruments", "none yet, so nothing is expected: chandlery instruments add")
    assert judge(empty) == Verdict(Health.HEALTHY, [nothing])
    # But a component that had come, and does not come any more, is missed.
    stopped = replace(empty, runs={"live_processor": ran("live_processor", timedelta(hours=1))}, scheduler_runs=True)
    assert judge(stopped).health is Health.DELAYED


def test_a_new_desk_is_not_blamed_for_what_was_not_due_yet() -> None:
    began = AT - 10 * MINUTE
    every_minute = ("live_processor", "option_processor", "alert_processor")
    runs = {name: ran(name, first_recorded_at=began) for name in every_minute}
    assert judge(Measured(AT, runs=runs)).health is Health.HEALTHY
    later = replace(Measured(AT, runs=runs), at=AT + 6 * MINUTE)
    assert [cause.subject for cause in judge(later).causes] == [
        *every_minute, "live_gap_monitor", "policy_maintenance", "signal_processor", "policies",
    ]  # fmt: skip


def test_a_run_that_failed_early_hides_nothing_reported_before() -> None:
    run = ran(
        "live_gap_monitor", status="failed", error="no space", failures_in_a_row=1, reported={"coverage_24h": 0.5}
    )
    verdict = judge(after(run))
    assert (verdict.health, [cause.subject for cause in verdict.causes]) == (
        Health.DELAYED,
        ["coverage", "live_gap_monitor"],
    )


@st.composite
def measurements(draw: st.DrawFn) -> Measured:
    """A desk in whatever state."""
    told_of: Mapping[str, st.SearchStrategy[Any]] = {
        "live_gap_monitor": st.fixed_dictionaries(
            {
                "coverage_24h": portions,
                "coverage_7d": portions,
                "ending_calendars": st.lists(names),
                "late_feeds": st.lists(names),
                "feed_latencies": st.lists(
                    st.fixed_dictionaries(
                        {"feed": names, "latency_p50_seconds": seconds, "latency_p99_seconds": seconds}
                    ),
                    max_size=2,
                ),
            }
        ),
        "policy_maintenance": st.fixed_dictionaries(
            {
                "drift": counts,
                "drift_applied": st.just(0),
                "failing_jobs": st.lists(names),
                "late_jobs": st.lists(names),
                "stale_waiting": counts,
            }
        ),
        "historical_processor": st.fixed_dictionaries({"indicator_marks_left": counts, "indicators_unfilled": counts}),
        "signal_processor": st.fixed_dictionaries({"signal_marks_left": counts}),
    }
    began = AT - draw(ages)
    runs = {
        name: ran(
            name,
            draw(ages),
            draw(st.sampled_from(["succeeded", "failed", "switched_off", "dry_run"])),
            failures_in_a_row=draw(st.integers(0, 5)),
            reported=draw(told_of.get(name, st.just({}))),
            first_recorded_at=began,
        )
        for name in draw(st.sets(st.sampled_from(list(RHYTHMS))))
    }
    moments = st.none() | ages.map(lambda age: AT - age)
    return Measured(
        AT,
        has_instruments=draw(st.booleans()),
        runs=runs,
        freshness=draw(st.lists(st.builds(Freshness, names, names, moments, seconds), max_size=2)),
        silent_seconds=draw(st.dictionaries(names, seconds)),
        waiting_since=draw(moments),
        old_waiting_since=draw(moments),
        aggregate_lags=draw(st.dictionaries(names, seconds)),
        gaps=draw(st.builds(Gaps, counts, counts, moments)),
        scheduler_runs=draw(st.booleans()),
    )


def _of_each_run(change: Callable[[LastRun], LastRun]) -> Callable[[Measured], Measured]:
    return lambda desk: replace(desk, runs={name: change(run) for name, run in desk.runs.items()})


def _telling(**said: Callable[[Any], Any]) -> Callable[[Measured], Measured]:
    def change(run: LastRun) -> LastRun:
        return replace(run, reported={n: said[n](value) if n in said else value for n, value in run.reported.items()})

    return _of_each_run(change)


def _earlier(moment: datetime | None) -> datetime:
    return (moment or AT) - timedelta(minutes=10)


WORSE: Mapping[str, Callable[[Measured], Measured]] = {
    "candles are older": lambda desk: replace(
        desk, freshness=[replace(each, behind_seconds=each.behind_seconds + 200) for each in desk.freshness]
    ),
    "one more is old": lambda desk: replace(desk, freshness=[*desk.freshness, Freshness("z", "Z", None, 200.0)]),
    "feeds are silent for longer": lambda desk: replace(
        desk, silent_seconds={feed: silent + 200 for feed, silent in desk.silent_seconds.items()}
    ),
    "one more is silent": lambda desk: replace(desk, silent_seconds={**desk.silent_seconds, "z": 200.0}),
    "minutes wait for longer": lambda desk: replace(desk, waiting_since=_earlier(desk.waiting_since)),
    "older minutes wait": lambda desk: replace(desk, old_waiting_since=_earlier(desk.old_waiting_since)),
    "runs are older": _of_each_run(lambda run: replace(run, scheduled_at=_earlier(run.scheduled_at))),
    "the desk is older": _of_each_run(lambda run: replace(run, first_recorded_at=_earlier(run.first_recorded_at))),
    "runs fail oftener": _of_each_run(lambda run: replace(run, failures_in_a_row=run.failures_in_a_row + 1)),
    "components are switched off": _of_each_run(lambda run: replace(run, status="switched_off")),
    "the scheduler stops": lambda desk: replace(desk, scheduler_runs=False),
    "aggregates are further behind": lambda desk: replace(
        desk, aggregate_lags={name: lag + 200 for name, lag in desk.aggregate_lags.items()}
    ),
    "gaps are more": lambda desk: replace(desk, gaps=Gaps(desk.gaps.gaps + 1, desk.gaps.minutes + 1, _earlier(None))),
    "coverage is less": _telling(coverage_24h=lambda value: value * 0.9, coverage_7d=lambda value: value * 0.9),
    "feeds are late": _telling(late_feeds=lambda value: [*value, "a", "b", "c"]),
    "calendars end": _telling(ending_calendars=lambda value: [*value, "z"]),
    "drift grows": _telling(drift=lambda value: value + 1),
    "jobs fail": _telling(failing_jobs=lambda value: [*value, "z"]),
    "jobs are late": _telling(late_jobs=lambda value: [*value, "z"]),
    "more is stale": _telling(stale_waiting=lambda value: value + 1),
    "more indicators wait": _telling(indicator_marks_left=lambda value: value + 1),
    "more indicators are new": _telling(indicators_unfilled=lambda value: value + 1),
    "instruments come": lambda desk: replace(desk, has_instruments=True),
}


@given(measured=measurements())
def test_what_gets_worse_never_makes_the_verdict_better(measured: Measured) -> None:
    before = judge(measured).health.rank
    better = [what for what, worse in WORSE.items() if judge(worse(measured)).health.rank < before]
    assert better == []


@given(measurements())
def test_the_verdict_is_the_worst_of_its_causes_and_they_are_in_that_order(measured: Measured) -> None:
    verdict = judge(measured)
    ranks = [cause.health.rank for cause in verdict.causes]
    assert verdict.health.rank == max(ranks, default=0)
    assert ranks == sorted(ranks, reverse=True)
    for cause in verdict.causes:
        assert cause.subject
        assert "None" not in cause.says


@pytest.mark.parametrize(
    ("limit", "below", "above"),
    [(WARNING_SECONDS, Health.HEALTHY, Health.WARNING), (DELAYED_SECONDS, Health.WARNING, Health.DELAYED)],
)
def test_a_lag_is_graded_by_two_limits(limit: float, below: Health, above: Health) -> None:
    assert (health_of_lag(limit), health_of_lag(limit + 0.1)) == (below, above)


def test_what_is_read_may_be_relied_on_up_to_a_warning() -> None:
    assert [each for each in Health if each.serves] == [Health.HEALTHY, Health.WARNING]


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (0, "0 s"),
        (12.9, "12 s"),
        (60, "1 min"),
        (3_599, "59 min 59 s"),
        (75_180, "20 h 53 min"),
        (timedelta(days=4, hours=19, minutes=59), "4 days 19 h"),
        (timedelta(days=1, minutes=5), "1 day"),
        (timedelta(days=4801, hours=15), "4,801 days 15 h"),
    ],
)
def test_durations_in_words(duration: timedelta | float, words: str) -> None:
    assert in_words(duration) == words


@pytest.mark.parametrize(
    ("starts", "ends", "words"),
    [
        ("2013-10-07T14:02", "2026-11-30T05:09", "13 years 53 days"),
        ("2023-03-01T00:00", "2024-02-29T23:59", "365 days 23 h"),
        ("2023-03-01T00:00", "2024-03-01T00:00", "1 year"),
        ("2024-02-29T12:00", "2025-03-01T11:59", "365 days 23 h"),
        ("2024-02-29T12:00", "2025-03-01T12:00", "1 year"),
        ("2024-02-29T12:00", "2028-02-29T12:00", "4 years"),
        ("2024-02-29T12:00", "2028-03-01T12:00", "4 years 1 day"),
        ("2026-12-31T23:59", "2027-01-01T00:01", "2 min"),
    ],
)
def test_years_are_those_of_the_calendar(starts: str, ends: str, words: str) -> None:
    assert between(datetime.fromisoformat(starts), datetime.fromisoformat(ends)) == words


def test_components_are_due_as_the_template_has_it() -> None:
    assert tuple(RHYTHMS) == tuple(expected.module for expected in FUNCTIONS.values())
    assert set(RHYTHMS) == set(SCHEDULED)
    for expected in FUNCTIONS.values():
        assert RHYTHMS[expected.module].every == expected.every


def test_the_view_for_people_has_the_same_thresholds() -> None:
    text = (SQL / "schema" / "derived" / "aggregation_health_at.sql").read_text()
    assert f"lag_seconds > {DELAYED_SECONDS:.0f} THEN 'DELAYED' WHEN lag_seconds > {WARNING_SECONDS:.0f} THEN" in text
