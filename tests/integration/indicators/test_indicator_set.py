"""A set of indicators that changes: what is new in it is filled over stored history, what is stored stays."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from chandlery.indicators.numerics.functions import Indicator
from chandlery.indicators.store import indicators, unindicated
from chandlery.minutes.store import candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.platform.errors import Retryable
from chandlery.words.timeframe import Timeframe
from tests.integration.derived_scene import listed
from tests.integration.indicators.test_indicators import (
    AFTER,
    FIRST,
    HOUR,
    KEY,
    MINUTES_TOO,
    SET,
    STARTS,
    assert_whole,
    instrument,
    part,
    pieces,
    process,
    real_minutes,
    row_versions,
)

__all__ = ["instrument", "real_minutes"]

Set = Mapping[Timeframe, Sequence[Indicator]]


@pytest.fixture(scope="module")
def minutes(real_minutes: CandleColumns) -> CandleColumns:
    """Twelve hours of them: what is new in a set is the same however long the history is."""
    return part(real_minutes, STARTS, STARTS + 12 * HOUR)


def without(*names: str) -> Set:
    return {timeframe: [each for each in some if each.name not in names] for timeframe, some in MINUTES_TOO.items()}


def unfilled(connection: Connection) -> int:
    return unindicated.count(connection, AFTER).unfilled


def test_what_is_new_is_filled_and_what_is_stored_stays(
    connection: Connection, instrument: int, minutes: CandleColumns
) -> None:
    candles.write_vendor(connection, instrument, minutes)
    process(connection, wanted=without("obv", "macd"))
    before = row_versions(connection)
    report = process(connection)
    assert_whole(connection, instrument)
    assert (report.indicators_unfilled, report.indicator_marks_left) == (0, 0)
    after = row_versions(connection)
    new = {key for key in after if key not in before}
    assert {name for _, name, _ in new} == {"obv", "macd"}
    # What TA-Lib's running sums leave of a window that has passed may differ in its last digits.
    assert sum(after[key] != version for key, version in before.items()) < len(before) / 1_000
    assert not process(connection).changed


def test_filled_in_bounded_stretches_the_newest_first(
    connection: Connection, instrument: int, minutes: CandleColumns
) -> None:
    candles.write_vendor(connection, instrument, minutes)
    process(connection, STARTS + 13 * HOUR, wanted={})
    oldest, runs = [], 0
    while True:
        runs += 1
        report = process(connection, STARTS + 13 * HOUR, has_time=pieces(3), fill_buckets=90)
        row = connection.execute("SELECT min(time) FROM market.indicators WHERE timeframe = '1m'").fetchone()
        oldest.append(row[0] if row else None)
        if not (report.indicators_unfilled or report.pieces_left or report.indicator_marks_left):
            break
        assert runs < 50
    known = [each for each in oldest if each]
    assert len(set(known)) > 5
    assert known == sorted(known, reverse=True)
    assert_whole(connection, instrument)


def test_a_run_that_dies_while_filling_leaves_its_marks(
    connection: Connection, instrument: int, minutes: CandleColumns, monkeypatch: pytest.MonkeyPatch
) -> None:
    candles.write_vendor(connection, instrument, minutes)
    process(connection, wanted={})

    def dies(*_: object, **__: object) -> None:
        raise Retryable("the database is gone")

    with monkeypatch.context() as patch:
        patch.setattr(indicators, "insert", dies)
        with pytest.raises(Retryable):
            process(connection)
    assert unindicated.count(connection, AFTER).marks > 0
    process(connection)
    assert_whole(connection, instrument)


def test_what_goes_stays_stored_and_is_made_good_when_it_comes_back(
    connection: Connection, instrument: int, minutes: CandleColumns
) -> None:
    half = STARTS + 6 * HOUR + timedelta(minutes=7)
    candles.write_vendor(connection, instrument, part(minutes, STARTS, half))
    process(connection)
    candles.write_vendor(connection, instrument, part(minutes, half, STARTS + 12 * HOUR))
    process(connection, wanted=without("obv", "rsi"))
    kept = connection.execute("SELECT max(time) < %s FROM market.indicators WHERE name = 'obv'", [half]).fetchone()
    assert kept == (True,)
    assert unfilled(connection) == 0
    process(connection)
    assert_whole(connection, instrument)


def test_with_no_candles_there_is_nothing_to_fill(connection: Connection) -> None:
    assert process(connection).indicators_unfilled == 0
    entries = connection.execute("SELECT count(*), max(filled_from)::text FROM market.indicator_set").fetchone()
    assert entries == (len(SET) * len(MINUTES_TOO), "-infinity")


def test_many_instruments_are_filled_in_pieces(connection: Connection, minutes: CandleColumns) -> None:
    both = listed(connection, "24/7", FIRST, date(2016, 10, 31), KEY, "BITFINEX@OTHER@SPOT")
    for each in both:
        candles.write_vendor(connection, each, minutes)
    process(connection, wanted={})
    process(connection, piece_hours=12)
    for each in both:
        assert_whole(connection, each)


def oldest(connection: Connection) -> dict[str, datetime]:
    return dict(connection.execute("SELECT timeframe, min(time) FROM market.indicators GROUP BY timeframe").fetchall())


def test_nothing_is_filled_or_computed_before_retention_would_drop_it(
    connection: Connection, instrument: int, minutes: CandleColumns
) -> None:
    keep = AFTER - (STARTS + 6 * HOUR)
    candles.write_vendor(connection, instrument, minutes)
    whole = process(connection)
    expected = row_values(connection, STARTS + 6 * HOUR)
    connection.execute("TRUNCATE market.indicator_values, market.indicator_set")

    filled = process(connection, keep=keep)
    assert (filled.indicators_unfilled, filled.indicator_marks_left) == (0, 0)
    assert 0 < filled.values_written < whole.values_written
    assert row_values(connection, STARTS) == expected
    # A run that comes later, or older candles that change, do not begin it again.
    assert not process(connection, keep=keep).changed
    connection.execute("TRUNCATE market.indicator_values")
    connection.execute("UPDATE market.candles SET high = high + 1 WHERE time < %s", [STARTS + 2 * HOUR])
    process(connection, keep=keep)
    assert set(oldest(connection).values()) <= {STARTS + 6 * HOUR}


def test_older_values_that_remain_follow_their_candles(
    connection: Connection, instrument: int, minutes: CandleColumns
) -> None:
    candles.write_vendor(connection, instrument, minutes)
    process(connection)
    connection.execute("UPDATE market.candles SET high = high + 1 WHERE time < %s", [STARTS + 2 * HOUR])
    assert process(connection, keep=timedelta(hours=1)).values_changed > 0
    assert_whole(connection, instrument)


def row_values(connection: Connection, since: datetime) -> dict[tuple[Any, ...], float]:
    """The values from a moment on, by what they are of."""
    rows = connection.execute(
        "SELECT timeframe, name, time, round(value::numeric, 6) FROM market.indicators WHERE time >= %s", [since]
    )
    return {tuple(key): value for *key, value in rows.fetchall()}
