"""What is wrong with a value is said in the project's own words, whatever type of problem pydantic finds."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from chandlery.words.complaint import complaint
from chandlery.words.timeframe import Timeframe


@pytest.mark.parametrize(
    ("form", "given", "says"),
    [
        (int, "many", "must be a whole number"),
        (int, 1.5, "must be a whole number"),
        (Annotated[int, Field(le=10)], 11, "must be 10 or less"),
        (Annotated[float, Field(gt=0)], 0, "must be greater than 0"),
        (Decimal, "x", "must be a number"),
        (bool, "perhaps", "must be true or false"),
        (str, 5, "must be text"),
        (Annotated[str, Field(min_length=16)], "short", "must have 16 characters or more"),
        (Annotated[list[int], Field(min_length=1)], [], "must have a length of 1 or more, and has 0"),
        (Literal["a", "b"], "c", "must be 'a' or 'b'"),
        (Timeframe, "2m", "must be '1m', '5m', '15m', '30m', '1h', '4h', '1d', '1w' or '1mo'"),
        (dict[str, int], 5, "must be an object"),
        (AwareDatetime, "2026-03-02T09:15:00", "must be a time in ISO 8601 with an offset or Z, such as"),
        (AwareDatetime, "soon", "must be a time in ISO 8601 with an offset or Z, such as"),
        (date, "soon", "must be a date in ISO 8601, such as"),
    ],
)
def test_it_says_what_a_value_must_be(form: Any, given: Any, says: str) -> None:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(form).validate_python(given)
    assert complaint(raised.value.errors()[0]).startswith(says)
