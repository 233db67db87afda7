"""Gaps and coverage by the plainest Python there is: the reference of the gap monitors."""

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from itertools import groupby, pairwise

from tests.plain_fold import Folded, Tick, fold

MINUTE = timedelta(minutes=1)
SILENCE_SECONDS = 20
# An hour of the day counts by itself when it was watched for N minutes; else all hours count together.
WATCHED_MINUTES, LEAST_MINUTES = 180, 60


def expected_minutes(calendar: str, first: date, last: date) -> list[datetime]:
    """The minutes that start in open hours, breaks left out, in order."""
    import exchange_calendars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Its "left" side: a session's minutes are [opens, closes).
        known = exchange_calendars.get_calendar(calendar, start=first, end=last, side="left")
        return [minute.to_pydatetime() for minute in known.minutes]


@dataclass(frozen=True)
class Minute:
    """What one instrument's ticks of one minute come to, and the clock seconds that had any."""

    candle: Folded
    seconds: frozenset[int]


def minutes_of(ticks: Sequence[Tick]) -> dict[datetime, Minute]:
    """Every minute with ticks, by its start."""
    seconds: dict[datetime, set[int]] = {}
    for tick in ticks:
        seconds.setdefault(tick.time.replace(second=0, microsecond=0), set()).add(tick.time.second)
    return {minute: Minute(candle, frozenset(seconds[minute])) for minute, candle in fold(ticks).items()}


@dataclass(frozen=True)
class Gap:
    """Adjacent expected minutes of one reason."""

    instrument: str
    starts: datetime
    ends: datetime
    minutes: int
    reason: str


@dataclass(frozen=True)
class Counted:
    """Expected minutes by kind: each is one of the others."""

    expected: int
    present: int
    explained: int
    missing: int
    not_judged: int

    @property
    def coverage(self) -> float:
        """(present + explained) / expected."""
        return (self.present + self.explained) / self.expected if self.expected else 1.0


@dataclass
class Desk:
    """One feed's instruments of one calendar: what has ticks, what waits to be a candle, what was judged, what is open.

    `since` is the time from which candles are expected of an instrument.
    """

    expected: Sequence[datetime]
    ticked: Mapping[str, Mapping[datetime, Minute]]
    since: Mapping[str, datetime]
    waiting: dict[str, set[datetime]] = field(default_factory=dict)
    open: dict[tuple[str, datetime], str] = field(default_factory=dict)
    judged: set[tuple[str, datetime]] = field(default_factory=set)

    def without(self, instruments: Iterable[str], starts: datetime, ends: datetime) -> "Desk":
        """The same desk, a stretch of ticks lost; what was found goes along."""
        lost = set(instruments)
        ticked = {
            instrument: {
                minute: told
                for minute, told in minutes.items()
                if instrument not in lost or not starts <= minute < ends
            }
            for instrument, minutes in self.ticked.items()
        }
        return Desk(self.expected, ticked, self.since, self.waiting, self.open, self.judged)

    @cached_property
    def silent(self) -> frozenset[datetime]:
        """Expected minutes of which twenty whole seconds on end had no tick of the feed."""
        return frozenset(minute for minute in self.expected if self._longest_silence(minute) >= SILENCE_SECONDS)

    def _longest_silence(self, minute: datetime) -> int:
        seconds = {
            second for minutes in self.ticked.values() if minute in minutes for second in minutes[minute].seconds
        }
        heard = [-1, *sorted(seconds), 60]
        return max(later - earlier - 1 for earlier, later in pairwise(heard))

    def candles(self, instrument: str) -> dict[datetime, tuple[Folded, bool]]:
        """The candles there should be, and whether each is partial."""
        return {
            minute: (told.candle, minute in self.silent)
            for minute, told in self.ticked[instrument].items()
            if minute not in self.waiting.get(instrument, ())
        }

    def look(self, starts: datetime, ends: datetime) -> None:
        """Judge the minutes of a window; what was found open elsewhere stays."""
        self.open = {(of, minute): why for (of, minute), why in self.open.items() if not starts <= minute < ends}
        window = [minute for minute in self.expected if starts <= minute < ends]
        lived = {minute for minute in window if any(minute in minutes for minutes in self.ticked.values())}
        for instrument in self.ticked:
            self._look_at(instrument, [minute for minute in window if minute >= self.since[instrument]], lived)

    def gaps(self) -> list[Gap]:
        """What is open, as runs of minutes that follow each other among the expected ones."""
        return [
            Gap(instrument, run[0], run[-1] + MINUTE, len(run), reason)
            for instrument in sorted(self.ticked)
            for reason, run in _runs(self.expected, partial(self._reason, instrument))
        ]

    def _reason(self, instrument: str, minute: datetime) -> str | None:
        return self.open.get((instrument, minute))

    def count(self, starts: datetime, ends: datetime, *instruments: str) -> Counted:
        """The minutes of a window, of some instruments or all."""
        numbers: Counter[str] = Counter()
        for instrument in instruments or self.ticked:
            candles = self.candles(instrument)
            for minute in self.expected:
                if starts <= minute < ends and minute >= self.since[instrument]:
                    is_present = minute in candles and not candles[minute][1]
                    numbers["present" if is_present else self._verdict(instrument, minute)] += 1
        return Counted(numbers.total(), *(numbers[name] for name in ("present", "explained", "missing", "not_judged")))

    def _verdict(self, instrument: str, minute: datetime) -> str:
        """What the silence of a minute is."""
        if (instrument, minute) in self.open:
            return "missing"
        return "explained" if (instrument, minute) in self.judged else "not_judged"

    def _look_at(self, instrument: str, window: Sequence[datetime], lived: set[datetime]) -> None:
        candles, waiting = self.candles(instrument), self.waiting.get(instrument, set())

        def kind(minute: datetime) -> str | None:
            if minute in waiting:
                return "unaggregated"
            if minute in candles:
                return "feed_down" if candles[minute][1] else None
            return "quiet" if minute in lived else "feed_down"

        trades = {minute: candles[minute][0].trades for minute in window if minute in candles}
        # Where nothing was traded, nothing shows how plausible silence is.
        if trades or not any(kind(minute) == "quiet" for minute in window):
            self.judged |= {(instrument, minute) for minute in window}
        else:
            self.judged -= {(instrument, minute) for minute in window}
        for found, run in _runs(window, kind):
            if found == "quiet":
                silence = set(run)
                beside = {
                    minute: trades.get(minute, 0) for minute in window if minute in lived and minute not in silence
                }
                if _is_plausible(run, beside):
                    continue
                found = "instrument_silent"
            self.open |= {(instrument, minute): found for minute in run}


def _is_plausible(silence: Sequence[datetime], beside: Mapping[datetime, int]) -> bool:
    """Whether chance makes such a silence once in a thousand times, at the trade rate of the minutes around it."""
    trades_expected = 0.0
    for hour, minutes in Counter(minute.hour for minute in silence).items():
        alike = [trades for minute, trades in beside.items() if minute.hour == hour]
        if len(alike) < WATCHED_MINUTES:
            alike = list(beside.values())
        trades_expected += minutes * sum(alike) / max(len(alike), LEAST_MINUTES)
    return math.exp(-trades_expected) >= 0.001


def _runs(minutes: Sequence[datetime], kind: Callable[[datetime], str | None]) -> Iterator[tuple[str, list[datetime]]]:
    for name, run in groupby(minutes, kind):
        if name is not None:
            yield name, list(run)
