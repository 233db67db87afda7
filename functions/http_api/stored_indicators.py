"""GET /api/v1/indicators/values: what is stored of an instrument's indicators."""

from datetime import datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field

from chandlery.indicators.read_stored_values import ValueQuery, read_stored_values
from chandlery.indicators.store.stored_values import StoredValue as ValueRow
from chandlery.words.timeframe import Timeframe

from .answering import of_moment, write_json
from .asking import Cursor, Key, Limit, Moment, QueriedTimeframe, Words
from .numbers import Form, Numbers, Real, exact_members
from .problems import answers
from .sandbox import SANDBOX

router = Router()


class StoredValue(BaseModel):
    """A value of an indicator; `time` is the start of its bucket."""

    time: datetime
    name: str
    parameters: dict[str, Any]
    outputs: dict[str, Real | None] = Field(description="null where there is no value")
    made_from: datetime = Field(description="start of the first candle that it was computed from")
    made_at: datetime = Field(description="scheduled time of the run that wrote it")


class StoredValues(BaseModel):
    """A page of values, in order of time and name."""

    instrument_key: str
    timeframe: str
    values: list[StoredValue]
    next_cursor: str | None = Field(description="asks for the page after this one; null at the end")


@router.get(
    "/api/v1/indicators/values",
    summary="Get stored values of indicators, as the historical processor keeps them",
    description=(
        "In order of time, then of name. With `from`, pages go on from there; without it, the newest before `to`, and"
        " pages go back. Values are of closed buckets, and some hours old at most; `POST /api/v1/compute` computes them"
        " up to the newest candle."
    ),
    responses=answers(StoredValues, 404, 422, 500, 503),
    tags=["indicators"],
)
def get_stored_values(
    instrument_key: Annotated[Key, Query()],
    timeframe: QueriedTimeframe = Timeframe.M5,
    names: Annotated[
        list[Words] | None,
        Query(max_length=100, description="of these indicators, separated by commas; all where absent"),
    ] = None,
    starts: Annotated[Moment | None, Query(alias="from", description="buckets that start here or later")] = None,
    ends: Annotated[Moment | None, Query(alias="to", description="buckets that start before; all where absent")] = None,
    limit: Limit = 500,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    query = ValueQuery(timeframe, tuple(dict.fromkeys(names or ())), starts, ends, limit, cursor)
    page = SANDBOX.read(
        lambda connection: read_stored_values(connection, SANDBOX.find_instrument(connection, instrument_key), query)
    )
    answered = StoredValues.model_construct(
        instrument_key=instrument_key,
        timeframe=timeframe,
        values=[_value(each, numbers) for each in page.values],
        next_cursor=page.next_cursor,
    )
    return of_moment(write_json(answered))


def _value(row: ValueRow, numbers: Form) -> StoredValue:
    # Imported here: numpy and TA-Lib come with it, for which only requests for indicators wait.
    from chandlery.indicators.numerics.catalogue import catalogue

    known = catalogue().get(row.name)
    outputs = dict(zip(known.outputs if known else _COLUMNS, (row.value, row.value_2, row.value_3), strict=False))
    return StoredValue.model_construct(
        time=row.time,
        name=row.name,
        parameters=dict(row.parameters),
        outputs=exact_members(outputs, numbers),
        made_from=row.made_from,
        made_at=row.made_at,
    )


# What the outputs of an indicator are called that nobody computes any more.
_COLUMNS = ("value", "value_2", "value_3")
