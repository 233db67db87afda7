from datetime import UTC, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.words.window import (
    DAY,
    HOUR,
    MINUTE,
    WEEK,
    Window,
    cut_days,
    floor_hour,
    floor_minute,
    plausible_schedule,
    turn_of,
    whole_hours,
)

# hypothesis takes naive bounds, and gives aware times.
MOMENTS = st.datetimes(datetime(2005, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


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


@given(MOMENTS, st.integers(1, 300))
def test_whole_hours_are_those_that_a_window_touches(starts: datetime, minutes: int) -> None:
    window = Window(starts, starts + minutes * MINUTE)
    hours = whole_hours(window)
    assert hours.starts == floor_hour(window.starts)
    assert floor_hour(hours.ends) == hours.ends
    assert hours.ends - HOUR < window.ends <= hours.ends


@given(MOMENTS, st.timedeltas(MINUTE, 40 * DAY), st.integers(1, 9))
def test_a_window_is_cut_at_midnights(starts: datetime, length: timedelta, days: int) -> None:
    window = Window(starts, starts + length)
    pieces = list(cut_days(window, days * DAY))
    assert [each.starts for each in pieces] == [window.starts, *(each.ends for each in pieces[:-1])]
    assert pieces[-1].ends == window.ends
    assert all(each.ends - each.starts <= days * DAY for each in pieces)
    assert all(each.starts.time() == time() for each in pieces[1:])


@given(MOMENTS.map(floor_minute), st.integers(6, 1440), st.floats(0, 1), st.sampled_from([(DAY, 1), (WEEK - DAY, 5)]))
def test_every_minute_of_a_window_gets_its_turn(
    now: datetime, minutes: int, place: float, schedule: tuple[timedelta, int]
) -> None:
    length, every = schedule
    runs = -(-(length // MINUTE) // (minutes - every)) * 5 // 4 + 2
    ends = [now + run * every * MINUTE for run in range(runs)]
    windows = [turn_of(Window(end - length, end), minutes, every) for end in ends]
    for end, window in zip(ends, windows, strict=True):
        assert end - length <= window.starts < window.ends <= end
    # Any minute that is in the window throughout.
    oldest = ends[-1] - length
    if oldest < now - MINUTE:
        minute = floor_minute(oldest + place * (now - MINUTE - oldest))
        assert any(window.starts <= minute < window.ends for window in windows)
        if minutes >= 2 * every:  # and so it does without what the run before has had
            assert any(window.starts <= minute < window.ends - every * MINUTE for window in windows)


@pytest.mark.parametrize("text", ["2000-01-01T00:00Z", "2026-03-02T12:00+14:00", "2100-01-01T00:00Z"])
def test_a_schedule_may_fire_in_this_century(text: str) -> None:
    moment = datetime.fromisoformat(text)
    assert plausible_schedule(moment) is moment


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "1999-12-31T23:59:59Z", "2100-01-01T00:00:01Z"])
def test_a_schedule_fires_at_no_absurd_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"no schedule fires at .*: give a time from 2000-01-01 to 2100-01-01"):
        plausible_schedule(datetime.fromisoformat(text))
