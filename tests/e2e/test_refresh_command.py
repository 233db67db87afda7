"""`chandlery refresh`, and what status says about indicators, on the embedded database."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.commands import KEY, Chandlery

DAY = ("--from", "2026-03-02", "--to", "2026-03-03")


@pytest.fixture(scope="module")
def history(chandlery: Chandlery, tmp_path_factory: pytest.TempPathFactory) -> Chandlery:
    """Two hours of minutes, which nothing has refreshed yet."""
    path = tmp_path_factory.mktemp("files") / "candles.csv"
    starts = datetime(2026, 3, 2, 10, tzinfo=UTC)
    rows = [f"{starts + n * timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ},7,9,6,8,5\n" for n in range(120)]
    path.write_text("time,open,high,low,close,volume\n" + "".join(rows))
    imported = chandlery("import", "candles", str(path), "--instrument", KEY)
    assert imported.returncode == 0, imported.stderr
    return chandlery


def test_history_is_refreshed_and_then_fresh(history: Chandlery) -> None:
    before = history("candles", KEY, "1h", *DAY, "--csv").stdout
    first = history("refresh", "1h", *DAY)
    assert first.returncode == 0, first.stderr
    assert first.stdout == "1h: 1 piece of history, 4 refreshes, 0 of them already fresh\n"
    aggregates = {
        each["aggregate"]: each["materialized_up_to"]
        for each in json.loads(history("status", "--json").stdout)["aggregates"]
    }
    assert aggregates["candles_1h"] is not None
    assert aggregates["candles_4h"] is None
    shown = history("candles", KEY, "1h", *DAY, "--csv").stdout
    assert shown == before
    assert [line.split(",")[0] for line in shown.splitlines()[1:]] == ["2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z"]
    again = json.loads(history("refresh", "1h", *DAY, "--json").stdout)
    assert again == {"pieces": 1, "refreshes": 4, "fresh": 4}


def test_nothing_is_stored_there(history: Chandlery) -> None:
    done = history("refresh", "1d", "--from", "2020-01-01", "--to", "2020-02-01", "--json")
    assert json.loads(done.stdout) == {"pieces": 0, "refreshes": 0, "fresh": 0}


def test_what_cannot_be_refreshed_is_reported(history: Chandlery) -> None:
    minutes = history("refresh", "1m", *DAY)
    assert (minutes.returncode, minutes.stdout) == (2, "")
    assert "1m is no timeframe" in minutes.stderr
    strange = history("refresh", "1h", *DAY, "--dataset", "ticks")
    assert (strange.returncode, strange.stdout) == (2, "")
    assert "no data set ticks here" in strange.stderr
    unknown = history("refresh", "7m", *DAY)
    assert unknown.returncode == 2
    backwards = history("refresh", "1h", "--from", "2026-03-03", "--to", "2026-03-02")
    assert backwards.returncode == 2


def test_status_shows_what_waits_for_the_historical_processor(history: Chandlery, tmp_path: Path) -> None:
    run = history("invoke", "historical_processor", "--at", "2026-03-02T12:00Z", "--json")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert (report["indicator_marks_left"], report["indicators_unfilled"]) == (0, 0)
    path = tmp_path / "more.csv"
    path.write_text("time,open,high,low,close,volume\n2026-03-02T11:00:00Z,7,9,6,8,6\n")
    assert history("import", "candles", str(path), "--instrument", KEY).returncode == 0
    assert history("invoke", "policy_maintenance", "--at", "2026-03-02T18:00Z").returncode == 0
    at = ("status", "--at", "2026-03-02T18:10Z")
    waiting = json.loads(history(*at, "--json").stdout)["indicators"]
    assert waiting["oldest_hour"] == "2026-03-02T08:00:00Z"  # where the bucket of four hours begins, open before
    assert waiting["marks"] >= 1
    assert waiting["unfilled"] == 0
    assert "instrument-hours waiting, the oldest 2026-03-02T08:00:00Z" in history(*at).stdout


def test_where_minutes_were_dropped_nothing_is_refreshed(history: Chandlery) -> None:
    let_go = ("policies", "apply", "--allow-destructive", "--history", "candles")
    assert history(*let_go).returncode == 0
    # Long after: the chunk that holds these minutes goes, once all over it is materialized.
    for at in ("2026-08-01T00:00Z", "2026-08-01T12:05Z"):
        assert history("invoke", "policy_maintenance", "--at", at).returncode == 0
    refused = history("refresh", "1h", *DAY)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "rows have been dropped from 2026-03-02T00:00:00+00:00 to " in refused.stderr
    kept = history("candles", KEY, "1h", *DAY, "--csv").stdout
    assert len(kept.splitlines()) == 3
