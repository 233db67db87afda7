"""How long a contract still has."""

from datetime import UTC, datetime, timedelta

from chandlery.options.domain.expiry import years_to_expiry

EXPIRY = datetime(2026, 3, 20, 20, tzinfo=UTC)


def test_time_to_expiry_counts_days_and_seconds_without_a_floor() -> None:
    assert years_to_expiry(EXPIRY - timedelta(days=7, minutes=1), EXPIRY) * 365 * 86400 == 7 * 86400 + 60
    assert years_to_expiry(EXPIRY - timedelta(minutes=1), EXPIRY) == 60 / (365 * 86400)
    assert 0 < years_to_expiry(EXPIRY - timedelta(microseconds=1), EXPIRY) < 1 / (365 * 86400)


def test_from_the_expiry_on_nothing_is_left() -> None:
    assert years_to_expiry(EXPIRY, EXPIRY) == 0
    assert years_to_expiry(EXPIRY + timedelta(minutes=1), EXPIRY) < 0
