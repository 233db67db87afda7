"""GET /health: whether the service is alive and ready, within two seconds whatever the database does."""

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from pydantic import BaseModel, Field

from chandlery.domain.health import Health
from chandlery.errors import ChandleryError, Retryable
from chandlery.settings import Settings
from chandlery.store.connection import connect
from chandlery.usecases.check_health import HealthReport, check_health

from .application import asked_at
from .causes import CAUSES, VERDICT, CauseAnswer
from .problems import documented
from .sandbox import COMPONENT, SANDBOX

router = Router()

_DEADLINE_SECONDS = 1.7
_STATEMENT_SECONDS = 1.2
_SERVING = {each.value for each in Health if each.serves}
_probe: "Future[HealthReport] | None" = None


class HealthAnswer(BaseModel):
    """Whether the service is alive and ready, and how well the desk is."""

    status: Literal["ready", "not ready"]
    problem: str | None = Field(None, description="why it is not ready")
    timescaledb: str | None = Field(None, description="version of the database's TimescaleDB")
    edition: str | None = Field(None, description="its edition; community is needed")
    schema_revision: str | None = Field(None, description="the database's newest migration")
    health: str | None = Field(None, description=VERDICT)
    causes: list[CauseAnswer] | None = Field(None, description=CAUSES)


@router.get(
    "/health",
    summary="Alive and ready?",
    description=(
        "Never cached, needs no authorisation. 200 when ready, and HEALTHY or WARNING; 503 when DELAYED or FAILING, and"
        " when the database cannot be asked, or is not fit."
    ),
    response_description="Ready, and the candles are fresh",
    responses={
        200: {"description": "Ready, and fresh", "content": {"application/json": {"model": HealthAnswer}}},
        503: {"description": "Not ready, or not fresh", "content": {"application/json": {"model": HealthAnswer}}},
        **documented(406, 422, 500),
    },
    tags=["health"],
)
def get_health() -> Response[str]:
    """Ask the database, in a thread that is given up when it takes too long."""
    answered = _ask()
    return Response(
        status_code=200 if answered.status == "ready" and answered.health in _SERVING else 503,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
        body=answered.model_dump_json(exclude_none=True),
    )


def _ask() -> HealthAnswer:
    global _probe  # one that hangs is waited for, not joined by another at each request
    if _probe is None or _probe.done():
        _probe = _start(SANDBOX.settings, asked_at())
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
        causes=[CauseAnswer(**asdict(cause)) for cause in report.verdict.causes] if report.verdict else None,
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
