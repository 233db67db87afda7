"""Shows that a command lives: on stderr, what it does and for how long, once that takes more than two seconds."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from chandlery.settings import LocalSettings
from local.command_line.output import err

_FIRST_SECONDS = 2.0
# Where nobody looks on, as in a log: lines, ever more seldom.
_LINE_SECONDS = (10.0, 20.0, 30.0)
_LATER_SECONDS = 60.0

Tell = Callable[[str], None]


@contextmanager
def at_work(doing: str) -> Iterator[Tell]:
    """Show what a command is doing until it is done; what is yielded takes what it does next."""
    now = [doing]
    over = threading.Event()
    show = _spin if err.is_terminal else _say
    thread = threading.Thread(target=show, args=(now, over), name="liveness", daemon=True)
    thread.start()
    try:
        yield lambda text: now.__setitem__(0, text)
    finally:
        over.set()
        thread.join()


def _spin(now: list[str], over: threading.Event) -> None:
    if over.wait(_FIRST_SECONDS):
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(now[0], total=None)
        while not over.wait(0.2):
            bar.update(task, description=now[0])


def _say(now: list[str], over: threading.Event) -> None:
    if not LocalSettings().chandlery_progress:
        return
    began = time.monotonic()
    for seconds in chain(_LINE_SECONDS, repeat(_LATER_SECONDS)):
        if over.wait(seconds):
            return
        print(f"{now[0]}: {time.monotonic() - began:.0f} s so far", file=sys.stderr, flush=True)
