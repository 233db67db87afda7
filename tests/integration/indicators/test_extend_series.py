"""Values that continue from the stored ones, without the candles before: the same as over the whole series."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from chandlery.indicators import compute_piece
from chandlery.indicators.numerics.functions import Indicator, resolve
from chandlery.minutes.store import candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.words.timeframe import Timeframe
from tests.integration.indicators.test_indicators import (
    AFTER,
    HOUR,
    INDICATE,
    SET,
    STARTS,
    assert_equal,
    change,
    expected_of,
    part,
    process,
    series_of,
    stored_of,
)
from tests.integration.indicators.test_indicators import instrument as instrument
from tests.integration.indicators.test_indicators import minutes as minutes
from tests.integration.indicators.test_indicators import real_minutes as real_minutes

WANTED: Mapping[Timeframe, Sequence[Indicator]] = {Timeframe.M5: SET, Timeframe.H1: SET}
MIDDLE = STARTS + 36 * HOUR  # enough for every hourly value


def assert_whole(connection: Connection, instrument: int, ends: datetime = AFTER) -> None:
    for timeframe in WANTED:
        expected = expected_of(series_of(connection, instrument, timeframe, ends))
        assert_equal(stored_of(connection, instrument, timeframe), expected)


def standings(connection: Connection) -> Mapping[str, datetime]:
    return dict(connection.execute("SELECT timeframe, time FROM market.indicator_states").fetchall())


def row_versions(connection: Connection) -> Sequence[tuple[Any, ...]]:
    query = "SELECT indicator_id, time, xmin::text FROM market.indicator_values ORDER BY 1, 2"
    return connection.execute(query).fetchall()


@pytest.fixture
def standing(connection: Connection, instrument: int, minutes: CandleColumns) -> int:
    """An instrument with values up to the middle, from where they can continue."""
    candles.write_vendor(connection, instrument, part(minutes, STARTS, MIDDLE))
    process(connection, MIDDLE + timedelta(minutes=3), WANTED)
    assert standings(connection) == {
        "5m": MIDDLE - timedelta(minutes=5),
        "1h": MIDDLE - HOUR,
    }
    return instrument


def test_new_candles_are_all_that_is_read(
    connection: Connection, standing: int, minutes: CandleColumns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise AssertionError("read a warm-up")

    monkeypatch.setattr(compute_piece, "read_around", refuses)
    begins = connection.execute("SELECT DISTINCT made_from FROM market.indicators WHERE name = 'adx'").fetchall()
    # In the middle of an hour too: its next candles mark it again.
    for after in (timedelta(hours=2, minutes=20), timedelta(hours=2, minutes=40), 5 * HOUR):
        candles.write_vendor(connection, standing, part(minutes, MIDDLE, MIDDLE + after))
        report = process(connection, MIDDLE + after + timedelta(minutes=3), WANTED)
        assert report.values_written > 0
        assert (report.values_changed, report.values_deleted, report.indicator_marks_left) == (0, 0, 0)
        assert_whole(connection, standing, MIDDLE + after + timedelta(minutes=3))
    again = connection.execute("SELECT DISTINCT made_from FROM market.indicators WHERE name = 'adx'").fetchall()
    assert again == begins  # its state stems from there


def test_a_candle_healed_in_the_last_hour_is_noticed(
    connection: Connection, standing: int, minutes: CandleColumns
) -> None:
    change(connection, standing, max(each for each in minutes.times if each < MIDDLE - timedelta(minutes=20)), "701.5")
    candles.write_vendor(connection, standing, part(minutes, MIDDLE, MIDDLE + HOUR))
    report = process(connection, AFTER, WANTED)
    assert report.values_changed > 0
    assert report.values_written > 0
    assert_whole(connection, standing)


def test_a_candle_healed_long_ago_leaves_nothing_to_go_on_from_but_what_is_right(
    connection: Connection, standing: int, minutes: CandleColumns
) -> None:
    change(connection, standing, next(each for each in minutes.times if each >= STARTS + 2 * HOUR), "655.25")
    process(connection, MIDDLE + timedelta(minutes=3), WANTED)
    candles.write_vendor(connection, standing, part(minutes, MIDDLE, MIDDLE + 3 * HOUR))
    process(connection, AFTER, WANTED)
    assert_whole(connection, standing)


def test_rows_of_somebody_else_are_put_right(connection: Connection, standing: int, minutes: CandleColumns) -> None:
    connection.execute(
        "INSERT INTO market.indicator_values"
        " SELECT instrument_id, indicator_id, time + INTERVAL '1 hour', 1, NULL, NULL, made_from, 'me', made_at"
        " FROM market.indicator_values JOIN market.stored_indicators USING (indicator_id)"
        " WHERE name = 'rsi' AND time >= %s",
        [MIDDLE - HOUR],
    )
    candles.write_vendor(connection, standing, part(minutes, MIDDLE, MIDDLE + 3 * HOUR))
    report = process(connection, AFTER, WANTED)
    assert report.values_changed > 0
    assert report.indicator_marks_left == 0
    assert_whole(connection, standing)
    assert connection.execute("SELECT count(*) FROM market.indicators WHERE made_by = 'me'").fetchone() == (0,)


def test_a_run_of_an_earlier_time_that_comes_late_is_no_place_to_go_on_from(
    connection: Connection, standing: int, minutes: CandleColumns
) -> None:
    before = row_versions(connection)
    connection.execute(INDICATE, [MIDDLE - 8 * HOUR, [standing]])
    process(connection, MIDDLE - 6 * HOUR, WANTED)
    assert standings(connection) == {}
    assert row_versions(connection) == before
    candles.write_vendor(connection, standing, part(minutes, MIDDLE, MIDDLE + 3 * HOUR))
    process(connection, AFTER, WANTED)
    assert_whole(connection, standing)


def test_another_set_does_not_continue_from_where_this_one_ended(
    connection: Connection, standing: int, minutes: CandleColumns
) -> None:
    """While a timeframe is not kept up, what changes does not reach it."""
    process(connection, MIDDLE + timedelta(minutes=3), {Timeframe.H1: [*SET, resolve("wma", {})]})
    assert "5m" not in standings(connection)
    change(connection, standing, next(each for each in minutes.times if each >= MIDDLE - 3 * HOUR), "702.25")
    process(connection, MIDDLE + timedelta(minutes=3), {})
    assert standings(connection) == {}
    candles.write_vendor(connection, standing, part(minutes, MIDDLE, MIDDLE + 3 * HOUR))
    process(connection, AFTER, WANTED)
    connection.execute(
        "DELETE FROM market.indicator_values WHERE indicator_id IN"
        " (SELECT indicator_id FROM market.stored_indicators WHERE name = 'wma')"
    )
    assert_whole(connection, standing)
