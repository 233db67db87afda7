"""Alarms and dashboard of `template.yaml`: what they look at, when they fire, and the pages that say what to do."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from chandlery.health.domain import health
from chandlery.health.domain.health import DELAYED_SECONDS, FAILURES_IN_A_ROW, LEAST_COVERAGE, WARNING_SECONDS, Rule
from chandlery.health.domain.measured import Measured
from chandlery.health.domain.rhythm import RHYTHMS
from chandlery.platform.domain.limits import LATENCY_SECONDS
from tests.unit.health.test_health import measurements
from tests.unit.test_template import ALL_FUNCTIONS, FUNCTIONS, TEMPLATE, deployed, of_type, transformed, value_of

__all__ = ["deployed", "transformed"]

RUNBOOK = Path(__file__).resolve().parents[2] / "docs" / "runbook"
SECONDS_A_DAY, SECONDS_A_WEEK = 86_400, 604_800
# What AWS itself measures, and its dimensions.
OF_AWS = {
    ("AWS/EC2", "CPUUtilization"): ("InstanceId",),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ("QueueName",),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): ("QueueName",),
    ("AWS/Lambda", "IteratorAge"): ("FunctionName",),
    ("AWS/ApiGateway", "5xx"): ("ApiId",),
    ("AWS/ApiGateway", "Latency"): ("ApiId",),
    ("AWS/Lambda", "Duration"): ("FunctionName",),
    ("AWS/Lambda", "Errors"): ("ExecutedVersion", "FunctionName", "Resource"),
    ("AWS/Logs", "IncomingBytes"): ("LogGroupName",),
}
# alarm → its metric, what is wrong, and what a missing measurement means
EXPECTED = {
    **{f"{name}Fails": ("Failures", ">=", 1, "ignore") for name in FUNCTIONS},
    # Lambda itself tries these three times.
    **{f"{name}Fails": ("Failures", ">=", 3, "ignore") for name in ("HistoricalGapMonitor", "HistoricalProcessor")},
    **{f"{name}HasNotRun": ("Runs", "<", 1, "breaching") for name in FUNCTIONS},
    "OldGap": ("OldestGapHours", ">", 24, "ignore"),
    "LowCoverage24h": ("Coverage24h", "<", LEAST_COVERAGE["coverage_24h"][0], "ignore"),
    "LowCoverage7d": ("Coverage7d", "<", LEAST_COVERAGE["coverage_7d"][0], "ignore"),
    "MinutesLateWarning": ("LagSeconds", ">", WARNING_SECONDS, "ignore"),
    "MinutesLate": ("LagSeconds", ">", DELAYED_SECONDS, "ignore"),
    "OptionMinutesLate": ("LagSeconds", ">", DELAYED_SECONDS, "ignore"),
    "AlertsLate": ("LagSeconds", ">", DELAYED_SECONDS, "ignore"),
    "SignalsLate": ("SignalMarksLeft", ">", 0, "ignore"),
    "AlertsUndelivered": ("OutboxAgeSeconds", ">", DELAYED_SECONDS, "ignore"),
    "FewVolatilities": ("IvOkShare", "<", 0.3, "notBreaching"),
    "CandlesOld": ("CandlesBehindSeconds", ">", DELAYED_SECONDS, "ignore"),
    "AggregatesLateWarning": ("AggregateLagSeconds", ">", WARNING_SECONDS, "ignore"),
    "AggregatesLate": ("AggregateLagSeconds", ">", DELAYED_SECONDS, "ignore"),
    "FeedSilent": ("FeedSilentSeconds", ">", WARNING_SECONDS, "notBreaching"),
    "FeedLate": ("FeedLatencyP99Seconds", ">", LATENCY_SECONDS, "notBreaching"),
    "PolicyDriftStays": ("PolicyDrift", ">", 0, "ignore"),
    "DerivedCandlesWrong": ("WrongBuckets", ">", 0, "ignore"),
    "CalendarsEnd": ("CalendarsEnding", ">", 0, "ignore"),
    "FailedRunsWaiting": ("ApproximateNumberOfMessagesVisible", ">", 0, "notBreaching"),
    "FailedDeliveriesWaiting": ("ApproximateNumberOfMessagesVisible", ">", 0, "notBreaching"),
    "TickIngestFails": ("Failures", ">=", 1, "notBreaching"),
    "BadRecordsWaiting": ("ApproximateNumberOfMessagesVisible", ">", 0, "notBreaching"),
    "UndeliveredRecordsWaiting": ("ApproximateNumberOfMessagesVisible", ">", 0, "notBreaching"),
    "RecordsOld": ("ApproximateAgeOfOldestMessage", ">", 300, "notBreaching"),
    "StreamOld": ("IteratorAge", ">", 300_000, "notBreaching"),
    "ApiServerErrors": ("5xx", ">=", 5, "notBreaching"),
    "ApiSlow": ("Latency", ">", 3000, "notBreaching"),
    **{
        f"{name}MemoryFull": ("MemoryShare", ">", 0.9, "notBreaching")
        for name in (*FUNCTIONS, "TickIngest", "HttpApi", "RecordApi", "DeskApi")
    },
    **{f"{name}ProcessorFull": ("CpuShare", ">", 0.9, "notBreaching") for name in ("LiveProcessor", "HttpApi")},
    "ApiCacheMisses": ("CacheHitRate", "<", 0.2, "notBreaching"),
    "MessagesOld": ("OutboxAgeSeconds", ">", 900, "ignore"),
    "MessagesRefused": ("OutboxRefused", ">", 0, "ignore"),
    "DatabaseGrows": ("DatabaseGrowthBytes", ">", 20e9, "ignore"),
    "DatabaseProcessorFull": ("CPUUtilization", ">", 90, "notBreaching"),
    **{
        f"{name}NewVersionFails": ("Errors", ">=", 1, "notBreaching")
        for name in (
            "LiveProcessor",
            "OptionProcessor",
            "AlertProcessor",
            "LiveGapMonitor",
            "PolicyMaintenance",
            "SignalProcessor",
            "HttpApi",
        )
    },
}
# What makes the verdict of health worse than a warning → the alarms that report it; and what only warns.
REPORTED_BY: Mapping[Rule, set[str]] = {
    health.judge_freshness: {"CandlesOld"},
    health.judge_feeds: {"FeedSilent"},
    health.judge_waiting: {"MinutesLate"},
    health.judge_punctuality: {f"{name}HasNotRun" for name in FUNCTIONS},
    health.judge_runs: {f"{name}Fails" for name in FUNCTIONS},
    health.judge_aggregates: {"AggregatesLate"},
    health.judge_derived: {"DerivedCandlesWrong"},
    health.judge_gaps: {"LowCoverage24h", "LowCoverage7d"},
    health.judge_policies: {"PolicyMaintenanceHasNotRun"},
}
WARNS = {
    health.judge_calendars,
    health.judge_history,
    health.judge_emptiness,
    health.judge_imports,
    health.judge_latency,
    health.judge_messages,
}
SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
}


@dataclass(frozen=True)
class Metric:
    """What an alarm or a graph looks at; `values` are the dimensions', in the order of their names."""

    namespace: str
    name: str
    dimensions: tuple[str, ...]
    values: tuple[str, ...]


