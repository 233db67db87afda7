"""What the desk asks all the time: a minute's alerts, in proportion to those armed, and the newest of everything."""

import time
from statistics import median
from typing import Any

import pytest
from psycopg import ClientCursor, Connection

from chandlery.desk.evaluate_alerts import AlertsReport, evaluate_alerts
from chandlery.platform.statements import statement
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
    """Have N alerts, and no other; one in ten a user's."""
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
        wall, used = (1000 * median(each) for each in list(zip(*taken, strict=True))[:2])
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


_VALUES = """
INSERT INTO market.indicator_values (instrument_id, indicator_id, time, value, made_from, made_by, made_at)
SELECT i, n, %(at)s::timestamptz + hour * INTERVAL '1 hour', i + n, %(at)s, 'bench', %(at)s
FROM generate_series(1, %(instruments)s) AS i, generate_series(1, 10) AS n, generate_series(0, 3) AS hour
"""


@pytest.fixture
def indicated(connection: Connection) -> Connection:
    """Ten indicators of instruments: some hours in columns, and some in the newest chunk."""
    list_instruments(connection, INSTRUMENTS)
    connection.execute(
        "INSERT INTO market.stored_indicators (timeframe, name, parameters)"
        " SELECT '1h', 'i' || n, '{}' FROM generate_series(1, 10) AS n ORDER BY n"
    )
    for at in (NOON - 60 * 1440 * MINUTE, NOON):
        connection.execute(_VALUES, {"at": at, "instruments": INSTRUMENTS})
        if at != NOON:
            connection.execute("SELECT compress_chunk(chunk) FROM show_chunks('market.indicator_values') AS chunk")
    vacuum(connection, "indicator_values", "instruments", "stored_indicators")
    return connection


def test_d4_the_newest_values_of_indicators(indicated: Connection) -> None:
    every: dict[str, Any] = {"after_instrument": 0, "after_indicator": 0, "instrument_id": None, "timeframe": None}
    for said, named, most in (
        ("a page of one indicator", "i3", 1_000),
        ("a page of all", None, 1_000),
        ("one indicator of all instruments", "i3", INSTRUMENTS),
    ):
        times = []
        with ClientCursor(indicated) as cursor:
            for _ in range(2 * ROUNDS):
                text = f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY, FORMAT JSON) {statement('list_latest_indicators')}"
                cursor.execute(text, {**every, "named": named, "most": most})
                explained: dict[str, Any] = (cursor.fetchone() or [[{}]])[0][0]
                assert explained["Plan"]["Actual Rows"] == min(most, INSTRUMENTS if named else most)
                times.append((explained["Planning Time"], explained["Execution Time"]))
        plan, execution = map(median, zip(*times, strict=True))
        print(f"D4 {said}, {most:,} values: planned in {plan:.1f} ms, answered in {execution:.1f} ms ({WHERE})")
