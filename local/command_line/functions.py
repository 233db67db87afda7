"""`chandlery invoke` and `chandlery replay`: run the functions in this process, as their schedules would."""

import contextlib
import importlib
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from chandlery.platform.errors import Permanent
from chandlery.platform.settings import read_settings
from chandlery.words.window import floor_minute, plausible_schedule
from local.command_line.database import use_database
from local.command_line.liveness import at_work, progress_bar
from local.command_line.options import AsJson, From, To, parse_moment, window_of
from local.command_line.output import out, plain, show_json, show_rows
from local.schedules import Function, find_function, firings, read_functions

# What a report tells of the moment rather than of the run: no use in adding it up.
_STANDING = (
    "alerts_armed",
    "database_bytes",
    "database_growth_bytes",
    "drift",
    "future_marks",
    "gaps_open",
    "indicator_marks_left",
    "indicators_unfilled",
    "is_alone",
    "jobs_failed",
    "jobs_late",
    "marks_left",
    "minutes_open",
    "pieces_left",
    "policies_left",
    "scheduler_runs",
    "shares_left",
    "stale_waiting",
    "stands_in",
    "vendor_days_left",
    "weeks_left",
)

_METRICS_DISABLED = "POWERTOOLS_METRICS_DISABLED"
# Of a function that is called and waited for.
_MOST_EVENT_BYTES = 6 * 1024 * 1024


Metrics = Annotated[
    bool, typer.Option("--metrics", help="also print metrics to stderr, in CloudWatch's embedded format")
]


@dataclass
class LocalContext:
    """What Lambda would tell a function of its invocation."""

    function_name: str
    seconds: float
    progress: Callable[[str, int, int], None] | None = None
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))
    _started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds of the template's time limit that are left."""
        return int((self._started + self.seconds - time.monotonic()) * 1000)


def call(
    function: Function, event: dict[str, Any], progress: Callable[[str, int, int], None] | None = None
) -> dict[str, Any]:
    """Run a function's own handler, which tells its `progress` if it takes long."""
    module = importlib.import_module(f"functions.{function.name}")
    context = LocalContext(function.name, function.timeout.total_seconds(), progress)
    answer: dict[str, Any] = module.handler(event, context)
    return answer


def scheduled_event(moment: datetime) -> dict[str, Any]:
    """The event a schedule sends."""
    return {"scheduled_at": plain(moment)}


@contextlib.contextmanager
def metrics_if(asked: bool) -> Iterator[None]:
    """Have functions, here and in processes that are started, print their metrics only if asked to.

    Nobody reads CloudWatch's format at a terminal. Who sets Powertools' own variable has decided already.
    """
    if asked or _METRICS_DISABLED in os.environ:
        yield
        return
    os.environ[_METRICS_DISABLED] = "true"
    try:
        yield
    finally:
        del os.environ[_METRICS_DISABLED]


def invoke(
    function: Annotated[str, typer.Argument(metavar="FUNCTION", help="module in functions/, such as live_processor")],
    event: Annotated[Path | None, typer.Option(help="file with the event; that of the schedule when absent")] = None,
    at: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="TIME", help="scheduled time; this minute when absent"),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="show what it would write, and write nothing; for functions that have a schedule"
        ),
    ] = False,
    metrics: Metrics = False,
    as_json: AsJson = False,
) -> None:
    """Run one function now. Its log goes to stderr, its report to stdout."""
    found = find_function(function)
    sent = _read_event(event) if event else scheduled_event(floor_minute(datetime.now(UTC)))
    use_database(may_create=function == "migrate")
    if at:
        sent |= scheduled_event(at)
    if dry_run:
        if found.schedule is None:
            raise Permanent(f"{function} never runs dry: --dry-run is for functions that have a schedule")
        sent |= {"dry_run": True}
    with at_work(function) as say, metrics_if(metrics), contextlib.redirect_stdout(sys.stderr):
        report = call(found, sent, lambda what, done, total: say(f"{what} {done:,} of {total:,}"))
    if as_json:
        show_json(report)
    else:
        _show_report(report)


def _show_report(report: dict[str, Any]) -> None:
    """What a run did in a line, its feeds or calendars as a table, and whatever it names."""
    single = {name: value for name, value in report.items() if not isinstance(value, list)}
    out.print(", ".join(f"{name.replace('_', ' ')} {plain(value)}" for name, value in single.items()))
    for name, values in report.items():
        if isinstance(values, list) and values and isinstance(values[0], dict):
            show_rows(values, list(values[0]), title=name, as_json=False)
        elif isinstance(values, list) and values:
            out.print(f"{name.replace('_', ' ')}: {', '.join(values)}")


def _read_event(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_EVENT_BYTES + 1)
        if len(content) > _MOST_EVENT_BYTES:
            raise Permanent(f"event {path} is larger than the 6 MB that Lambda takes")
        event = json.loads(content)
    except OSError as error:
        raise Permanent(f"event {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise Permanent(f"event {path} is not JSON: {error}") from None
    except RecursionError:
        raise Permanent(f"event {path} is nested too deeply") from None
    if not isinstance(event, dict):
        raise Permanent(f"event {path} is not a JSON object")
    return event


def replay(
    starts: From,
    ends: To,
    functions: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="functions to run; all that have a schedule when absent"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the schedules of a past stretch in order, as EventBridge would have; may be interrupted and run again."""
    chosen = [find_function(name) for name in functions.split(",")] if functions else read_functions()
    if read_settings().dry_run:
        raise Permanent(
            "DRY_RUN is set, but each run of a replay builds on the one before, and a dry run leaves nothing; unset"
            " it, or run one: chandlery invoke FUNCTION --at TIME --dry-run"
        )
    use_database()
    totals = replay_window(chosen, starts, ends)
    if as_json:
        show_json(totals)
        return
    for name, counts in totals.items():
        out.print(f"{name}: " + ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in counts.items()))


def replay_window(chosen: Sequence[Function], starts: datetime, ends: datetime) -> dict[str, dict[str, int]]:
    """Fire the schedules of `[starts, ends)`, and add up what each function did.

    Raises:
        Permanent: no schedule fires so early or so late, or a function failed.
        Retryable: a function failed.
    """
    window = window_of(starts, ends)
    try:
        for moment in (window.starts, window.ends):
            plausible_schedule(moment)
    except ValueError as error:
        raise Permanent(f"the stretch cannot be replayed: {error}") from None
    due = list(firings(chosen, window))
    totals: dict[str, dict[str, int]] = {}
    with progress_bar() as bar, contextlib.redirect_stdout(io.StringIO()):
        task = bar.add_task("replay", total=len(due))
        for moment, function in due:
            report = call(function, scheduled_event(moment) | {"replayed": True})
            counts = totals.setdefault(function.name, {"runs": 0})
            counts["runs"] += 1
            for name, value in report.items():
                if isinstance(value, int) and name not in _STANDING:
                    counts[name] = counts.get(name, 0) + value
            bar.update(task, advance=1, description=plain(moment))
    return totals
