"""Rows to send, checked when they are made: aware times, finite decimals, no field that the API does not know."""

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

_NO_FLOAT = "a float has lost digits already: give a Decimal, an int or a text"


def _exact(value: object) -> object:
    if isinstance(value, float):
        raise ValueError(_NO_FLOAT)  # noqa: TRY004  # pydantic takes no TypeError
    return value


Exact = Annotated[Decimal, BeforeValidator(_exact), Field(allow_inf_nan=False)]
Amount = Annotated[Exact, Field(ge=0)]


class SentRow(BaseModel):
    """What rows of all data sets have: the instrument's key, a time, and when the producer got the row."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    data_set: ClassVar[str]

    instrument: str = Field(min_length=1)
    time: AwareDatetime
    received_at: AwareDatetime | None = None


class Tick(SentRow):
    """A trade; to take one back, send it whole with `cancelled=True`."""

    data_set = "ticks"

    seq: int
    price: Exact
    size: Amount
    updates_ohlc: bool | None = None
    updates_volume: bool | None = None
    cancelled: bool | None = None
    venue: str | None = None
    conditions: str | None = None


class _OfContract(SentRow):
    """Of an option: `instrument` is the contract's key, or the underlying's, and these say which contract."""

    expiry: date | None = None
    strike: Exact | None = None
    right: str | None = None
    contract: str | None = None
    expires_at: AwareDatetime | None = None


class OptionQuote(_OfContract):
    """A quote of an option."""

    data_set = "option_quotes"

    seq: int | None = None
    bid: Exact | None = None
    bid_size: Amount | None = None
    ask: Exact | None = None
    ask_size: Amount | None = None
    mark: Exact | None = None
    iv: float | None = Field(None, allow_inf_nan=False)
    delta: float | None = Field(None, allow_inf_nan=False)
    gamma: float | None = Field(None, allow_inf_nan=False)
    theta: float | None = Field(None, allow_inf_nan=False)
    vega: float | None = Field(None, allow_inf_nan=False)
    open_interest: Amount | None = None
    oi_time: AwareDatetime | None = None
    underlying: Exact | None = None
    source: str | None = None
    cancelled: bool | None = None


class OpenInterest(_OfContract):
    """Open interest of an option, as published."""

    data_set = "open_interest"

    open_interest: Amount
    source: str | None = None


class SentimentItem(SentRow):
    """How something that was said sounds, from -1 to 1."""

    data_set = "sentiment"

    source: str
    item_id: str
    score: Annotated[Exact, Field(ge=-1, le=1)]
    weight: Amount | None = None
    label: str | None = None


class FlowLeg(SentRow):
    """A leg of a transaction onto a venue, or off it."""

    data_set = "flows"

    venue: str
    tx: str
    leg: int
    direction: Literal["in", "out"]
    amount: Amount
    usd: Amount | None = None
    confirmed: bool | None = None
    cancelled: bool | None = None
    label_version: str | None = None
