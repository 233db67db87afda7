"""A component's run: its event, its row, its log and its metrics."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from chandlery.platform.component import Component
from chandlery.platform.errors import Permanent, Retryable
from chandlery.platform.telemetry import WARNINGS, Telemetry
from chandlery.reference.store import instruments
from functions.historical_gap_monitor import handler as historical_gap_monitor
from functions.live_gap_monitor import handler as live_gap_monitor
from functions.live_processor import handler
from tests.conftest import skip_where_trusted
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


Emitted = tuple[dict[str, Any], dict[str, dict[str, Any]]]


def emitted(captured: str, service: str = "live_processor", *, began: bool = True) -> Emitted:
    """The metrics of one run by name, and those of its feeds, or by source; none has two lines.

    What the process used is looked at, and left out: no two runs use the same.
    """
    run: list[dict[str, Any]] = []
    of_feeds: dict[str, dict[str, Any]] = {}
    for line in [json.loads(line) for line in captured.splitlines() if '"_aws"' in line]:
        assert line["service"] == service
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Chandlery"
        values = {metric["Name"]: value for metric in directive["Metrics"] for value in line[metric["Name"]]}
        assert len(values) == len(directive["Metrics"])
        (dimension,) = {"feed", "source"} & line.keys() or {None}
        if dimension:
            assert [sorted(names) for names in directive["Dimensions"]] == [sorted([dimension, "service"])]
            assert line[dimension] not in of_feeds
            of_feeds[line[dimension]] = values
        else:
            assert directive["Dimensions"] == [["service"]]
            run.append(values)
    (of_run,) = run
    if "WriteSuccess" in of_run:
        # What a process used is reported for a run that began, and for no other.
        assert (of_run.pop("MemoryBytes", 0) > 1_000_000) is began
        assert (of_run.pop("CpuSeconds", -1) >= 0) is began
        assert of_run["WriteSuccess"] == 1 - of_run["Failures"]
    return of_run, of_feeds


@contextmanager
def log_of(component: Component) -> Iterator[list[dict[str, Any]]]:
    """The lines a component logs inside."""
    said: list[dict[str, Any]] = []
    lines = io.StringIO()
    (output,) = component.telemetry.logger.handlers
    assert isinstance(output, logging.StreamHandler)
    before = output.setStream(lines)
    try:
        yield said
    finally:
        output.setStream(before)
        said.extend(json.loads(line) for line in lines.getvalue().splitlines())


def test_a_run_reports_records_and_measures(desk: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    report = handler(EVENT, Context())
    assert report["candles_written"] == 1
    ((status, attempts, counts, error),) = runs(desk)
    assert (status, attempts, counts, error) == ("succeeded", 1, report, None)
    metrics, of_feeds = emitted(capsys.readouterr().out)
    assert metrics.pop("RunSeconds") > 0
    # Its last tick came at 12:00:04.
    assert of_feeds == {"test": {"FeedSilentSeconds": 56}}
    assert metrics == {
        "Runs": 1,
        "Failures": 0,
        "WriteSuccess": 1,
        "InstrumentsProcessed": 1,
        "CandlesWritten": 1,
        "CandlesRevised": 0,
        "CandlesDeleted": 0,
        "LateTicks": 0,
        "GapsFilled": 0,
        "FutureMarks": 0,
        "LagSeconds": 0,
        "FeedSilentSeconds": 56,
    }


def test_a_run_reports_its_share_of_memory_and_processor(desk: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    class Limited(Context):
        memory_limit_in_mb = "2000"

    handler(EVENT, Limited())
    (line,) = (json.loads(line) for line in capsys.readouterr().out.splitlines() if '"CpuShare"' in line)
    # The most this process ever held, of 2,000 MB; and that much memory buys a whole processor.
    assert line["MemoryShare"] == [pytest.approx(line["MemoryBytes"][0] / (2000 * 2**20))]
    assert line["CpuShare"] == [pytest.approx(line["CpuSeconds"][0] / line["RunSeconds"][0])]


def test_every_log_line_names_the_run(desk: Connection) -> None:
    with log_of(handler) as said:
        handler(EVENT, Context())
    assert said
    for line in said:
        assert (line["service"], line["scheduled_at"]) == ("live_processor", "2026-03-02T12:01:00+00:00")
        assert line["request_id"] == "request-1"


def test_each_feed_in_session_is_measured_once(desk: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    # Two more feeds: one that never sent a tick, one whose calendar has no session.
    desk.execute("INSERT INTO market.calendars (calendar, time_zone) VALUES ('CLOSED', 'UTC')")
    instruments.add(desk, "X@B@EQ", "24/7", "second")
    instruments.add(desk, "X@C@EQ", "24/7", "second")
    instruments.add(desk, "X@D@EQ", "CLOSED", "closed")
    report = handler(EVENT, Context())
    of_run, of_feeds = emitted(capsys.readouterr().out)
    since_midnight = 12 * 3600 + 60
    # The alarm looks at the most silent one: it cannot name feeds.
    assert of_run["FeedSilentSeconds"] == report["silent_seconds"] == since_midnight
    assert of_feeds == {"test": {"FeedSilentSeconds": 56}, "second": {"FeedSilentSeconds": since_midnight}}
    assert report["feeds"] == [
        {"feed": "second", "silent_seconds": since_midnight},
        {"feed": "test", "silent_seconds": 56},
    ]
    # The next run says it again: nothing is carried over from one to the next.
    handler({"scheduled_at": "2026-03-02T12:02:00Z"}, Context())
    _, of_feeds = emitted(capsys.readouterr().out)
    assert of_feeds == {"test": {"FeedSilentSeconds": 116}, "second": {"FeedSilentSeconds": since_midnight + 60}}


def test_the_live_gap_monitor_measures_and_warns(
    desk: Connection, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for minute in range(1, 120):
        insert(desk, 1, [Tick(NOON + minute * MINUTE, 0, 10, 1)])  # type: ignore[arg-type]  # ints are exact
    instruments.add(desk, "X@LOST@EQ", "24/7", "test")
    insert(desk, 2, [Tick(NOON + minute * MINUTE, 0, 10, 1) for minute in range(100)])  # type: ignore[arg-type]
    desk.execute("INSERT INTO market.calendars (calendar, time_zone) VALUES ('CLOSED', 'UTC')")
    instruments.add(desk, "X@D@EQ", "CLOSED", "closed")
    at = NOON + 120 * MINUTE
    handler({"scheduled_at": at.isoformat()}, Context())
    capsys.readouterr()

    with log_of(live_gap_monitor) as said:
        report = live_gap_monitor({"scheduled_at": at.isoformat()}, Context())
    live_gap_monitor.sandbox.close()

    metrics, of_feeds = emitted(capsys.readouterr().out, "live_gap_monitor")
    # Two instruments of 119 minutes that are due, one of them silent in 19.
    coverage = pytest.approx((238 - 19) / 238)
    common = {"GapsOpen": 1, "MinutesOpen": 19, "OldestGapHours": pytest.approx(20 / 60), "MinutesNotJudged": 0}
    assert metrics.pop("RunSeconds") > 0
    assert metrics == common | {
        "Runs": 1,
        "Failures": 0,
        "WriteSuccess": 1,
        "CandlesWritten": 0,
        "CandlesRevised": 0,
        "CandlesDeleted": 0,
        "GapsFound": 1,
        "GapsFilled": 0,
        "Coverage24h": coverage,
        "Coverage7d": coverage,
        "CalendarsEnding": 2,
        "CandlesBehindSeconds": 0,
    }
    # The last hour of one, and forty minutes of the other.
    others = ("live_gap_filled", "historical_aggregated", "vendor_historical")
    of_sources = {source: of_feeds.pop(source)["CandlesLastHour"] for source in ("live_aggregated", *others)}
    assert of_sources == dict.fromkeys(others, 0) | {"live_aggregated": 60 + 40}
    assert of_feeds == {"test": common | {"Coverage24h": coverage, "Coverage7d": coverage, "FeedSilentSeconds": 60}}
    warned = {line["message"]: line["names"] for line in said if line["level"] == "WARNING"}
    assert warned == {
        WARNINGS["silent_instruments"]: ["X@LOST@EQ"],
        WARNINGS["ending_calendars"]: ["24/7", "CLOSED"],
    }
    assert all(line["scheduled_at"] == at.isoformat() for line in said)
    assert report["silent_instruments"] == ["X@LOST@EQ"]
    row = desk.execute("SELECT status, counts FROM market.runs WHERE component = 'live_gap_monitor'").fetchone()
    assert row == ("succeeded", report)

    # Nothing is new, but what is open is measured again, and the warnings are repeated while they hold.
    with log_of(live_gap_monitor) as said:
        again = live_gap_monitor({"scheduled_at": at.isoformat()}, Context())
    live_gap_monitor.sandbox.close()
    metrics, of_feeds = emitted(capsys.readouterr().out, "live_gap_monitor")
    assert (again["gaps_found"], metrics["GapsFound"], metrics["GapsOpen"], of_feeds["test"]["GapsOpen"]) == (
        0,
        0,
        1,
        1,
    )
    assert {line["message"] for line in said if line["level"] == "WARNING"} == set(warned)


def test_out_of_session_a_feed_has_no_silence_but_coverage(
    desk: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    handler(EVENT, Context())
    capsys.readouterr()
    after = "2026-03-05T00:05:00Z"
    report = live_gap_monitor({"scheduled_at": after}, Context())
    live_gap_monitor.sandbox.close()
    _, of_feeds = emitted(capsys.readouterr().out, "live_gap_monitor")
    assert set(of_feeds["test"]) == {
        *("Coverage24h", "Coverage7d", "MinutesNotJudged", "GapsOpen", "MinutesOpen", "OldestGapHours")
    }
    assert [feed["silent_seconds"] for feed in report["feeds"]] == [None]
    assert report["silent_instruments"] == []


def test_the_same_event_twice_writes_no_row_version(desk: Connection) -> None:
    handler(EVENT, Context())
    before = row_versions(desk)
    assert handler(EVENT, Context())["candles_written"] == 0
    assert row_versions(desk) == before


def test_a_repeated_event_that_finds_work_publishes_another_attempt(desk: Connection) -> None:
    handler(EVENT, Context())
    insert(desk, 1, [Tick(NOON + timedelta(seconds=30), 30, 99, 1)])  # type: ignore[arg-type]  # ints are exact
    handler(EVENT, Context())
    ((status, attempts, counts, _),) = runs(desk)
    assert (status, attempts, counts["candles_revised"]) == ("succeeded", 2, 1)


def test_an_event_may_say_now_instead_of_a_time(desk: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chandlery.platform.component.time.sleep", lambda seconds: None)
    before = datetime.now(UTC)
    handler({"scheduled_at": "now"}, Context())
    after = datetime.now(UTC)
    ((scheduled_at,),) = desk.execute("SELECT scheduled_at FROM market.runs").fetchall()
    # The minute in which it ran, as a schedule that fires at whole minutes would have sent it.
    assert (scheduled_at.second, scheduled_at.microsecond) == (0, 0)
    assert before - MINUTE < scheduled_at <= after


def test_in_a_namespace_of_its_own_a_stack_is_distinct_from_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Chandlery/dev")
    Telemetry("test").succeeded({"feeds": [{"feed": "a", "silent_seconds": 1.0}]}, 0.5)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [line["_aws"]["CloudWatchMetrics"][0]["Namespace"] for line in lines] == ["Chandlery/dev"] * 2


ABSURD = "no schedule fires at .*: give a time from 2000-01-01 to 2100-01-01; send"


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "scheduled_at: is missing"),
        ({"scheduled_at": "yesterday"}, "scheduled_at: must be a time in ISO 8601"),
        ({"scheduled_at": "2026-03-02T12:01:00"}, "scheduled_at: must be a time in ISO 8601 with an offset"),
        ([], "event: "),
        ({"scheduled_at": "0001-01-01T00:00:00Z"}, f"scheduled_at: {ABSURD}"),
        ({"scheduled_at": "0001-01-01T00:00:00+14:00"}, f"scheduled_at: {ABSURD}"),
        ({"scheduled_at": "1999-12-31T23:59:59Z"}, f"scheduled_at: {ABSURD}"),
        # Seconds in place of a time.
        ({"scheduled_at": 12}, f"scheduled_at: {ABSURD}"),
        ({"scheduled_at": "9999-12-31T23:59:59Z"}, f"scheduled_at: {ABSURD}"),
    ],
)
def test_a_malformed_event_is_reported(
    desk: Connection, event: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Permanent, match=f"the event is malformed: {message}"):
        handler(event, Context())
    assert emitted(capsys.readouterr().out, began=False)[0]["Failures"] == 1
    assert runs(desk) == []


@pytest.mark.parametrize("function", [handler, live_gap_monitor, historical_gap_monitor], ids=lambda each: each.name)
def test_no_function_runs_at_an_absurd_time(desk: Connection, function: Component) -> None:
    with pytest.raises(Permanent, match=ABSURD):
        function({"scheduled_at": "0001-01-03T00:00:00Z"}, Context())
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
    # Once it is repaired, the same event does the work.
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
def test_a_database_out_of_reach_is_reported(
    database_url: str, url: str, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url.format(host=database_url.rpartition("@")[2])
    if error is Permanent:
        skip_where_trusted(url)
    monkeypatch.setenv("DATABASE_URL", url)
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
    monkeypatch.setattr("chandlery.platform.component.time.sleep", slept.append)
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
    assert emitted(capsys.readouterr().out)[0]["Failures"] == 1
    assert [(row[0], row[3]) for row in runs(desk)] == [("failed", "unexpected ZeroDivisionError")]
