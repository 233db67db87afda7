"""What `template.yaml` deploys, read from the CloudFormation that SAM makes of it."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from chandlery.outbox.publish.event_bus import SOURCE
from chandlery.platform.component import ScheduledEvent
from chandlery.platform.settings import Settings
from chandlery.words.window import Window
from local.schedules import find_function, firings, read_functions
from tests.translated_template import translate

REPO = Path(__file__).resolve().parents[2]
TEMPLATE = yaml_parse((REPO / "template.yaml").read_text())
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"

# The fields of an EventBridge cron expression: lowest and highest number, names, and what else may be there.
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


@dataclass(frozen=True)
class Expected:
    """What is particular to a function."""

    module: str
    schedule: str
    first: timedelta  # of a day's firings, after midnight
    every: timedelta
    timeout: timedelta
    delivery_attempts: int
    retries: int
    event_age: timedelta


# Those that schedules invoke, in the order in which they fire at one minute.
FUNCTIONS = {
    "LiveProcessor": Expected(
        module="live_processor",
        schedule="cron(* * * * ? *)",
        first=timedelta(0),
        every=timedelta(minutes=1),
        timeout=timedelta(seconds=55),
        delivery_attempts=3,
        retries=0,
        event_age=timedelta(minutes=1),
    ),
    "OptionProcessor": Expected(
        module="option_processor",
        schedule="cron(* * * * ? *)",
        first=timedelta(0),
        every=timedelta(minutes=1),
        timeout=timedelta(seconds=55),
        delivery_attempts=3,
        retries=0,
        event_age=timedelta(minutes=1),
    ),
    "AlertProcessor": Expected(
        module="alert_processor",
        schedule="cron(* * * * ? *)",
        first=timedelta(0),
        every=timedelta(minutes=1),
        timeout=timedelta(seconds=55),
        delivery_attempts=3,
        retries=0,
        event_age=timedelta(minutes=1),
    ),
    "LiveGapMonitor": Expected(
        module="live_gap_monitor",
        schedule="cron(0/5 * * * ? *)",
        first=timedelta(0),
        every=timedelta(minutes=5),
        timeout=timedelta(minutes=4),
        delivery_attempts=185,
        retries=0,
        event_age=timedelta(minutes=5),
    ),
    "PolicyMaintenance": Expected(
        module="policy_maintenance",
        schedule="cron(0/5 * * * ? *)",
        first=timedelta(0),
        every=timedelta(minutes=5),
        timeout=timedelta(minutes=4),
        delivery_attempts=185,
        retries=0,
        event_age=timedelta(minutes=5),
    ),
    "SignalProcessor": Expected(
        module="signal_processor",
        schedule="cron(1/5 * * * ? *)",
        first=timedelta(minutes=1),
        every=timedelta(minutes=5),
        timeout=timedelta(minutes=4),
        delivery_attempts=185,
        retries=0,
        event_age=timedelta(minutes=5),
    ),
    "HistoricalGapMonitor": Expected(
        module="historical_gap_monitor",
        schedule="cron(0 2 * * ? *)",
        first=timedelta(hours=2),
        every=timedelta(days=1),
        timeout=timedelta(minutes=15),
        delivery_attempts=185,
        retries=2,
        event_age=timedelta(hours=6),
    ),
    "HistoricalProcessor": Expected(
        module="historical_processor",
        schedule="cron(30 0/6 * * ? *)",
        first=timedelta(minutes=30),
        every=timedelta(hours=6),
        timeout=timedelta(minutes=15),
        delivery_attempts=185,
        retries=2,
        event_age=timedelta(hours=6),
    ),
}
API, INGEST, RECORDS, DESK, MIGRATE = "HttpApi", "TickIngest", "RecordApi", "DeskApi", "Migrate"
ALERTS = "AlertProcessor"
ALL_FUNCTIONS = (*FUNCTIONS, INGEST, API, RECORDS, DESK, MIGRATE)
for_all_functions = pytest.mark.parametrize("name", ALL_FUNCTIONS)
for_each_function = pytest.mark.parametrize(("name", "expected"), FUNCTIONS.items(), ids=FUNCTIONS.keys())

NO_VENDOR = {"DatabaseSecretId": "desk"}
KEY = "arn:aws:kms:eu-west-1:123456789012:key/mrk-0123456789abcdef"
WITH_VENDOR = NO_VENDOR | {"Vendor": "polygon", "VendorSecretId": "key"}
STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/ticks"
ALERT_TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts.fifo"
WITH_EVERYTHING = WITH_VENDOR | {
    "SubnetIds": "subnet-1",
    "KmsKeyArn": KEY,
    "IngestStreamArn": STREAM,
    "AlertTopicArn": ALERT_TOPIC,
}
COMMON_VARIABLES = {
    "DRY_RUN": {"Ref": "DryRun"},
    "DATABASE_SECRET_ID": {"Ref": "DatabaseSecretId"},
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "POWERTOOLS_METRICS_NAMESPACE": {"Ref": "MetricsNamespace"},
    "SSL_CERT_FILE": "/etc/pki/tls/certs/ca-bundle.crt",
    "OPENBLAS_NUM_THREADS": "1",
}
NO_VALUE = {"Ref": "AWS::NoValue"}
TOPIC = {"ALERT_TOPIC_ARN": {"Ref": "AlertTopicArn"}}


def switch_of(name: str) -> dict[str, dict[str, str]]:
    """The variables that switch a scheduled function, or a part of it, off, and the parameters they come from."""
    names = [name, "Indicators"] if name in ("HistoricalProcessor", "SignalProcessor") else [name]
    return {re.sub(r"(?<!^)([A-Z])", r"_\1", each).upper() + "_ENABLED": {"Ref": f"{each}Enabled"} for each in names}


def own_variables(name: str) -> dict[str, dict[str, str]]:
    """Those that a scheduled function has for itself."""
    limit = {"FEED_LATENCY_SECONDS": {"Ref": "FeedLatencySeconds"}} if name == "LiveGapMonitor" else {}
    return switch_of(name) | limit | (TOPIC if name == ALERTS else {})


@pytest.fixture(scope="module")
def transformed() -> dict[str, Any]:
    """The template CloudFormation would see."""
    return translate()


@pytest.fixture(scope="module")
def deployed(transformed: dict[str, Any]) -> Any:
    """The resources CloudFormation would see."""
    return transformed["Resources"]


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}


def schedule_of(resources: dict[str, Any], name: str) -> Any:
    """The one schedule that invokes a function."""
    found = of_type(resources, "AWS::Scheduler::Schedule").values()
    (schedule,) = [each for each in found if each["Target"]["Arn"] == {"Ref": f"{name}Aliaslive"}]
    return schedule


def statements_of(resources: dict[str, Any], role: str, given: Mapping[str, str]) -> list[dict[str, Any]]:
    """What a role may do if the stack is given these parameters: its own policies and those it shares."""
    properties = resources[role]["Properties"]
    shared = [resources[each["Ref"]]["Properties"] for each in decide(properties["ManagedPolicyArns"], given)]
    return [
        statement
        for policy in decide([*properties["Policies"], *shared], given)
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def value_of(node: Any) -> Any:
    """What a property is by default: a parameter's default where it is one."""
    return TEMPLATE["Parameters"][node["Ref"]]["Default"] if isinstance(node, dict) else node


