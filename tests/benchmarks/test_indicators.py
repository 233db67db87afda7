"""What storing indicators costs, compared with the sums alone: TA-Lib on the same arrays, in memory."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from time import process_time

import pytest
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.indicators.compute_indicators import IndicatorReport, compute_indicators
from chandlery.indicators.indicator_set import read_indicator_set
from chandlery.indicators.mark_unfilled import keep_set
from chandlery.indicators.numerics.candle_arrays import Candles
from chandlery.indicators.numerics.functions import compute
from chandlery.platform.settings import Settings
from chandlery.reading.store.series import PageWanted, read_around
from chandlery.refresh.store import refreshes
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, HOUR, Window
from tests.benchmarks.scene import NOON, ON_SERVER, WHERE, insert_candles, list_instruments, unmarked, vacuum

INSTRUMENTS = 1_000 if ON_SERVER else 20
DAYS = 12
PIECE = Settings.model_fields["indicator_piece_hours"].default


def processor_seconds(connection: Connection, action: Callable[[], object]) -> float:
    """What it takes of the processor, here and, where the server is on this machine, in its session."""
    stat = Path(f"/proc/{connection.info.backend_pid}/stat")

    def used() -> float:
        ticks = stat.read_text().rpartition(")")[2].split()[11:13] if ON_SERVER and stat.exists() else []
        return process_time() + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    before = used()
    action()
    return used() - before


@pytest.fixture
def stored(connection: Connection) -> Connection:
    """Some days of candles in every timeframe: a minute in five, which leaves few buckets of 15 empty."""
    list_instruments(connection, INSTRUMENTS)
    with unmarked(connection, "candles"):
        for number in range(DAYS):
            starts = NOON - (DAYS - number) * DAY
            insert_candles(connection, starts, starts + DAY, INSTRUMENTS, trades=10, left_out=0.8)
    for rollup in CANDLES.rollups:
        whole = Window(rollup.timeframe.ceil_bucket(NOON - DAYS * DAY), rollup.timeframe.floor_bucket(NOON))
        refreshes.refresh(connection, rollup.relation, whole)
    vacuum(connection, "candles")
    # The history before is not filled here.
    keep_set(connection, read_indicator_set(), NOON)
    connection.execute("UPDATE market.indicator_set SET filled_from = '-infinity'")
    return connection


def test_p10_the_indicator_pass_and_ta_lib_alone(stored: Connection) -> None:
    wanted = read_indicator_set()

    def indicate(at: datetime, first: int = 1, last: int = INSTRUMENTS) -> IndicatorReport:
        stored.execute(
            "INSERT INTO market.marks (work, hour, instrument_ids) SELECT 'indicate', hour, array_agg(i)"
            " FROM generate_series(%s, %s, INTERVAL '1 hour') AS hour, generate_series(%s::integer, %s) AS i"
            " GROUP BY hour",
            [at - 6 * HOUR, at - HOUR, first, last],
        )
        run_at = at + timedelta(minutes=30)
        report = compute_indicators(stored, run_at, wanted=wanted, piece_hours=PIECE, has_time=lambda: True)
        assert report.marks_left == 0
        return report

    reports: list[IndicatorReport] = []
    # Earlier values are there: new ones continue from them.
    filled = processor_seconds(stored, lambda: indicate(NOON - 12 * HOUR))
    tenth = processor_seconds(stored, lambda: indicate(NOON - 6 * HOUR, last=INSTRUMENTS // 10))
    indicate(NOON - 6 * HOUR, first=INSTRUMENTS // 10 + 1)
    vacuum(stored, "indicator_values", "indicator_states")
    regular = processor_seconds(stored, lambda: reports.append(indicate(NOON)))
    again = processor_seconds(stored, lambda: reports.append(indicate(NOON)))
    assert reports[0].values_written
    assert not reports[1].changed

    stretches = [PageWanted(i, NOON - 6 * HOUR, NOON, NOON) for i in range(1, INSTRUMENTS + 1)]
    arrays: dict[Timeframe, list[Candles]] = {}
    for timeframe in wanted:
        found = read_around(stored, timeframe, stretches, sinces=[None] * INSTRUMENTS, before=1000, beyond=0)
        arrays[timeframe] = [each.candles for each in found.values()]

    def alone() -> None:
        for timeframe, series in arrays.items():
            for each in series:
                for indicator in wanted[timeframe]:
                    compute(indicator, each)

    sums = processor_seconds(stored, alone)
    size = stored.execute(
        "SELECT hypertable_size('market.indicator_values') / count(*) FROM market.indicators"
    ).fetchone()
    assert size is not None
    print(
        f"\nP10 indicators, {INSTRUMENTS:,} instruments x {len(wanted)} timeframes x 10, {WHERE}, seconds of the"
        f" processor: six hours of candles {regular:.2f} s ({reports[0].values_written:,} values);"
        f" TA-Lib alone on arrays of the same candles and a warm-up of 1,000 {sums:.2f} s: ratio {regular / sums:.1f};"
        f" looked at again, with nothing changed, {again:.1f} s: {again / sums:.1f}; from no values, with warm-up,"
        f" {filled:.1f} s: {filled / sums:.1f}; {size[0]:,.0f} bytes a value before columns\n"
        f"growth: {INSTRUMENTS // 10:,} instruments {tenth:.2f} s; of history a pass reads what follows its state"
    )
