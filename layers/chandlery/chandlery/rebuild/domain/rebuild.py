"""What a rebuild came to, and what aggregates beside those in use are called."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """Which of an aggregate's generations: the suffix of its name."""

    IN_USE = ""
    BESIDE = "_beside"
    BEFORE = "_before"


class RebuildStep(StrEnum):
    """What a rebuild is about; readers see the former aggregates up to and including `SWAP`, then the new ones."""

    COPY = "copy"
    REFRESH = "refresh"
    COMPARE = "compare"
    SWAP = "swap"
    SETTLE = "settle"


@dataclass(frozen=True)
class Comparison:
    """Buckets of an aggregate in use against those of the one to take its place, as readers see both.

    `waiting` are not the same either, but marked: whoever refreshes what is stale puts them right. `examples` are the
    first few that are not the same, in words.
    """

    aggregate: str
    same: int = 0
    different: int = 0
    only_old: int = 0
    only_new: int = 0
    waiting: int = 0
    examples: Sequence[str] = ()

    @property
    def unlike(self) -> int:
        """Buckets that would be others after a swap."""
        return self.different + self.only_old + self.only_new


@dataclass(frozen=True)
class RebuildReport:
    """What was done; `policies` says what was put right of the policies, none where maintenance has still to do it.

    `copied` counts buckets whose minutes have been dropped, `refreshes` calls of TimescaleDB's refresh; `resumed` is
    whether an earlier run had begun it.
    """

    dataset: str
    timeframe: str
    comparisons: Sequence[Comparison] = ()
    swapped: bool = False
    resumed: bool = False
    copied: int = 0
    refreshes: int = 0
    policies: Sequence[str] | None = None

    @property
    def unlike(self) -> int:
        """Buckets that are not the same."""
        return sum(each.unlike for each in self.comparisons)


def sum_comparisons(aggregate: str, pieces: Sequence[Comparison]) -> Comparison:
    """One comparison of the pieces of an aggregate, with the first few examples."""
    return Comparison(
        aggregate,
        sum(each.same for each in pieces),
        sum(each.different for each in pieces),
        sum(each.only_old for each in pieces),
        sum(each.only_new for each in pieces),
        sum(each.waiting for each in pieces),
        [example for each in pieces for example in each.examples][:5],
    )
