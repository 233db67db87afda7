"""The models of a data set's answers, made of its declaration: they serialise rows, and OpenAPI documents them."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, Field, PlainSerializer, create_model
from typing_extensions import TypedDict

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.words.timeframe import Timeframe

# A number of JSON, as prices of candles are.
Number = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
TYPES: Mapping[Kind, Any] = {
    Kind.INTEGER: int,
    Kind.BIGINT: int,
    Kind.DECIMAL: Number,
    Kind.REAL: float,
    Kind.TEXT: str,
    Kind.FLAG: bool,
    Kind.TIME: datetime,
    Kind.DATE: date,
}


class RowsAnswer(BaseModel):
    """A page of rows, the oldest first."""

    instrument_key: str
    dataset: str
    timeframe: str | None = Field(description="of the rows; null where they stand as they came")
    rows: list[dict[str, Any]]
    next_cursor: str | None = Field(description="asks for the page after this one; null at the end")


@cache
def page_of(dataset: Dataset, timeframe: Timeframe | None) -> type[RowsAnswer]:
    """The page of a data set's rows in a timeframe; the same for all that it is rolled up to."""
    if not dataset.is_own(timeframe) and timeframe is not dataset.timeframes[0]:
        return page_of(dataset, dataset.timeframes[0])
    name = "".join(word.capitalize() for word in dataset.name.split("_"))
    name += "Rows" if dataset.is_own(timeframe) else "Rollups"
    of_key = dataset.order(timeframe)
    row = TypedDict(  # type: ignore[misc]  # its name and fields are those declared
        f"{name.removesuffix('s')}",
        {
            each.name: TYPES[each.kind] if each.name in of_key else TYPES[each.kind] | None
            for each in dataset.values(timeframe)
        },
    )
    return create_model(name, __base__=RowsAnswer, __doc__=f"A page of {dataset.name}.", rows=(list[row], ...))
