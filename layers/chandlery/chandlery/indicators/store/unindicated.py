"""What waits for its stored indicators: marks of candles, and indicators that are new in the set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.types.json import Jsonb

from chandlery.datasets.candles import CANDLES
from chandlery.platform.statements import read_rows, run
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import Window

_EVER = "-infinity"

Entry = tuple[Timeframe, str, Mapping[str, float]]


@dataclass(frozen=True)
class Waiting:
    """Instrument-hours that are due, the oldest of them, and indicators of the set that are not filled all the way."""

    marks: int
    oldest_hour: datetime | None
    unfilled: int


@dataclass(frozen=True)
class Unfilled:
    """Indicators of one timeframe that are not filled as far back as there are candles, and how far they all are."""

    timeframe: str
    indicators: int
    filled_from: datetime


def count(connection: Connection, at: datetime) -> Waiting:
    """What waits at a moment, aware."""
    marks, oldest_hour = run(connection, "count_unindicated", dataset=CANDLES.name, at=at).fetchone() or (0, None)
    return Waiting(marks, oldest_hour, sum(each.indicators for each in list_unfilled(connection)))


def keep_set(connection: Connection, entries: Sequence[Entry], at: datetime) -> None:
    """Make the set that is kept up this one; what is new in it has no values before a moment yet."""
    run(
        connection,
        "keep_indicator_set",
        timeframes=[timeframe for timeframe, _, _ in entries],
        names=[name for _, name, _ in entries],
        parameters=[Jsonb(dict(parameters)) for _, _, parameters in entries],
        at=at,
    )


def list_unfilled(connection: Connection) -> Sequence[Unfilled]:
    """The timeframes with indicators to be filled, the ones filled least first."""
    return read_rows(connection, Unfilled, "list_unfilled")


def find_first_candle(connection: Connection, timeframe: Timeframe) -> datetime | None:
    """Before when no candle of a timeframe is stored; none where none is."""
    row = run(connection, "find_first_candle", aggregate=CANDLES.stored_in(timeframe)).fetchone()
    return row[0] if row else None


def mark_stretch(connection: Connection, timeframe: Timeframe, stretch: Window | None, *, is_last: bool) -> None:
    """Mark whole hours for the indicators that are not filled there; `is_last` where no candle is stored before."""
    starts, ends = (stretch.starts, stretch.ends) if stretch else (None, None)
    run(
        connection,
        "mark_unfilled",
        dataset=CANDLES.name,
        timeframe=timeframe,
        starts=starts,
        ends=ends,
        filled_from=_EVER if is_last else starts,
    )
