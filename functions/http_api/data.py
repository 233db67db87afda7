"""GET /api/v1/data/{dataset}/{instrument_key}: rows of any data set that is shown, as they stand or rolled up."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from .answering import of_moment, write_json
from .application import app
from .asking import Cursor, Limit, Moment, PathKey, TimeframeName, Words, dimensions_of
from .numbers import Numbers
from .problems import documented
from .sandbox import SANDBOX

router = Router()
# Of all of them; the document has one of each.
PATH = "/api/v1/data/<dataset>/<instrument_key>"


@router.get(
    PATH,
    summary="Get an instrument's rows of a data set",
    description=(
        "With `from`, pages go on from there; without it, the newest rows before `to`, and pages go back. A page lists"
        " the oldest first. In a `timeframe`, a row is what its bucket's rows are rolled up to; the newest bucket may"
        " not have ended yet."
    ),
    responses={
        200: {"description": "A page", "content": {"application/json": {"schema": {"type": "object"}}}},
        304: {"description": "The caller has it already"},
        **documented(404, 406, 422, 500, 503),
    },
    tags=["data"],
)
def get_rows(
    dataset: Annotated[Words, Path()],
    instrument_key: Annotated[PathKey, Path()],
    timeframe: Annotated[TimeframeName | None, Query(description="as the rows stand where absent")] = None,
    starts: Annotated[Moment | None, Query(alias="from")] = None,
    ends: Annotated[Moment | None, Query(alias="to")] = None,
    limit: Limit = 500,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    # Imported here: it takes some milliseconds, for which only requests for rows wait.
    from chandlery.reading.read_rows import RowQuery, find_dataset, read_rows

    from .row_models import page_of, rows_of

    chosen = find_dataset(dataset)
    # Whole: a list of words is no dimension.
    given = app.current_event.query_string_parameters or {}
    where = {name: given[name] for name in dimensions_of(dataset) if name in given}
    query = RowQuery(timeframe, starts, ends, where, limit, cursor)
    page = SANDBOX.read(
        lambda connection: read_rows(connection, chosen, SANDBOX.find_instrument(connection, instrument_key), query)
    )
    told = page_of(chosen, timeframe).model_construct(
        instrument_key=instrument_key,
        dataset=chosen.name,
        timeframe=timeframe or chosen.own_timeframe,
        rows=rows_of(page, numbers),
        next_cursor=page.next_cursor,
    )
    return of_moment(write_json(told))
