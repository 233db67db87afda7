"""Derived candles: reading them, refreshing what a changed minute touches, and healing what is in columns."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from statistics import median

import pytest
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.minutes.store import candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.platform.statements import statement
from chandlery.reading.store.candle_pages import OF_ONE
from chandlery.refresh.refresh_history import refresh_history
from chandlery.refresh.refresh_stale import refresh_stale
from chandlery.refresh.store import refreshes
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, HOUR, Window
from tests.benchmarks.scene import (
    MINUTE,
    NOON,
    ON_SERVER,
    WHERE,
    alternate,
    insert_candles,
    list_instruments,
    processor_seconds,
    seconds,
    unmarked,
)
from tests.faults.databases import create_database, drop_database
from tests.integration.market import candles_of, timescaledb_of

ROUNDS = 9
CHANGES = 45
READ_INSTRUMENTS = 100 if ON_SERVER else 20
YEAR_INSTRUMENTS = 4
YEAR = 365
KEPT = 90
HEALED_INSTRUMENTS = 20 if ON_SERVER else 10
LATE = NOON + DAY
MIDNIGHT = NOON.replace(hour=0)


def store(connection: Connection, starts: datetime, ends: datetime, instruments: int) -> None:
    """Candles of a stretch, a week a statement, without marks."""
    with unmarked(connection, "candles"):
        while starts < ends:
            insert_candles(connection, starts, min(starts + 7 * DAY, ends), instruments, trades=5, left_out=0.02)
            starts += 7 * DAY
    connection.execute("ANALYZE market.candles")


def materialize(connection: Connection, starts: datetime) -> None:
    for timeframe in (Timeframe.H4, Timeframe.D1):
        refresh_history(connection, CANDLES, timeframe, Window(starts, LATE), LATE, lambda *_: None)


def test_reading(connection: Connection) -> None:
    """The latest 15m candles of an instrument over 7 days, compared with those of a day."""
    list_instruments(connection, READ_INSTRUMENTS)
    store(connection, NOON - 7 * DAY, NOON - 7 * MINUTE, READ_INSTRUMENTS)
    refresh_history(connection, CANDLES, Timeframe.H4, Window(NOON - 8 * DAY, NOON), NOON - HOUR, lambda *_: None)

    def read(days: int, number: int) -> int:
        window = Window(NOON - days * DAY, NOON)
        return len(candles_of(connection, 1 + number * 7 % READ_INSTRUMENTS, window, Timeframe.M15))

    assert read(7, 0) == 7 * 96
    week, day = alternate(ROUNDS, lambda number: read(7, number), lambda number: read(1, number))
    plans = [plan_times(connection, 1 + number) for number in range(ROUNDS)]
    planning, execution = (median(times) for times in zip(*plans, strict=True))
    print(
        f"\n[{WHERE}] 672 candles of 15m out of {READ_INSTRUMENTS:,} instruments: in the database"
        f" {planning + execution:.1f} ms ({planning:.1f} to plan); with the way to Python {week * 1000:.1f} ms,"
        f" {week / day:.1f} x a day's"
    )


def plan_times(connection: Connection, instrument: int) -> tuple[float, float]:
    """Milliseconds to plan and to execute the reading of a week."""
    values = {"instrument_id": instrument, "width": 15 * MINUTE, "starts": NOON - 7 * DAY, "ends": NOON, "most": None}
    values |= {"first_open": NOON, "by_session": False, "backward": False, "partial_too": True, "since": None}
    text = statement("read_derived_page", "candles_15m", lists=OF_ONE)
    row = connection.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT json) {text}", values).fetchone()  # own words
    assert row is not None
    return row[0][0]["Planning Time"], row[0][0]["Execution Time"]


@pytest.mark.parametrize("instruments", [1, 20])
def test_refreshing_a_week(connection: Connection, instruments: int) -> None:
    """7 days of 5m for the first time: all at once, and by TimescaleDB's own default, batches since 2.28."""
    if timescaledb_of(connection) < (2, 28):
        pytest.skip("before 2.28 TimescaleDB refreshes all at once by itself")
    list_instruments(connection, instruments)
    store(connection, MIDNIGHT - 7 * DAY, MIDNIGHT, instruments)
    week = Window(MIDNIGHT - 7 * DAY, MIDNIGHT)
    by_default = "CALL refresh_continuous_aggregate('market.candles_5m', %s::timestamptz, %s::timestamptz)"

    def at_once() -> None:
        refreshes.refresh(connection, "candles_5m", week)

    def in_batches() -> None:
        connection.execute(by_default, [week.starts, week.ends])

    taken: dict[Callable[[], None], list[float]] = {at_once: [], in_batches: []}
    for number in range(4):
        for refresh in list(taken)[:: 1 if number % 2 else -1]:
            connection.execute("TRUNCATE market.candles_5m")
            taken[refresh].append(seconds(refresh))
    once, batches = (median(times) for times in taken.values())
    print(
        f"\n[{WHERE}] 7 days of 5m of {instruments} instruments refreshed: {once:.2f} s at once, in batches of 10"
        f" buckets {batches:.2f} s, {batches / once:.1f} x that"
    )


