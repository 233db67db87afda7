"""What finding gaps costs: a week against the plain anti-join, a live minute with its marks, and rare traders."""

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime
from statistics import median
from typing import LiteralString, NamedTuple

import pytest
from psycopg import Connection

from chandlery.gaps.find_gaps import Found, count_hours, find_gaps
from chandlery.gaps.store import scans
from chandlery.gaps.store.scans import Share
from chandlery.gaps.watch_live_gaps import EVERY_MINUTES, LiveGapReport, watch_live_gaps
from chandlery.minutes.aggregate_live import aggregate_live
from chandlery.minutes.domain.source import Source
from chandlery.minutes.heal_from_ticks import heal_differing
from chandlery.platform.settings import Settings
from chandlery.words.window import DAY, HOUR, WEEK, Window, turn_of, whole_hours
from tests.benchmarks.scene import (
    MINUTE,
    NOON,
    ON_SERVER,
    WHERE,
    backend_seconds,
    candles_unindexed,
    ended_seconds,
    insert_candles,
    insert_ticks,
    list_instruments,
    seconds,
    unmarked,
    vacuum,
)

INSTRUMENTS = 10_000 if ON_SERVER else 50
FEW = INSTRUMENTS // 10
# The anti-join reads candles, of which more take long to load; it is linear in them.
WITH_CANDLES = INSTRUMENTS // 50
PIECE = Settings.model_fields["live_piece_candles"].default
SHARE = Settings.model_fields["gap_share_instruments"].default
WEEK_TO_NOON = Window(NOON - WEEK, NOON)
LOOKS = 3 if ON_SERVER else 1
TRADES = 60
LEFT_OUT = 0.001
# Five minutes of all instruments, whatever their number: the shortest turn a monitor takes, less what the last one had.
VERIFIED = 1
_WHOLE_TURN = turn_of(Window(NOON - WEEK, NOON - DAY), 2 * EVERY_MINUTES, EVERY_MINUTES)
TURN = Window(_WHOLE_TURN.starts, _WHOLE_TURN.ends - EVERY_MINUTES * MINUTE)

LIVE_INSTRUMENTS = 2_000 if ON_SERVER else 250
# Of the ten minutes from each of these on, five have marks: as many as a monitor finds.
BLOCKS = [NOON + 40 * MINUTE, NOON + 50 * MINUTE]

# Enough that every minute one of them trades: otherwise it is their feed that falls silent.
RARE_INSTRUMENTS = 500 if ON_SERVER else 300
RARE_MINUTES = 30

# What comes to mind first: all that is expected, less what is there.
_ANTI_JOIN: LiteralString = """
SELECT count(*)
FROM market.instruments AS n
CROSS JOIN generate_series(%(starts)s::timestamptz, %(ends)s::timestamptz - INTERVAL '1 minute', '1 minute') AS minute
WHERE n.instrument_id <= %(some)s AND NOT EXISTS (
    SELECT FROM market.candles AS c
    WHERE c.instrument_id = n.instrument_id AND c.time = minute
        AND c.time >= %(starts)s::timestamptz AND c.time < %(ends)s::timestamptz
)
"""


# Hours of candles without their candles, a minute left out of one in 1 / (60 * left_out) of them.
_INSERT_HOURS = """
INSERT INTO market.candle_hours (dataset, instrument_id, hour, complete, partial, trades)
SELECT 'candles', i, hour, bits, 0::bit(60), bit_count(bits) * %(trades)s
FROM generate_series(%(starts)s::timestamptz, %(ends)s::timestamptz - INTERVAL '1 hour', '1 hour') AS hour
CROSS JOIN generate_series(1, %(instruments)s) AS i
CROSS JOIN LATERAL (
    SELECT abs(hashint8extended(i::bigint * 1000000 + extract(epoch FROM hour)::bigint / 3600, 0) %% 6000000) AS number
) AS chance
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN number < 60 * %(left_out)s * 6000000 THEN ~(1::bigint << (number %% 60)::integer)::bit(60) ELSE ~0::bit(60)
    END AS bits
) AS made
"""


class Stored(NamedTuple):
    """A week of candles: how many there are, and the seconds it took to load and to count them."""

    candles: int
    loading: float
    counting: float


@pytest.fixture
def emptied(connection: Connection) -> Iterator[Connection]:
    """A connection to a database in which a hundred million candles do not stay behind."""
    yield connection
    connection.execute("TRUNCATE market.candles, market.candle_hours, market.ticks, market.gaps")


