"""Logs, metrics, and every metric's name. Only this room and `component` know Powertools."""

import resource
import sys
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from chandlery.platform.errors import Retryable, describe

# Where POWERTOOLS_METRICS_NAMESPACE names no other: stacks in one account would take each other's metrics for theirs.
NAMESPACE = "Chandlery"

RUNS = "Runs"
FAILURES = "Failures"
RUN_SECONDS = "RunSeconds"
SWITCHED_OFF = "SwitchedOff"
DRY_RUNS = "DryRuns"

# 1 of a run that succeeded, 0 of one that failed: a transaction writes all of its rows or none, so that the average is
# the rate at which writing succeeds.
WRITE_SUCCESS = "WriteSuccess"
CANDLES_LAST_HOUR = "CandlesLastHour"  # by source

MEMORY_BYTES = "MemoryBytes"
MEMORY_SHARE = "MemoryShare"
CPU_SECONDS = "CpuSeconds"
CPU_SHARE = "CpuShare"
# So much memory buys a function one whole processor, and less of it a share of one.
_PROCESSOR_MB = 1769

REQUESTS = "Requests"
CLIENT_ERRORS = "ClientErrors"
SERVER_ERRORS = "ServerErrors"
REQUEST_SECONDS = "RequestSeconds"
CACHE_HITS = "CacheHits"
CACHE_MISSES = "CacheMisses"
CACHE_HIT_RATE = "CacheHitRate"  # 1 of a hit, 0 of a miss: the average is the rate

# A report's field → the metric it becomes; of a list, how many it names.
REPORTED = {
    "candles_written": ("CandlesWritten", MetricUnit.Count),
    "candles_revised": ("CandlesRevised", MetricUnit.Count),
    "candles_deleted": ("CandlesDeleted", MetricUnit.Count),
    "late_ticks": ("LateTicks", MetricUnit.Count),
    "gaps_filled": ("GapsFilled", MetricUnit.Count),
    "instruments_processed": ("InstrumentsProcessed", MetricUnit.Count),
    "future_marks": ("FutureMarks", MetricUnit.Count),
    "lag_seconds": ("LagSeconds", MetricUnit.Seconds),
    "candles_behind_seconds": ("CandlesBehindSeconds", MetricUnit.Seconds),
    "gaps_found": ("GapsFound", MetricUnit.Count),
    "gaps_open": ("GapsOpen", MetricUnit.Count),
    "minutes_open": ("MinutesOpen", MetricUnit.Count),
    "oldest_gap_hours": ("OldestGapHours", MetricUnit.NoUnit),
    "coverage_24h": ("Coverage24h", MetricUnit.NoUnit),
    "coverage_7d": ("Coverage7d", MetricUnit.NoUnit),
    "minutes_not_judged": ("MinutesNotJudged", MetricUnit.Count),
    "vendor_days": ("VendorDays", MetricUnit.Count),
    "ending_calendars": ("CalendarsEnding", MetricUnit.Count),
    "drift": ("PolicyDrift", MetricUnit.Count),
    "policies_done": ("PoliciesDone", MetricUnit.Count),
    "rows_dropped": ("RowsDropped", MetricUnit.Count),
    "jobs_failed": ("JobsFailed", MetricUnit.Count),
    "jobs_late": ("JobsLate", MetricUnit.Count),
    "stale_waiting": ("StaleWaiting", MetricUnit.Count),
    "wrong_buckets": ("WrongBuckets", MetricUnit.Count),
    "aggregate_lag_seconds": ("AggregateLagSeconds", MetricUnit.Seconds),
    "database_bytes": ("DatabaseBytes", MetricUnit.Bytes),
    "database_growth_bytes": ("DatabaseGrowthBytes", MetricUnit.Bytes),
    "values_written": ("IndicatorValuesWritten", MetricUnit.Count),
    "values_changed": ("IndicatorValuesChanged", MetricUnit.Count),
    "indicator_marks_left": ("IndicatorMarksLeft", MetricUnit.Count),
    "indicators_unfilled": ("IndicatorsUnfilled", MetricUnit.Count),
    "signals_raised": ("SignalsRaised", MetricUnit.Count),
    "signals_revised": ("SignalsRevised", MetricUnit.Count),
    "signals_ended": ("SignalsEnded", MetricUnit.Count),
    "signal_marks_left": ("SignalMarksLeft", MetricUnit.Count),
    "rules_unfilled": ("RulesUnfilled", MetricUnit.Count),
    "iv_ok_share": ("IvOkShare", MetricUnit.NoUnit),
    "alerts_fired": ("AlertsFired", MetricUnit.Count),
    "alerts_late": ("AlertsLate", MetricUnit.Count),
    "alerts_revised": ("AlertsRevised", MetricUnit.Count),
    "alerts_expired": ("AlertsExpired", MetricUnit.Count),
    "alerts_armed": ("AlertsArmed", MetricUnit.Count),
    "records": ("Records", MetricUnit.Count),
    "rows_new": ("RowsNew", MetricUnit.Count),
    "rows_known": ("RowsKnown", MetricUnit.Count),
    "rows_bad": ("RowsBad", MetricUnit.Count),
    "rows_conflicting": ("RowsConflicting", MetricUnit.Count),
    "turned_away": ("RecordsTurnedAway", MetricUnit.Count),
    "outbox_sent": ("OutboxSent", MetricUnit.Count),
    "outbox_failed": ("OutboxFailed", MetricUnit.Count),
    "outbox_waiting": ("OutboxWaiting", MetricUnit.Count),
    "outbox_refused": ("OutboxRefused", MetricUnit.Count),
    "outbox_age_seconds": ("OutboxAgeSeconds", MetricUnit.Seconds),
    # From rows' own time until they came, of half of them and of 99 in 100; under the dimension "feed": of a batch, and
    # of the ticks of five minutes; of the latest feed, without.
    "latency_p50_seconds": ("FeedLatencyP50Seconds", MetricUnit.Seconds),
    "latency_p99_seconds": ("FeedLatencyP99Seconds", MetricUnit.Seconds),
    # Of a feed, under the dimension "feed", and of the most silent one, without; only while a feed should be sending.
    "silent_seconds": ("FeedSilentSeconds", MetricUnit.Seconds),
}
# A report's list of names → what is wrong with them.
WARNINGS = {
    "silent_instruments": "instruments are silent though their feed lives",
    "late_feeds": "ticks come later than FEED_LATENCY_SECONDS",
    "ending_calendars": "sessions end within 30 days, and minutes beyond are not expected: chandlery sessions sync",
    "drifted": "policies differed from those wanted",
    "waiting_for_permission": "what would drop data waits: chandlery policies apply --allow-destructive",
    "failing_jobs": "jobs of the database fail",
    "late_jobs": "jobs of the database are late",
    "strange_jobs": "jobs of other programs are left alone",
    "retention_waits": "retention waits for what is derived",
    "turned_away": "the database did not take records: they come again",
    "undelivered": "messages were not delivered: they wait for the next run",
    "wrong_derived": "aggregates are not what their rows make: chandlery verify --repair",
}

