"""What is missing of many instruments by day, and of one by the minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.platform.statements import read_rows
from chandlery.words.window import Window


@dataclass(frozen=True)
class WorstInstrument:
    """An instrument, and how many minutes of it are missing by the ledger."""

    instrument_id: int
    key: str
    calendar: str
    feed: str
    missing: int


@dataclass(frozen=True)
class HeatDay:
    """Expected minutes of an instrument on one session date, state by state; they add up to `expected`."""

    key: str
    session_date: date
    expected: int
    present: int
    explained: int
    partial: int
    missing: int
    not_judged: int


@dataclass(frozen=True)
class Hole:
    """Adjacent expected minutes without a complete candle: explained, missing, partial or not_judged."""

    session_date: date
    starts: datetime
    ends: datetime
    state: str
    reason: str | None


@dataclass(frozen=True)
class OpenHours:
    """A part of a session during which its calendar is open."""

    session_date: date
    starts: datetime
    ends: datetime


def list_worst(
    connection: Connection,
    dataset: Dataset,
    window: Window,
    *,
    feed: str | None,
    part: str,
    after: tuple[int, str],
    most: int,
) -> Sequence[WorstInstrument]:
    """Instruments whose keys have a part in them, the most missing first, after a number of minutes and a key."""
    return read_rows(
        connection,
        WorstInstrument,
        "list_worst_instruments",
        dataset=dataset.name,
        starts=window.starts,
        ends=window.ends,
        feed=feed,
        part=part,
        after_missing=after[0],
        after_key=after[1],
        most=most,
    )


def list_days(
    connection: Connection, dataset: Dataset, instrument_ids: Sequence[int], window: Window, first: date, last: date
) -> Sequence[HeatDay]:
    """Instruments' session dates with their minutes in a window, by key and date."""
    return read_rows(
        connection,
        HeatDay,
        "list_heat_days",
        dataset=dataset.name,
        cadence=dataset.watched.minutes,
        instrument_ids=list(instrument_ids),
        first=first,
        last=last,
        starts=window.starts,
        ends=window.ends,
    )


def list_holes(connection: Connection, dataset: Dataset, instrument_id: int, window: Window) -> Sequence[Hole]:
    """What is not complete of an instrument in a window, in order."""
    return read_rows(
        connection,
        Hole,
        "list_holes",
        dataset=dataset.name,
        cadence=dataset.watched.minutes,
        instrument_id=instrument_id,
        starts=window.starts,
        ends=window.ends,
    )


def list_open_hours(connection: Connection, calendar: str, window: Window) -> Sequence[OpenHours]:
    """When a calendar is open in a window, in order."""
    return read_rows(
        connection, OpenHours, "list_session_parts", calendar=calendar, starts=window.starts, ends=window.ends
    )
