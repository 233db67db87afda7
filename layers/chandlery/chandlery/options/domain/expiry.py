"""How long a contract still has."""

from datetime import datetime, timedelta

_YEAR = timedelta(days=365)


def years_to_expiry(time: datetime, expires_at: datetime) -> float:
    """Years of 365 days until the expiry, without a floor; zero or less from then on."""
    return (expires_at - time) / _YEAR
