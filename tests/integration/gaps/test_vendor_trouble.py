"""The historical gap monitor's handler, and a vendor in trouble: ticks and ledger are done, nothing else is lost."""

import io
import json
import logging
from collections.abc import Iterator
from decimal import Decimal

import pytest
from psycopg import Connection

from chandlery.gaps.watch_historical_gaps import HistoricalGapReport
from chandlery.platform.errors import ChandleryError, Permanent, Retryable
from chandlery.reference.store import instruments
from chandlery.words.window import DAY, HOUR
from functions.historical_gap_monitor import handler
from tests.conftest import REPO
from tests.integration.gaps.historical_scene import (
    NOW,
    VENDORS,
    Row,
    asked,
    backing_off,
    desk,
    fill,
    give,
    made_by,
    minutes,
    monitor,
    open_gaps,
    open_hour,
    vendor,
)
from tests.integration.market import MINUTE, insert
from tests.plain_fold import Tick
from tests.vendor_server import Fault, VendorServer, alter, bar, cut_off, hang_up, refuse

__all__ = ["desk", "vendor"]


class Context:
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@pytest.fixture
def deployed(
    desk: Connection, vendor: VendorServer, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """The handler, set up to ask the vendor for what A lacks: ticks of one minute are kept, the rest is its part."""
    fill(desk, 1, missing=minutes(open_hour(4), 30))
    desk.execute("INSERT INTO market.feeds VALUES ('test', 60)")
    insert(desk, 1, [Tick(open_hour(4), 1, Decimal(11), Decimal(1))])
    give(vendor, "A", minutes(open_hour(4)))
    settings = {
        "DATABASE_URL": database_url,
        "VENDOR": "polygon",
        "VENDOR_URL": vendor.url,
        "VENDOR_API_KEY": vendor.key,
        "VENDOR_TIMEOUT_SECONDS": "0.2",
        "VENDOR_DEADLINE_SECONDS": "0.3",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield desk
    handler.sandbox.close()


EVENT = {"scheduled_at": NOW.isoformat()}


def runs(connection: Connection) -> list[Row]:
    return connection.execute("SELECT status, attempts, error FROM market.runs ORDER BY scheduled_at").fetchall()


def test_the_handler_heals_and_says_what_it_did(
    deployed: Connection, vendor: VendorServer, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = io.StringIO()
    (output,) = handler.telemetry.logger.handlers
    assert isinstance(output, logging.StreamHandler)
    before = output.setStream(lines)
    try:
        report = handler(EVENT, Context())
    finally:
        output.setStream(before)
    assert (report["candles_written"], report["vendor_days"], report["gaps_open"]) == (30, 1, 0)
    assert runs(deployed) == [("succeeded", 1, None)]
    printed = capsys.readouterr().out
    (metrics,) = [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]
    assert (metrics["CandlesWritten"], metrics["VendorDays"], metrics["GapsOpen"]) == ([30], [1], [0])
    assert "run succeeded" in lines.getvalue()
    assert vendor.key not in printed + lines.getvalue()
    # The schedule's own event, of another time, finds nothing to look through.
    event = json.loads((REPO / "events" / "historical_gap_monitor.json").read_text())
    assert handler(event, Context())["weeks_left"] == 0


UNSET: dict[str, str | None] = {"VENDOR_API_KEY": None}


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(
    ("environment", "fault", "error", "message"),
    [
        pytest.param(UNSET, None, Permanent, "no key for the vendor is named", id="no key"),
        pytest.param({"VENDOR_API_KEY": "wrong-key"}, None, Permanent, "refused the key for A: 401", id="wrong key"),
        pytest.param({}, refuse(403), Permanent, "refused the key for A: 403", id="forbidden"),
        pytest.param(
            {}, alter(lambda page: page | {"results": [row | {"t": row["t"] - 86_400_000} for row in page["results"]]}),
            Permanent, "polygon", id="another day",
        ),
        pytest.param({}, cut_off, Retryable, "polygon", id="cut off"),
        pytest.param({}, refuse(429), Retryable, "429", id="too many"),
        pytest.param({}, refuse(429, retry_after="3600"), Retryable, "3600", id="much too many"),
        pytest.param({}, hang_up, Retryable, "polygon", id="silent"),
        pytest.param({"VENDOR_URL": "http://127.0.0.1:1"}, None, Retryable, "polygon", id="down"),
    ],
)  # fmt: skip
def test_a_vendor_in_trouble_costs_nothing_else(
    deployed: Connection,
    vendor: VendorServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str | None],
    fault: Fault | None,
    error: type[ChandleryError],
    message: str,
) -> None:
    with monkeypatch.context() as trouble:
        for name, value in environment.items():
            trouble.delenv(name) if value is None else trouble.setenv(name, value)
        if fault is not None:
            vendor.fault(fault, always=True)
        with pytest.raises(error, match=message) as raised:
            handler(EVENT, Context())
    # Ticks and ledger are done.
    assert made_by(deployed, [open_hour(4)]) == {("historical_aggregated", 1)}
    assert open_gaps(deployed) == [(1, open_hour(4) + MINUTE, open_hour(4) + 30 * MINUTE, "instrument_silent", 0)]
    ((status, _, said),) = runs(deployed)
    assert (status, said) == ("failed", str(raised.value))
    # The row has both.
    ((counts,),) = deployed.execute("SELECT counts FROM market.runs").fetchall()
    assert [counts[name] for name in ("candles_written", "gaps_found", "gaps_open", "vendor_days")] == [1, 1, 1, 0]
    printed = capsys.readouterr().out
    assert '"Failures":[1.0]' in printed.replace(" ", "")
    for key in (vendor.key, "wrong-key"):
        assert key not in said + printed
    # The same event again, once all is well.
    vendor.heal()
    assert handler(EVENT, Context())["candles_written"] == 29
    assert [row[0] for row in runs(deployed)] == ["succeeded"]
    assert open_gaps(deployed) == []


def test_an_unknown_ticker_costs_that_instrument_alone(desk: Connection, vendor: VendorServer) -> None:
    lost = minutes(open_hour(4), 30) + minutes(open_hour(6), 30)
    fill(desk, 1, missing=lost)
    desk.execute("DELETE FROM market.candles WHERE instrument_id = 2 AND time = ANY (%s)", [lost])
    del vendor.candles["A"]
    give(vendor, "B", lost)
    report = monitor(desk, vendor)
    assert (report.candles_written, report.vendor_days, report.gaps_backing_off) == (60, 4, 2)
    assert backing_off(desk) == [
        (lost[0], 1, NOW + DAY, "unknown ticker A"),
        (lost[30], 1, NOW + DAY, "unknown ticker A"),
    ]
    assert {row[:1] + row[3:] for row in open_gaps(desk)} == {(1, "unhealable", 1)}
    assert asked(vendor) == [("A", "03-06"), ("B", "03-06"), ("B", "03-04")]
    # Its ticker is corrected.
    give(vendor, "A", lost)
    assert monitor(desk, vendor, NOW + DAY).gaps_open == 0


def test_an_answer_that_cannot_be_true_costs_that_instrument_alone(desk: Connection, vendor: VendorServer) -> None:
    lost = minutes(open_hour(4), 30)
    fill(desk, 1, missing=lost)
    desk.execute("DELETE FROM market.candles WHERE instrument_id = 2 AND time = ANY (%s)", [lost])
    give(vendor, "B", lost)
    vendor.give("A", bar(lost[0], o=5, h=1, l=9, c=5))
    with pytest.raises(Permanent):
        monitor(desk, vendor)
    assert made_by(desk, lost, instrument_id=2) == {VENDORS}
    assert open_gaps(desk) == [(1, lost[0], lost[-1] + MINUTE, "instrument_silent", 0)]


def test_a_vendor_that_fails_on_its_way_loses_nothing(desk: Connection, vendor: VendorServer) -> None:
    lost = [time for day in (3, 4, 5, 6) for time in minutes(open_hour(day))]
    fill(desk, 1, missing=lost)
    give(vendor, "A", minutes(open_hour(3)) + minutes(open_hour(6)))
    empty = alter(lambda page: page)
    vendor.fault(empty, empty, *[refuse(500)] * 10)
    with pytest.raises(Retryable) as raised:
        monitor(desk, vendor)
    done = raised.value.report
    assert isinstance(done, HistoricalGapReport)
    assert (done.candles_written, done.vendor_days, done.vendor_days_left, done.gaps_open) == (60, 2, 2, 1)
    assert made_by(desk, minutes(open_hour(6))) == {VENDORS}
    assert [row[1:] for row in open_gaps(desk)] == [(open_hour(3), open_hour(5) + HOUR, "instrument_silent", 0)]
    vendor.heal()
    vendor.requests.clear()
    monitor(desk, vendor)
    assert asked(vendor) == [("A", "03-04"), ("A", "03-03")]
    assert [row[1:] for row in open_gaps(desk)] == [(open_hour(4), open_hour(5) + HOUR, "unhealable", 1)]


def test_after_a_few_refusals_nobody_else_is_asked(desk: Connection, vendor: VendorServer) -> None:
    lost = minutes(open_hour(4), 30)
    fill(desk, 1, missing=lost)
    for number in range(5):
        instruments.add(desk, f"X@{number}@EQ", "HOUR", "test", tickers={"polygon": str(number)})
        fill(desk, 3 + number, missing=lost)
    vendor.fault(refuse(403), always=True)
    with pytest.raises(Permanent, match="refused the key for A: 403"):
        monitor(desk, vendor)
    assert len(vendor.requests) == 3
    with pytest.raises(Permanent, match="refused the key for A: 403"):
        monitor(desk, vendor, most_refusals=1)
    assert len(vendor.requests) == 4
