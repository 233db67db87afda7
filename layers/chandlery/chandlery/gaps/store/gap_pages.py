"""The ledger of gaps a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.gaps.store.ledger import Choice, Gap
from chandlery.platform.statements import read_rows


@dataclass(frozen=True)
class NumberedGap(Gap):
    """A row of the ledger with its number."""

    gap_id: int


def list_page(
    connection: Connection, choice: Choice, after: tuple[datetime | str, int], most: int
) -> Sequence[NumberedGap]:
    """Rows that touch the chosen stretch, the earliest start first, after one of a start and a number."""
    values = choice.values | {"after_starts": after[0], "after_id": after[1], "most": most}
    return read_rows(connection, NumberedGap, "list_gap_page", **values)