def by_name(parameter: str) -> dict[str, str]:
    """A secret whose name is known, and the six characters after it are not."""
    secrets = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret"
    return {"Fn::Sub": f"{secrets}:${{{parameter}}}-??????"}


def decide(node: Any, given: Mapping[str, str]) -> Any:
    """A part of the template with every Fn::If decided, as CloudFormation does."""
    if isinstance(node, dict) and "Fn::If" in node:
        condition, then, otherwise = node["Fn::If"]
        return decide(then if holds(TEMPLATE["Conditions"][condition], given) else otherwise, given)
    if isinstance(node, dict):
        return {name: part for name, each in node.items() if (part := decide(each, given)) != NO_VALUE}
    if isinstance(node, list):
        return [part for each in node if (part := decide(each, given)) != NO_VALUE]
    return node


def holds(node: Any, given: Mapping[str, str]) -> Any:
    """What a condition comes to; a parameter that is not given has its default."""
    if isinstance(node, list):
        return [holds(each, given) for each in node]
    if not isinstance(node, dict):
        return node
    ((function, argument),) = node.items()
    if function == "Ref":
        parameter = TEMPLATE["Parameters"][argument]
        value = given[argument] if argument in given else parameter["Default"]
        return value.split(",") if parameter["Type"] == "CommaDelimitedList" else value
    functions: dict[str, Callable[..., Any]] = {
        "Fn::Not": lambda value: not value,
        "Fn::Contains": lambda found, wanted: wanted in found,
        "Fn::Equals": lambda one, other: one == other,
        "Fn::Join": lambda separator, parts: separator.join(parts),
        "Fn::Select": lambda place, parts: parts[place],
        "Fn::Split": lambda separator, text: text.split(separator),
    }
    return functions[function](*holds(argument, given))


