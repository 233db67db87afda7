"""GET /api/v1/candles/{instrument_key}: candles of any timeframe, by pages, as JSON or CSV."""

from datetime import datetime
from functools import partial
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from psycopg import Connection

from chandlery.platform.asked import check_order
from chandlery.platform.errors import Refused
from chandlery.reading.read_candles import CandlePage, CandleQuery, WrittenPage, read_candles, write_candles
from chandlery.reading.route_timeframe import route_timeframe
from chandlery.reference.store.instrument_pages import InstrumentEntry
from chandlery.words.timeframe import AUTO, Timeframe
from chandlery.words.window import Window

from .accepting import preferred
from .answering import Answered, Made, Question, answer, respond
from .application import app, asked_at
from .asking import (
    AlignName,
    Cursor,
    Moment,
    PathKey,
    SessionName,
    TimeframeOrAuto,
    check_most,
    hours_of,
    made_of,
    moment_of,
)
from .candle_models import TYPES, Candles, page_csv, page_json
from .numbers import Form, Numbers
from .problems import documented
from .sandbox import SANDBOX

router = Router()

_DEFAULT_LIMIT = 500
_Form = Form | Literal["csv"]


@router.get(
    "/api/v1/candles/<instrument_key>",
    summary="Get an instrument's candles in any timeframe",
    description=(
        "With `from`, pages go on from there; without it, the newest candles before `to`, and pages go back. A page"
        " lists the oldest first. Each timeframe is read from candles of its own. `Accept: text/csv` answers CSV, and"
        " the cursor in the header `X-Next-Cursor`."
    ),
    responses={
        200: {
            "description": "A page",
            "content": {"application/json": {"model": Candles}, "text/csv": {"schema": {"type": "string"}}},
        },
        304: {"description": "The caller has it already"},
        **documented(404, 406, 422, 500, 503),
    },
    tags=["candles"],
)
def get_candles(
    instrument_key: Annotated[PathKey, Path()],
    timeframe: Annotated[TimeframeOrAuto, Query()],
    starts: Annotated[Moment | None, Query(alias="from", description="buckets that start here or later")] = None,
    ends: Annotated[Moment | None, Query(alias="to", description="buckets that start before; now where absent")] = None,
    limit: Annotated[int, Query(ge=1, description="candles in a page, at most")] = _DEFAULT_LIMIT,
    fill: Annotated[
        Literal["none", "flat"], Query(description="flat: make up buckets without trades, marked")
    ] = "none",
    include_partial: Annotated[bool, Query(description="whether to list open and partial candles")] = True,
    session: Annotated[SessionName, Query()] = "all",
    align: Annotated[AlignName, Query()] = "clock",
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    at = asked_at()
    check_most(limit, SANDBOX.settings.api_most_candles)
    check_order(starts, ends, at)
    chosen = _route(instrument_key, starts, ends or at, cursor) if timeframe == AUTO else Timeframe(timeframe)
    hours = hours_of(session, align)
    query = CandleQuery(chosen, starts, ends, limit, fill == "flat", include_partial, cursor, hours)
    as_csv = preferred(TYPES, app.current_event.headers.get("accept", "")) == "text/csv"
    answered = SANDBOX.read(partial(_answer, key=instrument_key, query=query, at=at, form="csv" if as_csv else numbers))
    if not as_csv:
        return respond(answered)
    following = {"X-Next-Cursor": answered.next_cursor} if answered.next_cursor else {}
    return respond(answered, "text/csv; charset=utf-8", **following)


def _route(key: str, starts: datetime | None, ends: datetime, cursor: str | None) -> Timeframe:
    """The timeframe that `auto` stands for."""
    if starts is None:
        raise Refused("timeframe", "auto needs from: it is chosen by the candles between from and to")
    if cursor is not None:
        raise Refused("timeframe", "auto may mean another one by now: with a cursor, name that of the page before")
    window = Window(starts, ends)
    return SANDBOX.read(
        lambda connection: route_timeframe(connection, SANDBOX.find_instrument(connection, key), window)
    )


def warm_up(at: datetime) -> None:
    """Have the newest candles of the configured series in the cache; once a sandbox.

    Raises:
        Retryable, Permanent: as any request; those that are left are then made when asked for.
    """
    for each in SANDBOX.begin_warm_up():
        query = CandleQuery(each.timeframe, limit=_DEFAULT_LIMIT)
        SANDBOX.read(partial(_answer, key=each.instrument_key, query=query, at=at, form="number"))


def _answer(connection: Connection, *, key: str, query: CandleQuery, at: datetime, form: _Form) -> Answered:
    words = [
        query.starts, query.ends, query.limit, query.fill, query.include_partial, query.cursor, form,
        moment_of(query.timeframe, query.hours, query.ends, at), query.timeframe, query.hours,
    ]  # fmt: skip

    def make(instrument: InstrumentEntry) -> Made:
        if query.is_stored and form != "csv":
            stored = write_candles(connection, instrument, query, at, as_text=form == "text")
            return made(page_json(stored), stored)
        page = read_candles(connection, instrument, query, at)
        return made(page_csv(page.candles) if form == "csv" else page_json(page, form), page)

    def made(body: bytes, page: CandlePage | WrittenPage) -> Made:
        return Made(lambda _: body, page.window, page.next_cursor or "")

    def ask(instrument: InstrumentEntry) -> Question:
        return Question(instrument, made_of(query.timeframe, query.hours), words, at, partial(make, instrument))

    return answer(connection, key, ask)
