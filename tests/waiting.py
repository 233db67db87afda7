"""How tests wait: for what must come, however slow the machine is; none of them asserts a time."""

import time
from collections.abc import Callable

# No wait ends here on a machine that works at all; one that does is a hang.
LAST_RESORT_SECONDS = 900.0


def wait_until(condition: Callable[[], object], what: str, every: float = 0.01) -> None:
    """Look again and again, until it is so; every N seconds."""
    ends = time.monotonic() + LAST_RESORT_SECONDS
    while not condition():
        assert time.monotonic() < ends, f"it never happened: {what}"
        time.sleep(every)
