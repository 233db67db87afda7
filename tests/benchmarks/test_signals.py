"""What rules of signals cost after a changed minute, refreshes and indicators included; and how signals are read."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

import pytest
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.indicators.mark_unfilled import keep_set
from chandlery.indicators.process_history import process_history
from chandlery.platform.settings import Settings
from chandlery.platform.statements import statement
from chandlery.refresh.store import refreshes
from chandlery.signals.domain.rule import Rule
from chandlery.signals.kept_set import with_rules
from chandlery.signals.process_signals import SignalReport, process_signals
from chandlery.words.window import DAY, HOUR, Window
from tests.benchmarks.scene import (
    MINUTE,
    NOON,
    ON_SERVER,
    WHERE,
    backend_seconds,
    insert_candles,
    list_instruments,
    unmarked,
    vacuum,
)
from tests.integration.signals.signal_scene import rules_of

INSTRUMENTS = 1_000 if ON_SERVER else 20
DAYS, TIMEFRAMES = 12, ("5m", "15m", "1h", "4h")
CONDITIONS = (
    "sma(20) crosses_above sma(50)",
    "rsi(14) crosses_above 30 and volume > volume lag 1",
    "close > high lag 1 + atr(14) lag 1",
    "macd(12, 26, 9).macdhist crosses_above 0 and close > 1d.close",
    "close crosses_below bbands(20).lowerband",
)
LIFETIMES = {"lifetime": {"buckets": 12}, "target": 2, "stop": 1, "atr": "atr(14)"}


def five_rules(folder: Path) -> Sequence[Rule]:
    """Five in each of four timeframes."""
    return rules_of(
        folder,
        *(
            {
                "name": f"rule_{number}",
                "version": timeframe,
                "timeframe": timeframe,
                "condition": condition,
                **LIFETIMES,
            }
            for timeframe in TIMEFRAMES
            for number, condition in enumerate(CONDITIONS, 1)
        ),
    )


@pytest.fixture
def stored(connection: Connection) -> Connection:
    """Some days of candles in every timeframe, up to the minute before noon: a minute in five."""
    list_instruments(connection, INSTRUMENTS)
    with unmarked(connection, "candles"):
        for number in range(DAYS):
            starts, ends = NOON - (DAYS - number) * DAY, NOON - (DAYS - number - 1) * DAY
            insert_candles(connection, starts, min(ends, NOON - MINUTE), INSTRUMENTS, trades=10, left_out=0.8)
    for rollup in CANDLES.rollups:
        whole = Window(rollup.timeframe.ceil_bucket(NOON - DAYS * DAY), rollup.timeframe.floor_bucket(NOON))
        refreshes.refresh(connection, rollup.relation, whole)
    return connection


def test_p16_a_changed_minute_of_each_instrument_through_all_rules(stored: Connection, tmp_path: Path) -> None:
    rules = five_rules(tmp_path)
    settings = Settings(database_url="")

    def process(at_minutes: int, most_pieces: int | None = None) -> SignalReport:
        at = NOON + at_minutes * MINUTE
        compute = partial(
            process_history,
            stored,
            at,
            wanted=with_rules({}, rules),
            most_marks=settings.history_stale_marks,
            piece_hours=settings.indicator_piece_hours,
            has_time=lambda _: True,
        )
        return process_signals(
            stored,
            at,
            rules=rules,
            compute=compute,
            piece_instruments=settings.signal_piece_instruments,
            fill_rows=settings.signal_fill_rows,
            has_time=lambda: True,
            most_pieces=most_pieces,
            is_published=True,
        )

    def changed_minute(number: int) -> tuple[float, float, float]:
        """Each instrument's next minute, and the run after it: on the wall, of the backend, of Python."""
        insert_candles(stored, NOON + (number - 1) * MINUTE, NOON + number * MINUTE, INSTRUMENTS, trades=10, left_out=0)
        begun, backend, python = time.perf_counter(), backend_seconds(stored), time.process_time()
        report = process(number + 2)
        assert report.signal_marks_left == 0
        return (
            time.perf_counter() - begun,
            backend_seconds(stored) - backend,
            time.process_time() - python,
        )

    # Rules and indicators are known, and filled; they continue from the last hours' values.
    keep_set(stored, with_rules({}, rules), NOON - HOUR)
    stored.execute("UPDATE market.indicator_set SET filled_from = '-infinity'")
    process(-30, most_pieces=0)
    stored.execute("UPDATE market.signal_rules SET filled_from = '-infinity'")
    stored.execute(
        "INSERT INTO market.marks (work, hour, instrument_ids) SELECT 'indicate', hour, array_agg(i)"
        " FROM generate_series(%s, %s, INTERVAL '1 hour') AS hour, generate_series(1, %s::integer) AS i GROUP BY hour",
        [NOON - 12 * HOUR, NOON - HOUR, INSTRUMENTS],
    )
    process(-10)
    vacuum(stored, "candles", "indicator_values", "indicator_states", "signals")
    # The first closes a bucket of each timeframe; others lie in buckets that are open.
    closing = changed_minute(0)
    others = [changed_minute(number) for number in (5, 10, 15)]
    wall, backend, python = (median(each) for each in zip(*others, strict=True))
    (signals,) = stored.execute("SELECT count(*) FROM market.signals").fetchone() or (0,)
    print(
        f"\nP16 {INSTRUMENTS:,} instruments x 5 rules x {len(TIMEFRAMES)} timeframes, {WHERE}, after a changed minute"
        f" of each, the whole run: one that closes a bucket of each timeframe {closing[0]:.2f} s (backend"
        f" {closing[1]:.2f}, Python {closing[2]:.2f}); the others' median {wall:.2f} s (backend {backend:.2f}, Python"
        f" {python:.2f}); {signals:,} signals stored"
    )


