"""The models of answers about options, and the answers as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from chandlery.options.domain.answers import chain_values, strike_values
from chandlery.options.domain.metrics import ExpiryMetrics
from chandlery.options.read_expiries import MetricsPage
from chandlery.words.timeframe import Timeframe

from .answering import write_json, written
from .numbers import Exact, Form, Real, exact_members
from .row_models import row_type

_KNOWN = ("expiry", "strike", "contract", "expires_at", "minutes")

StrikeCandle = row_type("StrikeCandle", strike_values(Timeframe.M5), ("time", *_KNOWN))
ChainStrike = row_type("ChainStrike", chain_values(), _KNOWN)


class StrikesAnswer(BaseModel):
    """A page of strike candles, the oldest first."""

    instrument_key: str
    timeframe: str
    strikes: list[StrikeCandle]  # type: ignore[valid-type]  # made above
    next_cursor: str | None = Field(description="asks for the page after this one; null at the end")


class ChainAnswer(BaseModel):
    """A page of a chain, by expiry, contract and strike."""

    instrument_key: str
    strikes: list[ChainStrike]  # type: ignore[valid-type]  # made above
    next_cursor: str | None = Field(description="asks for the page after this one; null at the end")


class PointAnswer(BaseModel):
    """A value of a strike; `time` is the start of its bucket."""

    time: datetime
    strike: Real = Field(description="which had the rank then")
    contract: str
    value: Real | None


class SeriesAnswer(BaseModel):
    """A page of a series, the oldest first."""

    instrument_key: str
    timeframe: str
    expiry: date
    rank: int
    field: str
    points: list[PointAnswer]
    next_cursor: str | None = Field(description="asks for the page after this one; null at the end")


@dataclass
class ExpiryAnswer:
    """What an expiry comes to at a time, by what was known then; null where a part of it is unknown."""

    time: datetime
    expiry: date
    forward: Real | None
    atm_strike: Exact | None
    atm_iv: Real | None
    straddle: Exact | None
    expected_move: Exact | None
    skew_25d: Real | None
    pcr_volume: Exact | None
    pcr_oi: Exact | None
    max_pain: Exact | None
    call_volume: Exact | None
    put_volume: Exact | None
    call_oi: Exact | None
    put_oi: Exact | None
    oi_coverage: Exact | None
    contract: str
    expires_at: datetime


class ExpiriesAnswer(BaseModel):
    """The expiries of an underlying, in order."""

    instrument_key: str
    expiries: list[ExpiryAnswer]


class MetricsAnswer(BaseModel):
    """A page of metrics over time, the oldest first."""

    instrument_key: str
    timeframe: str = Field(description="at the end of whose buckets")
    metrics: list[ExpiryAnswer]
    next_cursor: str | None = Field(description="asks for the page after this one; null at the end")


def expiries_json(key: str, found: Sequence[ExpiryMetrics], numbers: Form) -> bytes:
    """All expiries as JSON."""
    return write_json(ExpiriesAnswer.model_construct(instrument_key=key, expiries=_written(found, numbers)))


def metrics_json(key: str, timeframe: str, page: MetricsPage, numbers: Form) -> bytes:
    """A page of metrics as JSON."""
    return write_json(
        MetricsAnswer.model_construct(
            instrument_key=key,
            timeframe=timeframe,
            metrics=_written(page.metrics, numbers),
            next_cursor=page.next_cursor,
        )
    )


def _written(found: Sequence[ExpiryMetrics], numbers: Form) -> Any:
    """The fields of `ExpiryAnswer`, numbers with every digit."""
    return [exact_members(vars(each), numbers) for each in found]


def page_json(model: type[BaseModel], rows: str, texts: Sequence[str], cursor: str | None, **head: object) -> bytes:
    """A page around the rows that the database wrote."""
    return write_json(model.model_construct(**head, **{rows: [*map(written, texts)]}, next_cursor=cursor))  # type: ignore[arg-type]  # fields of any model