Emitted = TypeVar("Emitted", Metrics, EphemeralMetrics)
Measured = tuple[MetricUnit, float]


class Telemetry:
    """What one component says about its runs: JSON log lines, and metrics in CloudWatch's embedded format."""

    def __init__(self, component: str) -> None:
        self._component = component
        self.logger = Logger(service=component)
        self._metrics = named(Metrics(service=component))
        self._process: ProcessUse | None = None

    def started(self, scheduled_at: datetime, request_id: str, memory_mb: int | None = None) -> None:
        """Put the run's identity into each line that follows, and measure from here on what the process uses.

        Args:
            scheduled_at: the run's.
            request_id: the invocation's.
            memory_mb: what the function may take, where that is known.
        """
        self.began(request_id, memory_mb)
        self.logger.append_keys(scheduled_at=scheduled_at.isoformat())

    def began(self, request_id: str, memory_mb: int | None = None) -> None:
        """The same of an invocation that no schedule made."""
        self._process = ProcessUse(memory_mb)
        self.logger.append_keys(request_id=request_id)

    def succeeded(self, counts: Mapping[str, Any], seconds: float) -> None:
        """Say what a run did, by the fields of its report."""
        self.logger.info("run succeeded", counts=counts, seconds=round(seconds, 3))
        if counts.get("future_marks"):
            self.logger.warning("ticks in the future: check the clock of their writer", marks=counts["future_marks"])
        for field, warning in WARNINGS.items():
            if counts.get(field):
                self.logger.warning(warning, names=counts[field])
        _add(self._metrics, counts)
        self._finish(failures=0, seconds=seconds)
        for source, candles in counts.get("candles_last_hour", {}).items():
            own = named(EphemeralMetrics(service=self._component))
            own.add_dimension(name="source", value=source)
            own.add_metric(name=CANDLES_LAST_HOUR, unit=MetricUnit.Count, value=candles)
            own.flush_metrics()
        for feed in (*counts.get("feeds", ()), *counts.get("feed_latencies", ())):
            own = named(EphemeralMetrics(service=self._component))
            own.add_dimension(name="feed", value=feed["feed"])
            _add(own, feed)
            own.flush_metrics()

    def ran_dry(self, counts: Mapping[str, Any], seconds: float) -> None:
        """Say what a dry run would have written; measured is nothing of it, for nothing has come to be."""
        self.logger.warning("a dry run: all of it was undone", would=counts, seconds=round(seconds, 3))
        self._metrics.add_metric(name=DRY_RUNS, unit=MetricUnit.Count, value=1)
        self._count(failures=0, seconds=seconds)

    def stood_still(self, setting: str, seconds: float) -> None:
        """Say that a run did nothing, since a setting switched it off."""
        self.logger.warning("switched off: the run did nothing", setting=setting)
        self._metrics.add_metric(name=SWITCHED_OFF, unit=MetricUnit.Count, value=1)
        self._count(failures=0, seconds=seconds)

    def failed(self, error: Exception, *, seconds: float, counts: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Say why a run failed, in a line, whether a retry helps, and what it did all the same."""
        said, retryable = describe(error), isinstance(error, Retryable)
        self.logger.error("run failed", error=said, retryable=retryable, counts=dict(counts), seconds=round(seconds, 3))
        _add(self._metrics, counts)
        self._finish(failures=1, seconds=seconds)

    def _finish(self, *, failures: int, seconds: float) -> None:
        """Count a run that was there to write."""
        self._metrics.add_metric(name=WRITE_SUCCESS, unit=MetricUnit.NoUnit, value=1 - failures)
        if self._process:
            self._process.add_to(self._metrics, seconds)
        self._count(failures=failures, seconds=seconds)

    def _count(self, *, failures: int, seconds: float) -> None:
        self._metrics.add_metric(name=RUNS, unit=MetricUnit.Count, value=1)
        self._metrics.add_metric(name=FAILURES, unit=MetricUnit.Count, value=failures)
        self._metrics.add_metric(name=RUN_SECONDS, unit=MetricUnit.Seconds, value=seconds)
        self._metrics.flush_metrics()
        self.logger.remove_keys(["scheduled_at", "request_id"])
        self._process = None


class ProcessUse:
    """What this process uses from now on."""

    def __init__(self, memory_mb: int | None) -> None:
        """Begin to measure.

        Args:
            memory_mb: what the function may take; None: it is not known, and no share is told.
        """
        self._memory_mb = memory_mb
        self._began = _cpu_seconds()

    def add_to(self, metrics: Metrics, seconds: float) -> None:
        """Tell of the most memory the process ever held, and of its processor time in so many seconds."""
        for name, (unit, value) in self.measured(seconds).items():
            metrics.add_metric(name=name, unit=unit, value=value)

    def measured(self, seconds: float) -> Mapping[str, Measured]:
        """The same by the metrics' names."""
        held, used = _most_bytes_held(), _cpu_seconds() - self._began
        found = {MEMORY_BYTES: (MetricUnit.Bytes, float(held)), CPU_SECONDS: (MetricUnit.Seconds, used)}
        if self._memory_mb:
            may_use = seconds * min(self._memory_mb / _PROCESSOR_MB, 1)
            found[MEMORY_SHARE] = (MetricUnit.NoUnit, held / (self._memory_mb * 2**20))
            found[CPU_SHARE] = (MetricUnit.NoUnit, used / may_use if may_use else 0.0)
        return found


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _most_bytes_held() -> int:
    # Linux tells kilobytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def named(metrics: Emitted) -> Emitted:
    """The same, in the namespace that Powertools found in its own variable, or else in ours."""
    metrics.namespace = metrics.namespace or NAMESPACE
    return metrics


def _add(metrics: Metrics | EphemeralMetrics, counts: Mapping[str, Any]) -> None:
    for field, (name, unit) in REPORTED.items():
        value = counts.get(field)
        if value is not None:
            metrics.add_metric(name=name, unit=unit, value=len(value) if isinstance(value, list) else value)
