"""`chandlery cadence`: how often a source is to have rows, so that its silence is a gap."""

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.gaps.set_cadence import AROUND_THE_CLOCK, CadenceReport, clear_cadence, set_cadence
from chandlery.gaps.store import cadences as cadence_store
from chandlery.gaps.store.cadences import SourceCadence
from chandlery.platform.errors import Refused
from chandlery.words.window import DAY, HOUR, MINUTE
from local.command_line.database import open_connection
from local.command_line.instruments import fill_calendar
from local.command_line.options import AsJson, dataset_of, parse_moment
from local.command_line.output import out, plain, show_rows
from local.command_line.reference import resolve

app = typer.Typer(no_args_is_help=True, help="Set how often a source is to have rows: its silence is a gap then.")

_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}
_EVERY = re.compile(r"(\d{1,4})([mhd])")
_COLUMNS = ("dataset", "source", "instrument", "every", "calendar", "since", "key")


def _parse_every(text: str) -> timedelta:
    found = _EVERY.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text} is not a cadence: write minutes, hours or a day, as 15m, 1h or 1d")
    return int(found[1]) * _UNITS[found[2]]


def _of_operators() -> list[Dataset]:
    return [each for each in declared.watched() if each.watched.is_set]


Name = Annotated[
    str, typer.Argument(metavar="DATASET", help=f"data set: {', '.join(each.name for each in _of_operators())}")
]
Source = Annotated[str, typer.Argument(metavar="SOURCE", help="a source of sentiment, a venue of flows")]
Instrument = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="the instrument whose rows are meant; those of any will do when absent"),
]


@app.command("set")
def set_(
    dataset: Name,
    source: Source,
    every: Annotated[
        timedelta,
        typer.Argument(
            parser=_parse_every,
            metavar="EVERY",
            help="minutes that divide an hour, hours that divide a day: 15m, 6h, 1d",
        ),
    ],
    instrument: Instrument = None,
    calendar: Annotated[
        str | None,
        typer.Option(help=f"trading calendar in whose open hours rows are expected; {AROUND_THE_CLOCK} when absent"),
    ] = None,
    starts: Annotated[
        datetime | None,
        typer.Option(
            "--from", parser=parse_moment, metavar="TIME", help="expect rows from this time on; from now on when absent"
        ),
    ] = None,
) -> None:
    """Expect a row of a source in each stretch of this length, counted from midnight UTC: one without is a gap.

    Nothing before is missed. Setting another cadence replaces the former one: gaps since it was set are judged again if
    the new one is a multiple of it, else the new one counts from now on.
    """
    chosen = dataset_of(dataset, _of_operators(), "DATASET")
    with open_connection() as connection:
        name = calendar and resolve(connection, calendar)
        fill_calendar(connection, name or AROUND_THE_CLOCK)
        try:
            report = set_cadence(
                connection,
                datetime.now(UTC),
                chosen,
                source,
                every,
                instrument=instrument,
                calendar=name,
                starts=starts,
            )
        except Refused as error:
            raise typer.BadParameter(str(error), param_hint=error.field.upper()) from None
    out.print(_described(report), markup=False, soft_wrap=True)


@app.command("list")
def list_cadences(as_json: AsJson = False) -> None:
    """List the cadences that are set, and the keys under which gaps and coverage name their sources."""
    with open_connection() as connection:
        found = cadence_store.list_all(connection)
    rows = [asdict(each) | {"every": _written(each.every)} for each in found]
    show_rows(rows, _COLUMNS, title="cadences", as_json=as_json)


@app.command()
def clear(dataset: Name, source: Source, instrument: Instrument = None) -> None:
    """Expect rows of a source no more: its gaps go, those that were healed as well."""
    with open_connection() as connection:
        report = clear_cadence(connection, dataset_of(dataset, _of_operators(), "DATASET"), source, instrument)
    out.print(_described(report), markup=False, soft_wrap=True)


def _described(report: CadenceReport) -> str:
    if report.now is None:
        return (
            f"{report.before.key}: no row is expected any more, its gaps are gone"
            if report.before
            else "nothing changed"
        )
    if report.now == report.before:
        return f"{report.now.key}: nothing changed"
    before = f", instead of {_said(report.before)}" if report.before else ""
    return f"{report.now.key}: a row is expected {_said(report.now)}{before}"


def _said(cadence: SourceCadence) -> str:
    return f"every {_written(cadence.every)} from {plain(cadence.since)} on, by the calendar {cadence.calendar}"


def _written(every: timedelta) -> str:
    unit = next(unit for unit in "dhm" if not every % _UNITS[unit])
    return f"{every // _UNITS[unit]}{unit}"
