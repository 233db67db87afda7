"""How long a start of the embedded database is waited for, and how a command shows that it lives."""

import io
import time

import pytest
from rich.console import Console

from local.command_line import liveness
from local.embedded import processes
from local.embedded.processes import SILENT_SECONDS, Patience
from local.embedded.serving import Serving
from tests.waiting import wait_until


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(processes, "time", found)
    return found


def test_a_process_that_works_is_waited_for_without_end(clock: Clock) -> None:
    told: list[str] = []
    patience = Patience(told.append)
    for worked in range(1000):
        clock.now += SILENT_SECONDS - 1
        assert not patience.is_over(Serving(7, None, "making a new database", worked))
    for worked in range(1000):
        clock.now += SILENT_SECONDS - 1
        assert not patience.is_over(Serving(8, None, "opening the database", worked))
    assert told == ["making a new database", "opening the database"]


def test_one_without_progress_is_given_up(clock: Clock) -> None:
    patience = Patience(lambda doing: None)
    sign = Serving(7, None, "making a new database", 3)
    assert not patience.is_over(sign)
    clock.now += SILENT_SECONDS
    assert not patience.is_over(sign)
    clock.now += 1
    assert patience.is_over(sign)


def test_one_that_never_says_a_word_is_given_up(clock: Clock) -> None:
    patience = Patience(lambda doing: None)
    clock.now += SILENT_SECONDS + 1
    assert patience.is_over(None)


def test_a_long_command_says_in_a_log_what_it_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(liveness, "_LINE_SECONDS", (0.0, 0.0))
    said = ""

    def hears(words: str) -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return words in said

    with liveness.at_work("migrating"):
        wait_until(lambda: hears("migrating: 0 s so far\n"), "it says what it does")
    monkeypatch.setenv("CHANDLERY_PROGRESS", "false")
    with liveness.at_work("migrating"):
        time.sleep(0.01)
    assert capsys.readouterr().err == ""


def test_progress_in_a_log_can_be_switched_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(liveness, "_SECONDS_BETWEEN_LINES", 0.001)
    said = ""

    def hears(words: str) -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return words in said

    with liveness.progress_bar() as bar:
        bar.add_task("coverage", total=None)
        wait_until(lambda: hears("coverage: 0 s so far\n"), "it says what it does")
    capsys.readouterr()
    monkeypatch.setenv("CHANDLERY_PROGRESS", "false")
    with liveness.progress_bar() as bar:
        bar.add_task("coverage", total=None)
        time.sleep(0.01)
    assert capsys.readouterr().err == ""


def test_a_long_command_turns_a_wheel_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(liveness, "err", Console(file=terminal, force_terminal=True))
    monkeypatch.setattr(liveness, "_FIRST_SECONDS", 0.0)
    with liveness.at_work("migrating") as tell:
        wait_until(lambda: "migrating" in terminal.getvalue(), "it is shown")
        tell("opening the database")
        wait_until(lambda: "opening the database" in terminal.getvalue(), "what comes next is shown")
