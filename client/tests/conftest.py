"""Fixtures of all tests: a clock that stands still until somebody waits."""

from datetime import UTC, datetime, timedelta

import pytest

from chandlery_client.core.clock import Clock


class StillClock(Clock):
    """Moves by what is waited alone."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.begun = at

    def now(self) -> datetime:
        return self.at

    def elapsed(self) -> float:
        return (self.at - self.begun).total_seconds()

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> StillClock:
    return StillClock(datetime(2026, 12, 1, 10, tzinfo=UTC))
