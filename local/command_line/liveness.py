"""Shows that a command lives: on stderr, what it does and for how long, once that takes more than two seconds."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import chain, repeat
from threading import Event, Thread

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from chandlery.platform.settings import LocalSettings
from local.command_line.output import err

_FIRST_SECONDS = 2.0
# Where nobody looks on, as in a log: lines, ever more seldom.
_LINE_SECONDS = (10.0, 20.0, 30.0)
_LATER_SECONDS = 60.0
# The same, of work whose length is known.
_SECONDS_BETWEEN_LINES = 30.0

Say = Callable[[str], None]


@contextmanager
def at_work(doing: str) -> Iterator[Say]:
    """Show what a command is doing until it is done; what is yielded takes what it does next."""
    now = [doing]
    waits = chain(_LINE_SECONDS, repeat(_LATER_SECONDS))
    with _meanwhile(partial(_spin, now)) if err.is_terminal else _lines(lambda: now[0], waits):
        yield lambda text: now.__setitem__(0, text)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on stderr; where that is no terminal, a line now and then."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    lines = nullcontext() if err.is_terminal else _lines(lambda: _spell_tasks(bar), repeat(_SECONDS_BETWEEN_LINES))
    with bar, lines:
        yield bar


def _spell_tasks(bar: Progress) -> str:
    return ", ".join(
        task.description + (f" ({100 * task.completed / task.total:.0f} %)" if task.total else "")
        for task in bar.tasks
        if not task.finished
    )


def _lines(what: Callable[[], str], waits: Iterable[float]) -> AbstractContextManager[None]:
    """Say after each wait what is done, and for how long, unless CHANDLERY_PROGRESS is false."""
    return _meanwhile(partial(_say, what, waits)) if LocalSettings().chandlery_progress else nullcontext()


@contextmanager
def _meanwhile(show: Callable[[Event], None]) -> Iterator[None]:
    """Show something in a thread of its own until the work is done."""
    over = Event()
    thread = Thread(target=show, args=(over,), name="liveness", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _spin(now: list[str], over: Event) -> None:
    if over.wait(_FIRST_SECONDS):
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(now[0], total=None)
        while not over.wait(0.2):
            bar.update(task, description=now[0])


def _say(what: Callable[[], str], waits: Iterable[float], over: Event) -> None:
    began = time.monotonic()
    for seconds in waits:
        if over.wait(seconds):
            return
        print(f"{what()}: {time.monotonic() - began:.0f} s so far", file=sys.stderr, flush=True)
