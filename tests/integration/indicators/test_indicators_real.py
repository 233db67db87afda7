"""Stored indicators of real minutes, imported, refreshed and processed, against TA-Lib's own run."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from psycopg import Connection, sql

from chandlery.datasets.candles import CANDLES
from chandlery.gaps.import_candles import import_candles
from chandlery.indicators.numerics.candle_arrays import Candles
from chandlery.words.timeframe import Timeframe
from local.lots import checked_candle_lots
from tests.integration.derived_scene import listed
from tests.integration.indicators.test_indicators import DAY, SET, Stored, assert_equal, expected_of, process, stored_of

LATEST = datetime(2020, 1, 1, tzinfo=UTC)
FRAMES = (Timeframe.M5, Timeframe.H1, Timeframe.D1)
WANTED = dict.fromkeys(FRAMES, SET)
# obv and ad need volume: of an index it is zero throughout, and so are they.
FILES = [
    ("us-candles-1m/IBM.csv.gz", "XNYS", date(2013, 10, 1), date(2013, 10, 31)),
    ("us-candles-1m/AIG.csv.gz", "XNYS", date(2013, 10, 1), date(2013, 10, 31)),
    ("in-candles-1m/NIFTY50.csv.gz", "XBOM", date(2018, 12, 25), date(2019, 1, 31)),
]


def imported(connection: Connection, path: Path, calendar: str, first: date, last: date) -> tuple[int, datetime]:
    """An instrument with a file's minutes; and a moment by which every bucket over them has closed."""
    (instrument,) = listed(connection, calendar, first, last, "X@A@EQ")
    with checked_candle_lots(path, latest=LATEST) as lots:
        import_candles(connection, instrument, lots)
    row = connection.execute("SELECT max(time) FROM market.candles").fetchone()
    assert row is not None
    return instrument, row[0] + 20 * DAY + timedelta(minutes=30)


def expected_values(connection: Connection, instrument: int, timeframe: Timeframe) -> Mapping[str, Stored]:
    query = sql.SQL(
        "SELECT extract(epoch FROM time)::bigint, open::float8, high::float8, low::float8, close::float8,"
        " volume::float8 FROM market.{} WHERE instrument_id = %s ORDER BY time"
    ).format(sql.Identifier(CANDLES.relation(timeframe)))
    columns = np.array(connection.execute(query, [instrument]).fetchall(), dtype=np.float64).T
    return expected_of(Candles(columns[0].astype(np.int64), *(each.copy() for each in columns[1:])))


def assert_from(connection: Connection, instrument: int, starts: datetime) -> None:
    """What is stored is TA-Lib's own run, from one moment on only."""
    for timeframe in FRAMES:
        expected = expected_values(connection, instrument, timeframe)
        # A day's own session may lie some days from its date: marks touch those around it as well.
        since = timeframe.floor_bucket(starts - DAY) if timeframe is Timeframe.D1 else starts
        later = {name: {t: v for t, v in values.items() if t >= since} for name, values in expected.items()}
        stored = stored_of(connection, instrument, timeframe)
        assert_equal(stored, later, price=10_000.0)
        assert all(min(stored[name], default=LATEST) == min(later[name], default=LATEST) for name in later)
    found = stored_of(connection, instrument, Timeframe.M5)
    assert all(len(found[name]) > 10 for name in found)
    # In five days there are five daily candles, whose warm-up is longer but for sums.
    assert {name for name, values in stored_of(connection, instrument, Timeframe.D1).items() if values} == {"obv"}


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(("file", "calendar", "first", "last"), FILES, ids=["IBM", "AIG", "NIFTY50"])
def test_real_minutes(
    connection: Connection, real_data: Path, file: str, calendar: str, first: date, last: date
) -> None:
    process(connection, datetime(2013, 1, 1, tzinfo=UTC), WANTED)  # nothing is new in the set of those before
    instrument, at = imported(connection, real_data / file, calendar, first, last)
    report = process(connection, at, WANTED)
    assert (report.indicator_marks_left, report.indicators_unfilled) == (0, 0)
    assert_from(connection, instrument, datetime(2000, 1, 1, tzinfo=UTC))

    # Without values, and from a late mark on: those before it are warmed up by, and not stored.
    row = connection.execute("SELECT max(hour) - INTERVAL '25 hours' FROM market.candle_hours").fetchone()
    assert row is not None
    connection.execute("TRUNCATE market.indicator_values")
    mark = "INSERT INTO market.marks (work, hour, instrument_ids) VALUES ('indicate', %s, %s)"
    connection.execute(mark, [row[0], [instrument]])
    assert process(connection, at, WANTED).values_written > 0
    assert_from(connection, instrument, row[0])