def alarmed(resources: dict[str, Any]) -> dict[str, Metric]:
    """What each alarm looks at."""
    return {
        name: _metric(
            value_of(alarm["Namespace"]),
            alarm["MetricName"],
            {each["Name"]: _text(each["Value"]) for each in alarm["Dimensions"]},
        )
        for name, alarm in of_type(resources, "AWS::CloudWatch::Alarm").items()
    }


def shown(resources: dict[str, Any]) -> Iterator[Metric]:
    """What the dashboard looks at; of a search, the dimensions' names, and their values as far as it says them."""
    for widget in widgets(resources):
        for row in widget["properties"].get("metrics", []):
            if isinstance(row[0], dict):
                yield _searched(row[0]["expression"])
                continue
            namespace, name, *pairs = [cell for cell in row if isinstance(cell, str)]
            yield _metric(namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True)))


def widgets(resources: dict[str, Any]) -> Sequence[Any]:
    """The dashboard's widgets, its parameters put in, and every other name left as it is."""
    (dashboard,) = of_type(resources, "AWS::CloudWatch::Dashboard").values()
    defaults = {name: str(parameter.get("Default")) for name, parameter in TEMPLATE["Parameters"].items()}

    def put_in(found: re.Match[str]) -> str:
        assert found[1] in defaults or found[1].startswith("AWS::") or found[1].split(".")[0] in resources, found[1]
        return defaults.get(found[1], found[1])

    body = re.sub(r"\$\{([^!}]+)\}", put_in, dashboard["DashboardBody"]["Fn::Sub"]).replace("${!", "${")
    read: Sequence[Any] = json.loads(body)["widgets"]
    return read


