"""GET /api/v1/gaps, /coverage, /timeframe-aggregation/status: what is missing and why, and how all fares."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field

from chandlery.datasets import declared
from chandlery.gaps.list_gaps import list_gaps
from chandlery.gaps.report_coverage import report_coverage
from chandlery.health.report_status import report_status
from chandlery.platform.asked import check_order
from chandlery.words.remark import Remark
from chandlery.words.window import DAY

from .answering import plain
from .application import asked_at
from .asking import Cursor, DatasetName, Day, Feed, Key, Limit, Moment, Words, watched
from .causes import CAUSES, VERDICT, CauseAnswer
from .problems import answers
from .sandbox import SANDBOX

router = Router()

# What a component's newest run tells of the candles as a whole.
_REPORTED_BY = {
    "live_gap_monitor": (
        "coverage_24h",
        "coverage_7d",
        "minutes_not_judged",
        "gaps_open",
        "minutes_open",
        "oldest_gap_hours",
    ),
    "policy_maintenance": ("drift", "jobs_failed", "jobs_late", "scheduler_runs", "stands_in"),
}


class GapAnswer(BaseModel):
    """A run of expected minutes without a row, of one reason."""

    instrument_key: str
    reason: str
    starts: datetime
    ends: datetime
    minutes: int
    found_at: datetime
    healed_at: datetime | None
    healed_from: str | None
    attempts: int
    next_attempt_at: datetime | None
    evidence: dict[str, Any]


class GapsAnswer(BaseModel):
    """A page of gaps, the earliest first."""

    gaps: list[GapAnswer]
    remarks: list[str] = Field(description="what the ledger cannot know; on the first page")
    next_cursor: str | None


class DayAnswer(BaseModel):
    """How complete an instrument's candles of a session date are, in minutes."""

    instrument_key: str
    feed: str
    session_date: date
    expected: int
    present: int
    explained: int = Field(description="without a candle because nothing was traded")
    missing: int = Field(description="judged, and an open gap")
    not_judged: int = Field(
        description="without a candle, and no gap monitor has looked, or could tell why: no part of coverage"
    )
    coverage: float = Field(description="(present + explained) / expected")


class CoverageAnswer(BaseModel):
    """How complete candles are, by key and session date."""

    first: date
    last: date
    days: list[DayAnswer]
    remarks: list[str] = Field(description="what the numbers alone do not tell")
    next_cursor: str | None = Field(description="asks for more instruments; null at the end")


class ComponentAnswer(BaseModel):
    """A component's newest run."""

    component: str
    scheduled_at: datetime
    status: str = Field(description="succeeded, failed, switched_off, or dry_run: done and undone")
    seconds: float
    error: str | None
    failures_in_a_row: int
    counts: dict[str, Any]


class AggregateAnswer(BaseModel):
    """How fresh a continuous aggregate is."""

    aggregate: str
    health: str
    lag_seconds: float
    materialized_up_to: datetime | None
    oldest_waiting: datetime | None
    last_run_at: datetime | None
    next_run_at: datetime | None
    failures: int | None
    stale_waiting: int


class CacheAnswer(BaseModel):
    """What the cache of the sandbox that answered did and holds."""

    hits_l1: int
    hits_l2: int
    misses: int
    hit_rate: float | None
    stored: int
    evicted: int
    bytes: int
    entries: int
    oldest_seconds: float | None
    median_seconds: float | None
    l2: Literal["absent", "up", "down"]
    l2_errors: int


class FeedLatencyAnswer(BaseModel):
    """How long a feed's ticks were under way, from their own time until they came."""

    feed: str
    latency_p50_seconds: float = Field(description="half of the ticks came within this time")
    latency_p99_seconds: float = Field(description="99 of 100 ticks came within this time")


class StatusAnswer(BaseModel):
    """How all fares."""

    at: datetime
    health: str = Field(description=VERDICT)
    causes: list[CauseAnswer] = Field(description=CAUSES)
    lag_seconds: float
    minutes_waiting: int
    oldest_waiting: datetime | None
    newest_candle: datetime | None
    components: list[ComponentAnswer]
    idle: dict[str, str] = Field(
        description="what writes nothing, components or indicators: name → switched_off or dry_run"
    )
    aggregates: list[AggregateAnswer]
    feed_latencies: list[FeedLatencyAnswer] = Field(
        description="of ticks of five minutes, a sample, as the live gap monitor's newest run found them"
    )
    gaps: dict[str, Any] = Field(description="as the live gap monitor's newest run found them; empty before it ran")
    policies: dict[str, Any] = Field(description="as policy maintenance's newest run found them; empty before it ran")
    cache: CacheAnswer


