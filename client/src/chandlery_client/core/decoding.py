"""Bodies as typed values. Decimals are read from every digit, be they JSON numbers or texts."""

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from chandlery_client.errors import BadAnswer

T = TypeVar("T")


@cache
def _decoder(kind: Hashable, float_hook: Callable[[str], Any] | None) -> "msgspec.json.Decoder[Any]":
    # Not strict: with numbers=text floats are texts as well.
    return msgspec.json.Decoder(cast("Any", kind), strict=False, float_hook=float_hook)


def decode(body: bytes, kind: type[T], *, float_hook: Callable[[str], Any] | None = None) -> T:
    """A body as a value of a type; members that the type does not have are left out.

    Args:
        body: JSON.
        kind: the type.
        float_hook: what to make of the digits of numbers whose type is not said.

    Raises:
        BadAnswer: it does not make such a value.
    """
    try:
        value: T = _decoder(cast("Hashable", kind), float_hook).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"the answer is not as the API documents it: {error}") from None
    return value
