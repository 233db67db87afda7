"""When data counts as fresh."""

from enum import StrEnum

WARNING_SECONDS = 120.0
DELAYED_SECONDS = 300.0


class Health(StrEnum):
    """How far behind something is."""

    HEALTHY = "HEALTHY"
    WARNING = "WARNING"
    DELAYED = "DELAYED"


def health_of(lag_seconds: float) -> Health:
    """HEALTHY up to two minutes behind, WARNING up to five, DELAYED beyond."""
    if lag_seconds > DELAYED_SECONDS:
        return Health.DELAYED
    return Health.WARNING if lag_seconds > WARNING_SECONDS else Health.HEALTHY
