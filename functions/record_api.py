"""Whenever a program posts rows, into the data set that its path names, as records of a queue come in; or signals."""

import binascii
import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from chandlery.datasets import declared
from chandlery.ingest.domain.envelope import MOST_BYTES, MOST_ROWS
from chandlery.ingest.domain.record import Record
from chandlery.ingest.domain.rows import Fault
from chandlery.ingest.ingest_records import IngestReport, ingest_records
from chandlery.platform import gateway
from chandlery.platform.component import LambdaContext, memory_of
from chandlery.platform.connection import SandboxConnection, connect
from chandlery.platform.errors import Permanent, Retryable, WrongSchema
from chandlery.platform.gateway import Unacceptable
from chandlery.platform.settings import read_settings
from chandlery.platform.telemetry import Telemetry

_NAME = "record_api"
_PATH = re.compile(r"/api/v1/([a-z-]+)/?")
# What HttpApi has at such a path, which API Gateway leads here all the same if it is posted.
_READ = (
    "candles", "changes", "coverage", "gaps", "health", "heat-map", "indicators", "instruments", "me", "price-changes",
    "statistics",
)  # fmt: skip
# No type that a page of another origin may send unasked.
_TYPES = ("application/x-ndjson", "application/json", "application/gzip", "application/octet-stream")
_SIGNALS = "signals"
_MOST_ERRORS = 1_000
_RETRY_AFTER_SECONDS = "5"
# API Gateway waits 30 seconds at most, and several statements are one request.
_STATEMENT_SECONDS = 10
_telemetry = Telemetry(_NAME)
SANDBOX = SandboxConnection(
    lambda: connect(read_settings(), _NAME, timeout_seconds=_STATEMENT_SECONDS), _telemetry.logger.warning
)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take one request: API Gateway's event, payload format 2.0, in; its response out."""
    started = time.perf_counter()
    request_id = event.get("requestContext", {}).get("requestId") or context.aws_request_id
    _telemetry.began(request_id, memory_of(context))
    try:
        name, body = _asked(event)
        now = datetime.now(UTC)
        if name == _SIGNALS:
            return _add_signals(body, now, request_id, started)
        report = ingest_records(SANDBOX.get(), [Record(request_id, body)], now, only=name, has_time=_has_time(context))
    except Unacceptable as problem:
        _telemetry.succeeded({}, time.perf_counter() - started)
        return _problem(problem.status, str(problem), request_id, headers=problem.headers)
    except Exception as error:  # noqa: BLE001  # whatever it is: the caller gets an answer, the log the reason
        _telemetry.failed(error, seconds=time.perf_counter() - started)
        return _failed(error, request_id)
    _telemetry.succeeded(asdict(report) | {"bad": len(report.bad)}, time.perf_counter() - started)
    return _answer(report, request_id)


def _asked(event: Mapping[str, Any]) -> tuple[str, bytes]:
    """The data set and the body of a request.

    Raises:
        Unacceptable: it has none that can be taken.
    """
    found = _PATH.fullmatch(event.get("rawPath", ""))
    names = [*(each.name for each in declared.sent()), _SIGNALS]
    name = found[1].replace("-", "_") if found else ""
    if found and found[1] in _READ:
        raise Unacceptable(405, f"{found[1]} takes GET or HEAD", {"Allow": "GET, HEAD"})
    if name not in names:
        there = ", ".join(f"/api/v1/{each.replace('_', '-')}" for each in names)
        raise Unacceptable(404, f"rows are posted to {there}")
    if event["requestContext"]["http"]["method"] != "POST":
        raise Unacceptable(405, "rows are posted", {"Allow": "POST"})
    types = ("application/json",) if name == _SIGNALS else _TYPES
    if gateway.content_type(event) not in types:
        raise Unacceptable(415, f"send the body as {' or '.join(types)}")
    try:
        sent = gateway.body_of(event)
    except (binascii.Error, UnicodeError):
        raise Unacceptable(400, "the body is not text in UTF-8") from None
    if len(sent) > MOST_BYTES:
        most = f"{MOST_BYTES:,} are the most, and {MOST_ROWS:,} rows"
        raise Unacceptable(413, f"the body has {len(sent):,} bytes; {most}")
    return name, sent


