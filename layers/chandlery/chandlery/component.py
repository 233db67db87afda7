"""How a scheduled component runs: event → use case → row in market.runs → log and metrics."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from psycopg import Connection
from pydantic import AwareDatetime, BaseModel, ValidationError

from chandlery.errors import ChandleryError, Permanent, Retryable
from chandlery.settings import Settings, read_settings
from chandlery.store import runs
from chandlery.store.connection import SandboxConnection, connect
from chandlery.telemetry import Telemetry

# Kept back from the function's time for the row, the log and the metrics.
_RESERVE_MILLISECONDS = 10_000


class ScheduledEvent(BaseModel):
    """What a schedule sends: the time it was to fire, which is the run's identity and only clock."""

    scheduled_at: AwareDatetime


class LambdaContext(Protocol):
    """What a run needs of Lambda's own context."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        ...


class Report(Protocol):
    """What a use case returns: a frozen dataclass that knows whether it changed anything."""

    @property
    def changed(self) -> bool:
        """Whether the run left anything other than it found it."""
        ...


@dataclass(frozen=True)
class Run:
    """One run of a component."""

    scheduled_at: datetime
    connection: Connection
    settings: Settings
    context: LambdaContext

    def settle(self, seconds: float) -> None:
        """Wait until `seconds` after the scheduled time, by the clock on the wall; a late or past run waits for nothing."""
        wait = (self.scheduled_at + timedelta(seconds=seconds) - datetime.now(UTC)).total_seconds()
        time.sleep(min(max(wait, 0.0), seconds))

    def has_time(self) -> bool:
        """Whether another piece of work may begin."""
        return self.context.get_remaining_time_in_millis() > _RESERVE_MILLISECONDS


Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def component(name: str) -> Callable[[Callable[[Run], Report]], Handler]:
    """Make a Lambda handler of a function that takes a `Run` and returns a report.

    The handler raises what the work raised, so that Lambda counts the failure, retries it, and at last sends it to the
    failure destination.
    """

    def wrap(work: Callable[[Run], Report]) -> Handler:
        telemetry = Telemetry(name)
        sandbox = SandboxConnection(lambda: connect(read_settings(), name))

        def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            started = time.perf_counter()
            scheduled_at: datetime | None = None
            try:
                scheduled_at = _scheduled_at(event)
                telemetry.started(scheduled_at, context.aws_request_id)
                settings = read_settings()
                run = Run(scheduled_at, sandbox.get(), settings, context)
                report = work(run)
                counts, seconds = asdict(report), time.perf_counter() - started  # type: ignore[call-overload]  # a dataclass
                runs.record(run.connection, name, scheduled_at, counts=counts, changed=report.changed, seconds=seconds)
            except ChandleryError as error:
                seconds = time.perf_counter() - started
                telemetry.failed(str(error), retryable=isinstance(error, Retryable), seconds=seconds)
                if scheduled_at is not None:
                    _record_failure(telemetry, sandbox, name, scheduled_at, error, seconds)
                raise
            telemetry.succeeded(report, seconds)
            return counts

        return handler

    return wrap


def _scheduled_at(event: dict[str, Any]) -> datetime:
    try:
        return ScheduledEvent.model_validate(event).scheduled_at.astimezone(UTC)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "event"
        raise Permanent(
            f'the event is malformed: {where}: {problem["msg"]}; send {{"scheduled_at": "2026-01-31T10:00:00Z"}}'
        ) from None


def _record_failure(
    telemetry: Telemetry,
    sandbox: SandboxConnection,
    name: str,
    scheduled_at: datetime,
    failure: ChandleryError,
    seconds: float,
) -> None:
    """The failure's row, if the database can be asked; when it cannot, that is very likely the failure itself."""
    try:
        runs.record(sandbox.get(), name, scheduled_at, counts={}, changed=True, seconds=seconds, error=str(failure))
    except ChandleryError as error:
        telemetry.logger.warning("the failed run has no row in market.runs", error=str(error))
