"""Where the page before ended, as its cursor says it."""

import json
from collections.abc import Mapping, Sequence

from chandlery.datasets.kinds import Kind
from chandlery.platform.errors import Refused
from chandlery.reading.domain.cursor import BROKEN, Value, read_cursor


def read_place(cursor: str, asked: Mapping[str, Value], places: Mapping[str, type]) -> Mapping[str, Value]:
    """What a cursor says of the place where a page ended.

    Args:
        cursor: `next_cursor` of a page of the same question.
        asked: what the question says.
        places: what the cursor must say too, each by the type of its value.

    Raises:
        Refused: the cursor is broken, or belongs to another question.
    """
    try:
        return read_cursor(cursor, asked, places)
    except ValueError as error:
        raise Refused("cursor", str(error)) from None


def read_after(cursor: str | None, asked: Mapping[str, Value]) -> str:
    """The key that the page before ended with; empty where there is no cursor.

    Raises:
        Refused: the cursor is broken, or belongs to another question.
    """
    return "" if cursor is None else str(read_place(cursor, asked, {"after": str})["after"])


def read_position(cursor: str | None, asked: Mapping[str, Value], order: Mapping[str, Kind]) -> Sequence[str] | None:
    """The values that order the row, as the database takes them; none where there is no cursor.

    Args:
        cursor: `next_cursor` of a page of the same question.
        asked: what the question says.
        order: the columns that order rows, and what each holds.

    Raises:
        Refused: the cursor is broken, or belongs to another question.
    """
    if cursor is None:
        return None
    said = read_place(cursor, asked, {"position": str})
    try:
        position = json.loads(str(said["position"]))
        return [kind.normal(text) for kind, text in zip(order.values(), position, strict=True)]
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Refused("cursor", BROKEN) from None
