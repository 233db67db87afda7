"""The stack, deployed by `sam deploy` to an AWS on this machine, whose schedule runs the live processor."""

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from psycopg import Connection

from chandlery.store.schema import REVISION
from tests.artifacts import parameters
from tests.e2e.deployment import Emulator, secret_of
from tests.e2e.test_lambda_artifact import MODULES, insert_ticks
from tests.translated_template import translate

STACK = "chandlery"
SECRET = "chandlery/dev/database"
# The schedule counts its minute from its own creation; a cold start and the settle time follow.
RUN_SECONDS = 90


def test_a_deployed_schedule_makes_candles(
    emulator: Emulator, built: Path, connection: Connection, database_url: str
) -> None:
    emulator.client("secretsmanager").create_secret(Name=SECRET, SecretString=secret_of(database_url))
    emulator.deploy(
        built / "template.yaml",
        STACK,
        [
            f"DatabaseSecretId={SECRET}",
            *parameters(),
            'LiveSchedule="rate(1 minute)"',
            'ScheduledInput=\'{"scheduled_at": "now"}\'',
        ],
    )
    bucket = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
    instrument_id = insert_ticks(connection, bucket)

    assert_all_stands(emulator)
    answer = invoke(emulator, "migrate", {"do": "current"})
    assert answer == {"before": REVISION, "revision": REVISION, "wanted": REVISION}
    log = log_of_first_run(emulator)

    candles = connection.execute(
        "SELECT instrument_id, time, open, high, low, close, volume, trades, source::text FROM market.candles"
    ).fetchall()
    prices = [Decimal(price) for price in ("10.1", "10.3", "10.1", "10.2")]
    assert candles == [(instrument_id, bucket, *prices, 6, 3, "live_aggregated")], log
    runs = connection.execute(
        "SELECT status, counts ->> 'candles_written', scheduled_at > %s FROM market.runs"
        " WHERE component = 'live_processor'",
        [bucket],
    ).fetchall()
    assert runs == [("succeeded", "1", True)], log
    assert '"CandlesWritten":[1.0]' in log

    emulator.client("cloudformation").delete_stack(StackName=STACK)
    emulator.client("cloudformation").get_waiter("stack_delete_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1}
    )
    assert emulator.client("lambda").list_functions()["Functions"] == []
    assert emulator.client("scheduler").list_schedules()["Schedules"] == []


def assert_all_stands(emulator: Emulator) -> None:
    """Everything the template names is there, and nothing else."""
    found = emulator.resources_of(STACK)
    assert {each["ResourceStatus"] for each in found.values()} == {"CREATE_COMPLETE"}
    expected = translate()["Resources"]
    layers = {name for name, each in expected.items() if each["Type"] == "AWS::Lambda::LayerVersion"}
    # Conditions that hold only with parameters that were not given.
    absent = {name for name, each in expected.items() if "Condition" in each}
    stands = {name: each["ResourceType"] for name, each in found.items()}
    # A layer's name ends with what its content comes to, which its place decides.
    assert sum(kind == "AWS::Lambda::LayerVersion" for kind in stands.values()) == len(layers)
    assert {name: kind for name, kind in stands.items() if kind != "AWS::Lambda::LayerVersion"} == {
        name: each["Type"] for name, each in expected.items() if name not in layers | absent
    }
    functions = emulator.client("lambda").list_functions()["Functions"]
    assert {each["State"] for each in functions} == {"Active"}
    schedules = emulator.client("scheduler").list_schedules()["Schedules"]
    assert len(schedules) == len(MODULES)


def invoke(emulator: Emulator, function: str, event: dict[str, Any]) -> Any:
    """What a function returns."""
    answer = emulator.client("lambda").invoke(FunctionName=f"{STACK}-{function}", Payload=json.dumps(event))
    returned = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, returned
    return returned


def log_of_first_run(emulator: Emulator) -> str:
    """What the live processor wrote, as soon as the schedule has had it run once."""
    ends = time.monotonic() + RUN_SECONDS
    while time.monotonic() < ends:
        log = emulator.log_of(f"{STACK}-live-processor")
        if "REPORT RequestId" in log:
            return log
        time.sleep(0.5)
    raise AssertionError(f"the schedule did not run the live processor; the emulator's log:\n{emulator.log}")
