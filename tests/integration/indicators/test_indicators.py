"""Stored indicators against TA-Lib's own run over the whole series, however the processor came by them."""

import csv
import gzip
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import talib
from psycopg import Connection, sql

from chandlery.datasets.candles import CANDLES
from chandlery.indicators.numerics.candle_arrays import Candles
from chandlery.indicators.numerics.functions import LIBRARY, Indicator, resolve
from chandlery.indicators.process_history import HistoryReport, process_history
from chandlery.indicators.store import indicators, unindicated
from chandlery.minutes.store import candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.platform.errors import Retryable
from chandlery.words.timeframe import Timeframe
from tests.integration.derived_scene import listed
from tests.integration.market import always

KEY = "BITFINEX@BTCUSD@SPOT"
FIRST = date(2016, 10, 1)
STARTS = datetime(2016, 10, 7, tzinfo=UTC)
INDICATE = "INSERT INTO market.marks (work, hour, instrument_ids) VALUES ('indicate', %s, %s)"
AFTER = datetime(2016, 10, 20, 0, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BOUND = 1e-9
# What TA-Lib's running sums may leave of a window that has passed.
ROUNDING = 1e-11

# What the default set holds, and TA-Lib called directly.
Direct = Callable[[Candles], Any]
CALLS: Mapping[str, Direct] = {
    "sma": lambda c: talib.SMA(c.close, 20),
    "ema": lambda c: talib.EMA(c.close, 20),
    "rsi": lambda c: talib.RSI(c.close, 14),
    "macd": lambda c: talib.MACD(c.close, 12, 26, 9),
    "bbands": lambda c: talib.BBANDS(c.close, 20, 2, 2, 0),
    "atr": lambda c: talib.ATR(c.high, c.low, c.close, 14),
    "obv": lambda c: talib.OBV(c.close, c.volume),
    "stoch": lambda c: talib.STOCH(c.high, c.low, c.close, 14, 3, 0, 3, 0),
    "adx": lambda c: talib.ADX(c.high, c.low, c.close, 14),
    "cci": lambda c: talib.CCI(c.high, c.low, c.close, 20),
}
PARAMETERS: Mapping[str, Mapping[str, float]] = {
    "sma": {"timeperiod": 20},
    "ema": {"timeperiod": 20},
    "bbands": {"timeperiod": 20},
    "stoch": {"fastk_period": 14},
    "cci": {"timeperiod": 20},
}
SET: Sequence[Indicator] = [resolve(name, PARAMETERS.get(name, {})) for name in CALLS]
MINUTES_TOO = dict.fromkeys((Timeframe.M1, Timeframe.M5, Timeframe.H1), SET)


@pytest.fixture(scope="module")
def real_minutes(real_data: Path) -> CandleColumns:
    """Three days of real minutes; those without a trade are absent."""
    with gzip.open(real_data / "crypto-candles" / "BTCUSD-1m.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    columns = {name: [row[name] for row in rows] for name in ("open", "high", "low", "close", "volume")}
    none: list[Any] = [None] * len(rows)
    times = [datetime.fromisoformat(row["time"]) for row in rows]
    return CandleColumns(
        times, columns["open"], columns["high"], columns["low"], columns["close"], columns["volume"], none, none
    )


def part(minutes: CandleColumns, starts: datetime, ends: datetime) -> CandleColumns:
    """Those of a stretch."""
    places = [place for place, time in enumerate(minutes.times) if starts <= time < ends]
    return CandleColumns(**{name: [column[place] for place in places] for name, column in vars(minutes).items()})


@pytest.fixture(scope="module")
def minutes(real_minutes: CandleColumns) -> CandleColumns:
    """Two days of them: enough hours for the longest warm-up."""
    return part(real_minutes, STARTS, STARTS + 2 * DAY)


@pytest.fixture
def instrument(connection: Connection) -> int:
    """On a database whose processor has run before: nothing is new in its set."""
    process(connection, STARTS - DAY)
    return listed(connection, "24/7", FIRST, date(2016, 10, 31), KEY)[0]


def process(
    connection: Connection,
    at: datetime = AFTER,
    wanted: Mapping[Timeframe, Sequence[Indicator]] = MINUTES_TOO,
    **limits: Any,
) -> HistoryReport:
    """One run."""
    settings: dict[str, Any] = {"most_marks": 100_000, "piece_hours": 50_000, "has_time": always}
    return process_history(connection, at, wanted=wanted, **(settings | limits))


Stored = Mapping[datetime, Sequence[float]]


def stored_of(connection: Connection, instrument: int, timeframe: Timeframe) -> Mapping[str, Stored]:
    """Each indicator's values, without the outputs it has not."""
    found: dict[str, dict[datetime, Sequence[float]]] = {name: {} for name in CALLS}
    for name, time, *values in connection.execute(
        "SELECT name, time, value, value_2, value_3 FROM market.indicators"
        " WHERE instrument_id = %s AND timeframe = %s ORDER BY time",
        [instrument, timeframe],
    ):
        found[name][time] = [value for value in values if value is not None]
    return found


def series_of(connection: Connection, instrument: int, timeframe: Timeframe, ends: datetime = AFTER) -> Candles:
    """The whole series of candles in closed buckets."""
    width = timeframe.width
    assert width is not None
    query = sql.SQL(
        "SELECT extract(epoch FROM time)::bigint, open::float8, high::float8, low::float8, close::float8,"
        " volume::float8 FROM market.{} WHERE instrument_id = %s AND time <= %s ORDER BY time"
    ).format(sql.Identifier(CANDLES.relation(timeframe)))
    rows = connection.execute(query, [instrument, ends - timedelta(minutes=1) - width]).fetchall()
    columns = [np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)]
    return Candles(columns[0].astype(np.int64), *columns[1:])


def expected_of(series: Candles) -> Mapping[str, Stored]:
    """TA-Lib's own run: values where it has one."""
    times = [datetime.fromtimestamp(second, UTC) for second in series.time]
    found = {}
    for name, call in CALLS.items():
        outputs = call(series)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        rows = zip(times, np.transpose(outputs).tolist(), strict=True)
        found[name] = {time: values for time, values in rows if not np.isnan(values[0])}
    return found


def assert_equal(found: Mapping[str, Stored], expected: Mapping[str, Stored], price: float = 600.0) -> None:
    """Within the bound; a sum to the last digit. Below the last digits of a price there is no difference."""
    for name, values in expected.items():
        assert found[name].keys() == values.keys(), name
        allowed = {"rel": 0, "abs": 0} if name == "obv" else {"rel": BOUND, "abs": 1e-14 * price}
        for time, outputs in values.items():
            assert found[name][time] == pytest.approx(outputs, **allowed), (name, time)


def assert_whole(connection: Connection, instrument: int, ends: datetime = AFTER) -> None:
    for timeframe in MINUTES_TOO:
        series = series_of(connection, instrument, timeframe, ends)
        assert_equal(stored_of(connection, instrument, timeframe), expected_of(series))


def row_versions(connection: Connection) -> Mapping[tuple[Any, ...], str]:
    rows = connection.execute(
        "SELECT timeframe, name, time, v.xmin::text FROM market.indicator_values AS v"
        " JOIN market.stored_indicators USING (indicator_id)"
    ).fetchall()
    return {(timeframe, name, time): xmin for timeframe, name, time, xmin in rows}


def change(connection: Connection, instrument: int, minute: datetime, close: str) -> None:
    """As a healed candle does."""
    changed = connection.execute(
        "UPDATE market.candles SET close = %(close)s, high = greatest(high, %(close)s), low = least(low, %(close)s)"
        " WHERE instrument_id = %(instrument)s AND time = %(minute)s",
        {"close": close, "instrument": instrument, "minute": minute},
    )
    assert changed.rowcount == 1


def test_stored_values_are_those_over_the_whole_series(
    connection: Connection, instrument: int, minutes: CandleColumns
) -> None:
    candles.write_vendor(connection, instrument, minutes)
    report = process(connection)
    assert report.values_written > 30_000
    assert (report.values_changed, report.indicator_marks_left, report.pieces_left) == (0, 0, 0)
    assert_whole(connection, instrument)
    made = connection.execute("SELECT DISTINCT timeframe, made_from, made_at, made_by FROM market.indicators")
    assert set(made.fetchall()) == {
        (timeframe.value, timeframe.floor_bucket(minutes.times[0]), AFTER, LIBRARY) for timeframe in MINUTES_TOO
    }

    before = row_versions(connection)
    again = process(connection)
    assert not again.changed
    connection.execute(
        "INSERT INTO market.marks (work, hour, instrument_ids)"
        " SELECT DISTINCT 'indicate', date_bin('1 hour', time, 'epoch'), %s FROM market.candles",
        [[instrument]],
    )
    once_more = process(connection)
    assert once_more.series == 30
    assert not once_more.changed
    assert row_versions(connection) == before


def test_values_written_as_candles_come_are_the_same(
    connection: Connection, instrument: int, minutes: CandleColumns
) -> None:
    at = STARTS
    while at <= STARTS + 2 * DAY:
        candles.write_vendor(connection, instrument, part(minutes, at - 6 * HOUR, at))
        process(connection, at + timedelta(minutes=30))
        at += 6 * HOUR
    process(connection)
    assert_whole(connection, instrument)
    anchors = connection.execute("SELECT DISTINCT made_from FROM market.indicators WHERE name = 'obv'").fetchall()
    assert len(anchors) <= 3  # the first bucket of each timeframe
    read = connection.execute(
        "SELECT count(DISTINCT made_from) FROM market.indicators WHERE name = 'sma' AND timeframe = '1m'"
    ).fetchone()
    assert read is not None
    assert read[0] > 5  # not from the beginning of the series each time


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("hour", [1, 40])
def test_wherever_the_processor_starts(
    connection: Connection, instrument: int, minutes: CandleColumns, hour: int
) -> None:
    """On a database with history and no values: those from the first mark on are right, and there are no others."""
    candles.write_vendor(connection, instrument, minutes)
    process(connection, has_time=lambda seconds: seconds > 0)  # derived candles alone
    connection.execute("DELETE FROM market.marks WHERE work = 'indicate'; DELETE FROM market.unindicated_hours")
    starts = STARTS + hour * HOUR
    connection.execute(INDICATE, [starts, [instrument]])
    process(connection)
    for timeframe in MINUTES_TOO:
        expected = expected_of(series_of(connection, instrument, timeframe))
        later = {name: {t: v for t, v in values.items() if t >= starts} for name, values in expected.items()}
        assert_equal(stored_of(connection, instrument, timeframe), later)


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("close", ["613.21", "900"])
def test_a_healed_candle_is_felt_as_far_as_anything_changes(
    connection: Connection, instrument: int, minutes: CandleColumns, close: str
) -> None:
    candles.write_vendor(connection, instrument, minutes)
    process(connection)
    old = {timeframe: expected_of(series_of(connection, instrument, timeframe)) for timeframe in MINUTES_TOO}
    before = row_versions(connection)
    minute = next(time for time in minutes.times if time >= STARTS + 20 * HOUR)

    change(connection, instrument, minute, close)
    report = process(connection)

    assert_whole(connection, instrument)
    rewritten = {key for key, xmin in row_versions(connection).items() if before[key] != xmin}
    assert len(rewritten) == report.values_changed > 0
    assert (report.values_written, report.values_deleted) == (0, 0)
    for timeframe in MINUTES_TOO:
        first = timeframe.floor_bucket(minute)
        new = expected_of(series_of(connection, instrument, timeframe))
        for name in CALLS:
            times = {time for frame, each, time in rewritten if (frame, each) == (timeframe, name)}
            assert all(time >= first for time in times)
            for time, outputs in new[name].items():
                scale = max(map(abs, outputs))
                apart = max(abs(a - b) for a, b in zip(outputs, old[timeframe][name][time], strict=True))
                if apart > 1e-9 * scale + ROUNDING:
                    assert time in times, (timeframe, name, time)
                elif apart <= 1e-11 * scale and apart <= ROUNDING / 100:
                    assert time not in times, (timeframe, name, time, apart)
    windows = {"sma": 20, "bbands": 20, "cci": 20}
    for name, window in windows.items():
        assert sum(frame == "5m" and each == name for frame, each, _ in rewritten) <= window


def test_a_candle_that_goes_takes_its_values_along(
    connection: Connection, instrument: int, minutes: CandleColumns
) -> None:
    candles.write_vendor(connection, instrument, minutes)
    process(connection)
    starts = STARTS + 30 * HOUR
    deleted = connection.execute(
        "DELETE FROM market.candles WHERE instrument_id = %s AND time >= %s AND time < %s",
        [instrument, starts, starts + timedelta(minutes=10)],
    )
    assert deleted.rowcount
    report = process(connection)
    assert report.values_deleted >= 20  # two buckets of five minutes, ten indicators
    assert_whole(connection, instrument)


@pytest.fixture
def in_columns(connection: Connection, instrument: int, minutes: CandleColumns) -> int:
    """An instrument whose stored values are in the columnstore, and for half of a day in rows next to it."""
    candles.write_vendor(connection, instrument, minutes)
    process(connection)
    connection.execute("SELECT compress_chunk(chunk, true) FROM show_chunks('market.indicator_values') AS chunk")
    change(connection, instrument, minutes.times[40], "612.5")
    process(connection)
    connection.execute("ANALYZE market.indicator_values")
    return instrument


@pytest.mark.long
def test_a_candle_healed_days_later_reaches_values_in_columns(
    connection: Connection, in_columns: int, minutes: CandleColumns
) -> None:
    hole = next(at for at in minutes.times if at >= STARTS + 30 * HOUR)
    change(connection, in_columns, hole, "700.25")
    report = process(connection, AFTER + 10 * DAY)
    assert report.values_changed > 100
    assert (report.values_written, report.values_deleted) == (0, 0)
    assert_whole(connection, in_columns)
    twice = connection.execute(
        "SELECT count(*) FROM (SELECT FROM market.indicator_values GROUP BY instrument_id, indicator_id, time"
        " HAVING count(*) > 1) AS twice"
    ).fetchone()
    assert twice == (0,)


@pytest.mark.long
def test_a_candle_that_goes_takes_values_in_columns_along(connection: Connection, in_columns: int) -> None:
    starts = STARTS + 30 * HOUR
    connection.execute(
        "DELETE FROM market.candles WHERE instrument_id = %s AND time >= %s AND time < %s",
        [in_columns, starts, starts + timedelta(minutes=10)],
    )
    # As a planner does that finds many rows next to the columns.
    connection.execute("SET enable_seqscan = off")
    connection.execute("SET enable_indexscan = off")
    report = process(connection, AFTER + 10 * DAY)
    connection.execute("RESET enable_seqscan")
    connection.execute("RESET enable_indexscan")
    assert report.values_deleted >= 20
    assert_whole(connection, in_columns)


@pytest.mark.long
def test_the_first_candles_come_late(connection: Connection, instrument: int, minutes: CandleColumns) -> None:
    """History before the anchor: a sum has a new one, and all that follows shifts."""
    half = STARTS + 36 * HOUR
    candles.write_vendor(connection, instrument, part(minutes, half, STARTS + 2 * DAY))
    process(connection)
    candles.write_vendor(connection, instrument, part(minutes, STARTS - DAY, half))
    process(connection)
    assert_whole(connection, instrument)


@pytest.mark.long
def test_a_long_history_is_done_in_parts(connection: Connection, instrument: int, minutes: CandleColumns) -> None:
    candles.write_vendor(connection, instrument, minutes)
    runs = 0
    while process(connection, piece_hours=4, has_time=pieces(2)).pieces_left:
        runs += 1
    assert runs >= 3
    assert_whole(connection, instrument)


def pieces(most: int) -> Callable[[float], bool]:
    """Time for the refresh, for spreading the marks, and for N pieces."""
    asked: list[float] = []

    def has_time(seconds: float) -> bool:
        if seconds:
            return True
        asked.append(seconds)
        return len(asked) <= most + 2

    return has_time


def test_a_run_that_dies_leaves_its_marks(
    connection: Connection, minutes: CandleColumns, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = listed(connection, "24/7", FIRST, date(2016, 10, 31), KEY, "BITFINEX@OTHER@SPOT")
    for each in both:
        candles.write_vendor(connection, each, part(minutes, STARTS, STARTS + 12 * HOUR))
    real = indicators.insert
    written: list[int] = []

    def dies(*arguments: Any, **named: Any) -> None:
        written.append(1)
        if len(written) == 5:  # in the middle of the second instrument
            raise Retryable("the database is gone")
        real(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(indicators, "insert", dies)
        with pytest.raises(Retryable):
            process(connection, piece_hours=12)
    done = connection.execute("SELECT DISTINCT instrument_id FROM market.indicators").fetchall()
    assert done == [(both[0],)]
    waiting = unindicated.count(connection, AFTER).marks
    assert waiting > 0

    report = process(connection, piece_hours=12)
    assert report.indicator_marks_left == 0
    for each in both:
        assert_whole(connection, each)


def test_a_bucket_is_computed_once_it_has_closed(
    connection: Connection, instrument: int, minutes: CandleColumns
) -> None:
    """Its last trade may be long before its end: no other candle then says that there is something to do."""
    last = STARTS + 10 * HOUR + timedelta(minutes=11)
    candles.write_vendor(connection, instrument, part(minutes, STARTS - DAY, last))
    at = STARTS + 10 * HOUR + timedelta(minutes=15)
    process(connection, at)
    assert max(stored_of(connection, instrument, Timeframe.M5)["sma"]) == at - timedelta(minutes=10)
    process(connection, at + timedelta(minutes=1))
    assert max(stored_of(connection, instrument, Timeframe.M5)["sma"]) == at - timedelta(minutes=5)
    assert max(stored_of(connection, instrument, Timeframe.H1)["obv"]) == STARTS + 9 * HOUR
    report = process(connection, STARTS + 11 * HOUR + timedelta(minutes=1))
    assert max(stored_of(connection, instrument, Timeframe.H1)["obv"]) == STARTS + 10 * HOUR
    assert report.values_changed == 0
    left = connection.execute("SELECT count(*) FROM market.marks WHERE work = 'indicate'").fetchone()
    assert left == (0,)


def test_a_day_is_computed_once_its_session_is_over(connection: Connection, minutes: CandleColumns) -> None:
    (instrument,) = listed(connection, "XNYS", date(2016, 9, 1), date(2016, 10, 31), "NYSE@IBM@EQ")
    open_hours = [(STARTS + timedelta(hours=13, minutes=30 + n)) for n in range(390)]
    price: list[str] = ["100"] * len(open_hours)
    none: list[Any] = [None] * len(open_hours)
    candles.write_vendor(
        connection, instrument, CandleColumns(open_hours, price, price, price, price, price, none, none)
    )
    wanted = {Timeframe.D1: [resolve("obv", {})], Timeframe.W1: [resolve("obv", {})]}

    def days(timeframe: str) -> list[datetime]:
        rows = connection.execute("SELECT time FROM market.indicators WHERE timeframe = %s", [timeframe]).fetchall()
        return [time for (time,) in rows]

    process(connection, STARTS + timedelta(hours=18, minutes=30), wanted)
    assert days("1d") == []
    process(connection, STARTS + timedelta(hours=24, minutes=30), wanted)
    assert days("1d") == [STARTS]
    assert days("1w") == []
    process(connection, STARTS + timedelta(days=3, minutes=30), wanted)
    assert days("1w") == [STARTS - timedelta(days=4)]
    # A session's hours may lie some days before its date: the mark stays until those are over too.
    process(connection, STARTS + timedelta(days=10, minutes=30), wanted)
    assert connection.execute("SELECT count(*) FROM market.marks WHERE work = 'indicate'").fetchone() == (0,)


def test_what_is_not_a_value_is_refused(connection: Connection) -> None:
    indicator = "INSERT INTO market.stored_indicators (timeframe, name, parameters) VALUES ('{}', 'rsi', '{}')"
    value = "INSERT INTO market.indicator_values VALUES (1, 1, now(), 'NaN', NULL, NULL, now(), 'x', now())"
    for refused in (indicator.format("7m", "{}"), indicator.format("5m", "[]"), value):
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(refused.encode())
