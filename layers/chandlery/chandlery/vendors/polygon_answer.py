"""What the aggregates API answers, and whether it can be true."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from chandlery.platform.errors import Permanent, Retryable
from chandlery.vendors.domain.vendor import VendorCandle, turnover_of
from chandlery.words.complaint import complaint
from chandlery.words.counting import spell

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_MS = 60_000
_DIGITS = 80


def _decimal(value: object) -> Decimal:
    # An exact type: a boolean is an int as well.
    if type(value) is int:
        return Decimal(value)
    if isinstance(value, Decimal):
        return value
    raise ValueError("must be a number")


_Price = Annotated[
    Decimal, BeforeValidator(_decimal), Field(allow_inf_nan=False, max_digits=_DIGITS, decimal_places=_DIGITS // 2)
]
_MODEL = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class Row(BaseModel):
    """One bar, by the API's own names: `t` its start in epoch milliseconds, `vw` its average price, `n` its trades."""

    model_config = _MODEL

    t: int
    o: _Price
    h: _Price
    l: _Price  # noqa: E741
    c: _Price
    v: Annotated[_Price, Field(ge=0)]
    vw: _Price | None = None
    n: int | None = Field(None, ge=0)


class Page(BaseModel):
    """One page of an answer."""

    model_config = _MODEL

    ticker: str
    adjusted: bool
    rows: list[Row] | None = Field(None, alias="results")
    rows_counted: int | None = Field(None, alias="resultsCount")
    next_url: str | None = None


def read_json(body: bytes) -> Any:
    """A body's JSON, its numbers exact.

    Raises:
        Retryable: it is cut short, or not JSON.
    """
    try:
        return json.loads(body, parse_float=_exact, parse_constant=Decimal)
    except (ValueError, RecursionError):
        raise Retryable(
            f"polygon's answer of {len(body)} bytes is not whole JSON: it was cut short, or does not come from the"
            " vendor; try later, and check VENDOR_URL"
        ) from None


def read_page(document: Any, ticker: str, *, adjusted: bool) -> Page:
    """The page a JSON document holds, once it is what was asked for.

    Raises:
        Permanent: a field has the wrong type, or the answer is to another question.
    """
    try:
        page = Page.model_validate(document)
    except ValidationError as error:
        raise Permanent(f"polygon's {_first_problem(error, document, ticker)}; tell the vendor") from None
    if page.ticker != ticker:
        raise Permanent(f"polygon was asked for {ticker} and answered for {page.ticker[:40]}; tell the vendor")
    if page.adjusted != adjusted:
        raise Permanent(
            f"polygon was asked for candles of {ticker} with adjusted={adjusted} and answered with"
            f" adjusted={page.adjusted}; set VENDOR_ADJUSTED to what the vendor can give"
        )
    if page.rows_counted is not None and page.rows_counted != len(page.rows or ()):
        raise Permanent(
            f"polygon counts {spell(page.rows_counted, 'candle')} of {ticker} and sent {len(page.rows or ())};"
            " tell the vendor"
        )
    return page


def candles_of(page: Page, first_ms: int, last_ms: int, *, allow_negative: bool) -> Iterator[VendorCandle]:
    """A page's candles, as they come.

    Raises:
        Permanent: a candle starts before `first_ms`, after `last_ms` or inside a minute, its prices contradict each
            other, or lie below zero where they may not.
    """
    for row in page.rows or ():
        problem = _time_problem(row, first_ms, last_ms) or _price_problem(row)
        if problem:
            raise Permanent(
                f"polygon's candle of {page.ticker} at {_time(row.t)} cannot be true: {problem}; tell the vendor"
            )
        if not allow_negative and min(row.l, row.vw or 0) < 0:
            raise Permanent(
                f"polygon's candle of {page.ticker} at {_time(row.t)} has a price below zero; where that may be:"
                " chandlery instruments set KEY --allow-negative"
            )
        yield VendorCandle(
            time=_EPOCH + timedelta(milliseconds=row.t),
            open=row.o,
            high=row.h,
            low=row.l,
            close=row.c,
            volume=row.v,
            turnover=turnover_of(row.vw, row.v, row.l, row.h),
            trades=row.n or None,
        )


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        # Its exponent is beyond all numbers; the model refuses it by its field's name.
        return Decimal("Infinity")


def _time_problem(row: Row, first_ms: int, last_ms: int) -> str | None:
    if not first_ms <= row.t <= last_ms:
        return f"t: asked for were {_time(first_ms)} to {_time(last_ms)}"
    return "t: a candle starts with a minute" if row.t % _MINUTE_MS else None


def _price_problem(row: Row) -> str | None:
    if row.l > row.h:
        return f"l: low {row.l} above high {row.h}"
    for field, price in (("o", row.o), ("c", row.c)):
        if not row.l <= price <= row.h:
            return f"{field}: {price} outside low {row.l} to high {row.h}"
    return None


def _first_problem(error: ValidationError, document: Any, ticker: str) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    match problem["loc"]:
        case ("results", int(index), *rest):
            row = document["results"][index]
            time = _time(row.get("t")) if isinstance(row, dict) else "?"
            return (
                f"candle of {ticker} at {time} (row {index}) is wrong: {'.'.join(map(str, rest))}: {complaint(problem)}"
            )
        case loc:
            return f"answer for {ticker} is wrong: {'.'.join(map(str, loc))}: {complaint(problem)}"


def _time(epoch_ms: object) -> str:
    try:
        # A text there is the server's, and not to be repeated.
        moment = _EPOCH + timedelta(milliseconds=epoch_ms) if type(epoch_ms) is int else None
    except OverflowError:
        moment = None
    return "a time that is none" if moment is None else moment.isoformat().replace("+00:00", "Z")