# Of each instrument a hundred; the newest of each is open.
_INSERT_SIGNALS = """
INSERT INTO market.signals (
    strategy, strategy_version, instrument_id, timeframe, time, known_at, direction, strength, confidence, price,
    target_price, stop_loss, generated_at, expires_at, ended_at, ended_by, from_rule, rationale, indicators_used
)
SELECT
    's' || n %% 5, '1', i, '5m', t, t + INTERVAL '5 min', 1, 0.5, 0.5, 100, 102, 99, t + INTERVAL '6 min',
    t + INTERVAL '1 day', CASE WHEN n > 0 THEN t + INTERVAL '1 hour' END, CASE WHEN n > 0 THEN 'stop' END, true,
    'RSI 31.2 came back above 30 at 100',
    '[{"name": "rsi", "value": 31.2}]'
FROM generate_series(0, 99) AS n
CROSS JOIN generate_series(1, %(instruments)s) AS i
CROSS JOIN LATERAL (SELECT %(newest)s::timestamptz - n * INTERVAL '1 hour' - i %% 60 * INTERVAL '1 minute' AS t) AS at
"""


def test_p17_active_and_latest_signals(connection: Connection) -> None:
    instruments = 10_000 if ON_SERVER else 100
    list_instruments(connection, instruments)
    connection.execute(_INSERT_SIGNALS, {"instruments": instruments, "newest": NOON})
    vacuum(connection, "signals", "instruments")

    def milliseconds(query: str, **values: object) -> float:
        """What the database takes, the median of some."""
        taken = []
        for _ in range(9):
            rows = connection.execute(
                "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement(query), values
            ).fetchone()
            assert rows is not None
            taken.append(float(rows[0][0]["Execution Time"]))
        return median(taken)

    none = {"strategy": None, "timeframe": None}
    for most in (1_000, 10_000):
        active = milliseconds(
            "list_signals", **none, instrument_id=None, is_active=True, starts="-infinity", ends="infinity",
            before_time="infinity", before_id=0, most=most + 1,
        )  # fmt: skip
        latest = milliseconds("list_latest_signals", **none, after="", most=most + 1)
        print(
            f"P17 signals of {instruments:,} instruments, {100 * instruments:,} stored, {WHERE}, ms in the database, a"
            f" page of {most:,}: active {active:.1f}, the latest of each {latest:.1f}"
        )
