"""How long something takes or lasts, in words."""

from datetime import timedelta

# From the largest: seconds in it, one of it, several of it.
_UNITS = ((31_536_000, "year", "years"), (86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min"), (1, "s", "s"))


def in_words(duration: timedelta | float) -> str:
    """A duration, or seconds, in its two largest units, rounded down: 4 days 19 h; 20 h 53 min; 12 s."""
    seconds = int(duration.total_seconds() if isinstance(duration, timedelta) else duration)
    for place, (size, _, _) in enumerate(_UNITS):
        if seconds >= size:
            break
    counts = [_counted(seconds // size, one, several) for size, one, several in _UNITS[place : place + 1]]
    if place + 1 < len(_UNITS):
        below, one, several = _UNITS[place + 1]
        counts.append(_counted(seconds % _UNITS[place][0] // below, one, several))
    return " ".join(filter(None, counts)) or "0 s"


def _counted(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}" if count else ""
