"""Numbers in answers are read back as they were, by readers that keep digits."""

import json
import math
from decimal import Decimal

import orjson
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from functions.http_api.numbers import exact, exact_members, quoted

# As many digits as files may have, and a few that arithmetic makes.
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**100), max_value=10**100, places=None)


class Row(BaseModel):
    value: Decimal


@given(DECIMALS)
def test_decimals(value: Decimal) -> None:
    number = orjson.dumps({"value": exact(value)}).decode()
    text = orjson.dumps({"value": exact(value, "text")}).decode()
    assert "e" not in number.lower().replace("value", "")
    read = json.loads(number, parse_float=Decimal, parse_int=Decimal)["value"]
    assert read == value == Row.model_validate_json(text).value == Decimal(json.loads(text)["value"])


@given(st.lists(st.floats() | st.none()))
def test_doubles(values: list[float | None]) -> None:
    plain = orjson.dumps(values)
    as_text = json.loads(quoted(plain))
    finite = [each if each is not None and math.isfinite(each) else None for each in values]
    assert [None if each is None else float(each) for each in as_text] == finite
    assert all(each is None or isinstance(each, str) for each in as_text)
    told = exact_members({str(place): each for place, each in enumerate(values)}, "text")
    assert [None if each is None else float(each) for each in told.values()] == finite


def test_what_is_no_number_is_null() -> None:
    for value in (Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")):
        assert exact(value) is None
        assert exact(value, "text") is None
    assert [exact(value, "text") for value in (7, True, "x", None)] == [7, True, "x", None]
