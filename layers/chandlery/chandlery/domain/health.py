"""When data counts as fresh."""

from enum import StrEnum

WARNING_SECONDS = 120.0
DELAYED_SECONDS = 300.0


class Health(StrEnum):
    """How far behind something is."""

    HEALTHY = "HEALTHY"
    WARNING = "WARNING"
    DELAYED = "DELAYED"


def health_of(lag_seconds: float, *, all_work: bool = True) -> Health:
    """HEALTHY up to two minutes behind, WARNING up to five, DELAYED beyond; not HEALTHY unless all components work."""
    if lag_seconds > DELAYED_SECONDS:
        return Health.DELAYED
    return Health.WARNING if lag_seconds > WARNING_SECONDS or not all_work else Health.HEALTHY
