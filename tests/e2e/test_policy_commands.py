"""`chandlery policies`, and what other commands say of policies, on the embedded database."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chandlery.errors import Permanent
from chandlery.policies import read_policies
from local.command_line import policies as commands
from local.command_line.retention import warn_of_retention
from tests.e2e.test_command_line import KEY, Chandlery, chandlery

__all__ = ["chandlery"]


def test_a_plan_is_told_and_applied_once(chandlery: Chandlery) -> None:
    planned = chandlery("policies", "plan")
    assert planned.returncode == 0, planned.stderr
    assert "ticks: drop chunks after 14 days, looking every 6 h; there is no such job\n" in planned.stdout
    assert "no background scheduler runs: policy maintenance carries the policies out" in planned.stdout
    assert planned.stderr.strip() == "nothing was changed; run: chandlery policies apply"

    actions = json.loads(chandlery("policies", "plan", "--json").stdout)["actions"]
    assert len(actions) == len([line for line in planned.stdout.splitlines() if not line.startswith("no ")])
    applied = chandlery("policies", "apply")
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout == planned.stdout

    again = chandlery("policies", "plan")
    assert again.stdout.splitlines()[0] == "the database has the policies wanted"
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
    assert "begins at 2013-01-02T10:00:00Z; candles older than 90 days are dropped by retention" in imported.stderr


def test_the_shipped_policies_pass(chandlery: Chandlery) -> None:
    result = chandlery("policies", "lint")
    assert (result.returncode, result.stdout, result.stderr) == (0, "the policies can be kept\n", "")
    assert json.loads(chandlery("policies", "lint", "--json").stdout) == []


def test_policies_that_cannot_work_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = read_policies()
    monkeypatch.setattr(commands, "read_policies", lambda: {name: shipped[name] for name in list(shipped)[1:]})
    with pytest.raises(Permanent, match=r"\d+ problems in policies\.toml"):
        commands.lint()
    assert "ticks: has no policies; write a [ticks] section" in capsys.readouterr().out


def test_status_tells_of_aggregates_and_storage(chandlery: Chandlery) -> None:
    status = json.loads(chandlery("status", "--json").stdout)
    assert [each["aggregate"] for each in status["aggregates"]][:2] == ["candles_5m", "candles_15m"]
    assert {each["table_name"] for each in status["storage"]} >= {"ticks", "candles", "candles_1d_parts"}
    shown = chandlery("status").stdout
    assert "aggregates" in shown
    assert "storage" in shown


def test_only_history_beyond_retention_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    for age, warned in ((timedelta(days=13), False), (timedelta(days=15), True)):
        warn_of_retention("a.csv", "ticks", now - age)
        assert ("a.csv: begins at" in capsys.readouterr().err) is warned
