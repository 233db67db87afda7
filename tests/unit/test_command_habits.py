"""What `chandlery` does as other good programs do: a welcome, help by groups, completion, colors only where wanted."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from local.command_line import _COMMANDS, _GROUPS, app
from tests.e2e.commands import ENVIRONMENT, PROGRAM


def said(*arguments: str, **environment: str) -> str:
    done = CliRunner().invoke(app, list(arguments), env=environment)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_without_a_command_it_leads_a_newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("CHANDLERY_HOME", raising=False)
    text = said()
    assert "Database: none in this folder yet" in text
    assert len(text.splitlines()) < 20
    named = set(re.findall(r"^  chandlery (\w+)", text, re.MULTILINE))
    assert {"demo", "migrate", "import", "up", "status", "candles", "gaps"} == named <= _COMMANDS.keys()
    assert "password" not in said(DATABASE_URL="postgresql://u:password@127.0.0.1/x")


def test_help_lists_every_command_in_its_group() -> None:
    text = said("--help")
    places = [text.index(f"─ {title} ─") for title in _GROUPS]
    assert places == sorted(places)
    assert re.findall(r"^│ ([a-z]+) ", text, re.MULTILINE) == list(_COMMANDS)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_completion(shell: str) -> None:
    script = said("completion", shell)
    assert f"_CHANDLERY_COMPLETE=complete_{shell}" in script


def test_commands_and_options_are_completed(tmp_path: Path) -> None:
    """In a real bash, by the script that is printed."""
    program = tmp_path / "chandlery"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from local.command_line import main; main()" "$@"\n')
    program.chmod(0o755)
    script = tmp_path / "completion.bash"
    script.write_text(said("completion", "bash"))
    ask = """
        source "$1"
        complete_words() {
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _chandlery_completion chandlery; echo "${COMPREPLY[@]}"
        }
        complete_words chandlery ex
        complete_words chandlery export --f
    """
    done = subprocess.run(
        ["bash", "-c", ask, "bash", script], capture_output=True, text=True, check=True,
        env=ENVIRONMENT | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["expiries export explain", "--from --format"]


@pytest.mark.parametrize(("no_color", "colored"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colors_end_where_nobody_wants_them(no_color: dict[str, str], colored: bool) -> None:
    ours, its = os.openpty()
    environment = {**ENVIRONMENT, "TERM": "xterm-256color"} | no_color
    done = subprocess.run([*PROGRAM, "nonsense"], env=environment, stdin=its, stdout=its, stderr=its, check=False)
    os.close(its)
    shown = os.read(ours, 65536)
    os.close(ours)
    assert done.returncode == 2
    assert b"nonsense" in shown
    assert bool(re.search(rb"\x1b\[[\d;]*3\d", shown)) == colored
