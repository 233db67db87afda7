"""`chandlery status`: whether all is well."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from chandlery.health.domain.health import Health
from chandlery.health.report_status import StatusReport, report_status
from chandlery.policies.domain.policy import workers_needed
from chandlery.policies.wanted import read_policies
from chandlery.words.counting import spell
from chandlery.words.duration import in_words
from local.command_line.database import open_connection
from local.command_line.options import AsJson, parse_moment
from local.command_line.output import out, plain, show_json, show_rows
from local.command_line.policies import workers_lines

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
# What a narrow terminal goes without, in this order.
_SPARE = (
    ("scheduled_at", "failures_in_a_row"),
    ("next_run_at", "last_run_at", "failures", "stale_waiting", "materialized_up_to"),
    ("columnar_chunks", "chunks", "ratio", "bytes_per_day", "starts"),
)
_LATENCY = ("feed", "latency_p50_seconds", "latency_p99_seconds")
_STORAGE = ("table_name", "bytes", "bytes_per_day", "chunks", "columnar_chunks", "ratio", "starts", "ends")
_COMPONENT = ("component", "scheduled_at", "status", "seconds", "failures_in_a_row", "error")
_COLORS = {Health.HEALTHY: "green", Health.WARNING: "yellow", Health.DELAYED: "red", Health.FAILING: "bold red"}


def status(
    at: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="TIME", help="as of this moment; now when absent"),
    ] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="exit 0 whatever the verdict")] = False,
    as_json: AsJson = False,
) -> None:
    """Show components' last runs, aggregates' lag, what is stored, what waits, and the verdict with each cause.

    Exits 0 if the verdict is HEALTHY, 1 if it is WARNING, DELAYED or FAILING.
    """
    with open_connection() as connection:
        report = report_status(connection, at or datetime.now(UTC))
    if as_json:
        show_json(asdict(report))
    else:
        _show(report)
    if report.health is not Health.HEALTHY and not exit_zero:
        raise typer.Exit(1)


def _show(report: StatusReport) -> None:
    of_components, of_aggregates, of_storage = _SPARE
    components = [asdict(run) for run in report.components]
    show_rows(components, _COMPONENT, title="components", as_json=False, spare=of_components)
    aggregates = [asdict(each) for each in report.aggregates]
    show_rows(aggregates, _AGGREGATE, title="aggregates", as_json=False, spare=of_aggregates)
    if report.feed_latencies:
        show_rows(
            [*report.feed_latencies], _LATENCY, title="latency of feeds, ticks of the last five minutes", as_json=False
        )
    storage = [asdict(each) for each in report.storage]
    show_rows(storage, _STORAGE, title="storage", as_json=False, spare=of_storage)
    for drop in report.drops:
        out.print(f"dropped at {plain(drop.dropped_at)}: {drop}", markup=False, soft_wrap=True)
    out.print(_indicators_line(report))
    for line in workers_lines(report.scheduler, workers_needed(read_policies(), report.scheduler.schedulers)):
        out.print(line, soft_wrap=True)
    show_verdict(report)


def _indicators_line(report: StatusReport) -> str:
    """What waits for the historical processor."""
    waiting = report.indicators
    line = f"indicators: {spell(waiting.marks, 'instrument-hour')} waiting"
    if waiting.oldest_hour:
        line += f", the oldest {plain(waiting.oldest_hour)}"
    return line + (f"; {spell(waiting.unfilled, 'new one')} to be filled" if waiting.unfilled else "")


def show_verdict(report: StatusReport) -> None:
    """Each cause in a line, the worst first; and the whole report in one."""
    for cause in report.causes:
        out.print(f"{cause.health}: {cause.subject}: {cause.says}", style=_COLORS[cause.health], markup=False)
    out.print(f"[{_COLORS[report.health]}]{report.health}[/]: {_summary(report)}")


def _summary(report: StatusReport) -> str:
    waiting = f"{spell(report.minutes_waiting, 'minute')} waiting"
    if report.oldest_waiting:
        waiting += f", the oldest for {in_words(report.lag_seconds)}"
    newest = f"newest candle {plain(report.newest_candle)}" if report.newest_candle else "no candle yet"
    return f"{waiting}, {newest}"
