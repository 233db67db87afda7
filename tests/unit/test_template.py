"""What `template.yaml` deploys, read from the CloudFormation that SAM makes of it."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from chandlery.component import ScheduledEvent
from chandlery.domain.window import Window
from local.schedules import find_function

REPO = Path(__file__).resolve().parents[2]
TEMPLATE = yaml_parse((REPO / "template.yaml").read_text())
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"

# The fields of an EventBridge cron expression: lowest and highest number, names, and what else may stand there.
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_FIELDS: Sequence[tuple[str, int, int, Sequence[str], str]] = (
    ("minutes", 0, 59, [], r"\*"),
    ("hours", 0, 23, [], r"\*"),
    ("day of month", 1, 31, [], r"\*|\?|L|\d+W"),
    ("month", 1, 12, _MONTHS, r"\*"),
    ("day of week", 1, 7, _DAYS, r"\*|\?|[1-7]?L|[1-7]#[1-5]"),
    ("year", 1970, 2199, [], r"\*"),
)


class NoManagedPolicies:
    """SAM asks AWS for the managed policies; ours uses none."""

    def load(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="module")
def deployed() -> Iterator[dict[str, Any]]:
    """The resources CloudFormation would see."""
    parameters = {name: parameter.get("Default", "desk") for name, parameter in TEMPLATE["Parameters"].items()}
    fresh = yaml_parse((REPO / "template.yaml").read_text())
    for resource in fresh["Resources"].values():  # what `sam package` puts in place of the folders
        for name in {"CodeUri", "ContentUri"} & resource["Properties"].keys():
            resource["Properties"][name] = "s3://bucket/artifact"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield transform(fresh, parameters, NoManagedPolicies())["Resources"]


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}


@pytest.fixture
def schedule(deployed: dict[str, Any]) -> Any:
    found = of_type(deployed, "AWS::Scheduler::Schedule")
    return next(each for each in found.values() if each["Target"]["Arn"] == {"Fn::GetAtt": ["LiveProcessor", "Arn"]})


def test_the_live_processor_fires_every_minute_on_the_minute(schedule: Any) -> None:
    # rate(1 minute) would fire at whatever second it was deployed.
    assert schedule["ScheduleExpression"] == "cron(* * * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert "Name" not in schedule
    noon = datetime(2026, 1, 30, 12, tzinfo=UTC)
    fired = list(find_function("live_processor").firings(Window(noon, noon + timedelta(hours=1))))
    assert fired == [noon + timedelta(minutes=minute) for minute in range(60)]


def test_the_schedule_sends_what_the_handler_reads(schedule: Any) -> None:
    assert schedule["Target"]["Input"].count(SCHEDULED_TIME) == 1
    sent = schedule["Target"]["Input"].replace(SCHEDULED_TIME, "2026-01-30T15:31:00Z")
    assert json.loads(sent) == json.loads((REPO / "events" / "live_processor.json").read_text())
    assert ScheduledEvent.model_validate_json(sent).scheduled_at == datetime(2026, 1, 30, 15, 31, tzinfo=UTC)


def test_a_delivery_is_retried_within_its_minute_and_then_kept(deployed: dict[str, Any], schedule: Any) -> None:
    target = schedule["Target"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60}
    queue = {"Fn::GetAtt": ["FailedDeliveries", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": queue}
    role = deployed[target["RoleArn"]["Fn::GetAtt"][0]]["Properties"]
    allowed = {
        statement["Action"]: statement["Resource"]
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    }
    assert allowed == {"lambda:InvokeFunction": {"Fn::GetAtt": ["LiveProcessor", "Arn"]}, "sqs:SendMessage": queue}


def test_a_failed_run_is_kept_and_left_to_the_next(deployed: dict[str, Any]) -> None:
    (invoked,) = of_type(deployed, "AWS::Lambda::EventInvokeConfig").values()
    assert invoked["FunctionName"] == {"Ref": "LiveProcessor"}
    assert invoked["MaximumRetryAttempts"] == 0
    assert invoked["MaximumEventAgeInSeconds"] == 60
    assert invoked["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": ["FailedRuns", "Arn"]}}}


def test_one_run_at_a_time_and_each_over_before_the_next(deployed: dict[str, Any]) -> None:
    function = deployed["LiveProcessor"]["Properties"]
    assert function["ReservedConcurrentExecutions"] == 1
    assert function["Timeout"] < 60
    assert function["TracingConfig"] == {"Mode": "Active"}


def test_a_function_is_told_where_its_secret_and_its_authorities_are(deployed: dict[str, Any]) -> None:
    variables = deployed["LiveProcessor"]["Properties"]["Environment"]["Variables"]
    assert variables == {
        "DATABASE_SECRET_ID": {"Ref": "DatabaseSecretId"},
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "SSL_CERT_FILE": "/etc/pki/tls/certs/ca-bundle.crt",
    }


def test_every_function_logs_where_retention_is_set(deployed: dict[str, Any]) -> None:
    groups = of_type(deployed, "AWS::Logs::LogGroup")
    for function in of_type(deployed, "AWS::Lambda::Function").values():
        group = groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert TEMPLATE["Parameters"]["LogRetentionDays"]["Default"] == 30


def test_every_queue_is_encrypted_and_keeps_for_two_weeks(deployed: dict[str, Any]) -> None:
    queues = of_type(deployed, "AWS::SQS::Queue")
    assert queues.keys() == {"FailedRuns", "FailedDeliveries"}
    for queue in queues.values():
        assert queue["SqsManagedSseEnabled"] is True
        assert timedelta(seconds=queue["MessageRetentionPeriod"]) == timedelta(days=14)


def test_a_function_may_do_only_what_it_must(deployed: dict[str, Any]) -> None:
    assert deployed["LiveProcessor"]["Properties"]["Role"] == {"Fn::GetAtt": ["FunctionRole", "Arn"]}
    role = deployed["FunctionRole"]["Properties"]
    assert "ManagedPolicyArns" not in role
    (policy,) = role["Policies"]
    statements = [each.get("Fn::If", [None, each])[1] for each in policy["PolicyDocument"]["Statement"]]
    unbounded = [action for each in statements if each["Resource"] == "*" for action in each["Action"]]
    assert {action.partition(":")[0] for action in unbounded} == {"xray", "ec2"}
    assert not [each for each in statements if "*" in str(each["Action"])]
    (secret,) = [each for each in statements if each["Action"] == "secretsmanager:GetSecretValue"]
    by_arn, by_name = secret["Resource"]["Fn::If"][1:]
    assert by_arn == {"Ref": "DatabaseSecretId"}
    assert by_name["Fn::Sub"].endswith(":secret:${DatabaseSecretId}-??????")


@pytest.mark.parametrize(
    ("secret", "accepted"),
    [
        ("chandlery/prod/database", True),
        ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:chandlery/prod/database-AbC123", True),
        ("arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:database-AbC123", True),
        # Without its last six characters an ARN would match no secret in the role's policy.
        ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:database", False),
        ("", False),
    ],
)
def test_a_secret_is_named_by_its_name_or_its_whole_arn(secret: str, accepted: bool) -> None:
    pattern = TEMPLATE["Parameters"]["DatabaseSecretId"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, secret)) is accepted


def test_every_schedule_is_one_that_eventbridge_takes(deployed: dict[str, Any]) -> None:
    for schedule in of_type(deployed, "AWS::Scheduler::Schedule").values():
        assert fault_of(schedule["ScheduleExpression"]) is None


@pytest.mark.parametrize(
    "expression",
    [
        "cron(* * * * ? *)",
        "cron(30 0/6 * * ? *)",
        "cron(0 2 * * ? *)",
        "cron(0,30 8-18/2 ? JAN-MAR,12 MON-FRI 2026-2030)",
        "cron(0 0 L * ? *)",
        "cron(0 0 ? * 6#3 *)",
        "rate(1 minute)",
        "rate(5 minutes)",
    ],
)
def test_a_good_expression_has_no_fault(expression: str) -> None:
    assert fault_of(expression) is None


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("cron(* * * * *)", "six fields"),
        ("cron(* * * * * *)", "one of the two days"),
        ("cron(* * ? * ? *)", "one of the two days"),
        ("cron(60 * * * ? *)", "minutes"),
        ("cron(*/0 * * * ? *)", "minutes"),
        ("cron(0 24 * * ? *)", "hours"),
        ("cron(0 18-8 * * ? *)", "hours"),
        ("cron(0 0 0 * ? *)", "day of month"),
        ("cron(0 0 ? * 0 *)", "day of week"),
        ("cron(0 0 ? * FUN *)", "day of week"),
        ("cron(0 0 1 13 ? *)", "month"),
        ("cron(0 0 1 1 ? 1969)", "year"),
        ("cron(0  0 1 1 ? *)", "six fields"),
        ("rate(1 minutes)", "rate"),
        ("rate(5 minute)", "rate"),
        ("rate(0 minutes)", "rate"),
        ("every minute", "neither"),
    ],
)
def test_a_bad_expression_is_found(expression: str, fault: str) -> None:
    assert fault in (fault_of(expression) or "")


def fault_of(expression: str) -> str | None:
    """Why EventBridge would refuse a schedule expression; cfn-lint lets bad ones pass."""
    if expression.startswith("rate("):
        good = re.fullmatch(r"rate\((1 (minute|hour|day)|(?!1 )[1-9]\d* (minutes|hours|days))\)", expression)
        return None if good else "a rate is a number and its unit, plural unless one"
    if not (cron := re.fullmatch(r"cron\((.+)\)", expression)):
        return "it is neither cron(…) nor rate(…)"
    fields = cron[1].split(" ")
    if len(fields) != len(_FIELDS):
        return "cron has six fields"
    if (fields[2] == "?") == (fields[4] == "?"):
        return "one of the two days, and only one, is ?"
    for field, (name, low, high, names, special) in zip(fields, _FIELDS, strict=True):
        if not all(_holds(part, low, high, names, special) for part in field.split(",")):
            return f"{name}: {field}"
    return None


def _holds(part: str, low: int, high: int, names: Sequence[str], special: str) -> bool:
    """Whether `*`, `5`, `MON`, `1-5`, each perhaps with `/step`, or a field's own sign stands in a field."""
    first, slash, step = part.partition("/")
    if slash and not re.fullmatch(r"[1-9]\d*", step):
        return False
    if re.fullmatch(special, first):
        return True
    numbers = [
        low + names.index(end) if end in names else int(end) if end.isdecimal() else -1 for end in first.split("-")
    ]
    return len(numbers) <= 2 and numbers == sorted(numbers) and all(low <= number <= high for number in numbers)