def _metric(namespace: str, name: str, dimensions: dict[str, str]) -> Metric:
    names = sorted(dimensions)
    return Metric(namespace, name, tuple(names), tuple(dimensions[each] for each in names))


def _searched(expression: str) -> Metric:
    found = re.fullmatch(r"SEARCH\('\{([^,]+),([\w,]+)\} MetricName=\"(\w+)\" (.*)', '\w+', \d+\)", expression)
    assert found, expression
    said = dict(re.findall(r'(\w+)="([^"]+)"', found[4]))
    names = sorted(found[2].split(","))
    return Metric(found[1], found[3], tuple(names), tuple(said.get(name, "") for name in names))


def _text(value: Any) -> str:
    """The value of a dimension: itself, or the resource it comes from."""
    if isinstance(value, str):
        return value
    (argument,) = value.values()
    return ".".join(argument) if isinstance(argument, list) else str(argument)


def page_of(alarm: dict[str, Any]) -> str:
    """The runbook page that an alarm's description names."""
    (page,) = re.findall(r"Runbook: docs/runbook/([\w-]+)\.md$", alarm["AlarmDescription"])
    return str(page)


def test_the_alarms_are_these(deployed: dict[str, Any]) -> None:
    found = {
        name: (
            alarm["MetricName"],
            SIGNS[alarm["ComparisonOperator"]],
            float(value_of(alarm["Threshold"])),
            alarm["TreatMissingData"],
        )
        for name, alarm in of_type(deployed, "AWS::CloudWatch::Alarm").items()
    }
    assert found == EXPECTED


def test_alarms_follow_the_verdict_of_health() -> None:
    assert {*REPORTED_BY, *WARNS} == set(health.RULES)
    assert set.union(*REPORTED_BY.values()) <= EXPECTED.keys()


@given(measurements())
def test_what_only_warns_needs_no_alarm(measured: Measured) -> None:
    assert all(cause.health.serves for rule in WARNS for cause in rule(measured))


def test_an_alarm_notifies_the_topic_when_it_begins_and_when_it_is_over(transformed: dict[str, Any]) -> None:
    resources = transformed["Resources"]
    for name, alarm in of_type(resources, "AWS::CloudWatch::Alarm").items():
        if name.endswith("NewVersionFails"):  # CodeDeploy alone looks at these
            assert "AlarmActions" not in alarm
            continue
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}]
        assert alarm["AlarmName"]["Fn::Sub"].startswith("${AWS::StackName}-")
    assert resources["Alarms"]["Type"] == "AWS::SNS::Topic"
    mail = resources["AlarmsByMail"]
    assert (mail["Condition"], mail["Properties"]["Endpoint"]) == ("AlarmsAreMailed", {"Ref": "AlarmEmail"})
    assert transformed["Outputs"]["AlarmsTopic"]["Value"] == {"Ref": "Alarms"}


def test_the_database_s_instance_is_watched_where_it_is_named(transformed: dict[str, Any]) -> None:
    assert transformed["Resources"]["DatabaseProcessorFull"]["Condition"] == "DatabaseIsWatched"
    named = {"Fn::Not": [{"Fn::Equals": [{"Ref": "DatabaseInstanceId"}, ""]}]}
    assert transformed["Conditions"]["DatabaseIsWatched"] == named
    pattern = TEMPLATE["Parameters"]["DatabaseInstanceId"]["AllowedPattern"]
    for said, fits in (("", True), ("i-0123456789abcdef0", True), ("i-01234567", True), ("db-1", False), ("i-", False)):
        assert bool(re.fullmatch(pattern, said)) == fits, said


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_component_is_missed_after_a_run_of_its_own_schedule(deployed: dict[str, Any], name: str) -> None:
    alarm = deployed[f"{name}HasNotRun"]["Properties"]
    patience = alarm["Period"] * alarm["EvaluationPeriods"]
    every = FUNCTIONS[name].every.total_seconds()
    # One run may be late by its whole time limit before the next is missed.
    assert every + FUNCTIONS[name].timeout.total_seconds() < patience <= max(5 * every, every + 2 * 3600)
    # And the verdict of health waits as long.
    assert patience == RHYTHMS[FUNCTIONS[name].module].patience.total_seconds()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_three_failures_in_a_row_are_reported(deployed: dict[str, Any], name: str) -> None:
    alarm, expected = deployed[f"{name}Fails"]["Properties"], FUNCTIONS[name]
    if expected.retries:
        # One scheduled run, as often as Lambda tries it, within the alarm's one period.
        assert (alarm["Statistic"], alarm["EvaluationPeriods"], alarm["Threshold"]) == ("Sum", 1, expected.retries + 1)
        assert (expected.retries + 1) * expected.timeout.total_seconds() < alarm["Period"]
    else:
        # Every run of each period, three periods on end.
        told = ("Minimum", FAILURES_IN_A_ROW, 1)
        assert (alarm["Statistic"], alarm["EvaluationPeriods"], alarm["Threshold"]) == told
        assert alarm["Period"] == expected.every.total_seconds()


