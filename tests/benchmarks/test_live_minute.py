"""What a live minute costs, compared with TimescaleDB's own refresh of it; and with a day stored or an hour."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from statistics import median

import pytest
from psycopg import Connection

from chandlery.minutes.aggregate_live import LiveReport, aggregate_live
from chandlery.platform.settings import Settings
from tests.benchmarks.scene import (
    MINUTE,
    NOON,
    ON_SERVER,
    WHERE,
    alternate,
    insert_ticks,
    list_instruments,
    processor_seconds,
    seconds,
    vacuum,
)

INSTRUMENTS = 10_000 if ON_SERVER else 500
FEWER = INSTRUMENTS // 10
TICKS = 60
MEASURED_MINUTES = 5 if ON_SERVER else 2
WARM_MINUTES = 2
STORED_MINUTES = WARM_MINUTES + 2 * MEASURED_MINUTES
GAP_CHECK = Settings.model_fields["live_gap_check_buckets"].default


@pytest.fixture
def continuous_aggregate(connection: Connection) -> Iterator[str]:
    """TimescaleDB's own candles of a minute; ties in time are left to chance, as its users leave them."""
    connection.execute(
        "CREATE MATERIALIZED VIEW market.bench_1m WITH (timescaledb.continuous, timescaledb.materialized_only) AS"
        " SELECT instrument_id, time_bucket('1 minute', time) AS bucket, first(price, time), max(price), min(price),"
        " last(price, time), sum(size) AS volume, sum(price * size) AS turnover, count(*) FROM market.ticks"
        " GROUP BY 1, 2 WITH NO DATA"
    )
    yield "market.bench_1m"
    connection.execute("DROP MATERIALIZED VIEW market.bench_1m")


def live(connection: Connection, at: datetime, gap_check_buckets: int = 0) -> LiveReport:
    """One live run."""
    return aggregate_live(
        connection, at, piece_candles=20_000, gap_check_buckets=gap_check_buckets, has_time=lambda: True
    )


@pytest.mark.parametrize("batches", [1, TICKS])
def test_p1_live_minute_and_a_refresh_of_the_same(
    connection: Connection, continuous_aggregate: str, batches: int
) -> None:
    list_instruments(connection, INSTRUMENTS)
    for number in range(STORED_MINUTES):
        insert_ticks(connection, NOON + number * MINUTE, MINUTE, INSTRUMENTS, TICKS, batches)
    vacuum(connection, "ticks", "dirty", "instruments")
    first = NOON + WARM_MINUTES * MINUTE
    live(connection, first)
    ours, theirs = _beside_a_refresh(connection, continuous_aggregate, first)
    # A server that is busy has no process to spare for a fold; a refresh never has more than its own.
    connection.execute("SET max_parallel_workers_per_gather = 0")
    alone, again = _beside_a_refresh(
        connection, continuous_aggregate, first + MEASURED_MINUTES * MINUTE, partial(processor_seconds, connection)
    )
    tenth = _of_fewer(connection)
    name = "P1" if batches == 1 else f"P1 in {batches} statements"
    print(
        f"\n{name} live minute, {INSTRUMENTS:,} instruments x {TICKS} ticks, {WHERE}: {ours:.2f} s;"
        f" continuous aggregate refresh {theirs:.2f} s; ratio {ours / theirs:.2f};"
        f" by one process of the server {alone:.2f} and {again:.2f} s of the processor, ratio {alone / again:.2f}\n"
        f"P1 growth: a minute in which {FEWER:,} of them trade {tenth:.3f} s of the processor"
    )


def _of_fewer(connection: Connection) -> float:
    """Seconds of the processor for a minute of a tenth of the instruments."""
    first = NOON + (STORED_MINUTES + 1) * MINUTE
    for number in range(MEASURED_MINUTES):
        insert_ticks(connection, first + number * MINUTE, MINUTE, FEWER, TICKS)
    return median(
        processor_seconds(connection, partial(live, connection, first + (number + 1) * MINUTE))
        for number in range(MEASURED_MINUTES)
    )


def _beside_a_refresh(
    connection: Connection, aggregate: str, first: datetime, measure: Callable[[Callable[[], object]], float] = seconds
) -> list[float]:
    """The seconds of a live run and of a refresh, over the same minutes, alternating."""

    def refresh(number: int) -> None:
        starts = first + number * MINUTE
        connection.execute(
            "CALL refresh_continuous_aggregate(%s, %s::timestamptz, %s::timestamptz)",
            [aggregate, starts, starts + MINUTE],
        )

    return alternate(
        MEASURED_MINUTES,
        lambda number: live(connection, first + (number + 1) * MINUTE),
        refresh,
        measure=measure,
    )


# The full market would be 864 million rows a day: a tenth of its instruments, at a tenth of their ticks, fit the time.
THIN_INSTRUMENTS = 1_000 if ON_SERVER else 50
THIN_TICKS = 6


@pytest.mark.parametrize("hours", [1, 10])
def test_p1_live_run_with_much_stored(connection: Connection, hours: int) -> None:
    list_instruments(connection, THIN_INSTRUMENTS)
    _store(connection, hours)
    taken = []
    for number in range(MEASURED_MINUTES):
        starts = NOON + number * MINUTE
        insert_ticks(connection, starts, MINUTE, THIN_INSTRUMENTS, THIN_TICKS, THIN_TICKS)
        taken.append(seconds(partial(live, connection, starts + MINUTE)))
    check = [_gap_check(connection, NOON + (MEASURED_MINUTES + number) * MINUTE) for number in range(9)]
    print(
        f"\nP1 growth: {THIN_INSTRUMENTS:,} instruments x {THIN_TICKS} ticks, {hours} h of such stored, {WHERE}:"
        f" {median(taken):.3f} s; check for lost marks {median(check):.3f} s, at most {max(check):.3f} s"
    )


def _store(connection: Connection, hours: int) -> None:
    """Ticks up to noon, and the candles they would have made."""
    for hour in range(hours, 0, -1):
        insert_ticks(connection, NOON - hour * 60 * MINUTE, 60 * MINUTE, THIN_INSTRUMENTS, 60 * THIN_TICKS, THIN_TICKS)
    connection.execute("TRUNCATE market.dirty")
    connection.execute(
        "INSERT INTO market.candles (instrument_id, time, open, high, low, close, volume, turnover, trades,"
        " session_date, extended, source, version)"
        " SELECT i, minute, 120, 130, 110, 125, 1000, 120000, 6, minute::date, false, 'live_aggregated',"
        " extract(epoch FROM minute) * 1000 FROM generate_series(%s::timestamptz, %s, INTERVAL '1 minute') AS minute,"
        " generate_series(1, %s) AS i",
        [NOON - hours * 60 * MINUTE, NOON - MINUTE, THIN_INSTRUMENTS],
    )
    vacuum(connection, "ticks", "candles", "dirty", "instruments")


def _gap_check(connection: Connection, at: datetime) -> float:
    """What the check adds to a run that has nothing else to do; each minute looks at another slice of the day."""
    return seconds(lambda: live(connection, at, GAP_CHECK)) - seconds(lambda: live(connection, at))
