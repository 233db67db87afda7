"""Options that several commands share, and how their text is read."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Annotated, TypeVar

import typer

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.words.timeframe import AUTO, Timeframe
from chandlery.words.window import EARLIEST, LATEST, OutOfOrder, Window, require_order
from local.command_line.output import plain

_D = TypeVar("_D", date, datetime)


def parse_moment(text: str) -> datetime:
    """An aware time of ISO 8601; a date alone is its midnight UTC."""
    try:
        if len(text) == len("2026-01-31"):
            return _plausible(text, datetime.combine(date.fromisoformat(text), time(), UTC))
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text} is not a time; write it as 2026-01-31T10:00:00Z") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text} has no time zone; write an offset or Z, as in {text}Z")
    try:
        return _plausible(text, moment.astimezone(UTC))
    except OverflowError:
        raise typer.BadParameter(f"{text} is not a time in UTC: its offset leads beyond the years 1 to 9999") from None


def parse_day(text: str) -> date:
    """A date of ISO 8601."""
    try:
        return _plausible(text, date.fromisoformat(text))
    except ValueError:
        raise typer.BadParameter(f"{text} is not a date; write it as 2026-01-31") from None


def _plausible(text: str, day: _D) -> _D:
    """The same, if far enough from the calendar's ends for the buckets and days around it to be dates as well."""
    if not EARLIEST.year <= day.year < LATEST.year:
        raise typer.BadParameter(f"{text} is out of range; give a time from {EARLIEST.year} to {LATEST.year - 1}")
    return day


def parse_timeframe(text: str) -> Timeframe:
    """A timeframe by its name or an alias."""
    try:
        return Timeframe.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def parse_timeframe_or_auto(text: str) -> str:
    """The same, or `auto`."""
    return AUTO if text == AUTO else parse_timeframe(text)


def dataset_of(name: str, among: Sequence[Dataset], hint: str = "--dataset") -> Dataset:
    """One of some data sets by its name; `hint` says where it was named."""
    named = {each.name: each for each in among}
    if name not in named:
        raise typer.BadParameter(f"no data set {name} here; there is: {' '.join(named)}", param_hint=hint)
    return named[name]


def window_of(starts: datetime, ends: datetime) -> Window:
    """The stretch between two options."""
    in_order("--from", starts, "--to", ends)
    return Window(starts, ends)


def in_order(first: str, starts: date | None, second: str, ends: date | None) -> None:
    """Refuse two options that are not one before the other."""
    try:
        require_order(starts, ends)
    except OutOfOrder:
        raise typer.BadParameter(f"{first} {plain(starts)} is not before {second} {plain(ends)}") from None


From = Annotated[
    datetime,
    typer.Option(
        "--from", parser=parse_moment, metavar="TIME", help="first moment, with offset or Z; a date is its midnight UTC"
    ),
]
To = Annotated[
    datetime,
    typer.Option("--to", parser=parse_moment, metavar="TIME", help="moment to stop before, written the same way"),
]
DatasetName = Annotated[str, typer.Option("--dataset", metavar="NAME", help="data set whose rows are meant")]
DEFAULT = declared.DEFAULT.name
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable output")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="instrument key, EXCHANGE@SYMBOL@TYPE")]
TimeframeName = Annotated[
    Timeframe, typer.Argument(parser=parse_timeframe, metavar="TIMEFRAME", help=" ".join(Timeframe))
]
TimeframeOrAuto = Annotated[
    str,
    typer.Argument(
        parser=parse_timeframe_or_auto,
        metavar="TIMEFRAME",
        help=f"{' '.join(Timeframe)}, or auto: the coarsest with 200 candles or more, else the one with the most",
    ),
]
User = Annotated[str, typer.Option("--user", metavar="NAME", help="whose watchlists and alerts are meant")]
