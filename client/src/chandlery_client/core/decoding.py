"""Bodies as typed values. Decimals are read from every digit, be they JSON numbers or texts."""

from functools import cache
from typing import Any, TypeVar

import msgspec

from chandlery_client.errors import BadAnswer

T = TypeVar("T")


@cache
def _decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    # Not strict: with numbers=text floats are texts as well.
    return msgspec.json.Decoder(kind, strict=False)


def decode(body: bytes, kind: type[T]) -> T:
    """A body as a value of a type; members that the type does not have are left out.

    Raises:
        BadAnswer: it is no such value.
    """
    try:
        value: T = _decoder(kind).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"the answer is not as the API documents it: {error}") from None
    return value
