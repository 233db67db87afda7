"""What finding gaps costs: a week beside the plain anti-join, a live minute with its marks, and rare traders."""

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime
from statistics import median
from typing import NamedTuple

import pytest
from psycopg import Connection

from chandlery.domain.window import DAY, HOUR, WEEK, Window, turn_of
from chandlery.settings import Settings
from chandlery.store import gaps
from chandlery.store.gaps import Share
from chandlery.usecases.aggregate_live import aggregate_live
from chandlery.usecases.find_gaps import Found, count_hours, find_gaps
from chandlery.usecases.watch_live_gaps import EVERY_MINUTES, LiveGapReport, watch_live_gaps
from tests.benchmarks.scene import (
    MINUTE,
    NOON,
    ON_SERVER,
    WHERE,
    candles_unmarked,
    insert_candles,
    insert_ticks,
    list_instruments,
    seconds,
)

INSTRUMENTS = 10_000 if ON_SERVER else 50
FEW = INSTRUMENTS // 10
SHARE = Settings.model_fields["gap_share_instruments"].default if ON_SERVER else FEW
PIECE = Settings.model_fields["live_piece_candles"].default
WINDOW = Window(NOON - WEEK, NOON)
LOOKS = 3
TRADES = 60
LEFT_OUT = 0.001

LIVE_INSTRUMENTS = 10_000 if ON_SERVER else 500
# A block of live minutes is half with marks, half without: as many with marks as a monitor finds.
BLOCKS = [NOON + 40 * MINUTE, NOON + 50 * MINUTE]

RARE_INSTRUMENTS = 10_000 if ON_SERVER else 200
EVERY_RARE_MINUTES = 30

# What anybody would write first: all that is expected, less what is there.
_ANTI_JOIN = """
SELECT count(*)
FROM market.instruments AS n
CROSS JOIN generate_series(%(starts)s::timestamptz, %(ends)s::timestamptz - INTERVAL '1 minute', '1 minute') AS minute
WHERE NOT EXISTS (
    SELECT FROM market.candles AS c
    WHERE c.instrument_id = n.instrument_id AND c.time = minute
        AND c.time >= %(starts)s::timestamptz AND c.time < %(ends)s::timestamptz
)
"""


class Loaded(NamedTuple):
    """Seconds, and what came of them."""

    loading: float
    counting: float
    candles: int


@pytest.fixture
def listed(connection: Connection) -> Iterator[Connection]:
    """A hundred million candles are not left behind."""
    yield connection
    connection.execute("TRUNCATE market.candles, market.candle_hours, market.ticks, market.gaps")