def _add_signals(body: bytes, now: datetime, request_id: str, started: float) -> dict[str, Any]:
    """Take signals, all or none: 201 where any is new, 200 where all are known."""
    # Imported here: who posts rows need not wait for it.
    from chandlery.signals.add_signals import SignalsConflicting, add_signals
    from chandlery.signals.read_signals import SignalsRefused, read_signals

    counts: Mapping[str, Any] = {}
    try:
        added = add_signals(SANDBOX.get(), read_signals(body, now), now)
    except SignalsRefused as refused:
        answer = _problem(422, str(refused), request_id, errors=[asdict(fault) for fault in refused.faults])
    except SignalsConflicting as conflicting:
        errors = [
            {"number": each.number, "fields": each.fields, "sent": each.sent.shown(), "stored": each.stored.shown()}
            for each in conflicting.contradictions
        ]
        answer = _problem(409, str(conflicting), request_id, errors=errors)
    else:
        counts = asdict(added)
        said = {"new": added.signals_new, "known": added.signals_known, "ids": added.ids, "request_id": request_id}
        answer = _response(201 if added.signals_new else 200, "application/json", said, request_id)
    _telemetry.succeeded(counts, time.perf_counter() - started)
    return answer


def _has_time(context: LambdaContext) -> Any:
    return lambda seconds: context.get_remaining_time_in_millis() > (_STATEMENT_SECONDS + seconds) * 1000


def _answer(report: IngestReport, request_id: str) -> dict[str, Any]:
    """What became of the rows: 202 with counts where any was taken."""
    if report.turned_away:
        detail = "the database could not take all rows now; send the same again: those it has are known"
        return _problem(503, detail, request_id, headers={"Retry-After": _RETRY_AFTER_SECONDS})
    faults = [fault for each in report.bad for fault in each.faults]
    errors = [{"line": fault.line, "detail": fault.reason} for fault in faults[:_MOST_ERRORS]]
    if any(fault.line is None for fault in faults) or any(each.header is None for each in report.bad):
        return _problem(400, _worst(faults), request_id, errors=errors)
    if report.rows_bad and not (report.rows_new or report.rows_known or report.rows_conflicting):
        return _problem(422, f"no row could be taken: {_worst(faults)}", request_id, errors=errors)
    body = {
        "accepted": report.rows_new + report.rows_known,
        "new": report.rows_new,
        "known": report.rows_known,
        "bad": report.rows_bad,
        "conflicting": report.rows_conflicting,
        "cancelled": report.rows_cancelled,
        "errors": errors,
        "request_id": request_id,
    }
    return _response(202, "application/json", body, request_id)


def _worst(faults: list[Fault]) -> str:
    first = faults[0]
    return first.reason if first.line is None else f"line {first.line}: {first.reason}"


def _failed(error: Exception, request_id: str) -> dict[str, Any]:
    if isinstance(error, Retryable):
        detail = "the database could not take the rows now; send the same again"
        return _problem(503, detail, request_id, headers={"Retry-After": _RETRY_AFTER_SECONDS})
    if isinstance(error, WrongSchema):
        return _problem(503, gateway.OTHER_REVISION, request_id)
    said = "is not set up as it must be" if isinstance(error, Permanent) else "failed"
    return _problem(500, f"the service {said}; its log tells more", request_id)


def _problem(
    status: int, detail: str, request_id: str, *, errors: object = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    return _response(status, gateway.PROBLEM, gateway.problem(status, detail, request_id, errors), request_id, headers)


def _response(
    status: int, kind: str, body: Mapping[str, Any], request_id: str, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    sent = {"Content-Type": kind, "X-Request-Id": request_id, **(headers or {})}
    return gateway.response(status, json.dumps(body), sent)
