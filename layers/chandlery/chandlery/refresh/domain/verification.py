"""What a verification came to: derived candles against their minutes, and keys that stand more than once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chandlery.words.window import Window


@dataclass(frozen=True)
class Verification:
    """Buckets of an aggregate, or keys of a table; of keys only `twice` is told.

    `different`, `only_derived` and `only_minutes` are not what their minutes make; nor are `waiting`, which have marks:
    the next refresh puts them right. `buckets` are those that are wrong, `examples` the first few rows in words.
    """

    table: str
    same: int = 0
    twice: int = 0
    different: int = 0
    only_derived: int = 0
    only_minutes: int = 0
    waiting: int = 0
    buckets: Sequence[datetime] = ()
    examples: Sequence[str] = ()

    @property
    def wrong(self) -> int:
        """How many rows are not right, with no mark that says so."""
        return self.twice + self.different + self.only_derived + self.only_minutes


@dataclass(frozen=True)
class VerifyReport:
    """What was found wrong, and of that, in rows, what was put right; sums of each table, with the first examples.

    `days` is the stretch that was verified; none where that is all that is stored.
    """

    tables: Sequence[Verification]
    repaired: int = 0
    days: Window | None = None

    @property
    def wrong(self) -> int:
        """Rows found wrong."""
        return sum(each.wrong for each in self.tables)


def sum_verifications(table: str, pieces: Sequence[Verification]) -> Verification:
    """One verification of the pieces of a table, with the first few examples."""
    return Verification(
        table,
        sum(each.same for each in pieces),
        sum(each.twice for each in pieces),
        sum(each.different for each in pieces),
        sum(each.only_derived for each in pieces),
        sum(each.only_minutes for each in pieces),
        sum(each.waiting for each in pieces),
        [bucket for each in pieces for bucket in each.buckets],
        [example for each in pieces for example in each.examples][:10],
    )
