"""Which buckets the candles of an hour may lie in."""

from datetime import datetime
from functools import lru_cache

from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, HOUR

# How far a session's hours may lie from the midnight of its date: over midnight UTC, and over a weekend with holidays.
_DATE_BEFORE, _DATE_AFTER = DAY, 3 * DAY


@lru_cache(maxsize=4096)
def touched(timeframe: Timeframe, hour: datetime) -> tuple[datetime, datetime]:
    """The buckets that candles of an hour may lie in: where the first starts, and where the last ends."""
    if timeframe.by_session:
        return timeframe.floor_bucket(hour - _DATE_BEFORE), timeframe.next_bucket(hour + _DATE_AFTER)
    return timeframe.floor_bucket(hour), timeframe.ceil_bucket(hour + HOUR)
