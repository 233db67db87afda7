"""`chandlery` as its users run it, each time in a process of its own.

Most of what a command takes is loading it: so these are forked off a process that has loaded every command already. How
Python itself starts and ends `chandlery`, on a terminal, in a pipe or by Ctrl-C, is shown by processes from nothing.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from tempfile import TemporaryDirectory

from local import command_line

Result = CompletedProcess[str]
Chandlery = Callable[..., Result]
KEY = "X@A@EQ"
REPO = Path(__file__).resolve().parents[2]
# No setting of the machine's own reaches the commands.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "CHANDLERY_"))}
# How long a command takes depends on the machine: what it says must not.
ENVIRONMENT["CHANDLERY_PROGRESS"] = "false"
ENVIRONMENT["PYTHONPATH"] = os.pathsep.join((str(REPO), str(REPO / "layers" / "chandlery")))
PROGRAM = (sys.executable, "-c", "from local.command_line import main; main()")
INTERRUPTED = "chandlery: interrupted; what was committed stays; to continue, run the same command again\n"

# What commands load when they come to it, and would each load for themselves.
_LATE = (
    "alembic.command",
    "chandlery.indicators.numerics.catalogue",
    "exchange_calendars",
    "local.lots",
    "local.market_file",
)
_loaded = get_context("forkserver")
_loaded.set_forkserver_preload(
    [
        __name__,
        *(f"{command_line.__name__}.{place.partition('.')[0]}" for place in command_line._COMMANDS.values()),
        *_LATE,
    ]
)


def start(arguments: tuple[str, ...], environment: dict[str, str], folder: Path) -> Result:
    """Run a command to its end."""
    with TemporaryDirectory() as outputs:
        written = (Path(outputs, "out"), Path(outputs, "err"))
        process = _loaded.Process(target=_run, args=(arguments, environment, folder, written))
        process.start()
        process.join()
        assert process.exitcode is not None
        return CompletedProcess(arguments, process.exitcode, *(path.read_text() for path in written))


def _run(arguments: tuple[str, ...], environment: dict[str, str], folder: Path, outputs: tuple[Path, Path]) -> None:
    for path, stream in zip(outputs, (sys.stdout, sys.stderr), strict=True):
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["chandlery", *arguments]
    command_line.main()


@contextmanager
def started(chandlery: Chandlery, *arguments: str) -> Iterator[Popen[str]]:
    """A command that runs on, in a process from nothing; what it logs is not read."""
    url = chandlery("db", "url").stdout.strip()
    environment = ENVIRONMENT | {"DATABASE_URL": url, "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
    with Popen([*PROGRAM, *arguments], env=environment, stdout=PIPE, stderr=PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
