"""How long something takes or lasts, in words.

Only a stretch between two moments has years: a duration alone does not say how many of them are leap years.
"""

from calendar import isleap
from datetime import datetime, timedelta

from chandlery.words.counting import spell

# From the largest: seconds in it, one of it, several of it.
_UNITS = ((86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min"), (1, "s", "s"))


def in_words(duration: timedelta | float) -> str:
    """A duration, or seconds, in its two largest units, rounded down: 400 days 19 h; 20 h 53 min; 12 s."""
    seconds = int(duration.total_seconds() if isinstance(duration, timedelta) else duration)
    largest = next((place for place, (size, _, _) in enumerate(_UNITS) if seconds >= size), len(_UNITS) - 1)
    words = []
    for size, one, several in _UNITS[largest : largest + 2]:
        count, seconds = divmod(seconds, size)
        if count:
            words.append(spell(count, one, several))
    return " ".join(words) or "0 s"


def between(starts: datetime, ends: datetime) -> str:
    """The time between two moments, the same way, but from a year on in years of the calendar and days."""
    years = ends.year - starts.year
    if _anniversary(starts, years) > ends:
        years -= 1
    if years <= 0:
        return in_words(ends - starts)
    days = (ends - _anniversary(starts, years)).days
    return spell(years, "year") + (f" {spell(days, 'day')}" if days else "")


def _anniversary(moment: datetime, years: int) -> datetime:
    """The same moment so many years later; of 29 February, in a common year, on 1 March."""
    year = moment.year + years
    if (moment.month, moment.day) == (2, 29) and not isleap(year):
        return moment.replace(year=year, month=3, day=1)
    return moment.replace(year=year)
