"""Real market data in every timeframe."""

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from psycopg import Connection

from chandlery.gaps.import_candles import import_candles
from chandlery.minutes.import_ticks import import_ticks
from chandlery.words.window import DAY
from local.lots import checked_candle_lots, tick_lots
from local.market_file import open_tick_file
from tests.integration.derived_scene import assert_rolled, derived, listed, open_hours, refresh, stored_minutes, whole
from tests.integration.market import live
from tests.plain_derived import TIMEFRAMES

LATEST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.long
@pytest.mark.parametrize(
    ("file", "calendar", "first", "last"),
    [
        ("us-candles-1m/IBM.csv.gz", "XNYS", date(2013, 10, 1), date(2013, 10, 31)),
        ("us-candles-1m/AIG.csv.gz", "XNYS", date(2013, 10, 1), date(2013, 10, 31)),
        ("in-candles-1m/NIFTY50.csv.gz", "XBOM", date(2018, 12, 25), date(2019, 1, 31)),
    ],
)
def test_real_minutes_roll_up(
    connection: Connection, real_data: Path, file: str, calendar: str, first: date, last: date
) -> None:
    (instrument,) = listed(connection, calendar, first, last, "X@A@EQ")
    with checked_candle_lots(real_data / file, latest=LATEST) as lots:
        import_candles(connection, instrument, lots)
    hours = open_hours(connection, calendar)
    assert_rolled(connection, instrument, hours)  # computed when read
    computed = whole(connection)
    minutes = stored_minutes(connection, instrument)
    at = minutes[len(minutes) // 2].time
    refresh(connection, at)
    assert_rolled(connection, instrument, hours)  # half and half
    assert refresh(connection, minutes[-1].time + 40 * DAY).marks_left == 0
    assert_rolled(connection, instrument, hours)  # materialized
    assert whole(connection) == computed
    assert {len(derived(connection, instrument, timeframe)) for timeframe in ("1d", "1w", "1mo")} <= {5, 1, 2}


def seconds(path: Path) -> Iterator[Mapping[str, str]]:
    with gzip.open(path, "rt") as file:
        yield from csv.DictReader(file)


def as_ticks(second: Mapping[str, str], *, closes_only: bool) -> Sequence[str]:
    """A second's candle as ticks: four prices, of which the last has the volume; or its close alone."""
    if closes_only:
        return [f"{second['time']},{second['close']},{second['volume']},1,1"]
    edges = [f"{second['time']},{second[price]},{second['volume']},1,0" for price in ("open", "high", "low")]
    return [*edges, f"{second['time']},{second['close']},{second['volume']},1,1"]


@pytest.mark.long
@pytest.mark.parametrize(("closes_only", "equal"), [(False, 4216), (True, 2524)])
def test_seconds_taken_for_ticks_make_the_same_minutes(
    connection: Connection, real_data: Path, tmp_path: Path, closes_only: bool, equal: int
) -> None:
    """All 4,216 minutes of BTCUSD, where a second's four prices become four ticks.

    Where only its close becomes one, 2,524: the others have an open, high or low that no second closed at.
    """
    (instrument,) = listed(connection, "24/7", date(2016, 10, 1), date(2016, 10, 31), "X@BTCUSD@CRYPTO")
    folder = real_data / "crypto-candles"
    path = tmp_path / "ticks.csv"
    lines = [line for each in seconds(folder / "BTCUSD-1s.csv.gz") for line in as_ticks(each, closes_only=closes_only)]
    path.write_text("time,price,size,updates_ohlc,updates_volume\n" + "\n".join(lines) + "\n")
    with open_tick_file(path, latest=LATEST) as reader:
        import_ticks(connection, instrument, tick_lots(iter(reader), instrument, lambda: None))
    for day in (8, 9, 10):
        live(connection, datetime(2016, 10, day, tzinfo=UTC))
    ours = {m.time: (m.open, m.high, m.low, m.close, m.volume) for m in stored_minutes(connection, instrument)}
    theirs = {
        datetime.fromisoformat(row["time"]): tuple(
            Decimal(row[name]) for name in ("open", "high", "low", "close", "volume")
        )
        for row in seconds(folder / "BTCUSD-1m.csv.gz")
    }
    assert ours.keys() == theirs.keys()
    assert sum(ours[time] == theirs[time] for time in theirs) == equal
    assert [time for time in theirs if ours[time][3:] != theirs[time][3:]] == []
    hours = open_hours(connection, "24/7")
    refresh(connection, datetime(2016, 10, 10, tzinfo=UTC))
    assert_rolled(connection, instrument, hours)
    for timeframe in TIMEFRAMES:
        candles = derived(connection, instrument, timeframe).values()
        assert sum((candle.volume for candle in candles), Decimal()) == sum(row[4] for row in theirs.values())
