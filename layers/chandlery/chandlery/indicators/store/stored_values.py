"""Stored values of indicators a page at a time, as they are read by others. Needs no numpy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Connection

from chandlery.platform.statements import read_rows, run
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import Window


class StoredValue(NamedTuple):
    """A value of an indicator at the bucket that starts at `time`, each output by its place; null where it has fewer.

    Attributes:
        made_from: start of the first candle that it was computed from.
        made_at: scheduled time of the run that wrote it.
        indicator_id: tells indicators of one name apart.
    """

    time: datetime
    name: str
    parameters: Mapping[str, Any]
    value: float
    value_2: float | None
    value_3: float | None
    made_from: datetime
    made_at: datetime
    indicator_id: int


@dataclass(frozen=True)
class ValuesWanted:
    """Which values of an instrument: the first or (`backward`) the newest `most` of a window.

    Attributes:
        names: of indicators; none: of all.
        after: time, name and number of the value that a page goes on from; none for the first page.
    """

    timeframe: Timeframe
    names: Sequence[str]
    window: Window
    after: tuple[str, str, str] | None
    backward: bool
    most: int


def list_names(connection: Connection, timeframe: Timeframe) -> Sequence[str]:
    """The names of indicators of which values of a timeframe are stored."""
    return [name for (name,) in run(connection, "list_stored_names", timeframe=timeframe)]


def read_page(connection: Connection, instrument_id: int, wanted: ValuesWanted) -> Sequence[StoredValue]:
    """Values in order of time, name and number."""
    order = " DESC" if wanted.backward else ""
    after_time, after_name, after_id = wanted.after or (None, None, None)
    rows = read_rows(
        connection,
        StoredValue,
        "read_stored_values",
        lists=(("sorted", ", ".join(f"{each}{order}" for each in ("v.time", "i.name", "i.indicator_id"))),),
        instrument_id=instrument_id,
        timeframe=wanted.timeframe,
        names=list(wanted.names),
        starts=wanted.window.starts,
        ends=wanted.window.ends,
        backward=wanted.backward,
        after_time=after_time,
        after_name=after_name,
        after_id=after_id,
        most=wanted.most,
    )
    return rows[::-1] if wanted.backward else rows
