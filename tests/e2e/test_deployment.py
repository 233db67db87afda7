"""The stack, deployed by `sam deploy` to an AWS on this machine: its queue takes ticks, its schedule makes candles."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from psycopg import Connection

from chandlery.platform.schema import REVISION
from chandlery.reference.store import instruments
from local.command_line.emulate import watch
from local.emulation import building, stack
from local.emulation.aws import Emulator
from local.emulation.errors import EmulationError
from local.emulation.runs import alarms_of_failures, runs_of
from tests.e2e.test_lambda_artifact import MODULES, insert_ticks
from tests.integration.ingest.record_scene import body
from tests.translated_template import translate
from tests.unit.test_template import TEMPLATE, holds
from tests.waiting import wait_until


def test_what_is_sent_to_a_deployed_queue_is_in_candles(
    emulator: Emulator, built: Path, connection: Connection, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.deploy(emulator, built, database_url, "IngestQueue=true")
    bucket = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
    instrument_id = insert_ticks(connection, bucket)
    send_record(emulator, bucket + timedelta(seconds=30))

    assert_all_stands(emulator)
    answer = emulator.invoke(stack.MIGRATE, {"do": "current"})
    assert answer == {"before": REVISION, "revision": REVISION, "wanted": REVISION}
    # Watched once there is something to see: each look at a function's log costs a client of AWS.
    sent = "SELECT FROM market.candles WHERE trades = 4"
    wait_until(lambda: connection.execute(sent).rowcount, "the tick that was sent is in a candle", every=1)
    watch(emulator, database_url, instruments.find(connection, "TEST@BTC@SPOT"), 1)
    told, log = capsys.readouterr().out, emulator.log_of(stack.LIVE_PROCESSOR)

    candles = connection.execute(
        "SELECT instrument_id, time, open, high, low, close, volume, trades, source::text FROM market.candles"
        " WHERE time = %s",
        [bucket],
    ).fetchall()
    prices = [Decimal(price) for price in ("10.1", "10.4", "10.1", "10.4")]
    assert candles == [(instrument_id, bucket, *prices, 10, 4, "live_aggregated")], log
    runs = connection.execute(
        "SELECT DISTINCT status, counts ->> 'candles_written' >= '1', scheduled_at > %s FROM market.runs"
        " WHERE component = 'live_processor'",
        [bucket],
    ).fetchall()
    # A second run, where the first was before the tick that was sent, or after all of them.
    assert ("succeeded", True, True) in runs, log
    assert {status for status, *_ in runs} == {"succeeded"}, log
    assert_bad_rows_are_told_of(emulator)
    assert '"CandlesWritten":[' in log
    assert "live processor: " in told
    assert_a_failure_leads_to_its_page(emulator, connection)

    emulator.client("cloudformation").delete_stack(StackName=stack.NAME)
    emulator.client("cloudformation").get_waiter("stack_delete_complete").wait(
        StackName=stack.NAME, WaiterConfig={"Delay": 1}
    )
    assert emulator.client("lambda").list_functions()["Functions"] == []
    assert emulator.client("scheduler").list_schedules()["Schedules"] == []


def send_record(emulator: Emulator, time: datetime) -> None:
    """Send a tick to the queue of records, and a row that is bad."""
    row = {"instrument": "TEST@BTC@SPOT", "time": time.isoformat(), "seq": 4, "price": "10.4", "size": 4}
    queue = stack.outputs_of(emulator)["RecordsUrl"]
    emulator.client("sqs").send_message(QueueUrl=queue, MessageBody=body(row, row | {"price": "dear"}))


def assert_bad_rows_are_told_of(emulator: Emulator) -> None:
    """In a queue, with place and reason."""
    queue = stack.outputs_of(emulator)["BadRecordsUrl"]
    (told,) = emulator.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    (fault,) = json.loads(told["Body"])["faults"]
    assert (fault["line"], fault["reason"]) == (3, "price: dear must be a number")


def assert_a_failure_leads_to_its_page(emulator: Emulator, connection: Connection) -> None:
    """From a run's failure by the alarm that watches for it to the page that names the cause."""
    connection.execute("UPDATE market.schema_revision SET version_num = '0001'")
    with pytest.raises(EmulationError, match="schema is at revision 0001"):
        emulator.invoke(stack.LIVE_PROCESSOR, {"scheduled_at": "now"})
    connection.execute("UPDATE market.schema_revision SET version_num = %s", [REVISION])
    run = runs_of(emulator, stack.LIVE_PROCESSOR)[-1]
    ((name, description),) = alarms_of_failures(emulator, run.service)
    assert name == f"{stack.NAME}-live-processor-fails"
    page = (building.REPO / description.rpartition("Runbook: ")[2]).read_text()
    assert run.error is not None
    assert "the schema is at revision" in page
    assert "the schema is at revision" in run.error


def assert_all_stands(emulator: Emulator) -> None:
    """Everything the template names is there, and nothing else."""
    found = emulator.resources_of(stack.NAME)
    assert {each["ResourceStatus"] for each in found.values()} == {"CREATE_COMPLETE"}
    expected = translate()["Resources"]
    # Conditions that hold only with parameters that were not given.
    given = {"DatabaseSecretId": stack.SECRET, "IngestQueue": "true"}
    absent = {
        name
        for name, each in expected.items()
        if "Condition" in each and not holds(TEMPLATE["Conditions"][each["Condition"]], given)
    }
    stands = {name: each["ResourceType"] for name, each in found.items()}
    wanted = {name: each["Type"] for name, each in expected.items() if name not in absent}
    # The name of a layer or a version ends with what its content comes to, which its place decides.
    for kind in ("AWS::Lambda::LayerVersion", "AWS::Lambda::Version"):
        assert list(stands.values()).count(kind) == list(wanted.values()).count(kind)
        stands, wanted = ({name: each for name, each in some.items() if each != kind} for some in (stands, wanted))
    assert stands == wanted
    functions = emulator.client("lambda").list_functions()["Functions"]
    assert {each["State"] for each in functions} == {"Active"}
    schedules = emulator.client("scheduler").list_schedules()["Schedules"]
    assert len(schedules) == len(MODULES)
