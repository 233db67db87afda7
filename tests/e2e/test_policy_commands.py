"""`chandlery policies`, and what other commands say about policies, on the embedded database."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chandlery.platform.errors import Permanent
from chandlery.policies.store.policies import Scheduler
from chandlery.policies.wanted import read_policies
from local.command_line import policies as commands
from local.command_line.retention import warn_of_retention
from local.embedded import EmbeddedDatabase
from tests.e2e.commands import ENVIRONMENT, KEY, Chandlery, Result, start


def test_a_plan_is_reported_and_applied_once(chandlery: Chandlery) -> None:
    planned = chandlery("policies", "plan")
    assert planned.returncode == 0, planned.stderr
    assert "ticks: drop chunks after 90 days, looking every 6 h; there is no such job\n" in planned.stdout
    assert "no background scheduler runs: policy maintenance carries out the policies" in planned.stdout
    assert planned.stderr.strip() == "nothing was changed; run: chandlery policies apply"

    actions = json.loads(chandlery("policies", "plan", "--json").stdout)["actions"]
    told = planned.stdout.splitlines()
    assert len(actions) == len([line for line in told if not line.startswith(("no ", "waits for", "to permit"))])
    says = "ticks: let rows older than 90 days be dropped from now on; none is that old yet"
    assert f"waits for your permission: {says}" in told
    applied = chandlery("policies", "apply")
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout == planned.stdout

    again = chandlery("policies", "plan")
    assert again.stdout.splitlines()[0] == "the database has the policies of the file"
    assert again.stderr == ""


def test_a_run_keeps_them(chandlery: Chandlery) -> None:
    assert chandlery("policies", "apply").returncode == 0
    run = ("invoke", "policy_maintenance", "--at", "2026-03-02T12:00Z", "--json")
    first, again = (json.loads(chandlery(*run).stdout) for _ in "12")
    assert first["policies_done"] > 20
    assert (first["drift"], again["policies_done"], again["drift"]) == (0, 0, 0)


def test_history_that_retention_would_drop_is_warned_of(chandlery: Chandlery, tmp_path: Path) -> None:
    assert chandlery("policies", "apply").returncode == 0
    path = tmp_path / "old.csv"
    path.write_text("time,open,high,low,close,volume\n2013-01-02T10:00:00Z,1,1,1,1,1\n")
    imported = chandlery("import", "candles", str(path), "--instrument", KEY)
    assert imported.returncode == 0
    assert "begins at 2013-01-02T10:00:00Z; retention drops candles older than 90 days, but keeps" in imported.stderr


def test_the_shipped_policies_pass(chandlery: Chandlery) -> None:
    result = chandlery("policies", "lint")
    assert (result.returncode, result.stdout, result.stderr) == (0, "the policies are valid\n", "")
    assert json.loads(chandlery("policies", "lint", "--json").stdout) == []


def test_policies_that_cannot_work_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = read_policies()
    monkeypatch.setattr(commands, "read_policies", lambda: {name: shipped[name] for name in list(shipped)[1:]})
    with pytest.raises(Permanent, match=r"\d+ problems? in policies\.toml"):
        commands.lint()
    assert "ticks: has no policies; write a [ticks] section" in capsys.readouterr().out


def test_status_shows_aggregates_and_storage(chandlery: Chandlery) -> None:
    status = json.loads(chandlery("status", "--json").stdout)
    told = [each["aggregate"] for each in status["aggregates"]]
    assert [name for name in told if name.startswith("candles")][:2] == ["candles_5m", "candles_15m"]
    assert {each["table_name"] for each in status["storage"]} >= {"ticks", "candles", "candles_1d_parts"}
    shown = chandlery("status").stdout
    assert "aggregates" in shown
    assert "storage" in shown


def test_too_few_background_workers_are_reported() -> None:
    scheduler = Scheduler(True, True, False, workers=8, schedulers=1, server_time=datetime.now(UTC))
    (few,) = commands.workers_lines(scheduler, 12)
    assert few.startswith(
        "background workers: 12 needed, timescaledb.max_background_workers allows 8; jobs will be late:"
    )
    (enough,) = commands.workers_lines(replace(scheduler, workers=16), 12)
    assert "late" not in enough
    assert list(commands.workers_lines(replace(scheduler, may_run=False), 12)) == []


def test_only_history_beyond_retention_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    for age, warned in ((timedelta(days=89), False), (timedelta(days=91), True)):
        warn_of_retention("a.csv", "ticks", now - age)
        assert ("a.csv: begins at" in capsys.readouterr().err) is warned


@pytest.fixture
def history(tmp_path: Path, migrated_tarball: Path, real_data: Path) -> Iterator[Chandlery]:
    """A desk of its own, with a day of real trades of 2013, imported."""
    embedded = EmbeddedDatabase(tmp_path / ".chandlery", tarball=migrated_tarball)
    embedded.start()

    def run(*arguments: str) -> Result:
        result = start(arguments, ENVIRONMENT, tmp_path)
        assert result.returncode == 0, result.stderr
        return result

    run("instruments", "add", "XNYS@IBM@EQ", "--calendar", "XNYS", "--feed", "cts")
    file = str(real_data / "us-trades" / "IBM-2013-10-07.csv.gz")
    told = run("import", "ticks", file, "--instrument", "XNYS@IBM@EQ")
    assert "but keeps imported ones until you run: chandlery policies apply --allow-destructive" in told.stderr
    yield run
    embedded.stop()


@pytest.mark.long
def test_history_that_was_imported_and_replayed_stays_until_it_is_named(history: Chandlery) -> None:
    def plan() -> dict[str, Any]:
        planned: dict[str, Any] = json.loads(history("policies", "plan", "--json").stdout)
        return planned

    def later(minutes: int) -> dict[str, Any]:
        """A run at the next marks of every schedule."""
        at = f"{datetime.now(UTC) + timedelta(minutes=minutes):%Y-%m-%dT%H:%MZ}"
        report: dict[str, Any] = json.loads(history("invoke", "policy_maintenance", "--at", at, "--json").stdout)
        return report

    before = plan()
    replayed = json.loads(
        history("replay", "--from", "2013-10-07T13:30Z", "--to", "2013-10-07T13:40Z", "--json").stdout
    )
    assert replayed["live_processor"]["candles_written"] > 10
    assert [each["says"] for each in plan()["actions"]] == [each["says"] for each in before["actions"]]
    kept = plan()["history_kept"]
    assert [each.partition(":")[0] for each in kept] == ["candles, imported", "ticks, imported"]
    assert kept[1].endswith("3 chunks from 2013-10-07T06:00Z to 2013-10-08T00:00Z, 24,293 rows")

    # By the clock on the wall: all is set up, and nothing is dropped, not even once retention is released.
    assert (later(0)["drift_applied"] > 30, later(750)["rows_dropped"]) == (True, 0)
    applied = history("policies", "apply", "--allow-destructive")
    assert "ticks: let rows older than 90 days be dropped from now on; none is that old yet\n" in applied.stdout
    assert later(1500)["rows_dropped"] == 0
    assert plan()["history_kept"] == kept

    named = history("policies", "apply", "--allow-destructive", "--history", "ticks").stdout
    assert (
        "ticks: let history be dropped, 3 chunks from 2013-10-07T06:00Z to 2013-10-08T00:00Z, 24,293 rows (rows"
        in named
    )
    assert plan()["dropped_next"] == ["ticks: 3 chunks from 2013-10-07T06:00Z to 2013-10-08T00:00Z, 24,293 rows"]
    assert [each.partition(",")[0] for each in plan()["history_kept"]] == ["candles"]
    # The session's first ten minutes were replayed: the marks of its other minutes wait, and with them their ticks.
    dropped = later(2250)
    assert dropped["drops"] == ["ticks from 2013-10-07T06:00Z to 2013-10-07T12:00Z: 33 rows"]
    assert dropped["retention_waits"] == ["ticks from 2013-10-07T12:00Z on: minutes there are still to be aggregated"]
    assert "dropped at " in history("policies", "plan").stdout
    assert "ticks from 2013-10-07T06:00Z to 2013-10-07T12:00Z" in history("status", "--exit-zero").stdout


def test_history_is_named_only_along_with_permission(chandlery: Chandlery) -> None:
    refused = chandlery("policies", "apply", "--history", "ticks")
    assert refused.returncode == 2
    assert "--allow-destructive" in refused.stderr
    unknown = chandlery("policies", "apply", "--allow-destructive", "--history", "tocks")
    assert (unknown.returncode, "tocks has no history" in unknown.stderr) == (1, True)
