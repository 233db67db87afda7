"""Components that are switched off or dry: their rows, logs and metrics, and how status and health show them."""

import importlib
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from chandlery.health.check_health import check_health
from chandlery.health.domain.health import Cause, Health, Verdict
from chandlery.health.report_status import report_status
from chandlery.platform.component import Component
from chandlery.platform.connection import connect
from chandlery.platform.errors import Permanent
from chandlery.platform.settings import SCHEDULED, Settings
from functions.historical_processor import handler as historical_processor
from functions.live_gap_monitor import handler as live_gap_monitor
from functions.live_processor import handler as live_processor
from tests.integration.market import MINUTE, NOON, around_the_clock, insert, live
from tests.integration.platform.test_component import Context, emitted, log_of
from tests.integration.platform.test_dry_run import Context as LongContext
from tests.integration.policy_scene import store_candles
from tests.plain_fold import Tick

AT = NOON + MINUTE
EVENT = {"scheduled_at": AT.isoformat()}


@pytest.fixture
def desk(connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A minute with ticks, which is due."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, [Tick(NOON + timedelta(seconds=s), s, 10 + s, 1) for s in range(5)])  # type: ignore[arg-type]
    yield connection
    for each in (live_processor, live_gap_monitor, historical_processor):
        each.sandbox.close()


def runs(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT component, status, attempts, counts, error FROM market.runs ORDER BY component, scheduled_at"
    ).fetchall()


@pytest.mark.parametrize("name", SCHEDULED)
def test_each_component_has_its_switch(desk: Connection, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{name.upper()}_ENABLED", "false")
    handler: Component = importlib.import_module(f"functions.{name}").handler
    assert handler(EVENT, Context()) == {"switched_off": True}
    handler.sandbox.close()
    assert runs(desk) == [(name, "switched_off", 1, {"switched_off": True}, None)]
    assert desk.execute("SELECT count(*) FROM market.dirty").fetchone() == (1,)
    assert Settings().idle == [f"{name.upper()}_ENABLED"]


def test_a_run_that_is_switched_off_says_so_in_log_and_metrics(
    desk: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVE_PROCESSOR_ENABLED", "false")
    with log_of(live_processor) as said:
        live_processor(EVENT, Context())
    metrics, of_feeds = emitted(capsys.readouterr().out)
    # It came when it was due, and did not fail; nothing is measured that it did not look at.
    assert metrics.pop("RunSeconds") >= 0
    assert (metrics, of_feeds) == ({"Runs": 1, "Failures": 0, "SwitchedOff": 1}, {})
    assert [(line["level"], line["message"], line["setting"]) for line in said] == [
        ("WARNING", "switched off: the run did nothing", "LIVE_PROCESSOR_ENABLED")
    ]


def test_what_is_switched_off_asks_nothing_of_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres:postgres@127.0.0.1:1/postgres")
    monkeypatch.setenv("LIVE_PROCESSOR_ENABLED", "false")
    live_processor.sandbox.close()
    with log_of(live_processor) as said:
        assert live_processor(EVENT, Context()) == {"switched_off": True}
    assert emitted(capsys.readouterr().out)[0]["Failures"] == 0
    assert said[0]["message"] == "the run has no row in market.runs"


def test_a_dry_run_measures_nothing_but_itself(
    desk: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DRY_RUN", "true")
    with log_of(live_processor) as said:
        counts = live_processor(EVENT, Context())
    metrics, of_feeds = emitted(capsys.readouterr().out)
    assert metrics.pop("RunSeconds") > 0
    assert (metrics, of_feeds) == ({"Runs": 1, "Failures": 0, "DryRuns": 1}, {})
    assert counts["candles_written"] == 1
    assert [(line["level"], line["would"]["candles_written"]) for line in said] == [("WARNING", 1)]
    assert runs(desk) == [("live_processor", "dry_run", 1, json.loads(json.dumps(counts)), None)]


def test_a_row_of_a_run_that_succeeded_stays(desk: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    live_processor(EVENT, Context())
    before = runs(desk)
    for variable in ("DRY_RUN", "LIVE_PROCESSOR_ENABLED"):
        monkeypatch.setenv(variable, str(variable == "DRY_RUN"))
        live_processor(EVENT, Context())
        assert runs(desk) == before
        monkeypatch.delenv(variable)
    # The other way round, the run that counts takes the row.
    monkeypatch.setenv("DRY_RUN", "true")
    live_gap_monitor(EVENT, Context())
    monkeypatch.delenv("DRY_RUN")
    live_gap_monitor(EVENT, Context())
    assert next(row[:3] for row in runs(desk)) == ("live_gap_monitor", "succeeded", 2)


def test_a_dry_run_by_hand_leaves_no_row(desk: Connection) -> None:
    assert live_processor(EVENT | {"dry_run": True}, Context())["candles_written"] == 1
    assert runs(desk) == []
    with pytest.raises(Permanent, match="the event is malformed: dry_run: "):
        live_processor(EVENT | {"dry_run": "perhaps"}, Context())


def test_a_dry_run_that_fails_is_reported_as_a_failure(
    desk: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DRY_RUN", "true")
    desk.execute("ALTER TABLE market.candles ADD CONSTRAINT nothing_fits CHECK (volume < 0) NOT VALID")
    try:
        with pytest.raises(Permanent, match="nothing_fits"):
            live_processor(EVENT, Context())
    finally:
        desk.execute("ALTER TABLE market.candles DROP CONSTRAINT nothing_fits")
    assert emitted(capsys.readouterr().out)[0]["Failures"] == 1
    assert [row[:4] for row in runs(desk)] == [("live_processor", "failed", 1, {"dry_run": True})]
    # The retry of the same event takes its place.
    live_processor(EVENT, Context())
    assert [row[1] for row in runs(desk)] == ["dry_run"]


def test_status_and_health_show_what_is_idle(desk: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVE_GAP_MONITOR_ENABLED", "false")
    live_gap_monitor(EVENT, Context())
    monkeypatch.setenv("DRY_RUN", "true")
    live_processor(EVENT, Context())
    live(desk, AT)
    status, health = report_status(desk, AT), check_health(desk, AT)
    assert status.idle == {"live_gap_monitor": "switched_off", "live_processor": "dry_run"}
    assert (health.ready, health.verdict) == (True, Verdict(status.health, status.causes))
    assert Cause(Health.WARNING, "live_gap_monitor", "is switched off, and does nothing") in status.causes
    assert Cause(Health.WARNING, "live_processor", "does only dry runs, and writes nothing") in status.causes
    # At work again, they are as healthy as their data.
    monkeypatch.delenv("DRY_RUN")
    monkeypatch.delenv("LIVE_GAP_MONITOR_ENABLED")
    later = {"scheduled_at": (AT + MINUTE).isoformat()}
    live_processor(later, Context())
    live_gap_monitor(later, Context())
    status, health = report_status(desk, AT + MINUTE), check_health(desk, AT + MINUTE)
    assert (status.idle, health.verdict) == ({}, Verdict(status.health, status.causes))
    assert not [cause for cause in status.causes if cause.subject in SCHEDULED]


def test_indicators_alone_can_be_switched_off(desk: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    store_candles(desk, NOON - timedelta(hours=9), NOON - timedelta(hours=1))
    monkeypatch.setenv("INDICATORS_ENABLED", "false")
    counts = historical_processor(EVENT, LongContext())
    assert (counts["marks_left"], counts["series"], counts["indicators_switched_off"]) == (0, 0, True)
    assert counts["marks_taken"] > 0 < counts["indicator_marks_left"]
    assert desk.execute("SELECT count(*) FROM market.indicators").fetchone() == (0,)
    status = report_status(desk, AT)
    assert status.idle == {"indicators": "switched_off"}
    assert Cause(Health.WARNING, "indicators", "are switched off, and none is computed") in status.causes
    assert Settings().idle == ["INDICATORS_ENABLED"]
    # On again, their marks have waited.
    monkeypatch.delenv("INDICATORS_ENABLED")
    counts = historical_processor({"scheduled_at": (AT + MINUTE).isoformat()}, LongContext())
    assert (counts["indicator_marks_left"], counts["indicators_switched_off"]) == (0, False)
    assert counts["values_written"] > 0
    assert report_status(desk, AT + MINUTE).idle == {}


def test_what_a_statement_may_take_is_a_setting(database_url: str, server_url: str) -> None:
    settings = Settings(
        database_url=database_url,
        database_work_memory_mb=7,
        database_idle_transaction_timeout_seconds=9,
        database_parallel_workers=0,
    )
    with connect(settings, "test") as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("7MB",)
        assert connection.execute("SHOW max_parallel_workers_per_gather").fetchone() == ("0",)
        assert connection.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("9s",)


def test_pieces_of_a_run_are_limited_by_settings(desk: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    insert(desk, 1, [Tick(NOON - n * MINUTE, 0, 10, 1) for n in range(1, 5)])  # type: ignore[arg-type]  # ints are exact
    two_days_old = NOON - timedelta(days=2)
    insert(desk, 1, [Tick(two_days_old + n * MINUTE, 0, 10, 1) for n in range(5)])  # type: ignore[arg-type]
    monkeypatch.setenv("LIVE_PIECE_CANDLES", "1")
    for variable in ("GAP_VERIFY_BUCKETS", "HISTORY_VERIFY_BUCKETS"):
        monkeypatch.setenv(variable, "0")
    for variable in ("LIVE_MOST_PIECES", "GAP_MOST_PIECES", "HISTORY_MOST_PIECES", "HISTORY_MOST_WEEKS"):
        monkeypatch.setenv(variable, "2")
    counts = live_processor(EVENT, Context())
    assert (counts["pieces"], counts["pieces_left"], counts["candles_written"]) == (2, 3, 2)
    counts = live_gap_monitor(EVENT, Context())
    assert (counts["candles_written"], counts["pieces_left"]) == (2, 3)
    desk.execute(
        "INSERT INTO market.ticks (instrument_id, time, seq, price, size) SELECT 1, %s + n * INTERVAL '1 min',"
        " 0, 10, 1 FROM generate_series(0, 4) AS n",
        [NOON - timedelta(days=40)],
    )
    monitor = importlib.import_module("functions.historical_gap_monitor").handler
    counts = monitor(EVENT, LongContext())
    monitor.sandbox.close()
    assert (counts["candles_written"], counts["pieces_left"], counts["weeks_left"]) == (2, 3, 3)
