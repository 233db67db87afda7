"""What the alert processor asks: which minutes changed, and which alerts cross in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.platform.statements import read_rows, run
from chandlery.words.window import Window


@dataclass(frozen=True)
class Fired:
    """What became of alerts; `late` of the `fired` ones a later run found. `minutes` counts the candles looked at."""

    fired: int = 0
    late: int = 0
    minutes: int = 0

    def __add__(self, other: "Fired") -> "Fired":
        """Both together."""
        return Fired(self.fired + other.fired, self.late + other.late, self.minutes + other.minutes)


def mark_new(connection: Connection, due: datetime, settled: datetime) -> None:
    """Mark the minutes since alerts were armed that are new; those armed before `settled` are new no more."""
    (oldest,) = run(connection, "find_new_alert").fetchone() or (None,)
    if oldest is not None:
        run(connection, "mark_new_alerts", starts=oldest, due=due, settled=settled)


def plan_hours(connection: Connection, due: datetime) -> Sequence[Window]:
    """The marked stretch of each hour that has any, up to what is due, the oldest first."""
    return [Window(*row) for row in run(connection, "plan_alert_hours", due=due)]


def evaluate(connection: Connection, window: Window, due: datetime, at: datetime) -> Fired:
    """Take the marks of a window, and fire what crosses."""
    return read_rows(connection, Fired, "evaluate_alerts", starts=window.starts, ends=window.ends, due=due, at=at)[0]


def note_revised(connection: Connection, window: Window, due: datetime, at: datetime) -> int:
    """Note which firings would not have been, as the marked minutes of a window are now; returns how many newly."""
    noted = run(connection, "note_revised_firings", starts=window.starts, ends=window.ends, due=due, at=at)
    return sum(not holds for (holds,) in noted)


def expire(connection: Connection, at: datetime) -> int:
    """Let alerts go whose time is over; returns how many."""
    return run(connection, "expire_alerts", at=at).rowcount


def count_armed(connection: Connection) -> int:
    """How many alerts are armed."""
    row = run(connection, "count_armed_alerts").fetchone()
    return int(row[0]) if row else 0
