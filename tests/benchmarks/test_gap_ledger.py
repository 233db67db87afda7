"""What the ledger costs by the number of its gaps: many on few instruments, and the same number spread over many."""

from datetime import timedelta
from typing import LiteralString

import pytest
from psycopg import Connection

from chandlery.gaps.find_gaps import Found, count_hours, find_gaps
from chandlery.gaps.store import scans
from chandlery.platform.settings import Settings
from chandlery.words.window import DAY, HOUR, WEEK, Window
from tests.benchmarks.scene import MINUTE, NOON, ON_SERVER, WHERE, list_instruments, seconds, unmarked

SHARE = Settings.model_fields["gap_share_instruments"].default
ROUNDS = 1
SIZES = (1_000, 10_000) if ON_SERVER else (100, 1_000)
MANY = 1_000 if ON_SERVER else 100
# Two minutes are there, two are not: a gap each four minutes where they are closest.
FEW_LENGTH, MANY_LENGTH = (4 * WEEK, 4 * HOUR) if ON_SERVER else (DAY, 4 * HOUR)

# Gap k of an instrument begins at the same distance from the one before; every other instrument lives meanwhile.
_GAPS: LiteralString = """
SELECT i, %(starts)s::timestamptz + (k * apart.minutes + 2 * (i %% 2) + m) * INTERVAL '1 minute' AS minute
FROM generate_series(1, %(instruments)s) AS i
CROSS JOIN LATERAL (SELECT %(gaps)s / %(instruments)s + (i <= %(gaps)s %% %(instruments)s)::integer AS gaps) AS own
CROSS JOIN LATERAL (SELECT %(minutes)s / greatest(own.gaps, 1) AS minutes) AS apart
CROSS JOIN generate_series(0, own.gaps - 1) AS k
CROSS JOIN generate_series(0, 1) AS m
"""
_INSERT: LiteralString = """
INSERT INTO market.candles (
    instrument_id, time, open, high, low, close, volume, turnover, trades, session_date, extended, source, version
)
SELECT added.i, added.minute, 1, 1, 1, 1, 1, 1, 60, added.minute::date, false, 'live_aggregated', 1
FROM ({minutes}) AS added (i, minute)
ORDER BY added.minute, added.i
"""
_DELETE: LiteralString = """
WITH gone AS MATERIALIZED ({minutes})
DELETE FROM market.candles AS c USING gone
WHERE c.instrument_id = gone.i AND c.time = gone.minute AND c.time >= %(starts)s AND c.time < %(ends)s
"""
_ALL: LiteralString = """
SELECT i, minute
FROM generate_series(1, %(instruments)s) AS i
CROSS JOIN generate_series(
    %(starts)s::timestamptz, %(starts)s::timestamptz + (%(minutes)s - 1) * INTERVAL '1 minute', '1 minute'
) AS minute
"""


@pytest.mark.parametrize(("instruments", "length"), [(10, FEW_LENGTH), (MANY, MANY_LENGTH)], ids=["few", "many"])
def test_what_open_gaps_cost(connection: Connection, instruments: int, length: timedelta) -> None:
    window = Window(NOON - length, NOON)
    _open_desk(connection, instruments, window)
    base = min(seconds(lambda: _scan(connection, window)) for _ in range(3))
    print(f"\nledger of gaps, {instruments:,} instruments, {WHERE}; a scan without any: {base:.2f} s")
    before: dict[str, float] = {}
    for size in SIZES:
        rounds = [_go_through(connection, instruments, size, window) for _ in range(ROUNDS)]
        best = {name: min(each[name] for each in rounds) for name in rounds[0]}
        print(f"  {size:>7,} gaps: " + ", ".join(_told(name, best[name], before, base, size) for name in best))
        before = {name: (taken - base) / size for name, taken in best.items()}


def _told(name: str, taken: float, before: dict[str, float], base: float, size: int) -> str:
    each = (taken - base) / size
    grown = f", x {each / before[name]:.2f}" if name in before else ""
    return f"{name} {taken:.2f} s ({each * 1e6:.0f} µs a gap{grown})"


def _go_through(connection: Connection, instruments: int, size: int, window: Window) -> dict[str, float]:
    """The seconds of scans that find N gaps, nothing new, the same after a vendor, their ends alone, and none."""
    values = _values(instruments, window) | {"gaps": size}
    taken = {}
    _change(connection, _DELETE.format(minutes=_GAPS), values)
    taken["found"] = _timed(connection, window, size)
    taken["again"] = _timed(connection, window, size)
    connection.execute("UPDATE market.gaps SET reason = 'unhealable' WHERE healed_at IS NULL")
    taken["unhealable"] = _timed(connection, window, size)
    _change(connection, _INSERT.format(minutes=_GAPS + "WHERE m = 0"), values)
    taken["cut"] = _timed(connection, window, size)
    _change(connection, _INSERT.format(minutes=_GAPS + "WHERE m = 1"), values)
    taken["healed"] = _timed(connection, window, 0)
    connection.execute("TRUNCATE market.gaps")
    return taken


def _timed(connection: Connection, window: Window, left_open: int) -> float:
    taken = seconds(lambda: _scan(connection, window))
    assert connection.execute("SELECT count(*) FROM market.gaps WHERE healed_at IS NULL").fetchone() == (left_open,)
    return taken


def _open_desk(connection: Connection, instruments: int, window: Window) -> None:
    list_instruments(connection, instruments)
    connection.execute(
        "INSERT INTO market.sessions SELECT '24/7', day::date, day, day + INTERVAL '1 day'"
        " FROM generate_series(%s::timestamptz, '2026-02-22 00:00Z', '1 day') AS day",
        [window.starts.replace(hour=0)],
    )
    connection.execute("UPDATE market.instruments SET listed_at = %s", [window.starts])
    _change(connection, _INSERT.format(minutes=_ALL), _values(instruments, window))
    connection.execute("VACUUM ANALYZE")


def _change(connection: Connection, statement: LiteralString, values: dict[str, object]) -> None:
    """Write or delete candles, and have the hours of all counted."""
    with unmarked(connection, "candles"):
        connection.execute(statement, values)
    connection.execute(
        "INSERT INTO market.marks (work, hour, instrument_ids)"
        " SELECT 'count', hour, (SELECT array_agg(instrument_id) FROM market.instruments)"
        " FROM generate_series(%(starts)s::timestamptz, %(ends)s::timestamptz - INTERVAL '1 hour', '1 hour') AS hour",
        values,
    )
    count_hours(connection, lambda: True)


def _values(instruments: int, window: Window) -> dict[str, object]:
    minutes = (window.ends - window.starts) // MINUTE
    return {"instruments": instruments, "starts": window.starts, "ends": window.ends, "minutes": minutes}


def _scan(connection: Connection, window: Window) -> Found:
    shares = scans.plan_shares(connection, SHARE)
    return find_gaps(connection, "benchmark", window, NOON, shares=shares, has_time=lambda: True)