def test_the_functions_are_these_and_fire_in_this_order(deployed: dict[str, Any]) -> None:
    assert of_type(deployed, "AWS::Lambda::Function").keys() == set(ALL_FUNCTIONS)
    assert len(of_type(deployed, "AWS::Scheduler::Schedule")) == len(FUNCTIONS)
    night = datetime(2026, 1, 30, 2, tzinfo=UTC)
    fired = list(firings(read_functions(), Window(night, night + timedelta(minutes=1))))
    since_midnight = timedelta(hours=night.hour)
    due = [each.module for each in FUNCTIONS.values() if (since_midnight - each.first) % each.every == timedelta(0)]
    assert [(moment, each.name) for moment, each in fired] == [(night, module) for module in due]


@for_each_function
def test_a_function_fires_when_its_minute_begins(deployed: dict[str, Any], name: str, expected: Expected) -> None:
    schedule = schedule_of(deployed, name)
    # A rate would fire at whatever second it was deployed.
    assert value_of(schedule["ScheduleExpression"]) == expected.schedule
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert "Name" not in schedule
    midnight = datetime(2026, 1, 30, tzinfo=UTC)
    day = timedelta(days=1)
    fired = list(find_function(expected.module).firings(Window(midnight, midnight + day)))
    count = ceil((day - expected.first) / expected.every)
    assert fired == [midnight + expected.first + number * expected.every for number in range(count)]


@for_each_function
def test_the_schedule_sends_what_the_handler_reads(deployed: dict[str, Any], name: str, expected: Expected) -> None:
    assert deployed[name]["Properties"]["Handler"] == f"{expected.module}.handler"
    example = json.loads((REPO / "events" / f"{expected.module}.json").read_text())
    scheduled_at = datetime.fromisoformat(example["scheduled_at"])
    window = Window(scheduled_at, scheduled_at + timedelta(minutes=1))
    assert list(find_function(expected.module).firings(window)) == [scheduled_at]
    template = value_of(schedule_of(deployed, name)["Target"]["Input"])
    assert template.count(SCHEDULED_TIME) == 1
    sent = template.replace(SCHEDULED_TIME, example["scheduled_at"])
    assert json.loads(sent) == example
    assert ScheduledEvent.model_validate_json(sent).scheduled_at == scheduled_at


def test_an_emulator_may_fire_by_a_rate_and_let_the_function_read_the_time(deployed: dict[str, Any]) -> None:
    schedules = of_type(deployed, "AWS::Scheduler::Schedule").values()
    assert {each["Target"]["Input"]["Ref"] for each in schedules} == {"ScheduledInput"}
    assert schedule_of(deployed, "LiveProcessor")["ScheduleExpression"] == {"Ref": "LiveSchedule"}
    assert re.fullmatch(TEMPLATE["Parameters"]["LiveSchedule"]["AllowedPattern"], "rate(1 minute)")
    (_, plain_input) = TEMPLATE["Parameters"]["ScheduledInput"]["AllowedValues"]
    before = datetime.now(UTC)
    taken = ScheduledEvent.model_validate_json(plain_input).scheduled_at
    assert before - timedelta(minutes=1) < taken <= datetime.now(UTC)


@for_each_function
def test_a_delivery_is_retried_until_the_next_and_then_kept(
    deployed: dict[str, Any], name: str, expected: Expected
) -> None:
    target = schedule_of(deployed, name)["Target"]
    assert target["RetryPolicy"] == {
        "MaximumRetryAttempts": expected.delivery_attempts,
        "MaximumEventAgeInSeconds": expected.every.total_seconds(),
    }
    queue = {"Fn::GetAtt": ["FailedDeliveries", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": queue}
    role = deployed[target["RoleArn"]["Fn::GetAtt"][0]]["Properties"]
    allowed = {
        statement["Action"]: statement["Resource"]
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    }
    assert allowed == {"lambda:InvokeFunction": {"Ref": f"{name}Aliaslive"}, "sqs:SendMessage": queue}


@for_each_function
def test_a_failed_run_is_kept_once_its_retries_are_spent(
    deployed: dict[str, Any], name: str, expected: Expected
) -> None:
    found = of_type(deployed, "AWS::Lambda::EventInvokeConfig").values()
    (invoked,) = [each for each in found if each["FunctionName"] == {"Ref": name}]
    assert invoked["MaximumRetryAttempts"] == expected.retries
    assert invoked["MaximumEventAgeInSeconds"] == expected.event_age.total_seconds()
    assert expected.event_age <= expected.every
    assert invoked["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": ["FailedRuns", "Arn"]}}}


