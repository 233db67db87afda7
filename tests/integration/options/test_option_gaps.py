"""Gaps of options: rows are expected of each expiry of an underlying, on half a day of GOOG whose quotes are real."""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from typer.testing import CliRunner

from chandlery.gaps.watch_historical_gaps import watch_historical_gaps
from chandlery.gaps.watch_live_gaps import LiveGapReport, watch_live_gaps
from chandlery.reference.store import instruments
from chandlery.words.window import DAY, HOUR, MINUTE
from local.command_line import app
from tests.integration.api_scene import get, settings
from tests.integration.market import always
from tests.integration.options import option_desk as desk

GOOG = "XNAS@GOOG@EQ"
OPENS, CLOSES = datetime(2015, 12, 24, 14, 30, tzinfo=UTC), datetime(2015, 12, 24, 18, 0, tzinfo=UTC)
# The first ends with the session; of the last, no quote at all changed at 15:22.
EXPIRIES = ("2015-12-24", "2015-12-31", "2016-02-05")
SILENT, HEARD = OPENS + 2 * HOUR, OPENS + 2 * HOUR + 10 * MINUTE
GAP = ("OPRA@GOOG-20151231@EXPIRY", "2015-12-24T16:30:00Z", "2015-12-24T16:40:00Z", "instrument_silent")
Rows = Sequence[dict[str, Any]]
Command = Callable[..., str]


@pytest.fixture
def rows(real_data: Path) -> Rows:
    """Of each minute and expiry one of the quotes that changed, where any did."""
    found = desk.read_csv(real_data / "us-options-1m" / "GOOG-2015-12-24-quotes.csv.gz")
    return list({(row["time"], row["expiry"]): row for row in reversed(found) if row["expiry"] in EXPIRIES}.values())


@pytest.fixture
def chandlery(connection: Connection, migrated_url: str) -> Command:
    """A command, which does well; there is an underlying with New York's calendar, holidays and all."""

    def command(*arguments: str) -> str:
        environment = {"DATABASE_URL": migrated_url, "CHANDLERY_PROGRESS": "false"}
        done = CliRunner().invoke(app, list(arguments), env=environment)
        assert done.exit_code == 0, done.output
        return done.stdout

    command("sessions", "sync", "--calendar", "XNYS", "--from", "2015-12-21", "--to", "2016-02-12")
    instruments.add(connection, GOOG, "XNYS", "opra")
    return command


def timed(row: dict[str, str]) -> datetime:
    return datetime.fromisoformat(row["time"])


def is_silenced(row: dict[str, str]) -> bool:
    return row["expiry"] == "2015-12-31" and SILENT <= timed(row) < HEARD


def watch(connection: Connection, at: datetime) -> LiveGapReport:
    desk.process(connection, at)
    return watch_live_gaps(
        connection, at, piece_candles=20_000, verify_buckets=0, share_instruments=1_000, has_time=always
    )


def gaps(chandlery: Command, key: str = GOOG) -> list[tuple[Any, ...]]:
    found = json.loads(chandlery("gaps", key, "--all", "--dataset", "strike_candles", "--json"))
    return [(*(row[name] for name in ("key", "starts", "ends", "reason")), bool(row["healed_at"])) for row in found]


def test_a_half_day_has_no_gap_but_that_of_an_expiry_that_falls_silent(
    connection: Connection, chandlery: Command, rows: Rows, migrated_url: str
) -> None:
    desk.list_contracts(connection, 1, rows, closes={"2015-12-24": time(13)})
    desk.write_quotes(connection, [row for row in rows if timed(row) < HEARD and not is_silenced(row)])
    report = watch(connection, HEARD)
    assert (list(report.silent_instruments), report.gaps_open_of) == ([GAP[0]], {"strike_candles": 1})
    desk.write_quotes(connection, [row for row in rows if timed(row) >= HEARD])
    assert watch(connection, CLOSES + HOUR).silent_instruments == []
    # The trading day was over, and Christmas and a weekend followed.
    watch(connection, CLOSES + 3 * DAY)
    assert gaps(chandlery) == gaps(chandlery, GAP[0]) == [(*GAP, False)]
    assert gaps(chandlery, "OPRA@GOOG-20151224@EXPIRY") == []
    with settings(migrated_url):
        served = get("/api/v1/gaps", dataset="strike_candles", instrument_key=GOOG).json["gaps"]
    assert [(row["instrument_key"], row["starts"], row["minutes"]) for row in served] == [(*GAP[:2], 10)]
    asked = ("--from", "2015-12-24", "--to", "2015-12-25", "--dataset", "strike_candles", "--json")
    days = json.loads(chandlery("coverage", GOOG, *asked))
    assert [(day["key"], day["expected"], day["present"], day["explained"], day["missing"]) for day in days] == [
        ("OPRA@GOOG-20151224@EXPIRY", 210, 210, 0, 0),
        ("OPRA@GOOG-20151231@EXPIRY", 210, 200, 0, 10),
        ("OPRA@GOOG-20160205@EXPIRY", 210, 209, 1, 0),
    ]
    desk.write_quotes(connection, [row for row in rows if is_silenced(row)])
    watch(connection, CLOSES + 3 * DAY)
    assert gaps(chandlery) == [(*GAP, True)]


def bring_in(chandlery: Command, path: Path, rows: Iterable[dict[str, Any]]) -> None:
    chosen = list(rows)
    with path.open("w", newline="") as text:
        writer = csv.DictWriter(text, list(chosen[0]))
        writer.writeheader()
        writer.writerows(chosen)
    chandlery("import", path.stem, str(path), "--underlying", GOOG)


def test_nothing_is_missed_of_days_that_nobody_imported(
    connection: Connection, chandlery: Command, rows: Rows, real_data: Path, tmp_path: Path
) -> None:
    bring_in(chandlery, tmp_path / "option-quotes.csv", (row for row in rows if not is_silenced(row)))
    # It was published before the session.
    published = desk.read_csv(real_data / "us-options-1m" / "GOOG-2015-12-24-open-interest.csv.gz")
    bring_in(chandlery, tmp_path / "open-interest.csv", {row["expiry"]: row for row in published}.values())
    later = datetime(2016, 3, 1, tzinfo=UTC)
    desk.process(connection, later)
    watch_historical_gaps(
        connection, later, open_vendor=lambda: None, most_vendor_days=1, verify_buckets=0, share_instruments=1_000,
        piece_candles=20_000, has_time=always,
    )  # fmt: skip
    assert gaps(chandlery) == [(*GAP, False)]


def test_morning_and_evening_of_a_day_are_two_expiries(connection: Connection, chandlery: Command) -> None:
    row = {"expiry": "2016-01-15", "strike": "100", "right": "call"}
    for contract, closes in (("", time(16)), ("AM", time(9, 30))):
        desk.list_contracts(connection, 1, [row | {"contract": contract}], closes={"2016-01-15": closes})
    found = connection.execute(
        "SELECT instrument_key, expires_at FROM market.option_expiries"
        " JOIN market.instruments USING (instrument_id) ORDER BY 2 DESC"
    ).fetchall()
    assert found == [
        ("OPRA@GOOG-20160115@EXPIRY", datetime(2016, 1, 15, 21, tzinfo=UTC)),
        ("OPRA@GOOG-20160115T1430@EXPIRY", datetime(2016, 1, 15, 14, 30, tzinfo=UTC)),
    ]
    instruments.change(connection, GOOG, feed="another")
    feeds = "SELECT DISTINCT feed FROM market.instruments WHERE instrument_key LIKE '%@EXPIRY'"
    assert connection.execute(feeds).fetchall() == [("another",)]
