"""Fire the alerts whose levels were crossed in minutes that changed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection

from chandlery.desk.store import evaluation
from chandlery.desk.store.acting import evaluating
from chandlery.desk.store.evaluation import Fired
from chandlery.words.window import MINUTE, floor_minute

# A writer of candles that began before an alert was armed has committed by then: no transaction of theirs is that long.
_NEW_FOR = timedelta(minutes=10)


@dataclass(frozen=True)
class AlertsReport:
    """What one run did; times in seconds.

    `alerts_late` of those that fired were found by a later run than the one after their minute; `alerts_revised` had
    fired, and would not have, as the minute is now. `lag_seconds` is how far the oldest mark that was left is behind.
    """

    alerts_fired: int
    alerts_late: int
    alerts_revised: int
    alerts_expired: int
    alerts_armed: int
    minutes: int
    pieces: int
    pieces_left: int
    lag_seconds: float

    @property
    def changed(self) -> bool:
        """Whether any alert is other than before the run."""
        return bool(self.alerts_fired or self.alerts_revised or self.alerts_expired)


def evaluate_alerts(connection: Connection, scheduled_at: datetime, *, has_time: Callable[[], bool]) -> AlertsReport:
    """Evaluate what is marked, hour by hour, the oldest first; each hour is a transaction of its own.

    Marks go with what fired: a run that dies leaves the rest to the next one, and one that comes twice finds nothing.

    Args:
        connection: in autocommit mode.
        scheduled_at: the run's identity and only clock, aware; minutes that end by then are due.
        has_time: asked before each hour whether it fits.

    Raises:
        Retryable, Permanent: from the database; the hours done so far stay done.
    """
    due = floor_minute(scheduled_at)
    with evaluating(connection):
        evaluation.mark_new(connection, due, scheduled_at - _NEW_FOR)
        left = list(evaluation.plan_hours(connection, due))
    total, revised, done = Fired(), 0, 0
    while left and has_time():
        with evaluating(connection):
            window = left.pop(0)
            revised += evaluation.note_revised(connection, window, due, scheduled_at)
            total += evaluation.evaluate(connection, window, due, scheduled_at)
        done += 1
    with evaluating(connection):
        expired = evaluation.expire(connection, scheduled_at)
        armed = evaluation.count_armed(connection)
    return AlertsReport(
        alerts_fired=total.fired,
        alerts_late=total.late,
        alerts_revised=revised,
        alerts_expired=expired,
        alerts_armed=armed,
        minutes=total.minutes,
        pieces=done,
        pieces_left=len(left),
        lag_seconds=(due - left[0].starts - MINUTE).total_seconds() if left else 0.0,
    )
