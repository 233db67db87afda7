"""When somebody says so: schema and sessions of a database that only the functions can reach.

Sessions come with the event, as `chandlery sessions export` writes them: the library that knows calendars needs pandas
and numpy, 105 MB where Alembic takes 22, and pandas has no build for Lambda's python3.11.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal

from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from chandlery.platform.check_schema import CatalogueReport, check_schema
from chandlery.platform.component import LambdaContext
from chandlery.platform.connection import connect
from chandlery.platform.errors import Permanent
from chandlery.platform.migrate_schema import SchemaReport, report_revision, upgrade_schema
from chandlery.platform.settings import read_settings
from chandlery.platform.telemetry import Telemetry
from chandlery.reference.domain.session import Calendar
from chandlery.reference.sync_sessions import SessionsReport, sync_sessions
from chandlery.words.complaint import complaint

COMPONENT = "migrate"
# Kept back from the function's time: a statement ends, and its transaction with it, before Lambda would cut it off.
_RESERVE_SECONDS = 15

telemetry = Telemetry(COMPONENT)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Upgrade(_Asked):
    """Run the migrations up to a revision."""

    do: Literal["upgrade"]
    revision: str = "head"

    def carry_out(self, open_connection: Callable[[], Connection]) -> SchemaReport:
        """Do it."""
        return upgrade_schema(open_connection, self.revision)


class Current(_Asked):
    """Tell the revision."""

    do: Literal["current"]

    def carry_out(self, open_connection: Callable[[], Connection]) -> SchemaReport:
        """Do it."""
        return report_revision(open_connection)


class Check(_Asked):
    """Compare the catalogue with the one that this code's migrations make."""

    do: Literal["check"]

    def carry_out(self, open_connection: Callable[[], Connection]) -> CatalogueReport:
        """Do it."""
        with open_connection() as connection:
            return check_schema(connection)


class SyncSessions(_Asked):
    """Make stored sessions those of the event."""

    do: Literal["sync-sessions"]
    calendars: tuple[Calendar, ...] = Field(min_length=1)

    def carry_out(self, open_connection: Callable[[], Connection]) -> SessionsReport:
        """Do it."""
        with open_connection() as connection:
            return sync_sessions(connection, self.calendars)


_EVENT: TypeAdapter[Upgrade | Current | Check | SyncSessions] = TypeAdapter(
    Annotated[Upgrade | Current | Check | SyncSessions, Field(discriminator="do")]
)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do what the event says.

    Args:
        event: `{"do": "upgrade"}`, perhaps with a `revision`; `{"do": "current"}`; `{"do": "check"}`; or
            `{"do": "sync-sessions", "calendars": […]}`.
        context: Lambda's own.

    Returns:
        What was found and done; days as ISO 8601.

    Raises:
        Retryable, Permanent: it was not, or not all of it; done again, it takes up the rest.
    """
    started = time.perf_counter()
    try:
        seconds = context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS
        report = _read(event).carry_out(lambda: connect(read_settings(), COMPONENT, timeout_seconds=max(seconds, 1)))
    except Exception as error:
        telemetry.failed(error, seconds=time.perf_counter() - started)
        raise
    counts: dict[str, Any] = TypeAdapter(dict[str, Any]).dump_python(asdict(report), mode="json")
    telemetry.succeeded(counts, time.perf_counter() - started)
    return counts


def _read(event: dict[str, Any]) -> Upgrade | Current | Check | SyncSessions:
    try:
        return _EVENT.validate_python(event)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "event"
        raise Permanent(
            f'the event is malformed: {where}: {complaint(problem)}; send {{"do": "upgrade"}}, {{"do": "current"}}, or'
            " what chandlery sessions export writes"
        ) from None
