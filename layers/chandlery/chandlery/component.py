"""How a scheduled component runs: event → use case → row in market.runs → log and metrics."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Protocol

from psycopg import Connection
from pydantic import AfterValidator, AwareDatetime, BaseModel, ValidationError

from chandlery.domain.window import plausible_schedule
from chandlery.errors import ChandleryError, Permanent, Retryable
from chandlery.settings import Settings, read_settings
from chandlery.store import runs
from chandlery.store.connection import SandboxConnection, connect
from chandlery.telemetry import Telemetry

# Kept back from the function's time for the row, the log and the metrics.
_RESERVE_MILLISECONDS = 10_000


class ScheduledEvent(BaseModel):
    """What a schedule sends: the time it was to fire, which is the run's identity and only clock."""

    scheduled_at: Annotated[AwareDatetime, AfterValidator(plausible_schedule)]


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
        """Wait until `seconds` after the scheduled time, by the clock on the wall; a late run does not wait."""
        wait = (self.scheduled_at + timedelta(seconds=seconds) - datetime.now(UTC)).total_seconds()
        time.sleep(min(max(wait, 0.0), seconds))

    def has_time(self, seconds: float = 0) -> bool:
        """Whether another piece of work may begin, which takes so many seconds at most."""
        return self.context.get_remaining_time_in_millis() > _RESERVE_MILLISECONDS + seconds * 1000


class Component:
    """A Lambda handler around a function that takes a `Run` and returns a report.

    It raises what the work raised, so that Lambda counts the failure, and sends it to the failure destination once
    the retries that the template grants are spent.
    """

    def __init__(self, name: str, work: Callable[[Run], Report]) -> None:
        self.name = name
        self.telemetry = Telemetry(name)
        self.sandbox = SandboxConnection(lambda: connect(read_settings(), name))
        self._work = work

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Run once.

        Args:
            event: `{"scheduled_at": …}`, ISO 8601 with an offset.
            context: Lambda's own.

        Returns:
            The report's counts.

        Raises:
            Retryable, Permanent: the run failed; what it had committed stays, and the next run takes up the rest.
        """
        started = time.perf_counter()
        scheduled_at: datetime | None = None
        try:
            scheduled_at = _scheduled_at(event)
            self.telemetry.started(scheduled_at, context.aws_request_id)
            run = Run(scheduled_at, self.sandbox.get(), read_settings(), context)
            report = self._work(run)
            counts = _counts_of(report)
            seconds = time.perf_counter() - started
            runs.record(run.connection, self.name, scheduled_at, counts=counts, changed=report.changed, seconds=seconds)
        except Exception as error:
            self._fail(error, scheduled_at, time.perf_counter() - started)
            raise
        self.telemetry.succeeded(counts, seconds)
        return counts

    def _fail(self, failure: Exception, scheduled_at: datetime | None, seconds: float) -> None:
        """Tell of a failure, and leave its row if the database can be asked: when it cannot, that is the failure."""
        # What was not raised on purpose may say anything, a secret included: its kind is enough here.
        said = str(failure) if isinstance(failure, ChandleryError) else f"unexpected {type(failure).__name__}"
        if scheduled_at is not None:
            try:
                connection = self.sandbox.get()
                counts = _counts_of(failure.report) if isinstance(failure, ChandleryError) and failure.report else {}
                runs.record(
                    connection, self.name, scheduled_at, counts=counts, changed=True, seconds=seconds, error=said
                )
            except ChandleryError as error:
                self.telemetry.logger.warning("the failed run has no row in market.runs", error=str(error))
        self.telemetry.failed(said, retryable=isinstance(failure, Retryable), seconds=seconds)


def component(name: str) -> Callable[[Callable[[Run], Report]], Component]:
    """Make a Lambda handler of the decorated function."""
    return lambda work: Component(name, work)


def _counts_of(report: object) -> dict[str, Any]:
    return asdict(report)  # type: ignore[call-overload, no-any-return]  # a frozen dataclass


def _scheduled_at(event: dict[str, Any]) -> datetime:
    try:
        return ScheduledEvent.model_validate(event).scheduled_at.astimezone(UTC)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "event"
        raise Permanent(
            f'the event is malformed: {where}: {problem["msg"]}; send {{"scheduled_at": "2026-01-31T10:00:00Z"}}'
        ) from None