@contextmanager
def fresh(server_url: str, name: str) -> Iterator[Connection]:
    """A database without what earlier benchmarks left in the catalogue."""
    name = f"chandlery_{name}_{os.getpid()}"
    with connect(Settings(database_url=create_database(server_url, name)), "bench") as connection:
        yield connection
    drop_database(server_url, name)


@pytest.fixture
def day_and_year(server_url: str) -> Iterator[tuple[Connection, Connection]]:
    """Two databases, whose changes are measured alternating."""
    with fresh(server_url, "day") as day, fresh(server_url, "year") as year:
        yield day, year


def test_p11_changed_minute_with_a_day_and_with_90_days_stored(day_and_year: tuple[Connection, Connection]) -> None:
    """From the change to every timeframe. TimescaleDB 2.23 plans a nested aggregate over each chunk of minutes."""
    day_alone, connection = day_and_year
    for each, starts in ((day_alone, MIDNIGHT), (connection, MIDNIGHT - YEAR * DAY)):
        list_instruments(each, YEAR_INSTRUMENTS)
        store(each, starts, MIDNIGHT + DAY, YEAR_INSTRUMENTS)
        filling = seconds(partial(materialize, each, starts))
    _, year = _beside_a_day(day_alone, connection)
    _, ago = _beside_a_day(day_alone, connection, YEAR - 20)
    connection.execute("SELECT drop_chunks('market.candles', older_than => %s::timestamptz)", [MIDNIGHT - KEPT * DAY])
    connection.execute("VACUUM")  # hundreds of chunks have just left the catalogue
    day, kept = _beside_a_day(day_alone, connection)
    print(
        f"\nP11 a changed minute through all timeframes, {YEAR_INSTRUMENTS} instruments, {WHERE}:"
        f" {day * 1000:.0f} ms of the processor with a day stored;"
        f" with the minutes of {KEPT} days, and what {YEAR} days made, {kept:.2f} x that;"
        f" with the minutes of {YEAR} days {year:.2f} x,"
        f" for one {YEAR - 20} days back {ago:.2f} x;"
        f" filling the {YEAR} days took {filling:.1f} s"
    )


def _beside_a_day(day: Connection, more: Connection, days_back: int = 0) -> tuple[float, float]:
    """What a change takes with a day stored, and how many times that with more: medians of alternating pairs."""
    taken = [(change(day, number), change(more, number, days_back)) for number in range(CHANGES)]
    return median(of_day for of_day, _ in taken), median(of_more / of_day for of_day, of_more in taken)


def change(connection: Connection, number: int, days_back: int = 0) -> float:
    at = MIDNIGHT + 9 * HOUR + number * MINUTE - days_back * DAY
    connection.execute(
        "UPDATE market.candles SET volume = volume + 1 WHERE instrument_id = 1 AND time >= %s AND time < %s",
        [at, at + 5 * MINUTE],
    )
    late = LATE + DAY
    return processor_seconds(
        connection, lambda: refresh_stale(connection, late, most_marks=1000, has_time=lambda: True)
    )


def test_healing_what_is_in_columns(connection: Connection) -> None:
    """A late vendor candle, and an hour of them, into columns and into rows; and making columns of them again."""
    list_instruments(connection, HEALED_INSTRUMENTS)
    week = timedelta(days=7)
    starts = datetime(2026, 2, 12, tzinfo=NOON.tzinfo)  # a Thursday: where chunks begin
    store(connection, starts, starts + 2 * week, HEALED_INSTRUMENTS)
    connection.execute("UPDATE market.candles SET source = 'vendor_historical', version = 0")
    connection.execute(
        "ALTER TABLE market.candles SET (timescaledb.enable_columnstore, timescaledb.segmentby = 'instrument_id',"
        " timescaledb.orderby = 'time')"
    )
    chunk = connection.execute(
        "SELECT format('%%I.%%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks"
        " WHERE hypertable_name = 'candles' AND range_start = %s",
        [starts],
    ).fetchone()
    assert chunk is not None

    def to_columns() -> None:
        connection.execute("SELECT compress_chunk(%s::regclass, true)", chunk)

    whole = seconds(to_columns)

    def heal(count: int, number: int, first: datetime) -> float:
        times = [first + (DAY * (number % 6)) + (number * 61 + minute) * MINUTE for minute in range(count)]
        prices = [Decimal(1000 + number)] * count
        columns = CandleColumns(times, prices, prices, prices, prices, prices, [None] * count, [None] * count)
        return seconds(lambda: candles.write_vendor(connection, 1 + number, columns))

    for count in (1, 60):
        in_rows = [heal(count, number, starts + week) for number in range(ROUNDS)]
        in_columns = []
        for number in range(ROUNDS):
            in_columns.append(heal(count, number, starts))
            again = seconds(to_columns)
        rows, columns = median(in_rows), median(in_columns)
        print(
            f"\n[{WHERE}] {count} vendor candles into rows {rows * 1000:.1f} ms,"
            f" into columns {columns / rows:.1f} x that; the chunk of {HEALED_INSTRUMENTS} instruments made columns"
            f" again {again * 1000:.0f} ms (at first {whole:.1f} s)"
        )
    connection.execute("SELECT decompress_chunk(chunk, true) FROM show_chunks('market.candles') AS chunk")
    connection.execute("ALTER TABLE market.candles SET (timescaledb.enable_columnstore = false)")
