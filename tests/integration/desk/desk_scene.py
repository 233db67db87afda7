"""Setting the scene: candles as texts, alerts on them, and runs of the alert processor."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from psycopg import Connection

from chandlery.desk.domain.alert import Alert
from chandlery.desk.domain.user import Caller
from chandlery.desk.evaluate_alerts import AlertsReport, evaluate_alerts
from chandlery.desk.keep_alerts import add_alert
from tests.integration.market import MINUTE, always, around_the_clock

ANNA, BEN = Caller("anna", "Anna", "anna@example.com"), Caller("ben")
KEY = "X@A@EQ"


def at(text: str) -> datetime:
    """A moment of the first week of March 2026, as in `2 14:31`; of 2 March where no day is said."""
    day, _, clock = text.rpartition(" ")
    return datetime.combine(date(2026, 3, int(day or 2)), time.fromisoformat(clock), UTC)


def put(connection: Connection, minute: datetime, prices: str, *, instrument: int = 1, partial: bool = False) -> None:
    """A candle, or another content of the one there is; prices as `open high low close`, or one for all."""
    told = [Decimal(each) for each in prices.split()]
    opened, high, low, close = told * 4 if len(told) == 1 else told
    connection.execute(
        "INSERT INTO market.candles AS c (instrument_id, time, open, high, low, close, volume, turnover, trades,"
        " partial, price_eligible, session_date, extended, source, version)"
        " VALUES (%s, %s, %s, %s, %s, %s, 10, 10, 1, %s, true, %s, false, 'live_aggregated', 1)"
        " ON CONFLICT (instrument_id, time) DO UPDATE SET open = excluded.open, high = excluded.high,"
        " low = excluded.low, close = excluded.close, partial = excluded.partial, revision = c.revision + 1",
        [instrument, minute, opened, high, low, close, partial, minute.date()],
    )


def market_of(connection: Connection, *keys: str) -> None:
    """Instruments, numbered from 1."""
    around_the_clock(connection, *(keys or (KEY,)))


def arm(connection: Connection, moment: datetime, side: str, level: Any, *, key: str = KEY, **more: Any) -> Alert:
    """An alert of Anna's."""
    return add_alert(connection, ANNA, moment, {"instrument_key": key, "side": side, "level": level, **more})


def evaluate(connection: Connection, moment: datetime) -> AlertsReport:
    """One run."""
    return evaluate_alerts(connection, moment, has_time=always)


def live(connection: Connection, first: datetime, *candles: str) -> None:
    """Minutes, one after the other, each evaluated once it has closed, and by a run that comes twice."""
    for count, prices in enumerate(candles):
        put(connection, first + count * MINUTE, prices)
        for _ in range(2):
            evaluate(connection, first + (count + 1) * MINUTE)


def fired(connection: Connection) -> Sequence[str]:
    """The minutes in which alerts fired, each with its number, what is noted of it, and the message it left."""
    rows = connection.execute(
        "SELECT to_char(f.minute AT TIME ZONE 'UTC', 'DD HH24:MI'), f.alert_id, f.is_late, f.revised_at IS NOT NULL,"
        " (SELECT count(*) FROM market.outbox AS o WHERE o.topic = 'alerts'"
        "  AND o.key = 'alert:' || f.alert_id || to_char(f.minute AT TIME ZONE 'UTC', ':YYYY-MM-DD\"T\"HH24:MI\"Z\"'))"
        " FROM market.alert_firings AS f ORDER BY f.minute, f.alert_id"
    ).fetchall()
    assert [row[4] for row in rows] == [1] * len(rows), "one message each"
    return [
        f"{minute} alert {alert_id}{' late' if is_late else ''}{' revised' if is_revised else ''}"
        for minute, alert_id, is_late, is_revised, _ in rows
    ]
