"""GET /api/v1/indicators/latest: the newest stored value of each indicator, of all instruments."""

from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field

from chandlery.indicators.list_latest_indicators import list_latest_indicators

from .answering import plain
from .asking import Cursor, Key, Limit, TimeframeName, Words
from .problems import answers
from .sandbox import SANDBOX

router = Router()


class LatestIndicatorAnswer(BaseModel):
    """The newest stored value of an indicator."""

    instrument_key: str
    timeframe: str
    name: str = Field(description="of GET /api/v1/indicators")
    parameters: dict[str, float] = Field(description="all of them, defaults included")
    time: datetime = Field(description="the start of the bucket it stands on, which had closed")
    value: float = Field(description="the first output, as GET /api/v1/indicators lists them")
    value_2: float | None = Field(description="the second output; null where there is one")
    value_3: float | None = Field(description="the third output; null where there are two")
    made_at: datetime = Field(description="the scheduled time of the run that wrote it")


class LatestIndicatorsAnswer(BaseModel):
    """A page of newest values."""

    indicators: list[LatestIndicatorAnswer]
    next_cursor: str | None


@router.get(
    "/api/v1/indicators/latest",
    summary="The newest stored value of each indicator of each instrument",
    description=(
        "To screen all instruments: indicators that are stored (sql/indicators.toml), by instrument in the order in"
        " which these were added. POST /api/v1/compute computes any other."
    ),
    responses=answers(LatestIndicatorsAnswer, 404, 422, 500, 503),
    tags=["indicators"],
)
def get_latest_indicators(
    instrument_key: Annotated[Key | None, Query()] = None,
    timeframe: Annotated[TimeframeName | None, Query(description="of this timeframe alone")] = None,
    name: Annotated[
        Words | None, Query(min_length=1, max_length=100, description="of this name alone, whatever its parameters")
    ] = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response[str]:
    """Answer a page."""
    page = SANDBOX.read(
        lambda connection: list_latest_indicators(
            connection, key=instrument_key, timeframe=timeframe, name=name, limit=limit, cursor=cursor
        )
    )
    rows = [LatestIndicatorAnswer.model_validate(vars(each)) for each in page.indicators]
    return plain(LatestIndicatorsAnswer(indicators=rows, next_cursor=page.next_cursor))