def test_cloudwatch_can_look_back_as_far_as_an_alarm_does(deployed: dict[str, Any]) -> None:
    for name, alarm in of_type(deployed, "AWS::CloudWatch::Alarm").items():
        assert alarm["Period"] % 60 == 0, name
        most = SECONDS_A_WEEK if alarm["Period"] >= 3600 else SECONDS_A_DAY
        assert alarm["Period"] * alarm["EvaluationPeriods"] <= most, name
        assert ("Statistic" in alarm) != ("ExtendedStatistic" in alarm), name
        assert len(alarm["AlarmDescription"]) <= 1024, name


def test_a_component_looks_at_its_own_metrics(deployed: dict[str, Any]) -> None:
    looked_at = alarmed(deployed)
    for name, expected in FUNCTIONS.items():
        for alarm in (f"{name}Fails", f"{name}HasNotRun"):
            assert looked_at[alarm].dimensions == ("service",)
            assert looked_at[alarm].values == (expected.module,)


def test_what_aws_measures_is_looked_at_as_aws_names_it(deployed: dict[str, Any]) -> None:
    of_aws = {each for each in {*alarmed(deployed).values(), *shown(deployed)} if each.namespace.startswith("AWS/")}
    assert {(each.namespace, each.name): each.dimensions for each in of_aws} == OF_AWS
    for each in of_aws:
        (resource, *_) = each.values[-2 if "FunctionName" in each.dimensions[1:] else 0].split(".")
        assert resource in deployed or each.values == ("DatabaseInstanceId",), each
    queues = {metric.values for name, metric in alarmed(deployed).items() if metric.namespace == "AWS/SQS"}
    assert queues == {(f"{name}.QueueName",) for name in of_type(deployed, "AWS::SQS::Queue")}


def test_the_dashboard_answers_in_this_order(deployed: dict[str, Any]) -> None:
    found = widgets(deployed)
    places = [(each["y"], each["x"]) for each in found]
    assert places == sorted(places)
    questions = [each["properties"]["markdown"] for each in found if each["type"] == "text"]
    assert questions == ["# Is the data fresh?", "# Is it complete?", "# Is it cheap?"]
    for each in found:
        if each["type"] == "metric":
            assert each["properties"]["region"] == "AWS::Region"
            assert each["properties"]["title"]
    functions = {metric.values[0] for metric in shown(deployed) if metric.name == "Duration"}
    assert functions == set(ALL_FUNCTIONS)


def test_every_alarm_has_a_page_and_every_page_an_alarm(deployed: dict[str, Any]) -> None:
    alarms = of_type(deployed, "AWS::CloudWatch::Alarm")
    pages = {path.stem for path in RUNBOOK.glob("*.md")} - {"README"}
    assert {page_of(alarm) for alarm in alarms.values()} == pages
    index = (RUNBOOK / "README.md").read_text()
    assert set(re.findall(r"\]\(([\w-]+)\.md\)", index)) == pages
    for alarm in alarms.values():
        # The index leads from the name in the mail to the page.
        suffix = alarm["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        (line,) = [line for line in index.splitlines() if line.startswith("|") and f"`{suffix}`" in line]
        assert f"({page_of(alarm)}.md)" in line


@pytest.mark.parametrize("path", sorted(RUNBOOK.glob("[a-z]*.md")), ids=lambda path: path.stem)
def test_a_page_is_short_and_says_what_to_do(path: Path) -> None:
    text = path.read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["What it means", "Look first", "What to do", "It is over when"]
    assert len(text.split()) < 350


def test_pages_name_only_commands_and_settings_that_exist() -> None:
    from typer.main import get_command

    from local.command_line import app

    known = get_command(app)
    for path in RUNBOOK.glob("*.md"):
        for command in re.findall(r"chandlery ([a-z]+)", path.read_text()):
            assert command in known.commands, (path.name, command)  # type: ignore[attr-defined]  # a group
