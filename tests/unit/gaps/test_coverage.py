"""How complete candles are, and the hours and weeks they are looked at by."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.gaps.domain.coverage import coverage_of
from chandlery.words.window import HOUR, WEEK, floor_hour, floor_week

# hypothesis takes naive bounds, and gives aware times.
MOMENTS = st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
KOLKATA = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("expected", "unexplained", "coverage"),
    [(0, 0, 1.0), (10, 0, 1.0), (10, 10, 0.0), (8, 2, 0.75), (1440, 1, 1439 / 1440)],
)
def test_coverage_is_what_is_present_or_explained(expected: int, unexplained: int, coverage: float) -> None:
    assert coverage_of(expected, unexplained) == coverage


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_coverage_runs_from_0_to_1_and_is_whole_only_without_a_gap(one: int, other: int) -> None:
    unexplained, expected = sorted((one, other))
    coverage = coverage_of(expected, unexplained)
    assert 0 <= coverage <= 1
    assert (coverage == 1) == (unexplained == 0)


@pytest.mark.parametrize(("expected", "unexplained"), [(10, 11), (0, 1), (10, -1), (-1, 0), (-2, -1)])
def test_counts_that_cannot_be_are_refused(expected: int, unexplained: int) -> None:
    with pytest.raises(ValueError, match=f"{unexplained} unexplained of {expected} expected minutes cannot be"):
        coverage_of(expected, unexplained)


@given(MOMENTS)
def test_a_moment_lies_in_its_hour(moment: datetime) -> None:
    hour = floor_hour(moment)
    assert hour <= moment < hour + HOUR
    assert (hour.minute, hour.second, hour.microsecond) == (0, 0, 0)
    assert floor_hour(hour) == hour


@given(MOMENTS)
def test_a_moment_lies_in_its_week_which_begins_on_a_monday(moment: datetime) -> None:
    monday = floor_week(moment)
    assert monday <= moment < monday + WEEK
    assert (monday.weekday(), monday.time(), monday.tzinfo) == (0, datetime.min.time(), UTC)
    assert floor_week(monday) == monday


def test_hours_and_weeks_are_those_of_utc() -> None:
    # Half past in Kolkata is a full hour, and its early Monday still Sunday.
    assert floor_hour(datetime(2019, 1, 7, 9, 15, tzinfo=KOLKATA)) == datetime(2019, 1, 7, 3, tzinfo=UTC)
    assert floor_week(datetime(2019, 1, 7, 5, 29, tzinfo=KOLKATA)) == datetime(2018, 12, 31, tzinfo=UTC)
    assert floor_week(datetime(2019, 1, 7, 5, 30, tzinfo=KOLKATA)) == datetime(2019, 1, 7, tzinfo=UTC)


def test_naive_moments_have_no_hour_and_no_week() -> None:
    with pytest.raises(ValueError, match="time zone"):
        floor_hour(datetime(2026, 1, 1))  # noqa: DTZ001  # the point of the test
    with pytest.raises(TypeError, match="naive"):
        floor_week(datetime(2026, 1, 1))  # noqa: DTZ001
