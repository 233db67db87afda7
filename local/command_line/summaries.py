"""`chandlery sentiment` and `chandlery flows`: what is said of an instrument, what moved onto venues and off them."""

from typing import Annotated

import typer

from chandlery.reading.domain.summary import OF_FLOWS, OF_SENTIMENT, Question
from chandlery.reading.read_rows import RowQuery
from chandlery.reference.store import instruments
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import Window
from local.command_line.database import open_connection
from local.command_line.options import AsJson, From, Key, To, parse_timeframe, window_of
from local.command_line.output import show_csv, show_rows
from local.command_line.show import all_rows

_Timeframe = Annotated[Timeframe, typer.Argument(parser=parse_timeframe, metavar="TIMEFRAME", help="1h or 1d")]
AsCsv = Annotated[bool, typer.Option("--csv", help="CSV with a header")]


def sentiment(
    key: Key,
    timeframe: _Timeframe,
    starts: From,
    ends: To,
    source: Annotated[str | None, typer.Option(metavar="SOURCE", help="of this source alone")] = None,
    by_source: Annotated[bool, typer.Option("--by-source", help="a row for each source")] = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show what is said of an instrument, by the hour (1h) or the day (1d, UTC): a row a bucket over all sources.

    The score is the mean of all items by their weights, from -1 to 1, and empty where all weights are 0. Items above
    0.05 are positive, those below -0.05 negative.
    """
    _show(OF_SENTIMENT, key, timeframe, window_of(starts, ends), source, by_source, as_csv, as_json)


def flows(
    key: Key,
    timeframe: _Timeframe,
    starts: From,
    ends: To,
    venue: Annotated[str | None, typer.Option(metavar="VENUE", help="of this venue alone")] = None,
    by_venue: Annotated[bool, typer.Option("--by-venue", help="a row for each venue")] = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show what moved onto venues and off them, by the hour (1h) or the day (1d, UTC): a row a bucket over all venues.

    Net is in less out: positive, more came in. What moved inside a venue counts on neither side. Dollars are those of
    the legs that have them, and empty where none has.
    """
    _show(OF_FLOWS, key, timeframe, window_of(starts, ends), venue, by_venue, as_csv, as_json)


def _show(
    question: Question,
    key: str,
    timeframe: Timeframe,
    window: Window,
    only: str | None,
    by_each: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
    where = question.where(only)
    wanted = question.of(where, by_each=by_each)
    columns = [value.name for value in wanted.values(timeframe)]
    query = RowQuery(timeframe, window.starts, window.ends, where)
    with open_connection() as connection:
        rows = all_rows(connection, wanted, instruments.find(connection, key), query, None)
        told = (dict(zip(columns, row, strict=True)) for row in rows)
        if as_csv:
            show_csv(told, columns)
            return
        found = list(told)
    show_rows(found, columns, title=f"{question.name} of {key} {timeframe}", as_json=as_json, spare=columns[:0:-1])
