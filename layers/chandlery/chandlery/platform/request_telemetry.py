"""What the HTTP API says about its requests."""

import json
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.metrics.functions import is_metrics_disabled

from chandlery.platform.telemetry import (
    CACHE_HIT_RATE,
    CACHE_HITS,
    CACHE_MISSES,
    CLIENT_ERRORS,
    REQUEST_SECONDS,
    REQUESTS,
    SERVER_ERRORS,
    Measured,
    ProcessUse,
    named,
)

_COMPACT = json.JSONEncoder(separators=(",", ":"))


class RequestTelemetry:
    """What the HTTP API says about its requests: a JSON log line and metrics each."""

    def __init__(self, service: str) -> None:
        self._logger = Logger(service=service)
        self._service = service
        self._records: dict[tuple[str, ...], dict[str, Any]] = {}

    def answered(
        self,
        method: str,
        path: str,
        status: int,
        seconds: float,
        request_id: str,
        *,
        cached: str | None,
        process: ProcessUse,
    ) -> None:
        """Say how a request ended.

        Args:
            method: HTTP's.
            path: without its query.
            status: HTTP's.
            seconds: how long it took.
            request_id: API Gateway's.
            cached: hit or miss where its answer can be kept.
            process: measured since the request came.
        """
        self._logger.info(
            "answered",
            method=method,
            path=path,
            status=status,
            seconds=round(seconds, 4),
            request_id=request_id,
            cached=cached,
        )
        counts = {
            REQUESTS: 1,
            CLIENT_ERRORS: int(400 <= status < 500),
            SERVER_ERRORS: int(status >= 500),
            CACHE_HITS: int(cached == "hit"),
            CACHE_MISSES: int(cached == "miss"),
        }
        measured: dict[str, Measured] = {name: (MetricUnit.Count, value) for name, value in counts.items()}
        if cached in ("hit", "miss"):
            measured[CACHE_HIT_RATE] = (MetricUnit.NoUnit, counts[CACHE_HITS])
        measured |= process.measured(seconds)
        measured[REQUEST_SECONDS] = (MetricUnit.Seconds, seconds)
        self._emit(measured)

    def _emit(self, measured: Mapping[str, Measured]) -> None:
        """Print a record as Powertools does, which lays out each combination of metrics once: most of the work."""
        if is_metrics_disabled():
            return
        names = tuple(measured)
        record = self._records.get(names)
        if record is None:
            record = self._records[names] = self._laid_out(measured)
        values = {name: [float(value)] for name, (_, value) in measured.items()}
        told = record | {"_aws": record["_aws"] | {"Timestamp": time.time_ns() // 1_000_000}} | values
        print(_COMPACT.encode(told))

    def _laid_out(self, measured: Mapping[str, Measured]) -> dict[str, Any]:
        metrics = named(EphemeralMetrics(service=self._service))
        for name, (unit, value) in measured.items():
            metrics.add_metric(name=name, unit=unit, value=value)
        return dict(metrics.serialize_metric_set())

    def refused(self, error: str, *, permanent: bool, request_id: str) -> None:
        """Say in a line why a request could not be answered."""
        self._logger.error("request failed", error=error, retryable=not permanent, request_id=request_id)

    def failed(self, error: Exception, request_id: str) -> None:
        """Tell of an error nobody raised on purpose: its kind and where, for its words may hold anything."""
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        self._logger.error("request broke", error=type(error).__name__, where=where, request_id=request_id)
