"""Candles as answers: their models, and pages of them as JSON or CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated

from pydantic import BaseModel, Field

from chandlery.reading.read_candles import Candle as CandleRow
from chandlery.reading.read_candles import CandlePage, WrittenPage
from chandlery.reading.read_many import WrittenManyPage
from chandlery.words.timeframe import Timeframe

from .answering import write_json, written
from .numbers import Exact, Form, exact

TYPES = ("application/json", "text/csv")


@dataclass(slots=True)
class Candle:
    """A candle; `time` is the start of its bucket."""

    time: datetime
    open: Exact
    high: Exact
    low: Exact
    close: Exact
    volume: Exact
    vwap: Annotated[
        Exact | None, Field(description="turnover by volume; null without volume, or where turnover is not known")
    ]
    trades: int | None
    minutes: Annotated[int, Field(description="complete one-minute candles it is made of")]
    expected: Annotated[int | None, Field(description="minutes its sessions expect; null for one-minute candles")]
    closed: Annotated[bool, Field(description="whether its bucket had ended")]
    partial: Annotated[bool, Field(description="whether it is open, or its feed was silent during a minute of it")]
    filled: Annotated[bool, Field(description="made up for a bucket without trades: all prices the last close")]
    price_eligible: Annotated[bool, Field(description="whether trades that may set prices set them")]
    sources: Annotated[str | None, Field(description="who made it, or the minutes of it")]
    revision: Annotated[
        int | None, Field(description="how often it was changed; null where derived, or of regular hours")
    ]


@dataclass(slots=True)
class InstrumentCandle(Candle):
    """The same, of one of several instruments."""

    instrument_key: str


class CandlesOfMany(BaseModel):
    """A page of candles of several instruments, in order of time and key."""

    timeframe: str
    candles: list[InstrumentCandle]
    next_cursor: str | None = Field(description="asks for the page after this one; null at the end")


class Candles(BaseModel):
    """A page of candles, the oldest first."""

    instrument_key: str
    timeframe: str = Field(description="of the candles: the one that was chosen, where auto was asked for")
    candles: list[Candle]
    next_cursor: str | None = Field(description="asks for the page after this one; null at the end")


_COLUMNS = [column.name for column in fields(Candle)]
_EXACT = {"open", "high", "low", "close", "volume", "vwap"}


def page_json(page: CandlePage | WrittenPage, numbers: Form = "number") -> bytes:
    """A page as JSON; one that is written already has its numbers as they were asked for."""
    as_asked = partial(_candle, numbers=numbers)
    # As declared already: to hold thousands against it once more would take longer than to read them.
    answered = Candles.model_construct(
        instrument_key=page.instrument.key,
        timeframe=page.timeframe,
        candles=[*(map(written, page.texts) if isinstance(page, WrittenPage) else map(as_asked, page.candles))],
        next_cursor=page.next_cursor,
    )
    return write_json(answered)


def many_json(timeframe: Timeframe, page: WrittenManyPage) -> bytes:
    """A page of several instruments as JSON."""
    answered = CandlesOfMany.model_construct(
        timeframe=timeframe, candles=[*map(written, page.texts)], next_cursor=page.next_cursor
    )
    return write_json(answered)


def page_csv(candles: Sequence[CandleRow]) -> bytes:
    """Candles as CSV, with every digit that is stored."""
    return _csv(_COLUMNS, ([getattr(row, column) for column in _COLUMNS] for row in candles))


def many_csv(candles: Sequence[tuple[str, CandleRow]]) -> bytes:
    """The same of several instruments, each with its key."""
    rows = ([key, *(getattr(row, column) for column in _COLUMNS)] for key, row in candles)
    return _csv(["instrument_key", *_COLUMNS], rows)


def _candle(row: CandleRow, numbers: Form) -> Candle:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return Candle(**values | {name: exact(values[name], numbers) for name in _EXACT})


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(map(_cell, row))
    return text.getvalue().encode()


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value).lower() if isinstance(value, bool) else value
