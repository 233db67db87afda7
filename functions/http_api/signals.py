"""GET /api/v1/signals, /signals/active, /signals/latest: what strategies say."""

from datetime import datetime
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field

from chandlery.signals.list_signals import SignalPage, list_latest_signals, list_signals

from .answering import of_moment, write_json
from .asking import Cursor, Key, Limit, Moment, TimeframeName, Words
from .numbers import Exact, Form, Numbers, Real, exact_members
from .problems import answers
from .sandbox import SANDBOX

router = Router()

SignalType = Literal["strong_sell", "sell", "hold", "buy", "strong_buy"]
_TYPES: tuple[SignalType, ...] = ("strong_sell", "sell", "hold", "buy", "strong_buy")
Strategy = Annotated[
    Words | None, Query(min_length=1, max_length=100, description="of this strategy alone, of whichever version")
]
OfTimeframe = Annotated[TimeframeName | None, Query(description="of rules of this timeframe alone")]


class SignalAnswer(BaseModel):
    """What a version of a strategy says of an instrument. It never changes, but for its end."""

    id: int
    time: datetime = Field(description="the start of the bucket it stands on, which had closed when it was said")
    instrument_key: str
    timeframe: str
    strategy: str
    strategy_version: str
    signal_type: SignalType
    direction: int = Field(description="-2 strong_sell … 2 strong_buy")
    strength: Real | None = Field(description="how large the view is, 0 … 1")
    confidence: Real | None = Field(description="how likely it comes true, 0 … 1")
    price: Exact | None
    target_price: Exact | None
    stop_loss: Exact | None
    rationale: str
    generated_at: datetime
    expires_at: datetime
    is_active: bool
    ended_at: datetime | None
    ended_by: str | None = Field(
        description="target, stop, ambiguous (both in one minute), expired, superseded (its strategy spoke again), or"
        " revised (its candles changed, and its rule speaks there no more)"
    )
    ended_price: Exact | None = Field(description="the level, or the open where that lay beyond it")
    backfilled: bool = Field(description="nobody could have acted on it: it is no part of live statistics")


class SignalsAnswer(BaseModel):
    """A page of signals."""

    signals: list[SignalAnswer]
    next_cursor: str | None


@router.get(
    "/api/v1/signals",
    summary="List what strategies said, the newest first",
    responses=answers(SignalsAnswer, 404, 422, 500, 503),
    tags=["signals"],
)
def get_signals(
    instrument_key: Annotated[Key | None, Query()] = None,
    strategy: Strategy = None,
    timeframe: OfTimeframe = None,
    starts: Annotated[Moment | None, Query(alias="from")] = None,
    ends: Annotated[Moment | None, Query(alias="to")] = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    return _answered(
        SANDBOX.read(
            lambda connection: list_signals(
                connection,
                key=instrument_key,
                strategy=strategy,
                timeframe=timeframe,
                starts=starts,
                ends=ends,
                limit=limit,
                cursor=cursor,
            )
        ),
        numbers,
    )


@router.get(
    "/api/v1/signals/active",
    summary="List signals that have not ended, the newest first",
    responses=answers(SignalsAnswer, 404, 422, 500, 503),
    tags=["signals"],
)
def get_active_signals(
    instrument_key: Annotated[Key | None, Query()] = None,
    strategy: Strategy = None,
    timeframe: OfTimeframe = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    return _answered(
        SANDBOX.read(
            lambda connection: list_signals(
                connection,
                key=instrument_key,
                strategy=strategy,
                timeframe=timeframe,
                active_only=True,
                limit=limit,
                cursor=cursor,
            )
        ),
        numbers,
    )


@router.get(
    "/api/v1/signals/latest",
    summary="List the latest signal of each instrument",
    responses=answers(SignalsAnswer, 422, 500, 503),
    tags=["signals"],
)
def get_latest_signals(
    strategy: Strategy = None,
    timeframe: OfTimeframe = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
    numbers: Numbers = "number",
) -> Response[str]:
    """Answer a page."""
    return _answered(
        SANDBOX.read(
            lambda connection: list_latest_signals(
                connection, strategy=strategy, timeframe=timeframe, limit=limit, cursor=cursor
            )
        ),
        numbers,
    )


def _answered(page: SignalPage, numbers: Form) -> Response[str]:
    rows = [
        SignalAnswer.model_construct(
            **exact_members(vars(each), numbers),
            signal_type=_TYPES[each.direction + 2],
            is_active=each.ended_at is None,
        )
        for each in page.signals
    ]
    return of_moment(write_json(SignalsAnswer.model_construct(signals=rows, next_cursor=page.next_cursor)))
