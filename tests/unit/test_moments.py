"""Times as they are written on the command line, read by one clock."""

from datetime import UTC, date, datetime

import pytest

from local.command_line.moments import day_of, moment_of

NOW = datetime(2026, 3, 2, 14, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", "2026-03-02T14:30:15"),
        ("today", "2026-03-02T00:00:00"),
        ("yesterday", "2026-03-01T00:00:00"),
        ("tomorrow", "2026-03-03T00:00:00"),
        ("-1h", "2026-03-02T13:30:15"),
        ("-90s", "2026-03-02T14:28:45"),
        ("-7d", "2026-02-23T14:30:15"),
        ("-2w", "2026-02-16T14:30:15"),
        ("-1h30m", "2026-03-02T13:00:15"),
        ("+2d", "2026-03-04T14:30:15"),
        ("\N{MINUS SIGN}5m", "2026-03-02T14:25:15"),
        ("today-7d", "2026-02-23T00:00:00"),
        ("yesterday+9h15m", "2026-03-01T09:15:00"),
        ("2026-01-31", "2026-01-31T00:00:00"),
        ("2026-01-31T15:30+05:30", "2026-01-31T10:00:00"),
        ("2026-01-31T10:00:00.5Z", "2026-01-31T10:00:00.500000"),
    ],
)
def test_a_time_is_written_in_any_of_these_ways(text: str, moment: str) -> None:
    assert moment_of(text, NOW) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a time"),
        ("1h", "a time before now is -1h"),
        ("-1x", "is not a time"),
        ("-1h30", "is not a time"),
        ("-", "is not a time"),
        ("Today", "is not a time"),
        ("noon", "is not a time"),
        ("2026-02-30", "is not a time"),
        ("2026-01-31T10:00:00", "has no time zone; write an offset or Z, as in 2026-01-31T10:00:00Z"),
        ("0001-01-01T00:00+05:00", "leads beyond the years 1 to 9999"),
        ("-999999999w", "leads beyond the years 1 to 9999"),
    ],
)
def test_anything_else_is_refused_and_shown_how(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("+", r"\+")):
        moment_of(text, NOW)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-01-31", date(2026, 1, 31)),
        ("today", date(2026, 3, 2)),
        ("yesterday", date(2026, 3, 1)),
        ("-7d", date(2026, 2, 23)),
        ("today-1w", date(2026, 2, 23)),
    ],
)
def test_a_date_may_be_relative_by_whole_days(text: str, day: date) -> None:
    assert day_of(text, NOW) == day


@pytest.mark.parametrize("text", ["-1h", "now", "today-1h", "2026-01-31T00:00Z", ""])
def test_a_date_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        day_of(text, NOW)
