from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from chandlery.datasets.candles import CANDLES
from chandlery.datasets.rollup import Rollup
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, HOUR, MINUTE, Window

# hypothesis takes naive bounds, and gives aware times.
MOMENTS = st.datetimes(datetime(2005, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
TIMEFRAMES = st.sampled_from(list(Timeframe))
AGGREGATED = [each.timeframe for each in CANDLES.rollups]
LENGTHS = st.timedeltas(timedelta(microseconds=1), 40 * DAY)
WINDOWS = st.builds(lambda starts, length: Window(starts, starts + length), MOMENTS, LENGTHS)


@pytest.mark.parametrize(
    ("text", "timeframe"),
    [
        *((each.value, each) for each in Timeframe),
        ("1minute", Timeframe.M1),
        ("5minute", Timeframe.M5),
        ("15minutes", Timeframe.M15),
        ("1hour", Timeframe.H1),
        ("4hours", Timeframe.H4),
        ("1day", Timeframe.D1),
        ("1week", Timeframe.W1),
        ("1month", Timeframe.MO1),
        ("1M", Timeframe.MO1),
        ("1m", Timeframe.M1),
        ("4H", Timeframe.H4),
        ("1D", Timeframe.D1),
        ("1W", Timeframe.W1),
    ],
)
def test_timeframes_have_names(text: str, timeframe: Timeframe) -> None:
    assert Timeframe.parse(text) is timeframe
    # As Chandlery's files are read: indicators.toml.
    assert TypeAdapter(Timeframe).validate_python(text) is timeframe


@pytest.mark.parametrize("text", ["", "2m", "5M", "15M", "1 minute", "60m", "minute", "1y"])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no timeframe .*; there is: 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w, 1mo"):
        Timeframe.parse(text)


def test_candles_know_what_they_are_made_of() -> None:
    def names(rollups: Sequence[Rollup]) -> list[str]:
        return [each.relation for each in rollups]

    relations = [CANDLES.relation(each) for each in Timeframe]
    longer = ["5m", "15m", "30m", "1h", "4h", "1d", "1w", "1mo"]
    assert relations == ["candles", *(f"candles_{each}" for each in longer)]
    assert names(CANDLES.chain(Timeframe.H1)) == ["candles_5m", "candles_15m", "candles_30m", "candles_1h"]
    assert names(CANDLES.built_on(Timeframe.H1)) == ["candles_1h", "candles_4h"]
    for each in (Timeframe.D1, Timeframe.W1, Timeframe.MO1):
        assert names(CANDLES.chain(each)) == names(CANDLES.built_on(each)) == ["candles_1d_parts"]
    with pytest.raises(KeyError, match="candles have no roll-up for 1m"):
        CANDLES.rollup_of(Timeframe.M1)
    stored = {each: CANDLES.stored_in(each) for each in (Timeframe.M1, Timeframe.M5, Timeframe.W1)}
    assert stored == {"1m": "candles", "5m": "candles_5m", "1w": "candles_1d_parts"}


@given(TIMEFRAMES, MOMENTS)
def test_a_moment_lies_in_its_bucket(timeframe: Timeframe, moment: datetime) -> None:
    bucket = timeframe.floor_bucket(moment)
    beyond = timeframe.next_bucket(moment)
    assert bucket <= moment < beyond
    assert timeframe.floor_bucket(bucket) == timeframe.ceil_bucket(bucket) == bucket
    assert timeframe.floor_bucket(beyond) == beyond == timeframe.next_bucket(bucket)
    assert timeframe.floor_bucket(beyond - timedelta(microseconds=1)) == bucket
    if timeframe.width:
        assert beyond - bucket == timeframe.width


@given(MOMENTS)
def test_days_weeks_and_months_start_where_they_are_said_to(moment: datetime) -> None:
    assert Timeframe.D1.floor_bucket(moment).date() == moment.date()
    assert Timeframe.W1.floor_bucket(moment).isoweekday() == 1
    month = Timeframe.MO1.floor_bucket(moment)
    assert (month.year, month.month, month.day, month.hour) == (moment.year, moment.month, 1, 0)
    # Each bucket but a session's is a whole number of the one below: a refresh from below is exact.
    for below, above in pairwise(AGGREGATED):
        assert below.floor_bucket(above.floor_bucket(moment)) == above.floor_bucket(moment)


def test_buckets_are_those_of_utc() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2019, 1, 1, 2, 15, tzinfo=kolkata)
    assert Timeframe.H4.floor_bucket(moment) == datetime(2018, 12, 31, 20, tzinfo=UTC)
    assert Timeframe.MO1.floor_bucket(moment) == datetime(2018, 12, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="time zone"):
        Timeframe.D1.floor_bucket(datetime(2026, 1, 1))  # noqa: DTZ001  # the point of the test


@given(TIMEFRAMES, MOMENTS, st.timedeltas(timedelta(microseconds=1), 3 * DAY))
def test_the_buckets_of_a_window_cover_it(timeframe: Timeframe, starts: datetime, length: timedelta) -> None:
    window = Window(starts, starts + length)
    buckets = list(timeframe.buckets(window))
    assert buckets[0] <= window.starts
    assert buckets[-1] < window.ends <= timeframe.next_bucket(buckets[-1])
    assert all(timeframe.next_bucket(one) == next_one for one, next_one in pairwise(buckets))


@given(st.sampled_from(AGGREGATED), st.lists(WINDOWS, max_size=5), WINDOWS)
def test_whole_buckets_are_those_touched_and_no_others(
    timeframe: Timeframe, touched: list[Window], within: Window
) -> None:
    runs = timeframe.whole_buckets(touched, within)
    found = {bucket for run in runs for bucket in timeframe.buckets(run)}
    assert found == {
        bucket
        for window in touched
        for bucket in timeframe.buckets(window)
        if bucket >= within.starts and timeframe.next_bucket(bucket) <= within.ends
    }
    for run in runs:
        assert timeframe.floor_bucket(run.starts) == run.starts
        assert timeframe.floor_bucket(run.ends) == run.ends
    assert all(one.ends < next_one.starts for one, next_one in pairwise(runs))


def test_neighbours_are_refreshed_together() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    hours = [Window(noon + at * HOUR, noon + (at + 1) * HOUR) for at in (3, 0, 1)]
    within = Window(noon, noon + 3 * HOUR + 20 * MINUTE)
    assert Timeframe.M15.whole_buckets(hours, within) == [
        Window(noon, noon + 2 * HOUR),
        Window(noon + 3 * HOUR, noon + 3 * HOUR + 15 * MINUTE),
    ]
    assert Timeframe.H4.whole_buckets(hours, within) == []
