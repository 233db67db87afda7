"""One sandbox of a scheduled function: a process that keeps its handler warm and reports each call's outcome.

`python -m tests.benchmarks.sandbox FUNCTION` reads a scheduled time a line, and answers each with a line of JSON.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from local.command_line.functions import call, scheduled_event
from local.schedules import find_function
from tests.conftest import REPO


@dataclass(frozen=True)
class Called:
    """What a call took of the processor in its sandbox, in seconds, and the sandbox's memory after it, in bytes."""

    processor: float
    memory: int


class Sandbox:
    """A started sandbox."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, moment: datetime) -> Called:
        """Call the function as its schedule does at a moment."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{moment.isoformat()}\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, f"the sandbox ended with {process.wait()}"
        return Called(**json.loads(answer))


@contextlib.contextmanager
def started(function: str, database_url: str) -> Iterator[Sandbox]:
    """A new sandbox of a function, until the end of the block."""
    environment = os.environ | {"DATABASE_URL": database_url}
    command = [sys.executable, "-m", "tests.benchmarks.sandbox", function]
    with subprocess.Popen(
        command, cwd=REPO, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Sandbox(process)
        finally:
            process.kill()


def resident_bytes(process: int | str) -> int:
    """The memory of a process that is its own, and not a file's or shared; 0 where it is not on this machine."""
    status = Path(f"/proc/{process}/status")
    told = status.read_text() if status.exists() else ""
    return sum(int(line.split()[1]) * 1024 for line in told.splitlines() if line.startswith("RssAnon:"))


def _serve(name: str) -> None:
    function = find_function(name)
    # What the function logs and counts goes where nobody reads it.
    answers = os.fdopen(os.dup(1), "w")
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    for line in sys.stdin:
        begun = time.process_time()
        call(function, scheduled_event(datetime.fromisoformat(line.strip())) | {"replayed": True})
        called = {"processor": time.process_time() - begun, "memory": resident_bytes("self")}
        print(json.dumps(called), file=answers, flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
