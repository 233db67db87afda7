"""Tell in a moment whether the database answers, is the one this code knows, and how well the desk is."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.health.domain.health import Verdict, judge
from chandlery.health.measure_health import measure_health
from chandlery.platform import schema
from chandlery.platform.errors import Permanent


@dataclass(frozen=True)
class HealthReport:
    """Whether the service can do its work, and the verdict on the desk, null where the database is not fit.

    `problem` says in a sentence what is wrong with the database; None where nothing is. A desk that is not well leaves
    the service ready: it can answer.
    """

    ready: bool
    problem: str | None
    timescaledb: str | None
    edition: str | None
    revision: str | None
    verdict: Verdict | None


def check_health(connection: Connection, at: datetime) -> HealthReport:
    """Look at the database, as of a moment, aware.

    Raises:
        Retryable, Permanent: the database does not answer.
    """
    found = schema.describe(connection)
    problem = None
    try:
        schema.judge(found)
    except Permanent as error:
        problem = str(error)
    return HealthReport(
        ready=problem is None,
        problem=problem,
        timescaledb=found.timescaledb,
        edition=found.edition,
        revision=found.revision,
        verdict=judge(measure_health(connection, at)) if problem is None else None,
    )
