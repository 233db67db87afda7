"""GET /api/v1/options/{instrument_key}/…: chains, strike candles, one strike or one moneyness over time, expiries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from psycopg import Connection

from chandlery.datasets.strike_candles import STRIKE_CANDLES
from chandlery.options.domain.answers import FIELDS
from chandlery.options.find_underlying import find_underlying
from chandlery.options.read_chain import ChainQuery, write_chain
from chandlery.options.read_expiries import MOST_MOMENTS, MetricsQuery, read_expiries, read_metrics
from chandlery.options.read_strikes import StrikeQuery, write_strikes
from chandlery.options.store.answers import find_fingerprint
from chandlery.reference.store.instrument_pages import InstrumentEntry
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import EARLIEST, LATEST, Window

from .answering import Answered, Made, Question, answer, respond
from .application import asked_at
from .asking import Cursor, Day, Limit, Moment, PathKey, TimeframeName, Words
from .numbers import Numbers
from .option_models import (
    ChainAnswer,
    ExpiriesAnswer,
    MetricsAnswer,
    SeriesAnswer,
    StrikesAnswer,
    expiries_json,
    metrics_json,
    page_json,
)
from .problems import answers
from .sandbox import SANDBOX

router = Router()

_ROOM = "/api/v1/options/<instrument_key>"
Underlying = Annotated[PathKey, Path(description="key of the underlying")]
From = Annotated[Moment | None, Query(alias="from", description="buckets that start here or later")]
To = Annotated[Moment | None, Query(alias="to", description="buckets that start before; all where absent")]
At = Annotated[
    Moment | None,
    Query(description="as it was known then, by minutes that had ended; the newest there is where absent"),
]
OnlyExpiry = Annotated[Day | None, Query(description="contracts that expire on this date alone")]
OneExpiry = Annotated[Day, Query(description="the date on which the contracts expire")]
_TIMEFRAMES = [*map(str, STRIKE_CANDLES.readable)]
Of = Annotated[
    TimeframeName,
    Query(description=", ".join(_TIMEFRAMES), json_schema_extra={"type": "string", "enum": _TIMEFRAMES}),
]
Contract = Annotated[Words | None, Query(max_length=100, description="of this name alone: it tells twins apart")]
Near = Annotated[int | None, Query(ge=0, le=10_000, description="strikes at most N places from the money")]
Rank = Annotated[
    int, Query(ge=-10_000, le=10_000, description="place on the listed ladder: 0 at the money, 1 the strike above it")
]
FieldName = Annotated[Words, Query(max_length=60, description=f"what is told: {', '.join(FIELDS)}")]
_PAGES = (
    "With `from`, pages go on from there; without it, the newest before `to`, and pages go back. A page lists the"
    " oldest first; the newest bucket may not have ended yet. Unknown is null, and never 0."
)
_PROBLEMS = (404, 422, 500, 503)


@dataclass(frozen=True)
class _Page:
    """What a route answers with, before it is known whether it may be kept."""

    body: bytes
    window: Window


_Make = Callable[[Connection, InstrumentEntry], _Page]
_More = Callable[[Connection, int], str | None]


@router.get(
    f"{_ROOM}/expiries",
    summary="Get the newest metrics of each expiry: forward, volatility, skew, max pain",
    description=(
        "Forward, volatility at the money, straddle, skew, ratios and max pain of the expiries that have not passed."
    ),
    responses=answers(ExpiriesAnswer, *_PROBLEMS),
    tags=["options"],
)
def get_expiries(instrument_key: Underlying, at: At = None, numbers: Numbers = "number") -> Response[str]:
    """Answer all of them."""

    def make(connection: Connection, underlying: InstrumentEntry) -> _Page:
        return _Page(expiries_json(underlying.key, read_expiries(connection, underlying, at), numbers), _up_to(at))

    return _respond(instrument_key, Timeframe.M1, ["expiries", at, numbers], make, _chains(at))


@router.get(
    f"{_ROOM}/expiry-metrics",
    summary="Get the metrics of expiries over time",
    description=(
        "At the end of each bucket, what `/expiries` answers. With `from`, pages go on from there; without it, the"
        " newest before `to`, and pages go back. `limit` counts moments."
    ),
    responses=answers(MetricsAnswer, *_PROBLEMS),
    tags=["options"],
)
def get_expiry_metrics(
    instrument_key: Underlying,
    timeframe: Of = Timeframe.M5,
    starts: Annotated[Moment | None, Query(alias="from", description="moments from here on")] = None,
    ends: Annotated[Moment | None, Query(alias="to", description="moments before; all where absent")] = None,
    expiry: OnlyExpiry = None,
    limit: Annotated[int, Query(ge=1, le=MOST_MOMENTS, description="moments in a page, at most")] = 50,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    query = MetricsQuery(timeframe, starts, ends, expiry, limit, cursor)

    def make(connection: Connection, underlying: InstrumentEntry) -> _Page:
        page = read_metrics(connection, underlying, query)
        return _Page(metrics_json(underlying.key, timeframe.value, page, numbers), page.window)

    return _respond(instrument_key, timeframe, ["metrics", query, numbers], make, _chains(None))


@router.get(
    f"{_ROOM}/chain",
    summary="Get the option chain, now or as it was known at a time",
    description=(
        "A row for each listed strike, both sides in it, in order of expiry, contract and strike: the newest quote,"
        " volatility and greeks (null where older than a quarter of an hour), the session's last price and volume, and"
        " open interest carried forward since `call_oi_as_of`. Without `expiry`, of all that have not passed."
    ),
    responses=answers(ChainAnswer, *_PROBLEMS),
    tags=["options"],
)
def get_chain(
    instrument_key: Underlying,
    expiry: OnlyExpiry = None,
    at: At = None,
    near: Near = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    query = ChainQuery(expiry, at, near, limit, cursor)

    def make(connection: Connection, underlying: InstrumentEntry) -> _Page:
        page = write_chain(connection, underlying, query, as_text=numbers == "text")
        body = page_json(ChainAnswer, "strikes", page.texts, page.next_cursor, instrument_key=underlying.key)
        return _Page(body, _up_to(at))

    return _respond(instrument_key, Timeframe.M1, ["chain", query, numbers], make, _chains(at))


@router.get(
    f"{_ROOM}/strikes",
    summary="Get strike candles, calls and puts of a strike in one row",
    description=f"Calls and puts of a strike in one row. {_PAGES}",
    responses=answers(StrikesAnswer, *_PROBLEMS),
    tags=["options"],
)
def get_strikes(
    instrument_key: Underlying,
    timeframe: Of,
    starts: From = None,
    ends: To = None,
    expiry: OnlyExpiry = None,
    near: Near = None,
    limit: Limit = 500,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    ranks = None if near is None else (-near, near)
    query = StrikeQuery(timeframe, starts, ends, expiry, ranks=ranks, limit=limit, cursor=cursor)
    return _strikes(instrument_key, query, numbers)


@router.get(
    f"{_ROOM}/strike-history",
    summary="Follow one strike over time",
    description=f"Strike candles of one strike and expiry. {_PAGES}",
    responses=answers(StrikesAnswer, *_PROBLEMS),
    tags=["options"],
)
def get_strike_history(
    instrument_key: Underlying,
    timeframe: Of,
    expiry: OneExpiry,
    strike: Annotated[Decimal, Query(gt=0, max_digits=60, allow_inf_nan=False, description="as listed: 100.0 is 100")],
    starts: From = None,
    ends: To = None,
    contract: Contract = None,
    limit: Limit = 500,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    query = StrikeQuery(timeframe, starts, ends, expiry, strike, contract=contract, limit=limit, cursor=cursor)
    return _strikes(instrument_key, query, numbers)


@router.get(
    f"{_ROOM}/moneyness-series",
    summary="Follow a place seen from the money over time",
    description=f"A field of whichever strike had a rank in each bucket, seen from the money. {_PAGES}",
    responses=answers(SeriesAnswer, *_PROBLEMS),
    tags=["options"],
)
def get_moneyness_series(
    instrument_key: Underlying,
    expiry: OneExpiry,
    rank: Rank,
    field: FieldName,
    timeframe: Of = Timeframe.M1,
    starts: From = None,
    ends: To = None,
    contract: Contract = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    return _series(
        instrument_key,
        StrikeQuery(timeframe, starts, ends, expiry, None, (rank, rank), contract, limit, cursor, field),
        numbers,
    )


@router.get(
    "/fo/moneyness-series",
    summary="Follow a place seen from the money over time, under its older name",
    description=f"As `/api/v1/options/{{instrument_key}}/moneyness-series`. {_PAGES}",
    responses=answers(SeriesAnswer, *_PROBLEMS),
    tags=["options"],
)
def get_fo_moneyness_series(
    symbol: Annotated[
        Words, Query(min_length=1, max_length=200, description="the underlying: its key, or the symbol in it")
    ],
    expiry: OneExpiry,
    rank: Rank,
    field: FieldName,
    timeframe: Of = Timeframe.M1,
    starts: From = None,
    ends: To = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    key = symbol if "@" in symbol else SANDBOX.read(lambda connection: find_underlying(connection, symbol))
    query = StrikeQuery(timeframe, starts, ends, expiry, None, (rank, rank), None, limit, cursor, field)
    return _series(key, query, numbers)


def _strikes(key: str, query: StrikeQuery, numbers: Numbers) -> Response[str]:
    def make(connection: Connection, underlying: InstrumentEntry) -> _Page:
        page = write_strikes(connection, underlying, query, as_text=numbers == "text")
        head = {"instrument_key": underlying.key, "timeframe": query.timeframe.value}
        return _Page(page_json(StrikesAnswer, "strikes", page.texts, page.next_cursor, **head), page.window)

    return _respond(key, query.timeframe, ["strikes", query, numbers], make)


def _series(key: str, query: StrikeQuery, numbers: Numbers) -> Response[str]:
    def make(connection: Connection, underlying: InstrumentEntry) -> _Page:
        page = write_strikes(connection, underlying, query, as_text=numbers == "text")
        rank = query.ranks[0] if query.ranks else None
        head = {
            "instrument_key": underlying.key,
            "timeframe": query.timeframe.value,
            "expiry": query.expiry,
            "rank": rank,
            "field": query.field,
        }
        return _Page(page_json(SeriesAnswer, "points", page.texts, page.next_cursor, **head), page.window)

    return _respond(key, query.timeframe, ["series", query, numbers], make)


def _nothing_more(*_: object) -> str:
    return ""


def _chains(at: datetime | None) -> _More:
    """What chains depend on as well: contracts, open interest, candles of the session."""
    return partial(find_fingerprint, at=at)


def _respond(
    key: str, timeframe: Timeframe, words: Sequence[object], make: _Make, more: _More = _nothing_more
) -> Response[str]:
    """A page that is kept until a strike candle changes that it comes from, or what else it depends on."""
    at = asked_at()

    def read(connection: Connection) -> Answered:
        def made(underlying: InstrumentEntry) -> Made:
            page = make(connection, underlying)
            return Made(lambda _: page.body, page.window)

        def ask(underlying: InstrumentEntry) -> Question:
            return Question(
                underlying,
                timeframe,
                repr(words),
                at,
                make=partial(made, underlying),
                dataset=STRIKE_CANDLES,
                more=lambda connection: more(connection, underlying.instrument_id),
            )

        return answer(connection, key, ask)

    return respond(SANDBOX.read(read))


def _up_to(at: datetime | None) -> Window:
    """Where the newest strike candles of that time may lie, and open interest that still holds."""
    return Window(EARLIEST, at or LATEST)
