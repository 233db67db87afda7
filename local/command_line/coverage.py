"""`chandlery coverage`: how complete a data set is, day by day."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from chandlery.datasets import declared
from chandlery.gaps.domain.coverage import coverage_of
from chandlery.gaps.report_coverage import report_coverage
from chandlery.gaps.store.coverage import DayCoverage
from chandlery.words.counting import spell
from chandlery.words.window import DAY
from local.command_line.database import open_connection
from local.command_line.liveness import at_work
from local.command_line.options import DEFAULT, AsJson, DatasetName, dataset_of, in_order, parse_day
from local.command_line.output import err, out, show_json, show_rows

_COLUMNS = ("key", "feed", "session_date", "expected", "present", "explained", "missing", "not_judged", "coverage")
# Coverage from here on, the sign and the colour of its cells: the signs alone tell as much as the colours.
_SHADES = (
    (1.0, "█", "green", "complete"),
    (0.99, "▓", "bright_green", "from 99 %"),
    (0.95, "▒", "yellow", "from 95 %"),
    (0.5, "░", "dark_orange", "from 50 %"),
    (0.0, "x", "red", "less"),
)
_NOTHING = "··"
_CELL = 3


def coverage(
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY…", help="instrument keys; all when absent")] = None,
    first: Annotated[
        date | None,
        typer.Option(
            "--from", parser=parse_day, metavar="DATE", help="first session date; the seventh from the end when absent"
        ),
    ] = None,
    ends: Annotated[
        date | None,
        typer.Option(
            "--to",
            parser=parse_day,
            metavar="DATE",
            help="session date to stop before; the day after the last judged when absent",
        ),
    ] = None,
    feed: Annotated[str | None, typer.Option(help="only this feed's instruments")] = None,
    worst: Annotated[
        int, typer.Option(min=1, metavar="N", help="most instruments to show, those with the lowest coverage")
    ] = 40,
    heatmap: Annotated[bool, typer.Option(help="draw one cell for each instrument and day")] = True,
    dataset: DatasetName = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Show coverage by instrument and session date: (present + explained) / expected minutes.

    Missing minutes are open gaps. Minutes not judged have no row, and no gap monitor has looked at them or could
    tell why; they do not count towards coverage. --json shows every instrument.
    """
    in_order("--from", first, "--to", ends)
    last = ends and ends - DAY
    chosen = dataset_of(dataset, declared.watched())
    with open_connection() as connection, at_work("coverage"):
        report = report_coverage(
            connection, datetime.now(UTC), keys=keys or (), feed=feed, first=first, last=last, dataset=chosen
        )
    for remark in report.remarks:
        err.print(remark, style="yellow", markup=False, soft_wrap=True)
    if as_json:
        show_json([_row(day, day.coverage) for day in report.days])
        return
    lines = _lines(report.days)
    shown = lines if len(lines) <= worst else sorted(lines, key=lambda line: (line.coverage, line.key))[:worst]
    rows = [_row(day, _percent(day.coverage)) for line in shown for day in line.days.values()]
    show_rows(rows, _COLUMNS, title="coverage", as_json=False)
    if heatmap:
        _draw(shown, sorted({day.session_date for day in report.days}))
    if len(shown) < len(lines):
        out.print(
            f"the {len(shown):,} with the lowest coverage of {len(lines):,} instruments; more: --worst N, all: --json"
        )
    out.print(_summary(report.days, len(lines)), soft_wrap=True)


@dataclass(frozen=True)
class _Line:
    """An instrument's days, by session date."""

    key: str
    days: dict[date, DayCoverage]

    @property
    def coverage(self) -> float:
        return _together(list(self.days.values()))


def _lines(days: Sequence[DayCoverage]) -> Sequence[_Line]:
    lines: dict[str, _Line] = {}
    for day in days:
        lines.setdefault(day.key, _Line(day.key, {})).days[day.session_date] = day
    return list(lines.values())


def _together(days: Sequence[DayCoverage]) -> float:
    return coverage_of(sum(day.expected for day in days), sum(day.missing + day.not_judged for day in days))


def _row(day: DayCoverage, coverage: float | str) -> dict[str, Any]:
    return vars(day) | {"coverage": coverage}


def _percent(coverage: float) -> str:
    """Rounded down: only what is complete reads 100 %."""
    return f"{math.floor(coverage * 10_000) / 100:.2f} %"


def _summary(days: Sequence[DayCoverage], instruments: int) -> str:
    totals = ", ".join(
        f"{sum(getattr(day, name) for day in days):,} {name.replace('_', ' ')}"
        for name in ("expected", "present", "explained", "missing", "not_judged")
    )
    dates = len({day.session_date for day in days})
    counts = f"{spell(instruments, 'instrument')}, {spell(dates, 'session day')}"
    return f"{counts}: {totals}; coverage {_percent(_together(days))}"


def _draw(lines: Sequence[_Line], dates: Sequence[date]) -> None:
    """A line for each instrument, a cell for each day; as many days side by side as fit."""
    margin = max(len(line.key) for line in lines) + 2
    fits = max((out.width - margin) // _CELL, 1)
    for begins in range(0, len(dates), fits):
        shown = dates[begins : begins + fits]
        for header in (_months(shown), "".join(f"{day:%d}".ljust(_CELL) for day in shown)):
            out.print(Text(" " * margin + header), no_wrap=True)
        for line in lines:
            out.print(Text(line.key.ljust(margin)).append_text(_cells(line, shown)), no_wrap=True)
    legend = Text("\n")
    for _, sign, style, name in _SHADES:
        legend.append(sign * 2, style).append(f" {name}   ")
    out.print(legend.append(f"{_NOTHING} nothing expected   ? some minutes not judged"))


def _months(dates: Sequence[date]) -> str:
    header = ""
    for number, day in enumerate(dates):
        if number == 0 or day.month != dates[number - 1].month:
            header = header[: number * _CELL].ljust(number * _CELL) + f"{day:%Y-%m}"
    return header[: max(len(dates) * _CELL, len("2026-01"))]


def _cells(line: _Line, dates: Sequence[date]) -> Text:
    cells = Text()
    for each in dates:
        day = line.days.get(each)
        if day is None:
            cells.append(_NOTHING, "dim").append(" ")
            continue
        sign, style = next((sign, style) for least, sign, style, _ in _SHADES if day.coverage >= least)
        cells.append(sign * 2, style).append("?" if day.not_judged else " ")
    return cells
