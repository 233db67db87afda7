"""The command line's own main, in this process: what it says on stderr, and the exit code it ends with."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest

from local.command_line import main


def run_main(*arguments: str) -> tuple[int, str]:
    """Run a command; what it writes to stdout is left aside."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as changes, redirect_stdout(io.StringIO()), redirect_stderr(said):
        changes.setattr(sys, "argv", ["chandlery", *arguments])
        changes.setattr("signal.signal", lambda *_: None)
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0), said.getvalue()
