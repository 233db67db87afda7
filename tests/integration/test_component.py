"""A component's run: its event, its row, its log and its metrics."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from chandlery.errors import Permanent, Retryable
from functions.live_processor import handler
from tests.integration.market import MINUTE, NOON, around_the_clock, insert, row_versions
from tests.plain_fold import Tick

EVENT = {"scheduled_at": "2026-03-02T12:01:00Z"}


class Context:
    """As much of Lambda's context as a run needs."""

    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 50_000


def runs(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT status, attempts, counts, error FROM market.runs ORDER BY scheduled_at"
    ).fetchall()


@pytest.fixture
def desk(connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, [Tick(NOON + timedelta(seconds=s), s, 10 + s, 1) for s in range(5)])  # type: ignore[arg-type]
    yield connection
    handler.sandbox.close()


def emitted(captured: str) -> dict[str, Any]:
    """The metrics of one run, by name."""
    (line,) = [json.loads(line) for line in captured.splitlines() if '"_aws"' in line]
    assert line["service"] == "live_processor"
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Chandlery", [["service"]])
    return {metric["Name"]: line[metric["Name"]][0] for metric in directive["Metrics"]}


def test_a_run_reports_records_and_measures(desk: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    report = handler(EVENT, Context())
    assert report["candles_written"] == 1
    ((status, attempts, counts, error),) = runs(desk)
    assert (status, attempts, counts, error) == ("succeeded", 1, report, None)
    metrics = emitted(capsys.readouterr().out)
    assert metrics.pop("RunSeconds") > 0
    assert metrics == {
        "Runs": 1,
        "Failures": 0,
        "CandlesWritten": 1,
        "CandlesRevised": 0,
        "CandlesDeleted": 0,
        "LateTicks": 0,
        "GapsFilled": 0,
        "FutureMarks": 0,
        "LagSeconds": 0,
    }


def test_every_log_line_names_the_run(desk: Connection) -> None:
    lines = io.StringIO()
    (output,) = handler.telemetry.logger.handlers
    assert isinstance(output, logging.StreamHandler)
    before = output.setStream(lines)
    try:
        handler(EVENT, Context())
    finally:
        output.setStream(before)
    said = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert said
    for line in said:
        assert (line["service"], line["scheduled_at"]) == ("live_processor", "2026-03-02T12:01:00+00:00")
        assert line["request_id"] == "request-1"


def test_the_same_event_twice_writes_no_row_version(desk: Connection) -> None:
    handler(EVENT, Context())
    before = row_versions(desk)
    assert handler(EVENT, Context())["candles_written"] == 0
    assert row_versions(desk) == before


def test_a_repeated_event_that_finds_work_tells_another_attempt(desk: Connection) -> None:
    handler(EVENT, Context())
    insert(desk, 1, [Tick(NOON + timedelta(seconds=30), 30, 99, 1)])  # type: ignore[arg-type]  # ints are exact
    handler(EVENT, Context())
    ((status, attempts, counts, _),) = runs(desk)
    assert (status, attempts, counts["candles_revised"]) == ("succeeded", 2, 1)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "scheduled_at: Field required"),
        ({"scheduled_at": "yesterday"}, "scheduled_at: Input should be a valid datetime"),
        ({"scheduled_at": "2026-03-02T12:01:00"}, "scheduled_at: Input should have timezone info"),
        ([], "event: "),
    ],
)
def test_a_malformed_event_is_told(
    desk: Connection, event: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Permanent, match=f"the event is malformed: {message}"):
        handler(event, Context())
    assert emitted(capsys.readouterr().out)["Failures"] == 1
    assert runs(desk) == []


def test_a_failed_run_is_recorded_and_raised(desk: Connection) -> None:
    desk.execute("ALTER TABLE market.candles ADD CONSTRAINT nothing_fits CHECK (volume < 0) NOT VALID")
    try:
        with pytest.raises(Permanent, match="nothing_fits"):
            handler(EVENT, Context())
    finally:
        desk.execute("ALTER TABLE market.candles DROP CONSTRAINT nothing_fits")
    ((status, _, _, error),) = runs(desk)
    assert (status, "nothing_fits" in error) == ("failed", True)
    assert desk.execute("SELECT count(*) FROM market.dirty").fetchone() != (0,)
    # Once it is put right, the same event does the work.
    assert handler(EVENT, Context())["candles_written"] == 1
    assert [row[:2] for row in runs(desk)] == [("succeeded", 2)]


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("postgresql://postgres:wrong@{host}", Permanent, "refused the login"),
        ("postgresql://postgres:postgres@127.0.0.1:1/postgres", Retryable, "cannot be reached"),
        ("postgresql://postgres:postgres@no-such-host.invalid/postgres", Retryable, "cannot be reached"),
    ],
)
def test_a_database_out_of_reach_is_told(
    database_url: str, url: str, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url.format(host=database_url.rpartition("@")[2]))
    handler.sandbox.close()
    with pytest.raises(error, match=message) as caught:
        handler(EVENT, Context())
    assert "wrong" not in str(caught.value)


def test_a_connection_lost_while_frozen_is_replaced(desk: Connection) -> None:
    handler(EVENT, Context())
    lost = handler.sandbox.get()
    lost.close()
    assert handler({"scheduled_at": "2026-03-02T12:02:00Z"}, Context())["candles_written"] == 0
    assert handler.sandbox.get() is not lost


def test_a_run_waits_for_the_settle_time_of_a_minute_just_over(
    desk: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("chandlery.component.time.sleep", slept.append)
    now = datetime.now(UTC)
    handler({"scheduled_at": now.isoformat()}, Context())
    handler({"scheduled_at": (now + 9 * MINUTE).isoformat()}, Context())
    handler(EVENT, Context())
    just_now, ahead, past = slept
    assert 4 < just_now <= 5
    assert (ahead, past) == (5, 0)


def test_an_error_nobody_foresaw_counts_as_a_failure(
    desk: Connection, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(run: object) -> None:
        raise ZeroDivisionError("with a secret word")

    monkeypatch.setattr(handler, "_work", broken)
    with pytest.raises(ZeroDivisionError):
        handler(EVENT, Context())
    assert emitted(capsys.readouterr().out)["Failures"] == 1
    assert [(row[0], row[3]) for row in runs(desk)] == [("failed", "unexpected ZeroDivisionError")]
