"""Where stored indicators stand, so that they go on without the candles before. Needs numpy."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from chandlery.platform.errors import psycopg_errors_translated
from chandlery.platform.number_arrays import Real, Whole, number_cursor
from chandlery.platform.statements import run, statement
from chandlery.words.timeframe import Timeframe


@dataclass(frozen=True)
class Standing:
    """Where all indicators of an instrument and a timeframe stand.

    Attributes:
        made_of: a digest of which they are.
        time: the last candle they were computed of, in seconds since 1970; nothing is stored after it.
        since: the first candle that the next value looks back on, or that is recent.
        states: their numbers, one after the other.
        recent: the last candles, as they were then: all times, then all opens, and so on.
    """

    made_of: str
    time: int
    since: datetime
    states: NDArray[np.float64]
    recent: NDArray[np.float64]


def read(connection: Connection, timeframe: Timeframe, instrument_ids: list[int]) -> Mapping[int, Standing]:
    """By the instrument's place, of those that have any."""
    values = {"timeframe": timeframe, "instrument_ids": instrument_ids}
    with psycopg_errors_translated(), number_cursor(connection) as cursor:
        rows = cursor.execute(statement("read_indicator_states"), values)
        return {place - 1: Standing(*columns) for place, *columns in rows}


def write(connection: Connection, timeframe: Timeframe, standings: Mapping[int, Standing]) -> None:
    """Keep where indicators stand, by the instrument's number; inside the transaction that writes their values."""
    if not standings:
        return
    some = list(standings.values())
    values = {
        "timeframe": timeframe,
        "made_of": [each.made_of for each in some],
        "instrument_ids": Whole(np.array(list(standings))),
        "times": Whole(np.array([each.time for each in some])),
        "sinces": [each.since for each in some],
        "states": Real(np.concatenate([each.states for each in some])),
        "states_ends": Whole(np.cumsum([len(each.states) for each in some])),
        "recent": Real(np.concatenate([each.recent for each in some])),
        "recent_ends": Whole(np.cumsum([len(each.recent) for each in some])),
    }
    with psycopg_errors_translated(), number_cursor(connection) as cursor:
        cursor.execute(statement("write_indicator_states"), values)


def forget(connection: Connection, timeframe: Timeframe, instrument_ids: list[int]) -> None:
    """Let the next values of some instruments be computed with their warm-up."""
    if instrument_ids:
        run(connection, "forget_indicator_states", timeframe=timeframe, instrument_ids=instrument_ids)


def keep(connection: Connection, made_of: Mapping[Timeframe, str]) -> None:
    """Forget where others than these stand."""
    run(connection, "keep_indicator_states", timeframes=list(made_of), made_of=list(made_of.values()))
