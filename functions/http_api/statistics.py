"""GET /api/v1/statistics and /api/v1/instruments/{instrument_key}/statistics: histories in a few numbers."""

from datetime import date, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BaseModel, Field

from chandlery.reading.list_statistics import MOST, find_statistics, list_statistics
from chandlery.reading.store.histories import History

from .answering import of_moment, write_json
from .asking import Calendar, Cursor, Feed, PathKey, Prefix
from .numbers import Exact, Form, Numbers, exact_members
from .problems import answers
from .sandbox import SANDBOX

router = Router()


class StatisticsAnswer(BaseModel):
    """An instrument's history by its daily candles, which stay when minutes are dropped: regular sessions alone."""

    instrument_key: str
    minutes: int = Field(description="one-minute candles")
    days: int
    first_day: date | None
    last_day: date | None
    first: datetime | None
    last: datetime | None
    high: Exact | None = Field(description="the highest of all days")
    high_day: date | None
    low: Exact | None
    low_day: date | None
    average_close: Exact | None = Field(description="mean of the days' closes")
    weighted_close: Exact | None = Field(description="the same, each day weighted by its volume")
    volume: Exact


class StatisticsOfAll(BaseModel):
    """A page of histories, by key."""

    statistics: list[StatisticsAnswer]
    next_cursor: str | None = Field(description="asks for the page after this one; null at the end")


@router.get(
    "/api/v1/instruments/<instrument_key>/statistics",
    summary="Sum up an instrument's history: days, extremes, averages, volume",
    responses=answers(StatisticsAnswer, 404, 422, 500, 503),
    tags=["instruments"],
)
def get_statistics(instrument_key: Annotated[PathKey, Path()], numbers: Numbers = "number") -> Response[str]:
    """Answer the numbers."""
    found = SANDBOX.read(lambda connection: find_statistics(connection, instrument_key))
    return of_moment(write_json(_answered(found, numbers)))


@router.get(
    "/api/v1/statistics",
    summary="Sum up the histories of many instruments, page by page",
    description="By key; an instrument without daily candles has 0 `days`.",
    responses=answers(StatisticsOfAll, 422, 500, 503),
    tags=["instruments"],
)
def get_statistics_of_all(
    feed: Feed = None,
    calendar: Calendar = None,
    prefix: Prefix = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="instruments in a page, at most")] = 100,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    page = SANDBOX.read(
        lambda connection: list_statistics(
            connection, feed=feed, calendar=calendar, prefix=prefix, limit=limit, cursor=cursor
        )
    )
    found = [_answered(each, numbers) for each in page.histories]
    return of_moment(write_json(StatisticsOfAll.model_construct(statistics=found, next_cursor=page.next_cursor)))


def _answered(history: History, numbers: Form) -> StatisticsAnswer:
    values = exact_members(vars(history), numbers)
    return StatisticsAnswer.model_construct(instrument_key=values.pop("key"), **values)