@for_each_function
def test_one_run_at_a_time_and_each_over_before_the_next(
    deployed: dict[str, Any], name: str, expected: Expected
) -> None:
    function = deployed[name]["Properties"]
    assert decide(function, {})["ReservedConcurrentExecutions"] == 1
    assert function["Timeout"] == expected.timeout.total_seconds()
    assert find_function(expected.module).timeout == expected.timeout < expected.every
    assert function["TracingConfig"] == {"Mode": "Active"}


@for_all_functions
def test_an_account_without_concurrency_to_spare_reserves_none(deployed: dict[str, Any], name: str) -> None:
    function = decide(deployed[name]["Properties"], {"ReserveConcurrency": "false"})
    assert "ReservedConcurrentExecutions" not in function


@for_all_functions
def test_a_change_of_a_layer_is_a_new_version(name: str) -> None:
    def version(artifact: str) -> str:
        aliases = translate(layers=artifact)["Resources"][f"{name}Aliaslive"]["Properties"]
        return str(aliases["FunctionVersion"]["Fn::GetAtt"][0])

    assert version("s3://bucket/one") == version("s3://bucket/one") != version("s3://bucket/other")


def test_a_gradual_deployment_is_taken_back_if_the_new_version_fails() -> None:
    resources = translate(GradualDeployment="true")["Resources"]
    groups = of_type(resources, "AWS::CodeDeploy::DeploymentGroup")
    # Those that run often enough for a part of their runs to say anything.
    assert groups.keys() == {
        f"{name}DeploymentGroup"
        for name in (
            "LiveProcessor",
            "OptionProcessor",
            ALERTS,
            "LiveGapMonitor",
            "PolicyMaintenance",
            "SignalProcessor",
            "HttpApi",
        )
    }
    for name, group in groups.items():
        function = name.removesuffix("DeploymentGroup")
        alarm = f"{function}NewVersionFails"
        assert group["AlarmConfiguration"] == {"Enabled": True, "Alarms": [{"Name": {"Ref": alarm}}]}
        assert group["AutoRollbackConfiguration"]["Events"] == [
            "DEPLOYMENT_FAILURE",
            "DEPLOYMENT_STOP_ON_ALARM",
            "DEPLOYMENT_STOP_ON_REQUEST",
        ]
        version = resources[f"{function}Aliaslive"]["Properties"]["FunctionVersion"]["Fn::GetAtt"][0]
        looked_at = {each["Name"]: each["Value"] for each in resources[alarm]["Properties"]["Dimensions"]}
        assert looked_at["ExecutedVersion"] == {"Fn::GetAtt": [version, "Version"]}
    assert of_type(translate()["Resources"], "AWS::CodeDeploy::DeploymentGroup") == {}


