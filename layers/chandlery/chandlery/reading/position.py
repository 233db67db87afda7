"""Where the page before ended, as the cursor of a page of rows says it."""

import json
from collections.abc import Mapping, Sequence

from chandlery.datasets.kinds import Kind
from chandlery.platform.errors import Refused
from chandlery.reading.domain.cursor import BROKEN, Value, read_cursor


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
    try:
        said = read_cursor(cursor, asked, {"position": str})
    except ValueError as error:
        raise Refused("cursor", str(error)) from None
    try:
        position = json.loads(str(said["position"]))
        return [kind.normal(text) for kind, text in zip(order.values(), position, strict=True)]
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Refused("cursor", BROKEN) from None
