"""A run in a process of its own, which may die or fail at any step."""

import logging
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection

from chandlery.platform.errors import ChandleryError
from tests.faults.steps import Fault, stepping
from tests.waiting import wait_until

Work = Callable[[], object]


@dataclass(frozen=True)
class Ended:
    """How a run came to its end: `killed`, `succeeded`, or the name of what it raised; and after how many steps."""

    how: str
    steps: int
    said: str


def in_child(work: Work, at: int = 0, fault: Fault | None = None) -> Ended:
    """Run in a fork of this process, with a fault at a step."""
    return Child(work, at, fault).wait()


class Child:
    """A fork of this process that does some work."""

    def __init__(self, work: Work, at: int = 0, fault: Fault | None = None) -> None:
        self._read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._read)
            _be_the_child(work, at, fault, write)
        os.close(write)

    def has_ended(self) -> bool:
        """Whether it has reported how it ended."""
        return bool(select.select([self._read], [], [], 0)[0])

    def wait(self) -> Ended:
        """Wait for its end."""
        with os.fdopen(self._read) as report:
            told = report.read()
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return Ended("killed", 0, "")
        how, steps, said = told.split("\n", 2)
        return Ended(how, int(steps), said)


def _be_the_child(work: Work, at: int, fault: Fault | None, write: int) -> None:
    """Do the work, report, and end without the parent's exit handlers."""
    try:
        # Its logs and metrics are of no interest here.
        logging.disable()
        sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  # as long as it lives
        how, said = "succeeded", ""
        with stepping(at, fault) as count:
            try:
                work()
            except ChandleryError as error:
                how, said = type(error).__name__, str(error)
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is reported
                how, said = type(error).__name__, traceback.format_exc()
        os.write(write, f"{how}\n{count.steps}\n{said}"[:60_000].encode())
    finally:
        os._exit(0)


def wait_until_gone(connection: Connection) -> None:
    """Wait until the server has noticed that a process died."""
    others = (
        "SELECT FROM pg_stat_activity"
        " WHERE application_name LIKE 'chandlery-%' AND application_name <> 'chandlery-test'"
        " AND datname = current_database()"
    )
    wait_until(lambda: not connection.execute(others).fetchall(), "the server ends a dead process's transaction")
