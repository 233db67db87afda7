"""What alarms and dashboard look at is what runs really emit; and the runbook's queries run."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from chandlery.platform import runs
from chandlery.platform.component import Component
from functions import desk_api, record_api, tick_ingest
from functions.alert_processor import handler as alert_processor
from functions.historical_gap_monitor import handler as historical_gap_monitor
from functions.historical_processor import handler as historical_processor
from functions.live_gap_monitor import handler as live_gap_monitor
from functions.live_processor import handler as live_processor
from functions.migrate import handler as migrate
from functions.option_processor import handler as option_processor
from functions.policy_maintenance import handler as policy_maintenance
from functions.signal_processor import handler as signal_processor
from local.http_server import event_of
from tests.integration.api_scene import candles
from tests.integration.ingest.record_scene import body, from_queue, tick
from tests.integration.market import NOON, around_the_clock, insert
from tests.integration.policy_scene import desk, hold_jobs
from tests.plain_fold import Tick
from tests.unit.test_alarms import RUNBOOK, Metric, alarmed, shown
from tests.unit.test_template import deployed, transformed

__all__ = ["deployed", "desk", "transformed"]

COMPONENTS = (
    live_processor,
    option_processor,
    alert_processor,
    live_gap_monitor,
    policy_maintenance,
    historical_gap_monitor,
    historical_processor,
    signal_processor,
)
EVENTS = Path(__file__).resolve().parents[3] / "events"
AT = NOON + timedelta(minutes=1)


class Context:
    """As much of Lambda's context as a run needs."""

    aws_request_id = "request-1"
    memory_limit_in_mb = 512

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@pytest.fixture
def emitted(
    desk: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[set[Metric]]:
    """The metrics of one run of every function, each with its namespace and dimensions as CloudWatch reads them."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    # No message waits: it is not asked.
    monkeypatch.setenv("ALERT_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:alerts")
    instrument, contract = around_the_clock(desk, "X@A@EQ", "OPRA@A@OPTION")
    desk.execute(
        "INSERT INTO market.option_contracts VALUES (%s, %s, '2026-04-17', '2026-04-17T20:00Z', 10, 'call', '', 100,"
        " 'american', 'black_scholes_merton', 'USD')",
        [contract, instrument],
    )
    desk.execute(
        "INSERT INTO market.option_quotes (instrument_id, time, bid, ask, underlying) VALUES (%s, %s, 1, 1.1, 10)",
        [contract, NOON],
    )
    insert(desk, instrument, [Tick(NOON + timedelta(seconds=s), s, 10 + s, 1) for s in range(5)])  # type: ignore[arg-type]
    desk.execute("UPDATE market.ticks SET received_at = time + INTERVAL '2 seconds'")
    # The growth of a day is known once a run of the day before has reported the size.
    before = {"database_bytes": 1_000_000}
    runs.record(desk, "policy_maintenance", AT - timedelta(days=1), counts=before, changed=True, seconds=1)
    for component in COMPONENTS:
        _run(component)
        hold_jobs(desk)
    migrate({"do": "current"}, Context())
    _ask_the_api()
    _send_records(monkeypatch)
    asked = json.loads((EVENTS / "desk_api_alerts.json").read_text())
    assert desk_api.handler(asked, Context())["statusCode"] == 200
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    yield {metric for line in lines for metric in _metrics_of(line)}
    for component in COMPONENTS:
        component.sandbox.close()
    desk_api.SANDBOX.close()


def _send_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAD_RECORDS_QUEUE_URL", "https://queue.example/bad")
    sent = body(tick(1, instrument="X@A@EQ"))
    assert tick_ingest.handler(from_queue(("m-1", sent)), Context()) == {"batchItemFailures": []}
    posted = event_of("POST", "/api/v1/ticks", {"content-type": "application/x-ndjson"}, sent.encode())
    assert record_api.handler(posted, Context())["statusCode"] == 202
    tick_ingest.SANDBOX.close()
    record_api.SANDBOX.close()


def _run(component: Component) -> None:
    component({"scheduled_at": AT.isoformat()}, Context())


def _ask_the_api() -> None:
    # Imported here: its sandbox keeps settings from its first request on.
    from functions.http_api import handler

    handler(json.loads((EVENTS / "http_api_health.json").read_text()), Context())
    assert candles("X@A@EQ", "1m", to=AT.isoformat()).headers["X-Cache"] == "miss"


def _metrics_of(line: dict[str, Any]) -> Iterator[Metric]:
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            ordered = tuple(sorted(names))
            for metric in directive["Metrics"]:
                assert line[metric["Name"]]
                yield Metric(directive["Namespace"], metric["Name"], ordered, tuple(line[name] for name in ordered))


def test_alarms_and_dashboard_look_at_what_runs_emit(emitted: set[Metric], deployed: dict[str, Any]) -> None:
    ours = {name: metric for name, metric in alarmed(deployed).items() if not metric.namespace.startswith("AWS/")}
    assert len(ours) > 20
    assert {name: metric for name, metric in ours.items() if metric not in emitted} == {}
    for metric in shown(deployed):
        if metric.namespace.startswith("AWS/"):
            continue
        # A search leaves out the values it looks for.
        like = {
            each
            for each in emitted
            if (each.namespace, each.name, each.dimensions) == (metric.namespace, metric.name, metric.dimensions)
            and all(wanted in ("", value) for wanted, value in zip(metric.values, each.values, strict=True))
        }
        assert like, metric


@pytest.mark.parametrize("path", sorted(RUNBOOK.glob("[a-z]*.md")), ids=lambda path: path.stem)
def test_the_runbooks_queries_run(path: Path, connection: Connection) -> None:
    for block in re.findall(r"```sql\n(.*?)```", path.read_text(), re.DOTALL):
        for statement in filter(str.strip, block.split(";\n")):
            assert connection.execute(statement).description
