"""The time, as the core sees it; tests have a clock of their own."""

import time
from datetime import UTC, datetime


class Clock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time, UTC."""
        return datetime.now(UTC)

    def elapsed(self) -> float:
        """Seconds since some moment; it never goes back."""
        return time.monotonic()
