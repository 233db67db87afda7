"""`GET /metrics` of the local server: what health is judged by, in Prometheus' text format.

What a component alone finds out is of its newest report: `chandlery_reported_…`. All else is measured when asked.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from prometheus_client.core import CollectorRegistry, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from chandlery.health.domain.health import Health, judge
from chandlery.health.domain.measured import Measured
from chandlery.health.measure_health import measure_health
from chandlery.platform.connection import connect
from chandlery.platform.errors import ChandleryError, describe
from chandlery.platform.settings import read_settings
from chandlery.platform.telemetry import REPORTED
from chandlery.words.window import MINUTE
from local.command_line.output import err

PATH = "/metrics"
_TIMEOUT_SECONDS = 5.0

Samples = Iterable[tuple[Sequence[str], float]]


def answer(event: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request as a function would; where the database cannot be asked, that is what the metrics say."""
    if event["requestContext"]["http"]["method"] not in ("GET", "HEAD"):
        return {"statusCode": 405, "headers": {"Allow": "GET, HEAD", "Content-Type": "text/plain"}, "body": "GET it\n"}
    text = exposed(_measure(datetime.now(UTC)))
    return {"statusCode": 200, "headers": {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}, "body": text}


def _measure(at: datetime) -> Measured | None:
    try:
        with connect(read_settings(), "metrics", read_only=True, timeout_seconds=_TIMEOUT_SECONDS) as connection:
            return measure_health(connection, at)
    except ChandleryError as error:
        err.print(f"{PATH}: {describe(error)}", style="red", markup=False, soft_wrap=True)
        return None


def exposed(measured: Measured | None) -> str:
    """The metrics of what was measured, as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Desk(measured))
    return generate_latest(registry).decode()


class _Desk(Collector):
    def __init__(self, measured: Measured | None) -> None:
        self._measured = measured

    def collect(self) -> Iterator[GaugeMetricFamily]:
        is_up = float(self._measured is not None)
        yield _gauge("database_up", "1 if the database could be asked", (), [((), is_up)])
        if self._measured is not None:
            yield from families(self._measured)


def families(measured: Measured) -> Iterator[GaugeMetricFamily]:
    """Every metric of a desk whose database can be asked."""
    verdict = judge(measured)
    health = [((each.value,), float(each is verdict.health)) for each in Health]
    yield _gauge("health", "1 for the verdict, as chandlery status has it", ("verdict",), health)
    yield from _of_feeds(measured)
    yield from _of_runs(measured)
    lag = (measured.at - measured.waiting_since - MINUTE).total_seconds() if measured.waiting_since else 0.0
    yield _gauge("lag_seconds", "how long the oldest minute to be aggregated has been closed", (), [((), lag)])
    aggregates = [((name,), seconds) for name, seconds in measured.aggregate_lags.items()]
    yield _gauge("aggregate_lag_seconds", "how far each aggregate is behind", ("aggregate",), aggregates)
    yield _gauge("wrong_buckets", "wrong buckets that samples of a day found", (), [((), measured.wrong_buckets)])
    yield from _of_gaps(measured)


def _of_feeds(measured: Measured) -> Iterator[GaugeMetricFamily]:
    of = ("feed", "calendar")
    newest = [
        ((each.feed, each.calendar), each.newest_candle.timestamp())
        for each in measured.freshness
        if each.newest_candle is not None
    ]
    yield _gauge("newest_candle_timestamp_seconds", "start of the newest candle, within 14 days", of, newest)
    behind = [((each.feed, each.calendar), each.behind_seconds) for each in measured.freshness]
    yield _gauge("candles_behind_seconds", "open hours of the calendar since the newest candle", of, behind)
    silent = [((feed,), seconds) for feed, seconds in measured.silent_seconds.items()]
    yield _gauge("feed_silent_seconds", "seconds since the last tick of a feed in session", ("feed",), silent)
    late = [
        ((each["feed"], quantile), each[field])
        for each in measured.feed_latencies
        for quantile, field in (("0.5", "latency_p50_seconds"), ("0.99", "latency_p99_seconds"))
    ]
    means = "from a tick's own time until it came, as the live gap monitor last reported"
    yield _gauge("feed_latency_seconds", means, ("feed", "quantile"), late)


def _of_runs(measured: Measured) -> Iterator[GaugeMetricFamily]:
    of, runs = ("component",), measured.runs.values()
    at = [((run.component,), run.scheduled_at.timestamp()) for run in runs]
    yield _gauge("run_timestamp_seconds", "scheduled time of a component's newest run", of, at)
    yield _gauge("run_seconds", "how long that run took", of, [((run.component,), run.seconds) for run in runs])
    failed = [((run.component,), run.failures_in_a_row) for run in runs]
    yield _gauge("run_failures_in_a_row", "attempts since a component's last run that succeeded", of, failed)
    for field, (metric, _) in REPORTED.items():
        values = [
            ((run.component,), _number(run.reported[field])) for run in runs if run.reported.get(field) is not None
        ]
        if values:
            yield _gauge(f"reported_{field}", f"{metric} of a component's newest report", of, values)


def _of_gaps(measured: Measured) -> Iterator[GaugeMetricFamily]:
    gaps = measured.gaps
    candles = gaps.gaps - sum(gaps.of_others.values())
    of = [(("candles",), candles), *(((name,), count) for name, count in gaps.of_others.items())]
    yield _gauge("gaps_open", "open gaps", ("dataset",), of)
    yield _gauge("gap_minutes_open", "expected minutes of open gaps", (), [((), gaps.minutes)])
    age = (measured.at - gaps.oldest).total_seconds() / 3600 if gaps.oldest else 0.0
    yield _gauge("oldest_gap_hours", "age of the oldest open gap", (), [((), age)])


def _number(value: Any) -> float:
    """Of a list how many it names, as CloudWatch is sent."""
    return float(len(value) if isinstance(value, list) else value)


def _gauge(name: str, means: str, labels: Sequence[str], samples: Samples) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"chandlery_{name}", means, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
