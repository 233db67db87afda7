"""What commands show: in a pipe plain and whole, on a terminal as it fits."""

import io
from decimal import Decimal

import pytest
from rich.console import Console

from local.command_line import output

ROW = {
    "key": "NSE@NIFTY@INDEX",
    "time": "2026-03-02T12:00:00Z",
    "close": Decimal("12345.678901234"),
    "says": "a sentence of several words",
}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    monkeypatch.setattr(output, "Console", lambda **options: Console(**({"file": written} | options)))
    return written


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr(output, "out", Console(force_terminal=True, width=columns, highlight=False))


@pytest.mark.parametrize("columns", [40, 50, 60, 70, 80, 120])
def test_a_table_fits_any_terminal_and_breaks_no_number(
    shown: io.StringIO, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    on_a_terminal(monkeypatch, columns)
    output.show_rows([ROW, ROW], list(ROW), title="two rows", as_json=False)
    text = shown.getvalue()
    assert max(map(len, text.splitlines())) <= columns
    assert text.count("12345.678901234") == text.count("2026-03-02T12:00:00Z") == 2
    assert "…" not in text


def test_a_pipe_gets_plain_lines_of_any_length(shown: io.StringIO) -> None:
    output.show_rows([ROW], list(ROW), title="one row", as_json=False)
    (line,) = [line for line in shown.getvalue().splitlines() if "NIFTY" in line]
    assert "a sentence of several words" in line
    assert "\x1b" not in shown.getvalue()
