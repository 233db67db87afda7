"""What waits to be judged by rules: stretches in which what they see changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.platform.statements import read_rows, run


@dataclass(frozen=True)
class ChangedStretch:
    """A stretch of an instrument in which rows of a data set changed; of one timeframe, or, where none is, of none."""

    dataset: str
    timeframe: str | None
    instrument_id: int
    starts: datetime
    ends: datetime


def count(connection: Connection, at: datetime) -> int:
    """Marks that are due at a moment."""
    row = run(connection, "count_signal_marks", at=at).fetchone()
    return int(row[0]) if row else 0


def take(connection: Connection, at: datetime, most: int) -> Sequence[ChangedStretch]:
    """Take due marks of some `most` instruments; inside a transaction."""
    return read_rows(connection, ChangedStretch, "take_signal_marks", at=at, most=most)


def keep(connection: Connection, kept: Sequence[tuple[ChangedStretch, datetime]]) -> None:
    """Leave marks that are due once a bucket has closed."""
    if kept:
        run(
            connection,
            "keep_signal_marks",
            datasets=[each.dataset for each, _ in kept],
            timeframes=[each.timeframe for each, _ in kept],
            starts=[each.starts for each, _ in kept],
            ends=[each.ends for each, _ in kept],
            instrument_ids=[each.instrument_id for each, _ in kept],
            due_at=[due_at for _, due_at in kept],
        )
