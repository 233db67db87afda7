"""Logs, metrics, and every metric's name. Only this room and `component` know Powertools."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "Chandlery"

RUNS = "Runs"
FAILURES = "Failures"
RUN_SECONDS = "RunSeconds"

# A report's field → the metric it becomes.
REPORTED = {
    "candles_written": ("CandlesWritten", MetricUnit.Count),
    "candles_revised": ("CandlesRevised", MetricUnit.Count),
    "candles_deleted": ("CandlesDeleted", MetricUnit.Count),
    "late_ticks": ("LateTicks", MetricUnit.Count),
    "gaps_filled": ("GapsFilled", MetricUnit.Count),
    "future_marks": ("FutureMarks", MetricUnit.Count),
    "lag_seconds": ("LagSeconds", MetricUnit.Seconds),
    "gaps_found": ("GapsFound", MetricUnit.Count),
    "gaps_open": ("GapsOpen", MetricUnit.Count),
    "minutes_open": ("MinutesOpen", MetricUnit.Count),
    "oldest_gap_hours": ("OldestGapHours", MetricUnit.NoUnit),
    "coverage_24h": ("Coverage24h", MetricUnit.NoUnit),
    "coverage_7d": ("Coverage7d", MetricUnit.NoUnit),
    "vendor_days": ("VendorDays", MetricUnit.Count),
    "drift": ("PolicyDrift", MetricUnit.Count),
    "policies_done": ("PoliciesDone", MetricUnit.Count),
    "jobs_failed": ("JobsFailed", MetricUnit.Count),
    "jobs_late": ("JobsLate", MetricUnit.Count),
    "stale_waiting": ("StaleWaiting", MetricUnit.Count),
    "values_written": ("IndicatorValuesWritten", MetricUnit.Count),
    "values_changed": ("IndicatorValuesChanged", MetricUnit.Count),
    "indicator_marks_left": ("IndicatorMarksLeft", MetricUnit.Count),
    "indicators_unfilled": ("IndicatorsUnfilled", MetricUnit.Count),
    # Of a feed, under the dimension "feed"; only while it should be sending.
    "silent_seconds": ("FeedSilentSeconds", MetricUnit.Seconds),
}
# A report's list of names → what is wrong with them.
WARNINGS = {
    "silent_instruments": "instruments are silent though their feed lives",
    "ending_calendars": "sessions end within 30 days, and minutes beyond are not expected: chandlery sessions sync",
    "drifted": "policies differed from those wanted",
    "waiting_for_permission": "what would drop data waits: chandlery policies apply --allow-destructive",
    "failing_jobs": "jobs of the database fail",
    "late_jobs": "jobs of the database are late",
    "strange_jobs": "jobs of the database are nobody's, and left alone",
    "retention_waits": "retention waits for what is derived",
}


class Telemetry:
    """What one component says about its runs: JSON log lines, and metrics in CloudWatch's embedded format."""

    def __init__(self, component: str) -> None:
        self._component = component
        self.logger = Logger(service=component)
        self._metrics = Metrics(namespace=NAMESPACE, service=component)

    def started(self, scheduled_at: datetime, request_id: str) -> None:
        """Put the run's identity into each line that follows."""
        self.logger.append_keys(scheduled_at=scheduled_at.isoformat(), request_id=request_id)

    def succeeded(self, counts: Mapping[str, Any], seconds: float) -> None:
        """Say what a run did, by the fields of its report."""
        self.logger.info("run succeeded", counts=counts, seconds=round(seconds, 3))
        if counts.get("future_marks"):
            self.logger.warning(
                "ticks in the future: check the clock of whoever writes them", marks=counts["future_marks"]
            )
        for field, warning in WARNINGS.items():
            if counts.get(field):
                self.logger.warning(warning, names=counts[field])
        _add(self._metrics, counts)
        self._count(failures=0, seconds=seconds)
        for feed in counts.get("feeds", ()):
            own = EphemeralMetrics(namespace=NAMESPACE, service=self._component)
            own.add_dimension(name="feed", value=feed["feed"])
            _add(own, feed)
            own.flush_metrics()

    def failed(self, error: str, *, retryable: bool, seconds: float) -> None:
        """Say why a run failed, in a line."""
        self.logger.error("run failed", error=error, retryable=retryable, seconds=round(seconds, 3))
        self._count(failures=1, seconds=seconds)

    def _count(self, *, failures: int, seconds: float) -> None:
        self._metrics.add_metric(name=RUNS, unit=MetricUnit.Count, value=1)
        self._metrics.add_metric(name=FAILURES, unit=MetricUnit.Count, value=failures)
        self._metrics.add_metric(name=RUN_SECONDS, unit=MetricUnit.Seconds, value=seconds)
        self._metrics.flush_metrics()
        self.logger.remove_keys(["scheduled_at", "request_id"])


def _add(metrics: Metrics | EphemeralMetrics, counts: Mapping[str, Any]) -> None:
    for field, (name, unit) in REPORTED.items():
        if counts.get(field) is not None:
            metrics.add_metric(name=name, unit=unit, value=counts[field])
