"""GET /api/v1/instruments …, /api/v1/price-changes, /api/v1/indicators: what there is, and what is newest of it."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BaseModel, Field, WithJsonSchema

from chandlery.reading.describe_instruments import describe_instrument, latest, list_instruments
from chandlery.reading.list_price_changes import PriceChange, price_changes
from chandlery.reference.store.instrument_pages import InstrumentEntry

from .answering import of_moment, plain, write_json
from .application import asked_at
from .asking import Calendar, Cursor, Feed, Key, Limit, PathKey, Prefix
from .numbers import Exact, Form, Numbers, exact, exact_members
from .problems import answers
from .sandbox import SANDBOX

router = Router()

AssetType = Literal["stock", "etf", "crypto", "forex", "commodity", "index", "future", "option"]


class InstrumentAnswer(BaseModel):
    """An instrument."""

    instrument_key: str
    calendar: str
    feed: str
    time_zone: str = Field(description="its exchange's: naive anchors are read in it")
    listed_at: datetime | None
    delisted_at: datetime | None
    data_from: datetime | None = Field(description="its earliest candle")
    name: str | None
    asset_type: AssetType | None = Field(description="null: neither its key nor anybody says")
    exchange: str | None
    sector: str | None
    industry: str | None
    uuid: UUID = Field(description="by which other systems may know it")


class InstrumentsAnswer(BaseModel):
    """A page of instruments, by key."""

    instruments: list[InstrumentAnswer]
    next_cursor: str | None


class LatestAnswer(BaseModel):
    """The newest one-minute candle and tick of an instrument; null where there is none."""

    instrument_key: str
    seconds_behind: float | None = Field(description="since that candle's minute ended")
    candle_time: datetime | None
    open: Exact | None
    high: Exact | None
    low: Exact | None
    close: Exact | None
    volume: Exact | None
    vwap: Exact | None
    trades: int | None
    partial: bool | None
    source: str | None
    session_date: date | None
    tick_time: datetime | None
    tick_price: Exact | None
    tick_size: Exact | None
    previous_session_date: date | None
    previous_close: Exact | None = Field(description="of the regular session before")


class ChangeAnswer(BaseModel):
    """A price held against an earlier close."""

    close: Exact
    change: Exact
    percent: Exact | None


class PriceChangeAnswer(BaseModel):
    """An instrument's newest close, and what it changed by; null where there is nothing to compare it with."""

    instrument_key: str
    feed: str
    time: datetime
    close: Exact
    previous: ChangeAnswer | None
    day: ChangeAnswer | None
    week: ChangeAnswer | None
    month: ChangeAnswer | None


class PriceChangesAnswer(BaseModel):
    """A page of price changes."""

    price_changes: list[PriceChangeAnswer]
    next_cursor: str | None


# A whole one is told as such.
Number = Annotated[int | float, WithJsonSchema({"type": "number"})]


class ParameterAnswer(BaseModel):
    """What may be given for a parameter."""

    name: str
    kind: str
    default: int | float | str | None = Field(description="null: it must be given")
    minimum: Number | None
    maximum: Number | None
    choices: list[str | int]
    says: str


class IndicatorAnswer(BaseModel):
    """An indicator that can be computed."""

    name: str
    title: str
    group: str
    parameters: list[ParameterAnswer]
    outputs: list[str]
    source: str
    memory: str = Field(description="how far back it looks, and how it is warmed up")


class IndicatorsAnswer(BaseModel):
    """All indicators, by name."""

    indicators: list[IndicatorAnswer]


@router.get(
    "/api/v1/instruments",
    summary="List the instruments",
    responses=answers(InstrumentsAnswer, 422, 500, 503),
    tags=["instruments"],
)
def get_instruments(
    feed: Feed = None,
    calendar: Calendar = None,
    prefix: Prefix = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response[str]:
    """Answer a page."""
    page = SANDBOX.read(
        lambda connection: list_instruments(
            connection, feed=feed, calendar=calendar, prefix=prefix, limit=limit, cursor=cursor
        )
    )
    return plain(
        InstrumentsAnswer(instruments=[_answer(each) for each in page.instruments], next_cursor=page.next_cursor)
    )


@router.get(
    "/api/v1/instruments/<instrument_key>",
    summary="Get what is known of an instrument",
    responses=answers(InstrumentAnswer, 404, 422, 500, 503),
    tags=["instruments"],
)
def get_instrument(instrument_key: Annotated[PathKey, Path()]) -> Response[str]:
    """Answer one."""
    return plain(_answer(SANDBOX.read(lambda connection: describe_instrument(connection, instrument_key))))


@router.get(
    "/api/v1/instruments/<instrument_key>/latest",
    summary="Get an instrument's newest candle and tick",
    responses=answers(LatestAnswer, 404, 422, 500, 503),
    tags=["instruments"],
)
def get_latest(instrument_key: Annotated[PathKey, Path()], numbers: Numbers = "number") -> Response[str]:
    """Answer what is newest."""
    at = asked_at()
    report = SANDBOX.read(lambda connection: latest(connection, instrument_key, at))
    newest = exact_members(vars(report.newest), numbers)
    answered = LatestAnswer.model_construct(instrument_key=report.key, seconds_behind=report.seconds_behind, **newest)
    return of_moment(write_json(answered))


@router.get(
    "/api/v1/price-changes",
    summary="List newest prices and what they changed by, ranked",
    description=(
        "Against the candle before, and over a day, seven days, a calendar month; sorted by percent, unknown ones last."
    ),
    responses=answers(PriceChangesAnswer, 404, 422, 500, 503),
    tags=["instruments"],
)
def get_price_changes(
    instrument_key: Annotated[
        list[Key] | None, Query(max_length=100, description="these instruments alone; may be repeated")
    ] = None,
    feed: Feed = None,
    sort: Annotated[
        Literal["change", "change_1d", "change_1w", "change_1mo", "key"], Query(description="over which time")
    ] = "change_1d",
    order: Annotated[Literal["descending", "ascending"], Query()] = "descending",
    limit: Limit = 100,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    at = asked_at()
    page = SANDBOX.read(
        lambda connection: price_changes(
            connection,
            at,
            keys=instrument_key or (),
            feed=feed,
            sort=sort,
            descending=order == "descending",
            limit=limit,
            cursor=cursor,
        )
    )
    rows = [_change_answer(row, numbers) for row in page.rows]
    return of_moment(write_json(PriceChangesAnswer.model_construct(price_changes=rows, next_cursor=page.next_cursor)))


@router.get(
    "/api/v1/indicators",
    summary="List the indicators that can be computed, with their parameters",
    responses=answers(IndicatorsAnswer, 422, 500),
    tags=["indicators"],
)
def get_indicators() -> Response[str]:
    """Answer all of them."""
    from chandlery.indicators.numerics.catalogue import catalogue

    return plain(IndicatorsAnswer.model_validate({"indicators": [asdict(each) for each in catalogue().values()]}))


def _answer(entry: InstrumentEntry) -> InstrumentAnswer:
    return InstrumentAnswer.model_validate({"instrument_key": entry.key, **vars(entry)})


def _change_answer(row: PriceChange, numbers: Form) -> PriceChangeAnswer:
    changes: dict[str, Any] = {
        name: None if each is None else ChangeAnswer.model_construct(**exact_members(vars(each), numbers))
        for name, each in {
            "previous": row.previous, "day": row.day, "week": row.week, "month": row.month,
        }.items()
    }  # fmt: skip
    return PriceChangeAnswer.model_construct(
        instrument_key=row.key, feed=row.feed, time=row.time, close=exact(row.close, numbers), **changes
    )
