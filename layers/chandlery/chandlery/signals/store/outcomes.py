"""What became of signals, as the database sums it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.platform.statements import read_rows


@dataclass(frozen=True)
class Outcome:
    """Signals of one version of a strategy whose confidence lies in one tenth, as 4 for 0.4 to 0.5.

    `confidence` is their mean, to be held against `hit_rate`, the share that reached its target. `favourable` and
    `adverse` are how far the price went for and against them, as means of shares of it.
    """

    strategy: str
    version: str
    tenth: int | None
    signals: int
    confidence: float | None
    targets: int
    stops: int
    ambiguous: int
    others: int
    hit_rate: float
    favourable: float | None
    adverse: float | None


def sum_outcomes(
    connection: Connection,
    *,
    strategy: str | None = None,
    starts: datetime | None = None,
    ends: datetime | None = None,
    backfilled: bool = False,
) -> Sequence[Outcome]:
    """Of one strategy or all, of buckets that start in [starts, ends): live signals, or backfilled ones, never both.

    Raises:
        Retryable, Permanent: from the database.
    """
    return read_rows(
        connection,
        Outcome,
        "sum_outcomes",
        strategy=strategy,
        starts=starts or "-infinity",
        ends=ends or "infinity",
        backfilled=backfilled,
    )
