"""Derived candles by the plainest Python there is: the reference of the aggregates.

For timeframes up to four hours a minute belongs to the bucket of UTC that its start lies in. For days, weeks and
months it counts only where it is regular: inside an open session and not in its break, or the very minute of the close;
its day is then the session's date, whatever UTC says. A week is named by its Monday, a month by its first day.

Prices come of the candles that are price-eligible, or of all of them where none is. Turnover and trades are known where
all candles have theirs.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

UTC_MINUTES = {"5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240}
TIMEFRAMES = (*UTC_MINUTES, "1d", "1w", "1mo")


@dataclass(frozen=True)
class Minute:
    """A one-minute candle."""

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal | None
    trades: int | None
    price_eligible: bool = True
    partial: bool = False
    source: str = "vendor_historical"


@dataclass(frozen=True)
class OpenHours:
    """A session, and the pause inside it, if any."""

    day: date
    opens: datetime
    closes: datetime
    pause: tuple[datetime, datetime] | None = None

    def has(self, minute: datetime) -> bool:
        """Whether a minute is a regular one, that of the closing auction included."""
        paused = self.pause is not None and self.pause[0] <= minute < self.pause[1]
        return self.opens <= minute <= self.closes and not paused


@dataclass(frozen=True)
class Derived:
    """A derived candle; sources in the order of their rank."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal | None
    trades: int | None
    price_eligible: bool
    minutes: int
    partial_minutes: int
    sources: str


RANKS = ("vendor_historical", "historical_aggregated", "live_gap_filled", "live_aggregated")


def roll(minutes: Iterable[Minute], sessions: Sequence[OpenHours], timeframe: str) -> Mapping[datetime, Derived]:
    """The candles of a timeframe, by the start of their bucket."""
    buckets: dict[datetime, list[Minute]] = defaultdict(list)
    for minute in sorted(minutes, key=lambda each: each.time):
        bucket = bucket_of(minute.time, sessions, timeframe)
        if bucket is not None:
            buckets[bucket].append(minute)
    return {bucket: fold(inside) for bucket, inside in buckets.items()}


def bucket_of(minute: datetime, sessions: Sequence[OpenHours], timeframe: str) -> datetime | None:
    """The start of the bucket a minute belongs to; none where it belongs to none."""
    if timeframe in UTC_MINUTES:
        since_midnight = minute.hour * 60 + minute.minute
        return minute.replace(hour=0, minute=0) + timedelta(
            minutes=since_midnight // UTC_MINUTES[timeframe] * UTC_MINUTES[timeframe]
        )
    # A minute in which one session closes and the next one opens belongs to the next one.
    days = [session.day for session in sessions if session.has(minute)]
    if not days:
        return None
    day = max(days)
    if timeframe == "1w":
        day -= timedelta(days=day.weekday())
    elif timeframe == "1mo":
        day = day.replace(day=1)
    return datetime.combine(day, time(), UTC)


def fold(minutes: Sequence[Minute]) -> Derived:
    """One candle of many, in the order of time."""
    prices = [each for each in minutes if each.price_eligible] or list(minutes)
    turnovers = [each.turnover for each in minutes]
    trades = [each.trades for each in minutes]
    return Derived(
        open=prices[0].open,
        high=max(each.high for each in prices),
        low=min(each.low for each in prices),
        close=prices[-1].close,
        volume=sum((each.volume for each in minutes), Decimal()),
        turnover=None if None in turnovers else sum((t for t in turnovers if t is not None), Decimal()),
        trades=None if None in trades else sum(t for t in trades if t is not None),
        price_eligible=any(each.price_eligible for each in minutes),
        minutes=sum(not each.partial for each in minutes),
        partial_minutes=sum(each.partial for each in minutes),
        sources=" ".join(rank for rank in RANKS if any(each.source == rank for each in minutes)),
    )


def expected(sessions: Sequence[OpenHours], timeframe: str, life: tuple[datetime, datetime]) -> Mapping[datetime, int]:
    """Minutes of each bucket in which a candle is expected: open hours but pauses and auctions, in a listed life."""
    counts: dict[datetime, int] = defaultdict(int)
    for session in sessions:
        minute = session.opens
        while minute < session.closes:
            bucket = bucket_of(minute, [session], timeframe)
            if bucket is not None and life[0] <= minute < life[1] and session.has(minute):
                counts[bucket] += 1
            minute += timedelta(minutes=1)
    return counts
