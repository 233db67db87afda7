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
            is_told=True,
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

    # Rules and indicators are known, and filled; the last hours' values are there to go on from.
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
    signals = stored.execute("SELECT count(*) FROM market.signals").fetchone()
    print(
        f"\nP16 {INSTRUMENTS:,} instruments x 5 rules x {len(TIMEFRAMES)} timeframes, {WHERE}, after a changed minute"
        f" of each, the whole run: one that closes a bucket of each timeframe {closing[0]:.2f} s (backend"
        f" {closing[1]:.2f}, Python {closing[2]:.2f}); the others' median {wall:.2f} s (backend {backend:.2f}, Python"
        f" {python:.2f}); {signals} signals"
    )
