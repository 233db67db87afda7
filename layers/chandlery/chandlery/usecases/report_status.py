"""Tell whether all is well, from the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.domain.health import Health, health_of
from chandlery.domain.window import MINUTE, floor_minute
from chandlery.store import candles, marks, runs
from chandlery.store.runs import LastRun


@dataclass(frozen=True)
class StatusReport:
    """How things stand; `lag_seconds` is how long the oldest minute still to be aggregated has been closed."""

    at: datetime
    health: Health
    lag_seconds: float
    minutes_waiting: int
    oldest_waiting: datetime | None
    newest_candle: datetime | None
    components: Sequence[LastRun]


def report_status(connection: Connection, at: datetime) -> StatusReport:
    """Freshness of the candles and of every component, as of `at`.

    Raises:
        Retryable, Permanent: from the database.
    """
    waiting, oldest = marks.count_waiting(connection, floor_minute(at))
    lag = (at - oldest - MINUTE).total_seconds() if oldest else 0.0
    return StatusReport(
        at=at,
        health=health_of(lag),
        lag_seconds=lag,
        minutes_waiting=waiting,
        oldest_waiting=oldest,
        newest_candle=candles.find_newest(connection),
        components=runs.list_last(connection),
    )
