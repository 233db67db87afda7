"""The models of a data set's answers, made of its declaration: they serialise rows, and OpenAPI documents them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, create_model
from typing_extensions import TypedDict

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Value
from chandlery.words.timeframe import Timeframe

from .numbers import Exact, Form, Real, exact

if TYPE_CHECKING:
    from chandlery.reading.read_rows import RowPage

TYPES: Mapping[Kind, Any] = {
    Kind.INTEGER: int,
    Kind.BIGINT: int,
    Kind.DECIMAL: Exact,
    Kind.REAL: Real,
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


def row_type(name: str, values: Sequence[Value], known: Collection[str]) -> Any:
    """The type of a row of these values, which may be null where they are not `known`."""
    fields = {each.name: TYPES[each.kind] if each.name in known else TYPES[each.kind] | None for each in values}
    return TypedDict(name, fields)  # type: ignore[operator]  # its name and fields are those declared


def rows_of(page: "RowPage", numbers: Form) -> list[dict[str, Any]]:
    """The rows of a page by the names of their values, numbers with every digit."""
    names = [value.name for value in page.values]
    write = partial(exact, numbers=numbers)
    return [dict(zip(names, map(write, row), strict=True)) for row in page.rows]


@cache
def page_of(dataset: Dataset, timeframe: Timeframe | None) -> type[RowsAnswer]:
    """The page of a data set's rows in a timeframe; the same for all that it is rolled up to."""
    if not dataset.is_own(timeframe) and timeframe is not dataset.timeframes[0]:
        return page_of(dataset, dataset.timeframes[0])
    name = "".join(word.capitalize() for word in dataset.name.split("_"))
    name += "Rows" if dataset.is_own(timeframe) else "Rollups"
    row = row_type(name.removesuffix("s"), dataset.values(timeframe), dataset.order(timeframe))
    rows = (list[row], ...)  # type: ignore[valid-type]  # made above
    return create_model(name, __base__=RowsAnswer, __doc__=f"A page of {dataset.name}.", rows=rows)
