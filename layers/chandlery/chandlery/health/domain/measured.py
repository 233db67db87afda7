"""What is measured of a desk, as of one moment: what its health is judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class LastRun:
    """A component's newest run.

    `failures_in_a_row` counts attempts since the last run that succeeded. `reported` are the counts of the newest run
    that reported any, which ran at `reported_at`: one that failed early, or was idle, told nothing of how things stand.
    `first_recorded_at` is when the row of its earliest run was written.
    """

    component: str
    scheduled_at: datetime
    status: str
    seconds: float
    error: str | None
    failures_in_a_row: int
    counts: Mapping[str, Any]
    reported_at: datetime | None
    reported: Mapping[str, Any]
    first_recorded_at: datetime


@dataclass(frozen=True)
class Freshness:
    """How fresh the candles are that a feed brings of one calendar.

    `newest_candle` is looked for within 14 days; null where there is none.
    `behind_seconds` counts the calendar's open hours since.
    """

    feed: str
    calendar: str
    newest_candle: datetime | None
    behind_seconds: float


@dataclass(frozen=True)
class Gaps:
    """The open gaps: how many, their expected minutes, where the oldest starts, and the key of its instrument.

    They are of all data sets; `of_others` says how many of any but candles.
    """

    gaps: int = 0
    minutes: int = 0
    oldest: datetime | None = None
    oldest_key: str = ""
    of_others: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """A desk as of a moment; lags and silences in seconds.

    `silent_seconds` of each feed in session; `waiting_since` is the oldest minute of the last 24 hours that waits to be
    aggregated, `old_waiting_since` the oldest of any that are older; `aggregate_lags` by aggregate.
    `wrong_buckets` of aggregates were found by the samples of the last day. All data of `imported_feeds` were
    imported.
    """

    at: datetime
    has_instruments: bool = True
    runs: Mapping[str, LastRun] = field(default_factory=dict)
    freshness: Sequence[Freshness] = ()
    silent_seconds: Mapping[str, float] = field(default_factory=dict)
    waiting_since: datetime | None = None
    old_waiting_since: datetime | None = None
    aggregate_lags: Mapping[str, float] = field(default_factory=dict)
    gaps: Gaps = Gaps()
    wrong_buckets: int = 0
    scheduler_runs: bool = False
    imported_feeds: Sequence[str] = ()

    def reported_by(self, component: str) -> Mapping[str, Any]:
        """The counts of a component's newest report; empty before its first."""
        return self.runs[component].reported if component in self.runs else {}

    @property
    def feed_latencies(self) -> Sequence[Mapping[str, Any]]:
        """How late the ticks of each feed came, as the live gap monitor's last report says."""
        return self.reported_by("live_gap_monitor").get("feed_latencies", ())  # type: ignore[no-any-return]  # of JSON

    @property
    def indicators_are_off(self) -> bool:
        """Whether the historical processor's last report says that its indicators are switched off."""
        return bool(self.reported_by("historical_processor").get("indicators_switched_off"))
