"""Whether the service is alive and ready: within two seconds, whatever the database does."""

import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as OutOfTime
from datetime import datetime
from typing import Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from pydantic import BaseModel, Field

from chandlery.health.check_health import HealthReport, check_health
from chandlery.health.domain.health import Health
from chandlery.platform.connection import connect
from chandlery.platform.errors import ChandleryError, Retryable
from chandlery.platform.settings import Settings

from .application import asked_at
from .causes import CAUSES, VERDICT, CauseAnswer
from .problems import documented
from .sandbox import COMPONENT, SANDBOX

router = Router()

# How long what was found is told again: strangers may ask, and each look at the database takes a connection.
KEPT_SECONDS = 5.0
_DEADLINE_SECONDS = 1.7
_STATEMENT_SECONDS = 1.2
_SERVING = {each.value for each in Health if each.serves}
_probe: "Future[HealthReport] | None" = None
_begun_at = 0.0


class BareHealthAnswer(BaseModel):
    """What anybody may know."""

    status: Literal["ready", "not ready"]
    health: str | None = Field(None, description=VERDICT)


class HealthAnswer(BareHealthAnswer):
    """Whether the service is alive and ready, and how well the desk is."""

    problem: str | None = Field(None, description="why it is not ready")
    timescaledb: str | None = Field(None, description="version of the database's TimescaleDB")
    edition: str | None = Field(None, description="its edition; community is needed")
    schema_revision: str | None = Field(None, description="the database's newest migration")
    causes: list[CauseAnswer] | None = Field(None, description=CAUSES)


_RULE = (
    "200 when ready, and HEALTHY or WARNING; 503 when DELAYED or FAILING, and when the database cannot be asked, or is"
    " not fit. What was found is told for a few seconds."
)


def _answers(model: type[BaseModel]) -> dict[int, OpenAPIResponse]:
    return {
        200: {"description": "Ready, and fresh", "content": {"application/json": {"model": model}}},
        503: {"description": "Not ready, or not fresh", "content": {"application/json": {"model": model}}},
        **documented(406, 422, 500),
    }


@router.get(
    "/health",
    summary="Check whether the service is ready and its candles are fresh",
    description=f"Needs no authorisation, and tells no more than that. {_RULE}",
    response_description="Ready, and the candles are fresh",
    responses=_answers(BareHealthAnswer),
    tags=["health"],
)
def get_health() -> Response[str]:
    """For monitors: the verdict alone."""
    return _respond(BareHealthAnswer.model_validate(_ask().model_dump(include=set(BareHealthAnswer.model_fields))))


@router.get(
    "/api/v1/health",
    summary="Check readiness and freshness, with the causes of what is wrong",
    description=_RULE,
    response_description="Ready, and the candles are fresh",
    responses=_answers(HealthAnswer),
    tags=["health"],
)
def get_whole_health() -> Response[str]:
    """For those who may know: what the database is, and each cause."""
    return _respond(_ask())


def _respond(answered: BareHealthAnswer) -> Response[str]:
    return Response(
        status_code=200 if answered.status == "ready" and answered.health in _SERVING else 503,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
        body=answered.model_dump_json(exclude_none=True),
    )


def _ask() -> HealthAnswer:
    """Ask the database, in a thread that is given up when it takes too long."""
    global _probe, _begun_at  # one that hangs is waited for, not joined by another at each request
    if _probe is None or (_probe.done() and time.monotonic() >= _begun_at + KEPT_SECONDS):
        _probe, _begun_at = _start(SANDBOX.settings, asked_at()), time.monotonic()
    try:
        report = _probe.result(_DEADLINE_SECONDS)
    except OutOfTime:
        return HealthAnswer(status="not ready", problem="the database does not answer in time")
    except Retryable:
        return HealthAnswer(status="not ready", problem="the database cannot be reached or is overloaded")
    except ChandleryError:
        # Its words may name hosts and roles; the log of any other request tells them.
        return HealthAnswer(status="not ready", problem="the database refuses the service")
    return HealthAnswer(
        status="ready" if report.ready else "not ready",
        problem=report.problem,
        timescaledb=report.timescaledb,
        edition=report.edition,
        schema_revision=report.revision,
        health=report.verdict.health if report.verdict else None,
        causes=[CauseAnswer.of(cause) for cause in report.verdict.causes] if report.verdict else None,
    )


def _start(settings: Settings, at: datetime) -> "Future[HealthReport]":
    probe: Future[HealthReport] = Future()

    def look() -> None:
        try:
            with connect(settings, COMPONENT, read_only=True, timeout_seconds=_STATEMENT_SECONDS) as connection:
                probe.set_result(check_health(connection, at))
        except BaseException as error:  # noqa: BLE001  # whoever waits raises it again
            probe.set_exception(error)

    threading.Thread(target=look, daemon=True, name="health").start()
    return probe
