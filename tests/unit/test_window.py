from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.domain.window import DAY, MINUTE, Window, floor_minute, turn_of_day

MOMENTS = st.datetimes(datetime(2005, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(MOMENTS)
def test_a_moment_lies_in_its_minute(moment: datetime) -> None:
    minute = floor_minute(moment)
    assert minute <= moment < minute + MINUTE
    assert floor_minute(minute) == minute


def test_a_minute_is_named_in_utc() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    assert floor_minute(datetime(2019, 1, 1, 9, 15, 30, tzinfo=kolkata)) == datetime(2019, 1, 1, 3, 45, tzinfo=UTC)


@pytest.mark.parametrize("ends", [datetime(2026, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)])
def test_a_window_ends_after_it_starts(ends: datetime) -> None:
    with pytest.raises(ValueError, match="must end after it starts"):
        Window(datetime(2026, 1, 1, tzinfo=UTC), ends)


def test_naive_times_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        floor_minute(datetime(2026, 1, 1))  # noqa: DTZ001  # the point of the test
    with pytest.raises(ValueError, match="time zone"):
        Window(datetime(2026, 1, 1), datetime(2026, 1, 2))  # noqa: DTZ001


@given(MOMENTS.map(floor_minute), st.integers(2, 1440))
def test_turns_stay_in_the_day_and_cover_a_minute_that_stays_in_it(now: datetime, minutes: int) -> None:
    turns = -(-1439 // (minutes - 1))
    windows = [turn_of_day(Window.day_before(now + turn * MINUTE), minutes) for turn in range(turns)]
    for turn, window in enumerate(windows):
        assert window.ends <= now + turn * MINUTE
        assert window.starts >= now + turn * MINUTE - DAY
    # A minute that is in the day throughout comes up.
    newest, oldest = now - MINUTE, now + turns * MINUTE - DAY
    for minute in (newest, oldest, newest - (newest - oldest) / 2):
        if oldest <= newest:
            assert any(window.starts <= minute < window.ends for window in windows)
