"""The models of answers about options, and the answers as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from chandlery.datasets.kinds import Kind
from chandlery.options.domain.answers import chain_values, strike_values
from chandlery.options.domain.metrics import ExpiryMetrics
from chandlery.options.read_expiries import MetricsPage
from chandlery.words.timeframe import Timeframe

from .answering import exact, write_json, written
from .row_models import TYPES, Number, row_type

_KNOWN = ("expiry", "strike", "contract", "expires_at", "minutes")
_TYPES: Mapping[Kind, Any] = {**TYPES, Kind.REAL: Number}

StrikeCandle = row_type("StrikeCandle", strike_values(Timeframe.M5), ("time", *_KNOWN), _TYPES)
ChainStrike = row_type("ChainStrike", chain_values(), _KNOWN, _TYPES)


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
    strike: float = Field(description="which had the rank then")
    contract: str
    value: float | None


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
    forward: float | None
    atm_strike: Number | None
    atm_iv: float | None
    straddle: Number | None
    expected_move: Number | None
    skew_25d: float | None
    pcr_volume: Number | None
    pcr_oi: Number | None
    max_pain: Number | None
    call_volume: Number | None
    put_volume: Number | None
    call_oi: Number | None
    put_oi: Number | None
    oi_coverage: Number | None
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


def expiries_json(key: str, found: Sequence[ExpiryMetrics]) -> bytes:
    """All expiries as JSON."""
    return write_json(ExpiriesAnswer.model_construct(instrument_key=key, expiries=_told(found)))


def metrics_json(key: str, timeframe: str, page: MetricsPage) -> bytes:
    """A page of metrics as JSON."""
    return write_json(
        MetricsAnswer.model_construct(
            instrument_key=key, timeframe=timeframe, metrics=_told(page.metrics), next_cursor=page.next_cursor
        )
    )


def _told(found: Sequence[ExpiryMetrics]) -> Any:
    """The fields of `ExpiryAnswer`, decimals with every digit."""
    return [{name: exact(value) for name, value in vars(each).items()} for each in found]


def page_json(model: type[BaseModel], rows: str, texts: Sequence[str], cursor: str | None, **head: object) -> bytes:
    """A page around the rows that the database wrote."""
    return write_json(model.model_construct(**head, **{rows: [*map(written, texts)]}, next_cursor=cursor))  # type: ignore[arg-type]  # fields of any model