@router.get(
    "/api/v1/gaps",
    summary="List what candles or rows are missing, and why",
    responses=answers(GapsAnswer, 404, 422, 500, 503),
    tags=["completeness"],
)
def get_gaps(
    instrument_key: Annotated[Key | None, Query()] = None,
    feed: Feed = None,
    reason: Annotated[list[Words] | None, Query(max_length=10, description="of these alone; may be repeated")] = None,
    starts: Annotated[Moment | None, Query(alias="from")] = None,
    ends: Annotated[Moment | None, Query(alias="to")] = None,
    healed: Annotated[bool, Query(description="whether to list healed ones too")] = False,
    dataset: DatasetName = declared.DEFAULT.name,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response[str]:
    """Answer a page."""
    at = asked_at()
    page = SANDBOX.read(
        lambda connection: list_gaps(
            connection,
            at,
            key=instrument_key,
            feed=feed,
            reasons=reason or (),
            open_only=not healed,
            starts=starts,
            ends=ends,
            limit=limit,
            cursor=cursor,
            dataset=watched(dataset),
        )
    )
    rows = [GapAnswer.model_validate({"instrument_key": gap.key, **vars(gap)}) for gap in page.gaps]
    return plain(GapsAnswer(gaps=rows, remarks=_said(page.remarks), next_cursor=page.next_cursor))


@router.get(
    "/api/v1/coverage",
    summary="Get how complete candles or rows are, day by day",
    description=(
        "By session date; the newest seven that a gap monitor has looked at, where none are named. 404 where nothing"
        " was expected, or nobody has looked yet."
    ),
    responses=answers(CoverageAnswer, 404, 422, 500, 503),
    tags=["completeness"],
)
def get_coverage(
    instrument_key: Annotated[list[Key] | None, Query(max_length=100, description="may be repeated")] = None,
    feed: Feed = None,
    first: Annotated[Day | None, Query(alias="from", description="session date to begin with")] = None,
    ends: Annotated[Day | None, Query(alias="to", description="session date to stop before")] = None,
    dataset: DatasetName = declared.DEFAULT.name,
    limit: Annotated[int, Query(ge=1, le=1000, description="instruments in a page, at most")] = 100,
    cursor: Cursor = None,
) -> Response[str]:
    """Answer the days."""
    check_order(first, ends)
    at = asked_at()
    report = SANDBOX.read(
        lambda connection: report_coverage(
            connection,
            at,
            keys=instrument_key or (),
            feed=feed,
            first=first,
            last=ends and ends - DAY,
            limit=limit,
            cursor=cursor,
            dataset=watched(dataset),
        )
    )
    days = [
        DayAnswer.model_validate({"instrument_key": day.key, "coverage": day.coverage, **vars(day)})
        for day in report.days
    ]
    return plain(CoverageAnswer.model_validate({**vars(report), "days": days, "remarks": _said(report.remarks)}))


@router.get(
    "/api/v1/timeframe-aggregation/status",
    summary="Get the state of everything: components, aggregates, gaps, policies, cache",
    responses=answers(StatusAnswer, 422, 500, 503),
    tags=["health"],
)
def get_status() -> Response[str]:
    """Answer how components, aggregates, gaps, policies and the cache fare."""
    at = asked_at()
    report = SANDBOX.read(lambda connection: report_status(connection, at))
    counts = {run.component: run.counts for run in report.components}
    told = {
        component: {name: counts.get(component, {}).get(name) for name in names if name in counts.get(component, {})}
        for component, names in _REPORTED_BY.items()
    }
    statistics = SANDBOX.cache.statistics
    return plain(
        StatusAnswer.model_validate(
            {
                **asdict(report),
                "causes": [CauseAnswer.of(cause) for cause in report.causes],
                "gaps": told["live_gap_monitor"],
                "policies": told["policy_maintenance"],
                "cache": {**asdict(statistics), "hit_rate": statistics.hit_rate},
            }
        )
    )


def _said(remarks: Sequence[Remark]) -> list[str]:
    return [each.says for each in remarks]