def test_a_week_beside_the_plain_anti_join(listed: Connection) -> None:
    connection = listed
    loaded = _store_week(connection, INSTRUMENTS, TRADES, LEFT_OUT)
    expected = INSTRUMENTS * (WEEK // MINUTE)
    missing = expected - loaded.candles
    shares = gaps.plan_shares(connection, SHARE)

    first = seconds(lambda: _hold(_scan(connection, shares), found=True, missing=missing))
    again = median(
        seconds(lambda: _hold(_scan(connection, shares), found=False, missing=missing)) for _ in range(LOOKS)
    )
    plain = seconds(lambda: _hold_count(connection, missing))
    print(
        f"\ngap scan, {INSTRUMENTS:,} instruments x 7 days ({expected:,} minutes, {missing:,} of them missing), {WHERE}:"
        f" {first:.2f} s that fill the ledger, {again:.2f} s that find nothing new; generate_series anti-join"
        f" {plain:.1f} s; ratio {plain / first:.1f} and {plain / again:.1f}\n"
        f"  the summary, once: {loaded.counting:.0f} s to count what took {loaded.loading:.0f} s to load"
    )
    _print_memory(connection, shares)
    _print_monitor(connection)


def test_what_marks_cost_the_live_minute(listed: Connection) -> None:
    connection = listed
    list_instruments(connection, LIVE_INSTRUMENTS)
    with candles_unmarked(connection):
        insert_candles(connection, NOON, BLOCKS[0], LIVE_INSTRUMENTS, trades=TRADES, left_out=0)
    _insert_minute(connection, BLOCKS[0] - MINUTE)
    connection.execute("VACUUM ANALYZE market.candles, market.ticks, market.dirty, market.instruments")
    _live(connection, BLOCKS[0])
    count_hours(connection, lambda: True)
    marked, bare, counting = list[float](), list[float](), list[float]()
    for block in BLOCKS:
        for number in range(2 * EVERY_MINUTES):
            starts = block + number * MINUTE
            _insert_minute(connection, starts)
            with_marks = number % 4 in (0, 3)  # every other pair in the opposite order
            with nullcontext() if with_marks else candles_unmarked(connection):
                (marked if with_marks else bare).append(seconds(lambda at=starts + MINUTE: _live(connection, at)))  # type: ignore[misc]
        counting.append(seconds(lambda: count_hours(connection, lambda: True)))
    assert _count(connection, "SELECT sum(bit_count(complete)) FROM market.candle_hours") == LIVE_INSTRUMENTS * 60
    print(
        f"\nlive minute, {LIVE_INSTRUMENTS:,} instruments x {TRADES} ticks, {WHERE}: {median(marked):.3f} s with marks on"
        f" candles, {median(bare):.3f} s without; ratio {median(marked) / median(bare):.2f}; counting their hour every"
        f" five minutes {median(counting):.2f} s"
    )


def test_rare_traders(listed: Connection) -> None:
    connection = listed
    _store_week(connection, RARE_INSTRUMENTS, 1, 1 - 1 / EVERY_RARE_MINUTES)
    shares = gaps.plan_shares(connection, SHARE)
    first = seconds(lambda: _scan(connection, shares))
    again = median(seconds(lambda: _scan(connection, shares)) for _ in range(LOOKS))
    rows = _count(connection, "SELECT count(*) FROM market.gaps")
    silences = _count(
        connection,
        "SELECT count(*) FROM (SELECT time - lag(time) OVER (PARTITION BY instrument_id ORDER BY time) AS apart"
        " FROM market.candles) AS candle WHERE apart > INTERVAL '1 minute'",
    )
    print(
        f"\ngap scan, {RARE_INSTRUMENTS:,} instruments that trade once in {EVERY_RARE_MINUTES} minutes, 7 days, {WHERE}:"
        f" {first:.2f} s that fill the ledger, {again:.2f} s that find nothing new; {rows:,} rows of {silences:,} silences"
        f" ({rows / silences:.3%})"
    )


def _store_week(connection: Connection, instruments: int, trades: int, left_out: float) -> Loaded:
    """A week of candles that leave no marks, all of it then marked and counted as the gap monitor does."""
    list_instruments(connection, instruments)
    connection.execute("UPDATE market.instruments SET listed_at = %s", [WINDOW.starts])

    def load() -> None:
        for number in range(WEEK // HOUR):
            starts = WINDOW.starts + number * HOUR
            insert_candles(connection, starts, starts + HOUR, instruments, trades=trades, left_out=left_out)

    with candles_unmarked(connection):
        loading = seconds(load)
    connection.execute("VACUUM ANALYZE market.candles, market.instruments")
    _mark(connection, WINDOW)
    connection.execute("ANALYZE market.uncounted")
    counting = seconds(lambda: count_hours(connection, lambda: True))
    connection.execute("VACUUM ANALYZE market.candle_hours, market.uncounted, market.instruments")
    return Loaded(loading, counting, _count(connection, "SELECT count(*) FROM market.candles"))


def _mark(connection: Connection, window: Window, times: int = 1) -> None:
    connection.execute(
        "INSERT INTO market.uncounted"
        " SELECT hour, (SELECT array_agg(instrument_id) FROM market.instruments)"
        " FROM generate_series(%s::timestamptz, %s, INTERVAL '1 hour') AS hour, generate_series(1, %s)",
        [window.starts, window.ends - HOUR, times],
    )


def _scan(connection: Connection, shares: Sequence[Share]) -> Found:
    return find_gaps(connection, "benchmark", WINDOW, NOON, shares=shares, has_time=lambda: True)


def _hold(found: Found, *, found_any: bool, missing: int) -> None:
    """Liquid instruments: whatever is missing is a gap."""
    (feed,) = found.feeds
    assert (feed.missing_week, feed.open_week) == (missing, missing)
    assert (found.ledger.found > 0) == found_any


def _count(connection: Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])
