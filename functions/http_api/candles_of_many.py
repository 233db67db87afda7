"""GET /api/v1/candles: candles of several instruments, by pages, as JSON or CSV."""

from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from psycopg import Connection

from chandlery.platform.asked import check_order
from chandlery.platform.connection import snapshot
from chandlery.reading.read_many import ManyQuery, read_many, write_many
from chandlery.reference.store.instrument_pages import find_entries

from .accepting import preferred
from .answering import of_moment
from .application import app, asked_at
from .asking import Cursor, Keys, Moment, QueriedTimeframe, check_most, keys_of
from .candle_models import TYPES, CandlesOfMany, many_csv, many_json
from .numbers import Numbers
from .problems import documented
from .sandbox import SANDBOX

router = Router()


@router.get(
    "/api/v1/candles",
    summary="Get candles of several instruments in one call",
    description=(
        "Always in order of time, then of key. With `from`, pages go on from there; without it, the newest candles"
        " before `to`, and pages go back. Only where `next_cursor` is null nothing more is there. `Accept: text/csv`"
        " answers CSV, and the cursor in the header `X-Next-Cursor`."
    ),
    responses={
        200: {
            "description": "A page",
            "content": {"application/json": {"model": CandlesOfMany}, "text/csv": {"schema": {"type": "string"}}},
        },
        304: {"description": "The caller has it already"},
        **documented(404, 406, 422, 500, 503),
    },
    tags=["candles"],
)
def get_candles_of_many(
    instrument_keys: Keys,
    timeframe: QueriedTimeframe,
    starts: Annotated[Moment | None, Query(alias="from", description="buckets that start here or later")] = None,
    ends: Annotated[Moment | None, Query(alias="to", description="buckets that start before; now where absent")] = None,
    limit: Annotated[int, Query(ge=1, description="candles in a page, at most, of all instruments together")] = 500,
    include_partial: Annotated[bool, Query(description="whether to list open and partial candles")] = True,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    at = asked_at()
    check_most(limit, SANDBOX.settings.api_most_candles)
    check_order(starts, ends, at)
    keys = keys_of(instrument_keys)
    query = ManyQuery(timeframe, starts, ends, limit, include_partial, cursor)
    if preferred(TYPES, app.current_event.headers.get("accept", "")) == "text/csv":
        text, following = SANDBOX.read(lambda connection: _csv(connection, keys, query, at))
        headers = {"X-Next-Cursor": following} if following else {}
        return of_moment(text, "text/csv; charset=utf-8", **headers)
    return of_moment(SANDBOX.read(lambda connection: _json(connection, keys, query, at, numbers)))


def _json(connection: Connection, keys: list[str], query: ManyQuery, at: datetime, numbers: Numbers) -> bytes:
    with snapshot(connection):
        page = write_many(connection, find_entries(connection, keys), query, at, as_text=numbers == "text")
    return many_json(query.timeframe, page)


def _csv(connection: Connection, keys: list[str], query: ManyQuery, at: datetime) -> tuple[bytes, str | None]:
    with snapshot(connection):
        page = read_many(connection, find_entries(connection, keys), query, at)
    return many_csv(page.candles), page.next_cursor
