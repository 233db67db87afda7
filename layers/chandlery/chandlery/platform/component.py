"""How a scheduled component runs: event → use case → row in market.runs → log and metrics."""

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Protocol

from psycopg import Connection
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ValidationError

from chandlery.platform import runs
from chandlery.platform.connection import SandboxConnection, connect
from chandlery.platform.dry_run import dry_running
from chandlery.platform.errors import ChandleryError, Permanent, describe
from chandlery.platform.runs import Idle
from chandlery.platform.settings import Settings, read_settings
from chandlery.platform.telemetry import Telemetry
from chandlery.words.complaint import complaint
from chandlery.words.window import floor_minute, plausible_schedule

NOW = "now"


def _minute_of_invocation(given: object) -> object:
    """The minute that runs, in place of the word for it: the one place where a run's identity comes from the clock."""
    return floor_minute(datetime.now(UTC)) if given == NOW else given


class ScheduledEvent(BaseModel):
    """What a schedule sends: the time it was to fire, which is the run's identity and only clock.

    `now` stands for the minute of the invocation, where whoever sends the event cannot put a time in: a scheduler
    without `<aws.scheduler.scheduled-time>`, or a hand. A retry of such an event is another run.
    `dry_run` is for an invocation by hand: this run alone is dry, and leaves no row. `replayed` says that the time is a
    past one: the run changes no setting of the database.
    """

    scheduled_at: Annotated[AwareDatetime, BeforeValidator(_minute_of_invocation), AfterValidator(plausible_schedule)]
    dry_run: bool = False
    replayed: bool = False


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
    """One run of a component; all a dry one does is undone."""

    scheduled_at: datetime
    connection: Connection
    settings: Settings
    context: LambdaContext
    dry: bool = False
    replayed: bool = False

    def settle(self, seconds: float) -> None:
        """Wait until `seconds` after the scheduled time, by the clock on the wall; a late run does not wait."""
        wait = (self.scheduled_at + timedelta(seconds=seconds) - datetime.now(UTC)).total_seconds()
        time.sleep(min(max(wait, 0.0), seconds))

    def has_time(self, seconds: float = 0) -> bool:
        """Whether another piece of work may begin, which takes so many seconds at most."""
        if self.dry and time.monotonic() - self._first_asked > self.settings.dry_run_seconds:
            return False
        return self.context.get_remaining_time_in_millis() > (self.settings.run_reserve_seconds + seconds) * 1000

    def progress(self, what: str, done: int, total: int) -> None:
        """Say how far the work has come, where somebody at the command line waits for it."""
        tell = getattr(self.context, "progress", None)
        if tell is not None:
            tell(what, done, total)

    @cached_property
    def _first_asked(self) -> float:
        """When the work began, by a clock that only goes on: before, nobody is kept waiting."""
        return time.monotonic()


# What follows the work of a run, once it is committed; returns what it counts.
Finish = Callable[[Run], Mapping[str, Any]]


