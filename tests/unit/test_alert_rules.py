"""Rules of Prometheus: each alarm has its own, and each asks for a metric that GET /metrics gives."""

import re
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from chandlery.desk.evaluate_alerts import AlertsReport
from chandlery.gaps.watch_live_gaps import LiveGapReport
from chandlery.health.domain.health import FAILURES_IN_A_ROW
from chandlery.health.domain.measured import Freshness, Gaps, Measured
from chandlery.health.domain.rhythm import RHYTHMS
from chandlery.minutes.aggregate_live import LiveReport
from chandlery.options.aggregate_strikes import StrikesReport
from chandlery.outbox.finish_run import OutboxReport
from chandlery.platform.telemetry import REPORTED
from chandlery.policies.maintain_policies import PolicyReport
from chandlery.signals.process_signals import SignalReport
from local import metrics
from tests.conftest import REPO
from tests.unit.health.test_health import AT, ran
from tests.unit.test_alarms import EXPECTED, deployed, page_of
from tests.unit.test_template import FUNCTIONS, transformed

__all__ = ["deployed", "transformed"]

RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load((REPO / "docs/prometheus/alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
}
PAGE = (REPO / "docs/monitoring.md").read_text()
# No alarm's: what an alarm of AWS sees as missing data, and the verdict itself.
OWN = {"DatabaseUnreachable", "Unhealthy"}
COMPONENTS = {expected.module: name for name, expected in FUNCTIONS.items()}
REPORTS: dict[str, tuple[type, ...]] = {
    "live_processor": (LiveReport,),
    "option_processor": (StrikesReport,),
    "alert_processor": (AlertsReport, OutboxReport),
    "signal_processor": (SignalReport,),
    "live_gap_monitor": (LiveGapReport,),
    "policy_maintenance": (PolicyReport, OutboxReport),
}


def without_rule() -> set[str]:
    """The alarms that the page says have none, each line with its reason."""
    section = PAGE.partition("### Alarms without a rule")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| (.+) \|$", section, re.MULTILINE)
    assert all(len(reason.split()) > 2 for _, reason in rows)
    return {name for names, _ in rows for name in re.findall(r"`(\w+)`", names)}


def desk() -> Measured:
    """A desk of which everything is known."""
    told: dict[str, Any] = {
        component: {field.name: 1 for report in reports for field in fields(report) if field.name in REPORTED}
        for component, reports in REPORTS.items()
    }
    latency = [{"feed": "f", "latency_p50_seconds": 1.5, "latency_p99_seconds": 9.25}]
    told["live_gap_monitor"] |= {"ending_calendars": ["a", "b"], "feed_latencies": latency}
    return Measured(
        AT,
        runs={
            name: ran(name, timedelta(minutes=2), "failed", failures_in_a_row=2, reported=told.get(name, {}))
            for name in RHYTHMS
        },
        freshness=[Freshness("f", "XNYS", AT - timedelta(minutes=3), 120.0), Freshness("new", "24/7", None, 0.0)],
        silent_seconds={'a "feed"\\': 7.5},
        waiting_since=AT - timedelta(minutes=4),
        aggregate_lags={"candles_5m": 61.0},
        gaps=Gaps(5, 17, AT - timedelta(hours=30), "X@A@EQ", {"strike_candles": 2}),
        wrong_buckets=1,
    )


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_alarm_has_its_rule_or_a_reason_why_not() -> None:
    assert not without_rule() & RULES.keys()
    assert without_rule() | RULES.keys() == EXPECTED.keys() | OWN


@pytest.mark.parametrize("name", sorted(RULES.keys() - OWN))
def test_a_rule_fires_where_its_alarm_does(name: str, deployed: dict[str, Any]) -> None:
    rule, alarm = RULES[name], deployed[name]["Properties"]
    assert rule["annotations"]["runbook"] == f"docs/runbook/{page_of(alarm)}.md"
    found = re.fullmatch(r'(?:time\(\) - )?(\w+)(?:\{(\w+)="([\w.]+)"\})? (>=|>|<) ([\d.e]+)', rule["expr"])
    assert found, rule["expr"]
    metric, _, value, sign, threshold = found.groups()
    _, expected_sign, expected, _ = EXPECTED[name]
    if metric == "chandlery_run_failures_in_a_row":
        assert (f"{COMPONENTS[value]}Fails", sign, int(threshold)) == (name, ">=", FAILURES_IN_A_ROW)
    elif metric == "chandlery_run_timestamp_seconds":
        assert (f"{COMPONENTS[value]}HasNotRun", sign) == (name, ">")
        assert float(threshold) == RHYTHMS[value].patience.total_seconds()
    else:
        assert (sign, float(threshold)) == (expected_sign, expected)
        waits = alarm["Period"] * alarm["EvaluationPeriods"] if alarm["EvaluationPeriods"] > 1 else 0
        assert rule.get("for", "0m") == f"{waits // 60}m"


def test_every_rule_asks_for_a_metric_that_is_given() -> None:
    given = samples(metrics.exposed(desk()))
    names = {name for name, _ in given}
    for rule in RULES.values():
        metric = re.search(r"chandlery_\w+", rule["expr"])
        assert metric, rule
        assert metric[0] in names, rule["alert"]
        for value in re.findall(r'(?:component|quantile)="([\w.]+)"', rule["expr"]):
            assert any(name == metric[0] and value in labels for name, labels in given), rule["alert"]
    # And the page lists them all.
    listed = set(re.findall(r"^\| `(chandlery_\w+)` ", PAGE, re.MULTILINE))
    assert listed == {name for name in names if not name.startswith("chandlery_reported_")}


def test_metrics_say_what_was_measured() -> None:
    given = samples(metrics.exposed(desk()))
    assert given["chandlery_database_up", ()] == 1
    assert [value for (name, _), value in given.items() if name == "chandlery_health"].count(1) == 1
    assert given["chandlery_lag_seconds", ()] == 180
    assert given["chandlery_newest_candle_timestamp_seconds", ("XNYS", "f")] == (AT - timedelta(minutes=3)).timestamp()
    assert ("chandlery_newest_candle_timestamp_seconds", ("24/7", "new")) not in given
    assert given["chandlery_feed_silent_seconds", ('a "feed"\\',)] == 7.5
    assert given["chandlery_feed_latency_seconds", ("f", "0.99")] == 9.25
    assert given["chandlery_gaps_open", ("candles",)] == 3
    assert given["chandlery_gaps_open", ("strike_candles",)] == 2
    assert given["chandlery_oldest_gap_hours", ()] == 30
    assert given["chandlery_run_failures_in_a_row", ("live_processor",)] == 2
    assert given["chandlery_reported_ending_calendars", ("live_gap_monitor",)] == 2


def test_a_database_that_cannot_be_asked_is_itself_a_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    answered = metrics.answer({"requestContext": {"http": {"method": "GET"}}})
    assert answered["statusCode"] == 200
    assert samples(answered["body"]) == {("chandlery_database_up", ()): 0}
    assert metrics.answer({"requestContext": {"http": {"method": "POST"}}})["statusCode"] == 405