def test_p3_a_week_and_the_plain_anti_join(emptied: Connection) -> None:
    """The look at all instruments, by their hours; the anti-join at some of them, a hundred million candles less.

    A look never reads candles: those of the others would only take the time to load.
    """
    _store_hours(emptied, INSTRUMENTS, WEEK_TO_NOON)
    emptied.execute("SET max_parallel_workers_per_gather = 0")  # one process against one
    shares = scans.plan_shares(emptied, SHARE)
    missing = _count(emptied, "SELECT sum(60 - bit_count(complete)) FROM market.candle_hours")
    with unmarked(emptied, "candles"), candles_unindexed(emptied):
        for day in range(WEEK // DAY):
            starts = WEEK_TO_NOON.starts + day * DAY
            insert_candles(emptied, starts, starts + DAY, WITH_CANDLES, trades=TRADES, left_out=LEFT_OUT)
    vacuum(emptied, "candles")
    absent = WITH_CANDLES * (WEEK // MINUTE) - _count(emptied, "SELECT count(*) FROM market.candles")

    def look() -> None:
        # Of liquid instruments, whatever is missing is a gap.
        assert [(f.open_week, f.not_judged_week) for f in _scan(emptied, shares).feeds] == [(missing, 0)]

    def anti_join(nested_loops: bool) -> None:
        emptied.execute("SELECT set_config('enable_nestloop', %s, false)", [str(nested_loops)])
        values = {"starts": WEEK_TO_NOON.starts, "ends": WEEK_TO_NOON.ends, "some": WITH_CANDLES}
        assert _count(emptied, _ANTI_JOIN, **values) == absent
        emptied.execute("RESET enable_nestloop")

    def both(action: Callable[[], object]) -> tuple[float, float]:
        """On the wall, and of the processor."""
        before = backend_seconds(emptied)
        return seconds(action), backend_seconds(emptied) - before

    def medians(action: Callable[[], object]) -> list[float]:
        return [median(each) for each in zip(*(both(action) for _ in range(LOOKS)), strict=True)]

    first = seconds(look)
    vacuum(emptied, "gaps", "judged")
    again, used = medians(look)
    # The planner thinks that generate_series has a thousand rows, and probes: what suits the anti-join is shown too.
    (lasted, plain), (_, merged) = (
        [each * INSTRUMENTS / WITH_CANDLES for each in both(lambda nested=nested: anti_join(nested))]  # type: ignore[misc]
        for nested in (True, False)
    )
    few, few_used = medians(lambda: _scan(emptied, [Share(1, FEW)]))
    print(
        f"\nP3 look for gaps, {INSTRUMENTS:,} instruments x 7 days ({INSTRUMENTS * (WEEK // MINUTE):,} minutes,"
        f" {missing:,} missing), {WHERE}: {again:.2f} s to find nothing new, {first:.2f} s to fill the ledger, the"
        f" generate_series anti-join {lasted:.1f} s; of one processor {used:.2f} s, the anti-join {plain:.1f} s, and"
        f" without nested loops {merged:.1f} s ({INSTRUMENTS // WITH_CANDLES} times that of {WITH_CANDLES:,}"
        f" instruments); ratio {plain / used if used else 0:.1f} and {merged / used if used else 0:.1f}\n"
        f"growth: {FEW:,} instruments {few:.2f} s, of the processor {few_used:.2f} s"
    )
    emptied.execute("RESET max_parallel_workers_per_gather")
    _measure_memory(emptied, shares)


def _measure_memory(connection: Connection, shares: Sequence[Share]) -> None:
    """What first looks of few and of all instruments hold at most in Python."""
    held = []
    for some in ([Share(1, FEW)], shares):
        connection.execute("TRUNCATE market.gaps, market.scans, market.judged, market.reaches")
        held.append(_peak_bytes(lambda some=some: _scan(connection, some)))  # type: ignore[misc]
    print(
        f"memory at its peak, above before: {held[0] / 1024:.0f} KiB for {FEW:,} instruments,"
        f" {held[1] / 1024:.0f} KiB for {INSTRUMENTS:,}"
    )


@pytest.mark.parametrize(("instruments", "weeks"), [(FEW, 1), (FEW, 10), (INSTRUMENTS, 1)])
def test_p15_a_run_of_the_monitor_without_changes(emptied: Connection, instruments: int, weeks: int) -> None:
    """Five minutes after the last run: an hour to count, a turn to compare with its ticks, the scan."""
    _store_hours(emptied, instruments, Window(NOON - weeks * WEEK, NOON - HOUR))
    _store_turn(emptied, instruments)

    def monitor() -> LiveGapReport:
        return watch_live_gaps(
            emptied,
            NOON,
            piece_candles=PIECE,
            verify_buckets=VERIFIED,
            share_instruments=SHARE,
            has_time=lambda: True,
        )

    for _ in range(2):  # the turn has ticks: its candles are made of them; then the ledger is filled, and settled
        monitor()
    vacuum(emptied, "candles", "candle_hours", "gaps", "judged")
    taken, used, helped, counting = [], [], [], []
    for _ in range(LOOKS):
        _mark(emptied, Window(NOON - HOUR, NOON), EVERY_MINUTES)
        reports: list[LiveGapReport] = []
        before, ended = backend_seconds(emptied), ended_seconds(emptied)
        taken.append(seconds(lambda reports=reports: reports.append(monitor())))  # type: ignore[misc]
        used.append(backend_seconds(emptied) - before)
        helped.append(ended_seconds(emptied) - ended)
        assert not reports[0].changed
        _mark(emptied, Window(NOON - HOUR, NOON), EVERY_MINUTES)
        counting.append(seconds(lambda: count_hours(emptied, lambda: True)))
    shares = scans.plan_shares(emptied, SHARE)
    scanning = median(seconds(lambda: _scan(emptied, shares)) for _ in range(LOOKS))
    verifying = median(
        seconds(
            lambda: heal_differing(emptied, TURN, Source.LIVE_GAP_FILLED, piece_candles=PIECE, has_time=lambda: True)
        )
        for _ in range(LOOKS)
    )
    print(
        f"\nP15 run of the live gap monitor, {instruments:,} instruments, {7 * weeks} days stored, nothing changed,"
        f" {WHERE}: {median(taken):.2f} s (processor of the backend {median(used):.2f} s, of parallel workers, and"
        f" whatever else of the server ended meanwhile, {median(helped):.2f} s); of it {verifying:.2f} s to"
        f" hold {EVERY_MINUTES} minutes against their ticks, {median(counting):.2f} s to count an hour,"
        f" {scanning:.2f} s to look for gaps"
    )


def _store_hours(connection: Connection, instruments: int, window: Window) -> None:
    """The hours of candles, and nothing that was expected before them."""
    list_instruments(connection, instruments)
    connection.execute(
        "INSERT INTO market.sessions SELECT '24/7', day::date, day, day + INTERVAL '1 day'"
        " FROM generate_series(date_trunc('day', %s::timestamptz, 'UTC'), '2026-02-22 00:00Z', '1 day') AS day",
        [window.starts],
    )
    connection.execute(
        "UPDATE market.instruments SET listed_at = %s, data_from = %s, live_since = %s", [window.starts] * 3
    )
    values = {"instruments": instruments, "trades": TRADES, "starts": window.starts, "ends": window.ends}
    connection.execute(_INSERT_HOURS, {**values, "left_out": LEFT_OUT})
    vacuum(connection, "instruments", "candle_hours")


def _store_turn(connection: Connection, instruments: int) -> None:
    """The candles that a run of the monitor reads: those of the last hour, and of its turn, which has ticks."""
    turn = whole_hours(TURN)
    with unmarked(connection, "candles"), candles_unindexed(connection):
        for hour in (turn, Window(NOON - HOUR, NOON)):
            insert_candles(connection, hour.starts, hour.ends, instruments, trades=TRADES, left_out=LEFT_OUT)
    for hour in (turn, Window(NOON - HOUR, NOON)):
        _mark(connection, hour)
    insert_ticks(connection, TURN.starts, TURN.ends - TURN.starts, instruments, TRADES * EVERY_MINUTES)
    vacuum(connection, "candles", "candle_hours", "ticks")


def test_what_marks_cost_the_live_minute(emptied: Connection) -> None:
    list_instruments(emptied, LIVE_INSTRUMENTS)
    with unmarked(emptied, "candles"):
        insert_candles(emptied, NOON, BLOCKS[0], LIVE_INSTRUMENTS, trades=TRADES, left_out=0)
    vacuum(emptied, "candles", "instruments")
    _live_minute(emptied, BLOCKS[0] - MINUTE)
    count_hours(emptied, lambda: True)
    taken: dict[bool, list[float]] = {True: [], False: []}
    counting = []
    for block in BLOCKS:
        for number in range(2 * EVERY_MINUTES):
            marked = number % 4 in (0, 3)  # every other pair in the opposite order
            with nullcontext() if marked else unmarked(emptied, "candles"):
                taken[marked].append(_live_minute(emptied, block + number * MINUTE))
        counting.append(seconds(lambda: count_hours(emptied, lambda: True)))
    assert _count(emptied, "SELECT sum(bit_count(complete)) FROM market.candle_hours") == LIVE_INSTRUMENTS * 60
    with_marks, without = median(taken[True]), median(taken[False])
    print(
        f"\nlive minute, {LIVE_INSTRUMENTS:,} instruments x {TRADES} ticks, {WHERE}: {with_marks:.2f} s with marks on"
        f" its candles, {without:.2f} s without; ratio {with_marks / without:.2f}; counting their hour, every"
        f" {EVERY_MINUTES} minutes: {median(counting):.2f} s"
    )


def test_rare_traders(emptied: Connection) -> None:
    stored = _store_week(emptied, RARE_INSTRUMENTS, 1, 1 - 1 / RARE_MINUTES)
    shares = scans.plan_shares(emptied, SHARE)
    first = seconds(lambda: _scan(emptied, shares))
    again = median(seconds(lambda: _scan(emptied, shares)) for _ in range(LOOKS))
    rows = _count(emptied, "SELECT count(*) FROM market.gaps WHERE reason = 'instrument_silent'")
    silences = _count(
        emptied,
        "SELECT count(*) FROM ("
        " SELECT time - lag(time) OVER (PARTITION BY instrument_id ORDER BY time) AS apart FROM market.candles"
        ") AS candle WHERE apart > INTERVAL '1 minute'",
    )
    print(
        f"\ngap scan, {RARE_INSTRUMENTS:,} instruments x 7 days, a trade in {RARE_MINUTES} minutes ({stored.candles:,}"
        f" candles), {WHERE}: {first:.2f} s to fill the ledger, {again:.2f} s to find nothing new; {rows:,} of"
        f" {silences:,} silences are gaps: {rows / silences:.2%}"
    )


def _store_week(connection: Connection, instruments: int, trades: int, left_out: float) -> Stored:
    """Load candles, without what would slow loading down, and have their hours counted as the monitor counts them."""
    list_instruments(connection, instruments)
    connection.execute("UPDATE market.instruments SET listed_at = %s", [WEEK_TO_NOON.starts])

    def load() -> None:
        with unmarked(connection, "candles"), candles_unindexed(connection):
            for number in range(WEEK // HOUR):
                starts = WEEK_TO_NOON.starts + number * HOUR
                insert_candles(connection, starts, starts + HOUR, instruments, trades=trades, left_out=left_out)

    loading = seconds(load)
    _mark(connection, WEEK_TO_NOON)
    vacuum(connection, "candles", "instruments", "marks")
    counting = seconds(lambda: count_hours(connection, lambda: True))
    vacuum(connection, "candle_hours", "instruments", "marks")
    return Stored(_count(connection, "SELECT count(*) FROM market.candles"), loading, counting)


def _mark(connection: Connection, window: Window, times: int = 1) -> None:
    """Mark each hour of all instruments, as N statements that write candles would."""
    connection.execute(
        "INSERT INTO market.marks (work, hour, instrument_ids)"
        " SELECT 'count', hour, (SELECT array_agg(instrument_id) FROM market.instruments)"
        " FROM generate_series(%s::timestamptz, %s, INTERVAL '1 hour') AS hour, generate_series(1, %s)",
        [window.starts, window.ends - HOUR, times],
    )


def _scan(connection: Connection, shares: Sequence[Share]) -> Found:
    return find_gaps(connection, "benchmark", WEEK_TO_NOON, NOON, shares=shares, has_time=lambda: True)


def _live_minute(connection: Connection, starts: datetime) -> float:
    """The seconds a live run takes over a minute of ticks."""
    insert_ticks(connection, starts, MINUTE, LIVE_INSTRUMENTS, TRADES)
    return seconds(
        lambda: aggregate_live(
            connection, starts + MINUTE, piece_candles=PIECE, gap_check_buckets=0, has_time=lambda: True
        )
    )


def _peak_bytes(action: Callable[[], object]) -> int:
    """The most that Python holds meanwhile, above what it held before."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _count(connection: Connection, query: LiteralString, **values: object) -> int:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])
