"""How long something takes or lasts, in words."""

from datetime import timedelta

# From the largest: seconds in it, one of it, several of it.
_UNITS = ((31_536_000, "year", "years"), (86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min"), (1, "s", "s"))


def in_words(duration: timedelta | float) -> str:
    """A duration, or seconds, in its two largest units, rounded down: 4 days 19 h; 20 h 53 min; 12 s."""
    seconds = int(duration.total_seconds() if isinstance(duration, timedelta) else duration)
    largest = next((place for place, (size, _, _) in enumerate(_UNITS) if seconds >= size), len(_UNITS) - 1)
    told = []
    for size, one, several in _UNITS[largest : largest + 2]:
        count, seconds = divmod(seconds, size)
        if count:
            told.append(f"{count:,} {one if count == 1 else several}")
    return " ".join(told) or "0 s"