def test_nothing_goes_in_clear_to_queues_or_topic(deployed: dict[str, Any]) -> None:
    queues = of_type(deployed, "AWS::SQS::Queue")
    (policy,) = of_type(deployed, "AWS::SQS::QueuePolicy").values()
    assert [each["Ref"] for each in policy["Queues"]] == list(queues)
    (topic,) = of_type(deployed, "AWS::SNS::TopicPolicy").values()
    for document in (policy["PolicyDocument"], topic["PolicyDocument"]):
        (denied,) = [each for each in document["Statement"] if each["Effect"] == "Deny"]
        assert (denied["Principal"], denied["Condition"]) == ("*", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_key_is_used_through_named_services_alone(deployed: dict[str, Any]) -> None:
    used = [
        statement
        for policy in of_type(deployed, "AWS::IAM::ManagedPolicy").values()
        for statement in decide(policy["PolicyDocument"]["Statement"], WITH_EVERYTHING)
        if "kms:Decrypt" in statement["Action"]
    ]
    assert len(used) == 2
    for statement in used:
        assert statement["Condition"]["StringEquals"].keys() == {"kms:ViaService"}


@for_all_functions
def test_awss_extension_reads_the_secrets_where_its_layer_is_named(deployed: dict[str, Any], name: str) -> None:
    layer = "arn:aws:lambda:eu-west-1:015030872274:layer:AWS-Parameters-and-Secrets-Lambda-Extension-Arm64:12"
    assert re.fullmatch(TEMPLATE["Parameters"]["SecretsExtensionArn"]["AllowedPattern"], layer)
    with_it, without = (
        decide(deployed[name]["Properties"], NO_VENDOR | given) for given in ({"SecretsExtensionArn": layer}, {})
    )
    own = {"Ref": "SecretsExtensionArn"}
    assert (own in with_it["Layers"], own in without["Layers"]) == (True, False)
    variables = with_it["Environment"]["Variables"].keys() - without["Environment"]["Variables"].keys()
    assert variables == {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "SECRETS_MANAGER_TTL"}
    assert "parameters_secrets_extension_http_port" in Settings.model_fields


@for_each_function
def test_a_function_knows_where_its_secret_and_its_authorities_are(
    deployed: dict[str, Any], name: str, expected: Expected
) -> None:
    environment = deployed[name]["Properties"]["Environment"]
    assert decide(environment, NO_VENDOR) == {"Variables": COMMON_VARIABLES | own_variables(name)}


def test_the_historical_gap_monitor_alone_knows_of_a_vendor(deployed: dict[str, Any]) -> None:
    told = {
        name: decide(function["Environment"]["Variables"], WITH_VENDOR)
        for name, function in of_type(deployed, "AWS::Lambda::Function").items()
    }
    vendor = {
        "VENDOR": {"Ref": "Vendor"},
        "VENDOR_SECRET_ID": {"Ref": "VendorSecretId"},
        "VENDOR_URL": {"Ref": "VendorUrl"},
        "VENDOR_ADJUSTED": {"Ref": "VendorAdjusted"},
    }
    assert told.pop("HistoricalGapMonitor") == COMMON_VARIABLES | vendor | switch_of("HistoricalGapMonitor")
    of_api = told.pop("HttpApi")
    # How its page signs in: `test_api_template.py` holds that.
    others = {name: value for name, value in of_api.items() if not name.startswith("PAGE_")}
    assert others == COMMON_VARIABLES | {"REDIS_SECRET_ID": {"Ref": "RedisSecretId"}}
    assert told.pop("Migrate") == told.pop("RecordApi") == told.pop("DeskApi") == COMMON_VARIABLES
    assert told.pop("TickIngest") == COMMON_VARIABLES | {
        "BAD_RECORDS_QUEUE_URL": {"Ref": "BadRecords"},
        "ADD_UNKNOWN_INSTRUMENTS": {"Ref": "AddUnknownInstruments"},
    }
    assert told == {
        name: COMMON_VARIABLES | own_variables(name) for name in FUNCTIONS if name != "HistoricalGapMonitor"
    }


def test_events_go_to_the_one_bus_that_is_named(deployed: dict[str, Any]) -> None:
    policy = deployed["EventBusPolicy"]
    assert policy["Condition"] == "HasEventBus"
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "events:PutEvents")
    assert statement["Resource"]["Fn::Sub"].endswith(":event-bus/${EventBusName}")
    assert statement["Condition"] == {"StringEquals": {"events:source": SOURCE}}
    roles = {each["Ref"] for each in policy["Properties"]["Roles"]}
    assert roles == {f"{name}Role" for name in FUNCTIONS if name != ALERTS}
    told = {"EVENT_BUS_NAME": {"Ref": "EventBusName"}, "CHANGES_PUBLISHED": "true"}
    for function in of_type(deployed, "AWS::Lambda::Function").values():
        without, given = (
            decide(function["Environment"]["Variables"], parameters)
            for parameters in (NO_VENDOR, NO_VENDOR | {"EventBusName": "desk", "ChangesPublished": "true"})
        )
        assert given == without | told
        assert not told.keys() & without.keys()


@pytest.mark.parametrize(
    ("vendor", "secret", "accepted"),
    [("", "", True), ("polygon", "key", True), ("polygon", "", False), ("", "key", True)],
)
def test_a_vendor_has_a_secret(transformed: dict[str, Any], vendor: str, secret: str, accepted: bool) -> None:
    assert vendor in TEMPLATE["Parameters"]["Vendor"]["AllowedValues"]
    rule = transformed["Rules"]["VendorHasSecret"]
    given = {"Vendor": vendor, "VendorSecretId": secret}
    asserted = all(holds(each["Assert"], given) for each in rule["Assertions"])
    assert (asserted or not holds(rule["RuleCondition"], given)) is accepted


def test_nobody_is_asked_unless_a_vendor_is_named() -> None:
    defaults = {name: parameter.get("Default") for name, parameter in TEMPLATE["Parameters"].items()}
    assert [defaults[name] for name in ("Vendor", "VendorSecretId", "VendorAdjusted")] == ["", "", "false"]
    assert re.fullmatch(TEMPLATE["Parameters"]["VendorUrl"]["AllowedPattern"], defaults["VendorUrl"])


