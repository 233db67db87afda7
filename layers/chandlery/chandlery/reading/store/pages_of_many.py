"""Candles of several instruments, in order of time and key."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.platform.errors import psycopg_errors_translated
from chandlery.platform.statements import statement
from chandlery.reading.store.candle_pages import Candle, Selection, read_near
from chandlery.reading.store.written_pages import WrittenCandles, write
from chandlery.words.timeframe import Timeframe

# Which candles a query reads that knows of one instrument: those of each part, whose bounds the window's hold.
_OF_EACH = (
    ("instrument", "one.instrument_id"),
    (
        "between",
        "time >= one.starts AND time < one.ends AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz",
    ),
    ("since", "one.since"),
    ("first_open", "one.first_open"),
)
_WRITTEN = (
    ("head", "'{\"instrument_key\":' || to_json(c.instrument_key)::text || ','"),
    ("position", "json_build_array(c.time, c.instrument_key)::text"),
    ("ordered", 'c.time, c.instrument_key COLLATE "C"'),
)


class Part(NamedTuple):
    """An instrument's candles of a selection, [starts, ends); the rest as of a selection of one."""

    instrument_id: int
    instrument_key: str
    starts: datetime
    ends: datetime
    since: datetime | None
    first_open: datetime


@dataclass(frozen=True)
class ManySelection(Selection):
    """Which candles: of all parts together the first or (`backward`) the newest `most`, in order of time and key."""

    parts: Sequence[Part] = ()


def read_page(connection: Connection, timeframe: Timeframe, selection: ManySelection) -> Sequence[tuple[str, Candle]]:
    """Candles of a selection in order, each with the key of its instrument."""
    return read_near(timeframe, selection, lambda near: _read(connection, timeframe, near))


def write_page(
    connection: Connection, timeframe: Timeframe, selection: ManySelection, *, as_text: bool
) -> WrittenCandles:
    """The same as JSON, in which prices and volumes are numbers, or text; each stands at its time and key, as JSON."""
    return read_near(timeframe, selection, lambda near: _write(connection, timeframe, near, as_text=as_text))


def _read(connection: Connection, timeframe: Timeframe, selection: ManySelection) -> Sequence[tuple[str, Candle]]:
    text = statement("read_pages_of_many", CANDLES.relation(timeframe), _page_of(timeframe), _lists(selection))
    with psycopg_errors_translated():
        rows = connection.execute(text, _values(timeframe, selection)).fetchall()
    found = [(key, Candle(*values)) for *values, key in rows]
    return found[::-1] if selection.backward else found


def _write(connection: Connection, timeframe: Timeframe, selection: ManySelection, *, as_text: bool) -> WrittenCandles:
    pages = f"read_pages_of_many {_page_of(timeframe)}"
    lists, values = (*_WRITTEN, *_lists(selection)), _values(timeframe, selection)
    return write(connection, pages, CANDLES.relation(timeframe), lists, values, as_text=as_text)


def _page_of(timeframe: Timeframe) -> str:
    return "read_minute_page" if timeframe is Timeframe.M1 else "read_derived_page"


def _lists(selection: ManySelection) -> tuple[tuple[str, str], ...]:
    order = " DESC" if selection.backward else ""
    return (("sorted", f'c.time{order}, one.instrument_key COLLATE "C"{order}'), *_OF_EACH)


def _values(timeframe: Timeframe, selection: ManySelection) -> dict[str, Any]:
    most = selection.most or 1
    ids, keys, starts, ends, sinces, first_opens = map(list, zip(*selection.parts, strict=True))
    return {
        "instrument_ids": ids,
        "keys": keys,
        "firsts": starts,
        "lasts": ends,
        "sinces": sinces,
        "first_opens": first_opens,
        "starts": selection.window.starts,
        "ends": selection.window.ends,
        "backward": selection.backward,
        "partial_too": not selection.whole,
        "most": most,
        # Views of sessions fold all they are asked for, and which candles are whole no index knows.
        "narrowed": not selection.whole and not timeframe.by_session,
        "share": math.ceil(most / len(selection.parts)) - 1,
        "at": selection.at,
        "by_session": timeframe.by_session,
        "width": timeframe.width or "1 month",
    }
