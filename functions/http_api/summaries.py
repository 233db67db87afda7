"""GET /api/v1/sentiment/{instrument_key} and /api/v1/flows/{instrument_key}: what their buckets come to."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BaseModel, Field

from chandlery.reading.domain.summary import OF_FLOWS, OF_SENTIMENT, Question
from chandlery.words.timeframe import Timeframe

from .answering import of_moment, write_json
from .asking import Cursor, Limit, Moment, PathKey, TimeframeName, Words
from .numbers import Numbers
from .problems import answers
from .row_models import row_type, rows_of
from .sandbox import SANDBOX

router = Router()
InstrumentKey = Annotated[PathKey, Path()]
From = Annotated[Moment | None, Query(alias="from", description="buckets that start here or later")]
To = Annotated[Moment | None, Query(alias="to", description="buckets that start before; all where absent")]
_PAGES = (
    "With `from`, pages go on from there; without it, the newest before `to`, and pages go back. A page lists the"
    " oldest first; the newest bucket may not have ended yet."
)
_PROBLEMS = (404, 422, 500, 503)


def _of(question: Question) -> Any:
    return Annotated[
        TimeframeName, Query(json_schema_extra={"type": "string", "enum": [*map(str, question.total.readable)]})
    ]


SentimentBucket = row_type("SentimentBucket", OF_SENTIMENT.total.values(), OF_SENTIMENT.total.order())
FlowsBucket = row_type("FlowsBucket", OF_FLOWS.total.values(), OF_FLOWS.total.order())


class SentimentAnswer(BaseModel):
    """A page of sentiment, the oldest first; `source` is empty over all of them."""

    instrument_key: str
    timeframe: str
    rows: list[SentimentBucket]  # type: ignore[valid-type]  # made above
    next_cursor: str | None = Field(description="asks for the page after this one; null at the end")


class FlowsAnswer(BaseModel):
    """A page of flows, the oldest first; `venue` is empty over all of them."""

    instrument_key: str
    timeframe: str
    rows: list[FlowsBucket]  # type: ignore[valid-type]  # made above
    next_cursor: str | None = Field(description="asks for the page after this one; null at the end")


@router.get(
    "/api/v1/sentiment/<instrument_key>",
    summary="Get an instrument's sentiment by the hour or day",
    description=(
        "A row a bucket over all sources, or of the one asked for, or of each. `score` is the mean of all items by"
        f" their weights, null where all weights are 0. {_PAGES}"
    ),
    responses=answers(SentimentAnswer, *_PROBLEMS),
    tags=["sentiment and flows"],
)
def get_sentiment(
    instrument_key: InstrumentKey,
    timeframe: _of(OF_SENTIMENT) = Timeframe.H1,  # type: ignore[valid-type]  # made above
    starts: From = None,
    ends: To = None,
    source: Annotated[Words | None, Query(description="of this source alone")] = None,
    by_source: Annotated[bool, Query(description="a row for each source")] = False,
    limit: Limit = 500,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    asked = _Asked(timeframe, starts, ends, limit, cursor, numbers)
    return _answer(SentimentAnswer, instrument_key, OF_SENTIMENT, source, by_source, asked)


@router.get(
    "/api/v1/flows/<instrument_key>",
    summary="Get what flowed onto venues and off them, by the hour or day",
    description=(
        "A row a bucket over all venues, or of the one asked for, or of each. Net is in less out: positive, more came"
        " in. What moved inside a venue counts on neither side. Dollars are those of the legs that have them, null"
        f" where none has. {_PAGES}"
    ),
    responses=answers(FlowsAnswer, *_PROBLEMS),
    tags=["sentiment and flows"],
)
def get_flows(
    instrument_key: InstrumentKey,
    timeframe: _of(OF_FLOWS) = Timeframe.H1,  # type: ignore[valid-type]  # made above
    starts: From = None,
    ends: To = None,
    venue: Annotated[Words | None, Query(description="of this venue alone")] = None,
    by_venue: Annotated[bool, Query(description="a row for each venue")] = False,
    limit: Limit = 500,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    asked = _Asked(timeframe, starts, ends, limit, cursor, numbers)
    return _answer(FlowsAnswer, instrument_key, OF_FLOWS, venue, by_venue, asked)


class _Asked(NamedTuple):
    """The buckets that are asked for, and which page of them."""

    timeframe: Timeframe
    starts: datetime | None
    ends: datetime | None
    limit: int
    cursor: str | None
    numbers: Numbers


def _answer(
    model: type[BaseModel], key: str, question: Question, only: str | None, by_each: bool, asked: _Asked
) -> Response[str]:
    # Imported here: it takes some milliseconds, for which only requests for rows wait.
    from chandlery.reading.read_rows import RowQuery, read_rows

    where = question.where(only)
    query = RowQuery(asked.timeframe, asked.starts, asked.ends, where, asked.limit, asked.cursor)
    wanted = question.of(where, by_each=by_each)
    page = SANDBOX.read(
        lambda connection: read_rows(connection, wanted, SANDBOX.find_instrument(connection, key), query)
    )
    told: dict[str, Any] = {"instrument_key": key, "timeframe": asked.timeframe, "rows": rows_of(page, asked.numbers)}
    return of_moment(write_json(model.model_construct(**told, next_cursor=page.next_cursor)))