@for_all_functions
def test_every_function_logs_where_retention_is_set(deployed: dict[str, Any], name: str) -> None:
    function = deployed[name]["Properties"]
    assert function["LoggingConfig"] == {"LogGroup": {"Ref": f"{name}Logs"}}
    group = of_type(deployed, "AWS::Logs::LogGroup")[f"{name}Logs"]
    assert group["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/{function['FunctionName']['Fn::Sub']}"}
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert TEMPLATE["Parameters"]["LogRetentionDays"]["Default"] == 30


def test_records_are_taken_where_a_source_is_switched_on(transformed: dict[str, Any]) -> None:
    resources, conditions = transformed["Resources"], TEMPLATE["Conditions"]
    conditional = {
        name: each["Condition"] for name, each in resources.items() if each["Type"] == "AWS::Lambda::EventSourceMapping"
    }
    assert conditional == {"IngestFromQueue": "HasIngestQueue", "IngestFromStream": "HasIngestStream"}
    for given, sources in (({}, []), ({"IngestQueue": "true"}, ["Queue"]), ({"IngestStreamArn": STREAM}, ["Stream"])):
        on = [name for name in ("Queue", "Stream") if holds(conditions[f"HasIngest{name}"], given)]
        assert on == sources
        assert holds(conditions["TakesRecords"], given) == bool(sources)
        reserved = decide(resources["TickIngest"]["Properties"], given).get("ReservedConcurrentExecutions")
        assert reserved == ({"Ref": "IngestConcurrency"} if sources else None)
    assert re.fullmatch(TEMPLATE["Parameters"]["IngestStreamArn"]["AllowedPattern"], STREAM)
    for name in conditional:
        mapping = resources[name]["Properties"]
        assert mapping["FunctionName"] == {"Ref": "TickIngestAliaslive"}
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        # What a filter cannot parse is deleted, and no record is JSON as a whole.
        assert "FilterCriteria" not in mapping


def test_records_that_cannot_be_taken_are_put_aside(deployed: dict[str, Any]) -> None:
    aside = {"Fn::GetAtt": ["UndeliveredRecords", "Arn"]}
    queue, stream = deployed["Records"]["Properties"], deployed["IngestFromStream"]["Properties"]
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": aside, "maxReceiveCount": 10}
    assert queue["VisibilityTimeout"] == 6 * deployed["TickIngest"]["Properties"]["Timeout"]
    assert stream["DestinationConfig"] == {"OnFailure": {"Destination": aside}}
    assert (stream["BisectBatchOnFunctionError"], stream["MaximumRecordAgeInSeconds"]) == (True, 6 * 3600)
    at_once = deployed["IngestFromQueue"]["Properties"]["ScalingConfig"]["MaximumConcurrency"]
    assert at_once == {"Ref": "IngestConcurrency"}


def test_every_queue_is_encrypted_and_keeps_for_two_weeks(deployed: dict[str, Any]) -> None:
    queues = of_type(deployed, "AWS::SQS::Queue")
    assert queues.keys() == {"FailedRuns", "FailedDeliveries", "Records", "BadRecords", "UndeliveredRecords"}
    for queue in queues.values():
        assert decide(queue, NO_VENDOR)["SqsManagedSseEnabled"] is True
        assert decide(queue, WITH_EVERYTHING)["SqsManagedSseEnabled"] is False
        assert timedelta(seconds=queue["MessageRetentionPeriod"]) == timedelta(days=14)


