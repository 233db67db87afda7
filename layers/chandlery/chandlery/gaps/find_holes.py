"""Find the holes of an instrument's rows in a stretch of time, and when its market was open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.gaps.store import heat_days
from chandlery.gaps.store.heat_days import Hole, OpenHours
from chandlery.platform.errors import Refused
from chandlery.reference.domain.instrument import Instrument
from chandlery.words.window import DAY, MINUTE, Window, floor_minute

MOST_DAYS = 100


@dataclass(frozen=True)
class HolesReport:
    """Runs of minutes that are not complete, up to `due`, and the open hours they lie in; both in order."""

    due: datetime
    open_hours: Sequence[OpenHours]
    holes: Sequence[Hole]


def find_holes(
    connection: Connection, instrument: Instrument, window: Window, at: datetime, dataset: Dataset = CANDLES
) -> HolesReport:
    """What is not complete of the minutes that were due at a moment.

    Args:
        connection: in autocommit mode.
        instrument: whose rows.
        window: 100 days at most.
        at: minutes that ended less than a minute before it are not due yet; aware.
        dataset: whose rows; gaps are looked for in it.

    Raises:
        Refused: the window is too long.
        Retryable, Permanent: from the database.
    """
    if window.ends - window.starts > MOST_DAYS * DAY:
        raise Refused("from", f"{MOST_DAYS} days are the most")
    due = floor_minute(at) - MINUTE
    open_hours = heat_days.list_open_hours(connection, instrument.calendar, window)
    ends = min(window.ends, due)
    holes: Sequence[Hole] = ()
    if window.starts < ends:
        due_window = Window(window.starts, ends)
        holes = heat_days.list_holes(connection, dataset, instrument.instrument_id, due_window)
    return HolesReport(due, open_hours, holes)
