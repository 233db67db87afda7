"""`chandlery status`: whether all is well."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import typer

from chandlery.domain.window import Window
from chandlery.store.runs import LastRun
from chandlery.usecases.report_status import StatusReport, report_status
from local.command_line.database import open_connection
from local.command_line.options import AsJson, parse_moment
from local.command_line.output import out, plain, show_json, show_rows
from local.schedules import Function, read_functions

_AGGREGATE = (
    "aggregate",
    "health",
    "lag_seconds",
    "materialized_up_to",
    "last_run_at",
    "next_run_at",
    "failures",
    "stale_waiting",
)
_STORAGE = ("table_name", "bytes", "bytes_per_day", "chunks", "columnar_chunks", "ratio", "starts", "ends")
_COMPONENT = ("component", "scheduled_at", "status", "seconds", "failures_in_a_row", "error")
# Firings that may be missed before it is told.
_MISSED = 3
# From when on a feed's silence is told; the alarm comes later.
_SILENT_SECONDS = 60


def status(
    at: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="TIME", help="as of this moment; now when absent"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how fresh the candles are, components' last runs, aggregates' lag, what is stored, and what waits."""
    with open_connection() as connection:
        report = report_status(connection, at or datetime.now(UTC))
    if as_json:
        show_json(asdict(report))
        return
    show_rows([asdict(run) for run in report.components], _COMPONENT, title="components", as_json=False)
    show_rows([asdict(each) for each in report.aggregates], _AGGREGATE, title="aggregates", as_json=False)
    show_rows([asdict(each) for each in report.storage], _STORAGE, title="storage", as_json=False)
    for drop in report.drops:
        out.print(f"dropped at {plain(drop.dropped_at)}: {drop}", markup=False, soft_wrap=True)
    out.print(_indicators_line(report))
    for remark in _remarks(report):
        out.print(remark, style="yellow", markup=False)
    out.print(health_line(report))


def _remarks(report: StatusReport) -> Iterator[str]:
    """What the data alone does not tell: who no longer runs, which feeds were silent, and gaps that were found."""
    schedules = {function.name: function for function in read_functions()}
    for run in report.components:
        if run.component in schedules and _stands_still(run, schedules[run.component], report.at):
            yield f"{run.component} has not run since {plain(run.scheduled_at)}"
        if run.component == "live_processor":
            yield from _silent_feeds(run)
        if run.counts.get("waiting_for_permission"):
            yield "waits for chandlery policies apply --allow-destructive: " + "; ".join(
                run.counts["waiting_for_permission"]
            )
        if run.counts.get("gaps_open"):
            minutes = run.counts["minutes_open"]
            yield f"{run.component} found gaps of {minutes:,} minutes, at {plain(run.scheduled_at)}: chandlery gaps"


def _stands_still(run: LastRun, function: Function, at: datetime) -> bool:
    if run.scheduled_at >= at:
        return False
    # Its own is the first.
    firings = islice(function.firings(Window(run.scheduled_at, at)), _MISSED + 1)
    return len(list(firings)) > _MISSED


def _silent_feeds(run: LastRun) -> Iterator[str]:
    for feed in run.counts.get("feeds", ()):
        seconds = feed.get("silent_seconds") or 0
        if seconds > _SILENT_SECONDS:
            yield f"feed {feed['feed']} had sent nothing for {seconds:.0f} s, at {plain(run.scheduled_at)}"


def _indicators_line(report: StatusReport) -> str:
    """What waits for the historical processor."""
    waiting = report.indicators
    line = f"indicators: {waiting.marks:,} instrument-hours waiting"
    if waiting.oldest_hour:
        line += f", the oldest {plain(waiting.oldest_hour)}"
    return line + (f"; {waiting.unfilled:,} new ones to be filled" if waiting.unfilled else "")


def health_line(report: StatusReport) -> str:
    """The whole report in a line."""
    color = {"HEALTHY": "green", "WARNING": "yellow", "DELAYED": "red"}[report.health]
    waiting = f"{report.minutes_waiting:,} minutes waiting"
    if report.oldest_waiting:
        waiting += f", the oldest since {plain(report.oldest_waiting)}"
    named = {"switched_off": "switched off", "dry_run": "dry, and write nothing"}
    idle = "".join(
        f"; {words}: {', '.join(name for name, status in report.idle.items() if status == each)}"
        for each, words in named.items()
        if each in report.idle.values()
    )
    newest = f"newest candle {plain(report.newest_candle)}" if report.newest_candle else "no candle yet"
    return f"[{color}]{report.health}[/{color}]: lag {report.lag_seconds:.0f} s, {waiting}, {newest}{idle}"
