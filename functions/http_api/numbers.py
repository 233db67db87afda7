"""Numbers of answers with all their digits: as numbers of JSON, or as text, which no reader rounds."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

import orjson
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import WithJsonSchema

Form = Literal["number", "text"]
DESCRIPTION = (
    "text: prices, sizes and all else that may have a fraction are strings with all their digits, for readers that"
    " would round a number of JSON; counts stay numbers"
)
Numbers = Annotated[Form, Query(description=DESCRIPTION)]

_EXACT = {"anyOf": [{"type": "number"}, {"type": "string", "format": "decimal"}]}
# What may have a fraction, as the document says it: of any digits, and of double precision.
Exact = Annotated[Decimal, WithJsonSchema(_EXACT, mode="serialization")]
Real = Annotated[float, WithJsonSchema(_EXACT, mode="serialization")]

_NUMBER = re.compile(rb"[-\d][-+.\deE]*")


def exact(value: Any, numbers: Form = "number") -> Any:
    """A decimal, or a double, as its answer has it; a decimal without an exponent; null where it is none."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None
        return f"{value:f}" if numbers == "text" else orjson.Fragment(f"{value:f}")
    if isinstance(value, float) and numbers == "text":
        return repr(value) if math.isfinite(value) else None
    return value


def exact_members(values: Mapping[str, Any], numbers: Form = "number") -> dict[str, Any]:
    """The same of each value."""
    return {name: exact(value, numbers) for name, value in values.items()}


def quoted(json: bytes) -> bytes:
    """JSON of numbers and null alone, its numbers as text."""
    return _NUMBER.sub(rb'"\g<0>"', json)