# Lambda itself does with the function's role what hands records over.
TAKES_RECORDS = [
    ("sqs:SendMessage", [{"Fn::GetAtt": [name, "Arn"]} for name in ("BadRecords", "UndeliveredRecords")]),
    (["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], {"Fn::GetAtt": ["Records", "Arn"]}),
    (
        [f"kinesis:{verb}" for verb in ("DescribeStream", "DescribeStreamSummary", "GetRecords")]
        + ["kinesis:GetShardIterator", "kinesis:ListShards"],
        {"Ref": "IngestStreamArn"},
    ),
]


@for_all_functions
def test_a_function_may_do_only_what_it_must(deployed: dict[str, Any], name: str) -> None:
    role = f"{name}Role"
    assert deployed[name]["Properties"]["Role"] == {"Fn::GetAtt": [role, "Arn"]}
    (trust,) = deployed[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    allowed = [each for each in statements_of(deployed, role, WITH_EVERYTHING) if each["Effect"] == "Allow"]
    bounded = [(each["Action"], each["Resource"]) for each in allowed if each["Resource"] != "*"]
    assert [each for each in bounded if each[0] != "secretsmanager:GetSecretValue"] == [
        (["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": [f"{name}Logs", "Arn"]}),
        *(TAKES_RECORDS if name == INGEST else []),
        *([("sns:Publish", {"Ref": "AlertTopicArn"})] if name == ALERTS else []),
        ("sqs:SendMessage", {"Fn::GetAtt": ["FailedRuns", "Arn"]}),
        (["kms:Decrypt", "kms:GenerateDataKey"], {"Ref": "KmsKeyArn"}),
    ]
    assert not [each for each in statements_of(deployed, role, NO_VENDOR) if "ec2:" in str(each) or "kms:" in str(each)]


# AWS knows no narrower resource for these, or checks that a role may do them on all.
UNBOUNDED = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}


def test_nothing_may_be_done_to_everything_but_what_aws_cannot_bound(deployed: dict[str, Any]) -> None:
    kinds = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::IAM::Policy")
    holders = {name: each for kind in kinds for name, each in of_type(deployed, kind).items()}
    assert holders.keys() >= {*(f"{name}Role" for name in ALL_FUNCTIONS), "FunctionPolicy", "DatabaseSecretPolicy"}
    statements = [
        statement
        for each in holders.values()
        for policy in [*each.get("Policies", []), each]
        for statement in decide(policy.get("PolicyDocument", {}).get("Statement", []), WITH_EVERYTHING)
    ]
    assert len(statements) > 2 * len(ALL_FUNCTIONS)
    unbounded = set()
    for statement in statements:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if "*" in action]
        assert "NotAction" not in statement
        assert "NotResource" not in statement
        if statement["Resource"] == "*" and statement["Effect"] == "Allow":
            unbounded |= set(actions)
    assert unbounded == UNBOUNDED
    # Lambda makes the network interfaces: calls from inside a function are refused them.
    (denied,) = [each for each in statements if each["Effect"] == "Deny"]
    assert {*denied["Action"], "xray:PutTraceSegments", "xray:PutTelemetryRecords"} == UNBOUNDED
    assert denied["Condition"]["ArnLike"].keys() == {"lambda:SourceFunctionArn"}


def test_a_key_of_ones_own_is_for_everything_that_keeps_anything(deployed: dict[str, Any]) -> None:
    assert re.fullmatch(TEMPLATE["Parameters"]["KmsKeyArn"]["AllowedPattern"], KEY)
    key = {"Ref": "KmsKeyArn"}
    for kind, name in (
        ("AWS::Logs::LogGroup", "KmsKeyId"),
        ("AWS::SQS::Queue", "KmsMasterKeyId"),
        ("AWS::SNS::Topic", "KmsMasterKeyId"),
        ("AWS::Lambda::Function", "KmsKeyArn"),
    ):
        found = of_type(deployed, kind)
        assert found
        assert {str(decide(each, WITH_EVERYTHING)[name]) for each in found.values()} == {str(key)}, kind
        assert not [each for each in found if name in decide(found[each], NO_VENDOR)], kind
    schedules = of_type(deployed, "AWS::Scheduler::Schedule").values()
    policy = deployed["DeliveryKeyPolicy"]
    assert policy["Condition"] == "HasKey"
    roles = [each["Target"]["RoleArn"]["Fn::GetAtt"][0] for each in schedules]
    assert sorted(each["Ref"] for each in policy["Properties"]["Roles"]) == sorted(roles)


DATABASE_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:database-AbC123"
VENDOR_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:polygon-AbC123"


def secrets_read(deployed: dict[str, Any], given: Mapping[str, str]) -> dict[str, list[Any]]:
    """Which secrets each function may read, if the stack is given these parameters."""
    return {
        name: [
            statement["Resource"]
            for statement in statements_of(deployed, f"{name}Role", given)
            if statement["Action"] == "secretsmanager:GetSecretValue"
        ]
        for name in ALL_FUNCTIONS
    }


@pytest.mark.parametrize(
    ("given", "read_by_all", "read_by_monitor"),
    [
        (NO_VENDOR, by_name("DatabaseSecretId"), None),
        # The rule lets a secret without a vendor pass; nobody may read it.
        (NO_VENDOR | {"VendorSecretId": "key"}, by_name("DatabaseSecretId"), None),
        (WITH_VENDOR, by_name("DatabaseSecretId"), by_name("VendorSecretId")),
        (WITH_VENDOR | {"VendorSecretId": VENDOR_ARN}, by_name("DatabaseSecretId"), {"Ref": "VendorSecretId"}),
        (WITH_VENDOR | {"DatabaseSecretId": DATABASE_ARN}, {"Ref": "DatabaseSecretId"}, by_name("VendorSecretId")),
    ],
)
def test_the_historical_gap_monitor_alone_may_read_the_vendors_secret(
    deployed: dict[str, Any], given: Mapping[str, str], read_by_all: Any, read_by_monitor: Any
) -> None:
    of_monitor = [each for each in (read_by_monitor, read_by_all) if each]
    everybody = {key: [read_by_all] for key in ALL_FUNCTIONS}
    assert secrets_read(deployed, given) == everybody | {"HistoricalGapMonitor": of_monitor}


@pytest.mark.parametrize(
    ("parameter", "names"),
    [
        ("ApiDatabaseSecretId", [API]),
        ("ProducerSecretId", [INGEST, RECORDS]),
        ("DeskSecretId", [DESK]),
        ("OwnerSecretId", [MIGRATE, "PolicyMaintenance", "SignalProcessor", "HistoricalProcessor"]),
    ],
)
@pytest.mark.parametrize("arn", [False, True], ids=["name", "arn"])
def test_functions_with_a_login_of_their_own_read_no_other(
    deployed: dict[str, Any], parameter: str, names: list[str], arn: bool
) -> None:
    given = NO_VENDOR | {parameter: DATABASE_ARN if arn else "own"}
    for name in names:
        variables = deployed[name]["Properties"]["Environment"]["Variables"]
        assert decide(variables["DATABASE_SECRET_ID"], given) == {"Ref": parameter}
        assert decide(variables["DATABASE_SECRET_ID"], NO_VENDOR) == {"Ref": "DatabaseSecretId"}
    everybody = {key: [by_name("DatabaseSecretId")] for key in ALL_FUNCTIONS}
    assert secrets_read(deployed, NO_VENDOR) == everybody
    own = [{"Ref": parameter} if arn else by_name(parameter)]
    assert secrets_read(deployed, given) == everybody | dict.fromkeys(names, own)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_scheduled_function_can_be_switched_off(name: str) -> None:
    for variable, parameter in switch_of(name).items():
        assert variable.lower() in Settings.model_fields
        assert TEMPLATE["Parameters"][parameter["Ref"]]["Default"] == "true"


@pytest.mark.parametrize("name", [*FUNCTIONS, MIGRATE])
def test_a_function_can_be_found_to_invoke_by_hand(transformed: dict[str, Any], name: str) -> None:
    assert transformed["Outputs"][f"{name}Name"]["Value"] == {"Ref": name}


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
    patterns = {name: parameter.get("AllowedPattern") for name, parameter in TEMPLATE["Parameters"].items()}
    assert bool(re.fullmatch(patterns["DatabaseSecretId"], secret)) is accepted
    # The vendor's alone may be missing.
    assert bool(re.fullmatch(patterns["VendorSecretId"], secret)) is (accepted or not secret)


def test_each_environment_gives_parameters_that_there_are() -> None:
    environments = tomllib.loads((REPO / "samconfig.toml").read_text())
    given = {
        name: dict(pair.split("=", 1) for pair in settings["deploy"]["parameters"]["parameter_overrides"].split())
        for name, settings in environments.items()
        if isinstance(settings, dict) and "deploy" in settings
    }
    assert given.keys() == {"dev", "prod"}
    for values in given.values():
        assert values.keys() <= TEMPLATE["Parameters"].keys()
        assert "DatabaseSecretId" in values
    # Both may be in one account: neither takes the other's metrics for its own.
    assert len({str(values.get("MetricsNamespace")) for values in given.values()}) == len(given)


def test_every_schedule_is_one_that_eventbridge_takes(deployed: dict[str, Any]) -> None:
    for schedule in of_type(deployed, "AWS::Scheduler::Schedule").values():
        assert fault_of(value_of(schedule["ScheduleExpression"])) is None


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
    """Whether `*`, `5`, `MON`, `1-5`, each perhaps with `/step`, or a field's own sign is in a field."""
    first, slash, step = part.partition("/")
    if slash and not re.fullmatch(r"[1-9]\d*", step):
        return False
    if re.fullmatch(special, first):
        return True
    numbers = [
        low + names.index(end) if end in names else int(end) if end.isdecimal() else -1 for end in first.split("-")
    ]
    return len(numbers) <= 2 and numbers == sorted(numbers) and all(low <= number <= high for number in numbers)
