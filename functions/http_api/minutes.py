"""GET /api/v1/heat-map, /api/v1/instruments/{instrument_key}/holes and …/explain: what is not complete, and why."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BaseModel, Field

from chandlery.gaps.find_holes import MOST_DAYS, find_holes
from chandlery.gaps.map_coverage import map_coverage
from chandlery.platform.asked import check_order
from chandlery.reading.explain_minute import explain_minute
from chandlery.words.remark import without_remedy
from chandlery.words.window import Window

from .answering import plain
from .application import asked_at
from .asking import Cursor, DatasetName, Day, Feed, Moment, PathKey, Words, watched
from .completeness import GapAnswer
from .problems import answers
from .sandbox import SANDBOX

router = Router()


class HeatDayAnswer(BaseModel):
    """Expected minutes of a session date, state by state; they add up to `expected`."""

    session_date: date
    expected: int
    present: int
    explained: int = Field(description="without a candle because nothing was traded")
    partial: int = Field(description="with a partial candle alone: their feed fell silent")
    missing: int = Field(description="judged, and an open gap without a candle")
    not_judged: int = Field(description="without a candle, and no gap monitor has looked")


class HeatRowAnswer(BaseModel):
    """An instrument's session dates; one without expected minutes is left out."""

    instrument_key: str
    feed: str
    calendar: str
    days: list[HeatDayAnswer]


class HeatMapAnswer(BaseModel):
    """A page of instruments, those with the most missing minutes first."""

    dates: list[date] = Field(description="session dates of the page, the oldest first")
    rows: list[HeatRowAnswer]
    next_cursor: str | None = Field(description="asks for more instruments; null at the end")


class OpenHoursAnswer(BaseModel):
    """A part of a session during which the exchange is open."""

    session_date: date
    starts: datetime
    ends: datetime


class HoleAnswer(BaseModel):
    """Adjacent expected minutes without a complete candle."""

    session_date: date
    starts: datetime
    ends: datetime
    state: Literal["explained", "missing", "partial", "not_judged"]
    reason: str | None = Field(description="why they are missing, by the ledger of gaps; null where it has no row")


class HolesAnswer(BaseModel):
    """What is not complete of an instrument's one-minute candles, and when its exchange is open."""

    instrument_key: str
    time_zone: str
    due: datetime = Field(description="later minutes are not expected yet")
    open_hours: list[OpenHoursAnswer]
    holes: list[HoleAnswer]


class MinuteAnswer(BaseModel):
    """Everything that is known of a minute."""

    instrument_key: str
    minute: datetime
    verdict: str = Field(description="not_over, waiting, complete, not_expected, missing, explained or not_judged")
    sentence: str = Field(description="the same, in a sentence")
    expected: bool
    surroundings: dict[str, Any] = Field(description="session, feed, what is counted, and who has judged it")
    ticks: dict[str, Any]
    candle: dict[str, Any] | None
    gaps: list[GapAnswer] = Field(description="the ledger's rows of this minute, the open one first")


@router.get(
    "/api/v1/heat-map",
    summary="How complete candles are, by instrument and day, the worst first",
    description="The newest session dates a gap monitor has looked at, without those on which nothing is expected.",
    responses=answers(HeatMapAnswer, 422, 500, 503),
    tags=["completeness"],
)
def get_heat_map(
    feed: Feed = None,
    search: Annotated[Words, Query(max_length=200, description="instruments with this in their keys")] = "",
    days: Annotated[int, Query(ge=1, le=60, description="session dates, at most")] = 20,
    last: Annotated[Day | None, Query(alias="to", description="the last session date; the newest where absent")] = None,
    dataset: DatasetName = "candles",
    limit: Annotated[int, Query(ge=1, le=500, description="instruments in a page, at most")] = 100,
    cursor: Cursor = None,
) -> Response[str]:
    """Answer a page."""
    at = asked_at()
    found = SANDBOX.read(
        lambda connection: map_coverage(
            connection,
            at,
            days=days,
            last=last,
            feed=feed,
            part=search,
            limit=limit,
            cursor=cursor,
            dataset=watched(dataset),
        )
    )
    rows = [
        HeatRowAnswer(
            instrument_key=row.instrument.key,
            feed=row.instrument.feed,
            calendar=row.instrument.calendar,
            days=[HeatDayAnswer.model_validate(vars(day)) for day in row.days],
        )
        for row in found.rows
    ]
    return plain(HeatMapAnswer(dates=list(found.dates), rows=rows, next_cursor=found.next_cursor))


@router.get(
    "/api/v1/instruments/<instrument_key>/holes",
    summary="The minutes that are not complete, and why",
    description=f"In a stretch of {MOST_DAYS} days at most, as runs of adjacent minutes of one state and reason.",
    responses=answers(HolesAnswer, 404, 422, 500, 503),
    tags=["completeness"],
)
def get_holes(
    instrument_key: Annotated[PathKey, Path()],
    starts: Annotated[Moment, Query(alias="from")],
    ends: Annotated[Moment, Query(alias="to")],
) -> Response[str]:
    """Answer all of them."""
    check_order(starts, ends)
    at = asked_at()

    def read(connection: Any) -> HolesAnswer:
        instrument = SANDBOX.find_instrument(connection, instrument_key)
        report = find_holes(connection, instrument, Window(starts, ends), at)
        return HolesAnswer(
            instrument_key=instrument.key,
            time_zone=instrument.time_zone,
            due=report.due,
            open_hours=[OpenHoursAnswer.model_validate(vars(each)) for each in report.open_hours],
            holes=[HoleAnswer.model_validate(vars(each)) for each in report.holes],
        )

    return plain(SANDBOX.read(read))


@router.get(
    "/api/v1/instruments/<instrument_key>/explain",
    summary="Why a minute has its candle, or has none",
    responses=answers(MinuteAnswer, 404, 422, 500, 503),
    tags=["completeness"],
)
def get_explanation(
    instrument_key: Annotated[PathKey, Path()],
    moment: Annotated[Moment, Query(alias="at", description="a time inside the minute")],
) -> Response[str]:
    """Answer the sentence and its evidence."""
    at = asked_at()
    report = SANDBOX.read(lambda connection: explain_minute(connection, instrument_key, moment, at))
    return plain(
        MinuteAnswer(
            instrument_key=report.instrument.key,
            minute=report.minute,
            verdict=report.verdict.value,
            sentence=without_remedy(report.sentence),
            expected=report.expected,
            surroundings=asdict(report.surroundings),
            ticks=_exact(asdict(report.ticks)),
            candle=_exact(asdict(report.candle)) if report.candle else None,
            gaps=[GapAnswer.model_validate({"instrument_key": gap.key, **vars(gap)}) for gap in report.gaps],
        )
    )


def _exact(row: Mapping[str, Any]) -> dict[str, Any]:
    """With decimals as text, every digit of them."""
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in row.items()}