class Component:
    """A Lambda handler around a function that takes a `Run` and returns a report, and what follows its work.

    It raises what the work raised, so that Lambda counts the failure, and sends it to the failure destination once
    the retries that the template grants are spent.
    """

    def __init__(self, name: str, work: Callable[[Run], Report], finish: Finish | None = None) -> None:
        self.name = name
        self.telemetry = Telemetry(name)
        self.sandbox = SandboxConnection(lambda: connect(read_settings(), name), self.telemetry.logger.warning)
        self._work = work
        self._finish = finish

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Run once.

        Args:
            event: `{"scheduled_at": …}`, ISO 8601 with an offset, or `now`; with `"dry_run": true` nothing is written.
            context: Lambda's own.

        Returns:
            The report's counts; with `dry_run` what would have been. `switched_off` alone where a setting says so.

        Raises:
            Retryable, Permanent: the run failed; what it had committed stays, and the next run takes up the rest.
        """
        started = time.perf_counter()
        scheduled: ScheduledEvent | None = None
        idle: Idle | None = None
        try:
            scheduled = _scheduled(event)
            self.telemetry.started(scheduled.scheduled_at, context.aws_request_id, memory_of(context))
            settings = read_settings()
            if not settings.is_enabled(self.name):
                return self._stand_still(scheduled, time.perf_counter() - started)
            idle = Idle.DRY_RUN if settings.dry_run or scheduled.dry_run else None
            run = Run(
                scheduled.scheduled_at,
                self.sandbox.get(),
                _settings_of(settings, idle),
                context,
                dry=bool(idle),
                replayed=scheduled.replayed,
            )
            with dry_running(run.connection) if run.dry else nullcontext():
                report = self._work(run)
            counts = {**_counts_of(report), **self._finished(run, report)}
            seconds = time.perf_counter() - started
            if idle is None:
                runs.record(
                    run.connection, self.name, run.scheduled_at, counts=counts, changed=report.changed, seconds=seconds
                )
            else:
                counts = {idle: True} | counts
                self._record_idle(scheduled, idle, counts, seconds)
        except Exception as error:
            self._fail(error, scheduled, idle, time.perf_counter() - started)
            raise
        if idle is None:
            self.telemetry.succeeded(counts, seconds)
        else:
            self.telemetry.ran_dry(counts, seconds)
        return counts

    def _finished(self, run: Run, report: Report) -> Mapping[str, Any]:
        """What follows the work of a run that is not dry; where it fails, the error tells of the work."""
        if self._finish is None or run.dry:
            return {}
        try:
            return self._finish(run)
        except ChandleryError as error:
            error.report = report
            raise

    def _stand_still(self, scheduled: ScheduledEvent, seconds: float) -> dict[str, Any]:
        """Do nothing, and say so: where the database cannot be asked, in log and metrics alone."""
        counts: dict[str, Any] = {Idle.SWITCHED_OFF: True}
        try:
            self._record_idle(scheduled, Idle.SWITCHED_OFF, counts, seconds)
        except ChandleryError as error:
            self.telemetry.logger.warning("the run has no row in market.runs", error=str(error))
        self.telemetry.stood_still(f"{self.name}_enabled".upper(), seconds)
        return counts

    def _record_idle(
        self, scheduled: ScheduledEvent, idle: Idle, counts: dict[str, Any], seconds: float, error: str | None = None
    ) -> None:
        """Write its row; a dry run by hand has none, for it says nothing of how the component fares."""
        if not scheduled.dry_run:
            connection, at = self.sandbox.get(), scheduled.scheduled_at
            runs.record_idle(connection, self.name, at, idle, counts=counts, seconds=seconds, error=error)

    def _fail(self, failure: Exception, scheduled: ScheduledEvent | None, idle: Idle | None, seconds: float) -> None:
        """Tell of a failure, and leave its row if the database can be asked: when it cannot, that is the failure."""
        said = describe(failure)
        counts = _counts_of(failure.report) if isinstance(failure, ChandleryError) and failure.report else {}
        if scheduled is not None:
            try:
                if idle is None:
                    connection, at = self.sandbox.get(), scheduled.scheduled_at
                    runs.record(connection, self.name, at, counts=counts, changed=True, seconds=seconds, error=said)
                else:
                    self._record_idle(scheduled, idle, {idle: True} | counts, seconds, said)
            except ChandleryError as error:
                self.telemetry.logger.warning("the failed run has no row in market.runs", error=str(error))
        # What a dry run counts has not come to be.
        done = counts if idle is None else {}
        self.telemetry.failed(failure, counts=done, seconds=seconds)


def memory_of(context: LambdaContext) -> int | None:
    """The megabytes that a function may take; None where nobody limits it, as on one's own machine."""
    told = getattr(context, "memory_limit_in_mb", None)
    return int(told) if told else None


def component(name: str, *, finish: Finish | None = None) -> Callable[[Callable[[Run], Report]], Component]:
    """Make a Lambda handler of the decorated function; `finish` follows its work."""
    return lambda work: Component(name, work, finish)


def _counts_of(report: object) -> dict[str, Any]:
    return asdict(report)  # type: ignore[call-overload, no-any-return]  # a frozen dataclass


def _settings_of(settings: Settings, idle: Idle | None) -> Settings:
    """Those of a run; a dry one waits for the vendor no longer than others may wait for it."""
    if idle is None:
        return settings
    deadline = min(settings.vendor_deadline_seconds, settings.dry_run_seconds)
    return settings.model_copy(update={"vendor_deadline_seconds": deadline})


def _scheduled(event: dict[str, Any]) -> ScheduledEvent:
    try:
        found = ScheduledEvent.model_validate(event)
        return found.model_copy(update={"scheduled_at": found.scheduled_at.astimezone(UTC)})
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "event"
        raise Permanent(
            f'the event is malformed: {where}: {complaint(problem)}; send {{"scheduled_at": "2026-01-31T10:00:00Z"}}'
        ) from None
