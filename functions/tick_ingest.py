"""Whenever a queue or a stream has records: their rows, into the data sets that they are of."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from chandlery.ingest.domain.bad_queue import bad_messages
from chandlery.ingest.domain.delivery import Delivery, read_event
from chandlery.ingest.identify_instruments import Unknown
from chandlery.ingest.ingest_records import IngestReport, ingest_records
from chandlery.platform import queues
from chandlery.platform.component import LambdaContext, memory_of
from chandlery.platform.connection import SandboxConnection, connect
from chandlery.platform.errors import Permanent, Retryable
from chandlery.platform.settings import Settings, read_settings
from chandlery.platform.telemetry import Telemetry

_NAME = "tick_ingest"
_telemetry = Telemetry(_NAME)
SANDBOX = SandboxConnection(lambda: connect(read_settings(), _NAME), _telemetry.logger.warning)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a batch of records: SQS's event, or Kinesis's, in; what is to come again out.

    Why Powertools' batch processor is not used: docs/records.md.

    Raises:
        Retryable, Permanent: nothing was written, or the queue of bad records refuses; the whole batch comes again.
    """
    started, received_at = time.perf_counter(), datetime.now(UTC)
    _telemetry.began(context.aws_request_id, memory_of(context))
    try:
        delivery, settings = _delivered(event), read_settings()
        queue_url = _bad_queue(settings)

        def has_time(seconds: float) -> bool:
            return context.get_remaining_time_in_millis() > (settings.run_reserve_seconds + seconds) * 1000

        report = ingest_records(
            SANDBOX.get(), delivery.records, received_at, unknown=_unknown(settings), has_time=has_time
        )
        turned_away = [*report.turned_away, *_report_bad(delivery, report, queue_url)]
    except Exception as error:
        _telemetry.failed(error, seconds=time.perf_counter() - started)
        raise
    counts = asdict(report) | {"turned_away": turned_away, "bad": len(report.bad)}
    _telemetry.succeeded(counts, time.perf_counter() - started)
    return dict(delivery.answer(turned_away))


def _delivered(event: dict[str, Any]) -> Delivery:
    try:
        return read_event(event)
    except ValueError as error:
        raise Permanent(f"the event is malformed: {error}") from None


def _bad_queue(settings: Settings) -> str:
    if settings.bad_records_queue_url is None:
        raise Permanent("BAD_RECORDS_QUEUE_URL is not set; set it to the URL of the queue that hears of bad records")
    return settings.bad_records_queue_url


def _unknown(settings: Settings) -> Unknown | None:
    words = settings.add_unknown_instruments
    return Unknown(*words.split()) if words else None


def _report_bad(delivery: Delivery, report: IngestReport, queue_url: str) -> list[str]:
    """Tell the queue of bad records; returns those that it could not be told of, which have to come again."""
    untold = [each for each in report.bad if not delivery.comes_again(each.record.record_id, report.turned_away)]
    if not untold:
        return []
    try:
        bodies = [body for each in untold for body in bad_messages(delivery.source, each)]
        refused = queues.send(queues.queue_client(queue_url), queue_url, bodies).refused
    except Retryable as error:
        _telemetry.logger.warning("bad records come again: their queue was not told of them", error=str(error))
        return [each.record.record_id for each in untold]
    if refused:
        raise Permanent(f"{queue_url} refuses what it was sent of bad records: {next(iter(refused.values()))}")
    return []
