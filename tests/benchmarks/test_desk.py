"""What a minute's alerts take: in proportion to those that are armed, whatever fires."""

import time
from statistics import median

import pytest
from psycopg import Connection

from chandlery.desk.evaluate_alerts import AlertsReport, evaluate_alerts
from tests.benchmarks.scene import MINUTE, NOON, ON_SERVER, WHERE, backend_seconds, list_instruments, vacuum

INSTRUMENTS = 10_000 if ON_SERVER else 500
MOST = 10 * INSTRUMENTS
ROUNDS = 5

_CANDLES = """
INSERT INTO market.candles (
    instrument_id, time, open, high, low, close, volume, turnover, trades, session_date, extended, source, version
)
SELECT i, %(minute)s, 100, %(high)s, 99.5, 100, 10, 1000, 5, %(minute)s::date, false, 'live_aggregated', 1
FROM generate_series(1, %(instruments)s) AS i
"""
# Levels of which the minutes cross none, until one rises to 111.
_ALERTS = """
INSERT INTO market.alerts (user_id, instrument_id, side, level, state, armed_at, is_new, created_at, updated_at)
SELECT 'u' || n %% 100, 1 + n %% %(instruments)s, 'high', 101 + n %% 10, %(state)s, %(at)s, false, %(at)s, %(at)s
FROM generate_series(0, %(count)s - 1) AS n
"""


@pytest.fixture
def desk(connection: Connection) -> Connection:
    """Instruments that trade every minute, and users."""
    list_instruments(connection, INSTRUMENTS)
    connection.execute("INSERT INTO market.users (user_id) SELECT 'u' || n FROM generate_series(0, 99) AS n")
    return connection


def arm(connection: Connection, count: int, state: str = "armed") -> None:
    """Have so many alerts, and no other; one in ten a user's."""
    connection.execute("TRUNCATE market.alerts, market.alert_firings, market.watched_instruments, market.alert_minutes")
    connection.execute(_ALERTS, {"count": count, "instruments": INSTRUMENTS, "state": state, "at": NOON - 60 * MINUTE})
    vacuum(connection, "alerts", "alert_minutes")


def trade(connection: Connection, number: int, high: int = 100) -> None:
    """A minute in which all instruments trade."""
    values = {"minute": NOON + number * MINUTE, "high": high, "instruments": INSTRUMENTS}
    connection.execute(_CANDLES, values)


def test_d3_a_minute_of_armed_alerts(desk: Connection) -> None:
    minutes = iter(range(10_000))

    def minute(high: int = 100) -> tuple[float, float, AlertsReport]:
        number = next(minutes)
        trade(desk, number, high)
        begun, used = time.perf_counter(), backend_seconds(desk)
        report = evaluate_alerts(desk, NOON + (number + 1) * MINUTE, has_time=lambda: True)
        return time.perf_counter() - begun, backend_seconds(desk) - used, report

    def measure(said: str, armed: int) -> None:
        taken = [minute() for _ in range(ROUNDS)]
        assert {report.minutes for _, _, report in taken[1:]} == {min(armed, INSTRUMENTS)}
        wall, used = (median(each[place] for each in taken) * 1000 for place in (0, 1))
        print(f"D3 {said}: {wall:,.0f} ms, {used:,.0f} of the backend's processor ({WHERE})")

    minute()
    for count in (INSTRUMENTS // 100, INSTRUMENTS // 10, INSTRUMENTS, MOST):
        arm(desk, count)
        measure(f"{count:,} armed alerts, {INSTRUMENTS:,} instruments traded", count)
    arm(desk, MOST, "fired")
    measure(f"{MOST:,} alerts, none of them armed", 0)
    arm(desk, MOST)
    wall, used, report = minute(high=200)
    assert report.alerts_fired == MOST
    used_by_one = used / report.pieces
    print(
        f"D3 all {MOST:,} fire: {wall:.1f} s, {used:.1f} of the backend's processor, in {report.pieces} transactions of"
        f" {used_by_one:.1f} each ({WHERE})"
    )
