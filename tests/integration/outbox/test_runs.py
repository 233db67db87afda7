"""Components publish their changes at the end of their runs, and deliver them, whatever happens to the bus."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import boto3
import pytest
from psycopg import Connection
from psycopg import errors as pg

from chandlery.health.domain.health import judge_messages
from chandlery.health.measure_health import measure_health
from chandlery.outbox.finish_run import tend_outbox
from chandlery.outbox.store import messages
from chandlery.platform.component import Component
from chandlery.platform.errors import Retryable
from chandlery.policies.maintain_policies import PolicyReport
from functions import alert_processor, live_processor, policy_maintenance
from local.command_line.functions import LocalContext
from tests.event_bus import Queue, an_aws, create_bus
from tests.integration.desk.desk_scene import arm, put
from tests.integration.market import MINUTE, NOON, around_the_clock, insert
from tests.plain_fold import Tick

SETTINGS = {"EVENT_BUS_NAME": "desk", "CHANGES_PUBLISHED": "true", "LIVE_SETTLE_SECONDS": "0"}
# Policies are kept elsewhere: here is what follows.
KEEPER = Component("policy_maintenance", lambda _run: PolicyReport(), tend_outbox)
COMPONENTS = {each.name: each for each in (live_processor.handler, alert_processor.handler, KEEPER)}


@pytest.fixture
def market(connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    around_the_clock(connection, "X@A@EQ")
    settings = {
        "DATABASE_URL": database_url,
        "EVENT_BUS_NAME": "desk",
        "CHANGES_PUBLISHED": "true",
        "LIVE_SETTLE_SECONDS": "0",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with an_aws(monkeypatch.setenv):
        yield connection
    for component in COMPONENTS.values():
        component.sandbox.close()


def trade(connection: Connection, minute: int) -> None:
    insert(connection, 1, [Tick(NOON + minute * MINUTE, 0, 10, 1)])  # type: ignore[arg-type]


def run(name: str, minutes: float, **event: Any) -> Mapping[str, Any]:
    at = NOON + minutes * MINUTE
    return COMPONENTS[name]({"scheduled_at": at.isoformat(), **event}, LocalContext(name, 900))


def outbox(counts: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in counts.items() if name.startswith("outbox_")}


def test_a_run_delivers_what_it_changed(market: Connection) -> None:
    queue = create_bus("desk", detail={"dataset": ["candles"], "kinds": ["new"]})
    trade(market, 0)
    counts = run("live_processor", 1)
    (event,) = queue.received()
    assert (event["source"], event["detail-type"]) == ("chandlery", "changes")
    assert event["detail"]["key"] == f"change:{event['detail']['cursor']}"
    assert event["detail"]["instruments"] == ["X@A@EQ"]
    assert outbox(counts) == {
        "outbox_sent": 1,
        "outbox_failed": 0,
        "outbox_waiting": 0,
        "outbox_refused": 0,
        "outbox_age_seconds": 0.0,
    }
    run("live_processor", 2)
    assert queue.received() == []


def test_a_bus_that_is_away_fails_no_run_and_gets_all_of_it_later(market: Connection) -> None:
    for minute in range(2):
        trade(market, minute)
        counts = run("live_processor", minute + 1)
    assert (counts["candles_written"], counts["outbox_waiting"], counts["outbox_age_seconds"]) == (1, 2, 60.0)
    assert "does not exist" in counts["undelivered"][0]
    counts = run("policy_maintenance", 30)
    (cause,) = judge_messages(measure_health(market, NOON + 31 * MINUTE))
    assert cause.says.startswith("2 wait to be delivered, the oldest for 29 min; desk: An error occurred")
    queue = create_bus("desk")
    run("live_processor", 31)
    assert [each["detail"]["kinds"] for each in queue.received()] == [["new"], ["new"]]


def run_that_dies_before_the_mark(name: str, minutes: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it delivers is taken, and does not count as sent."""

    def dies(*_: Any) -> None:
        raise pg.AdminShutdown

    with monkeypatch.context() as patched:
        patched.setattr(messages, "record_tries", dies)
        with pytest.raises(Retryable):
            run(name, minutes)


def test_what_the_bus_took_before_a_death_comes_again_by_the_same_key(
    market: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = create_bus("desk")
    trade(market, 0)
    run_that_dies_before_the_mark("live_processor", 1, monkeypatch)
    run("live_processor", 2)
    first, second = queue.received()
    assert first["detail"] == second["detail"]
    assert market.execute("SELECT key, tries FROM market.outbox").fetchall() == [(first["detail"]["key"], 1)]


@pytest.mark.parametrize(("ending", "times"), [("", 2), (".fifo", 1)])
def test_what_the_topic_took_before_a_death_comes_again_by_the_same_key(
    market: Connection, monkeypatch: pytest.MonkeyPatch, ending: str, times: int
) -> None:
    sns, queue = boto3.client("sns"), Queue(f"alerts{ending}")
    attributes = {"FifoTopic": "true"} if ending else {}
    arn = sns.create_topic(Name=f"alerts{ending}", Attributes=attributes)["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"})
    monkeypatch.setenv("ALERT_TOPIC_ARN", arn)
    arm(market, NOON, "high", 100)
    put(market, NOON, "99")
    put(market, NOON + MINUTE, "99 101 99 101")
    run_that_dies_before_the_mark("alert_processor", 2, monkeypatch)
    counts = run("alert_processor", 3)
    assert (counts["alerts_fired"], counts["outbox_sent"]) == (0, 1)
    # A FIFO topic knows it again by its deduplication id.
    assert [each["key"] for each in queue.received()] == ["alert:1:2026-03-02T12:01Z"] * times


def test_a_dry_run_notes_publishes_and_sends_nothing(market: Connection) -> None:
    queue = create_bus("desk")
    trade(market, 0)
    counts = run("live_processor", 1, dry_run=True)
    assert counts["candles_written"] == 1
    assert outbox(counts) == {}
    rows = market.execute(
        "SELECT (SELECT count(*) FROM market.outbox) + (SELECT count(*) FROM market.unpublished_changes)"
    )
    assert rows.fetchone() == (0,)
    assert queue.received() == []


def test_policy_maintenance_removes_what_was_delivered_in_time(market: Connection) -> None:
    create_bus("desk")
    trade(market, 0)
    run("live_processor", 1)
    run("policy_maintenance", 5)
    assert market.execute("SELECT sent_at FROM market.outbox").fetchall() == [(NOON + MINUTE,)]
    counts = run("policy_maintenance", timedelta(days=8) / MINUTE)
    assert counts["outbox_removed"] == 1
    assert policy_maintenance.handler._finish is tend_outbox


@pytest.mark.parametrize("told", ["true", ""])
def test_without_a_bus_changes_can_be_polled_where_they_are_published(
    market: Connection, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setenv("EVENT_BUS_NAME", "")
    monkeypatch.setenv("CHANGES_PUBLISHED", told)
    trade(market, 0)
    assert outbox(run("live_processor", 1)) == {}
    assert len(market.execute("SELECT FROM market.changes").fetchall()) == bool(told)
