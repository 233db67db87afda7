"""The data sets there are. The only list of them: whoever keeps or reads any of them goes by this one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from chandlery.datasets.candles import CANDLE_HOURS, CANDLES
from chandlery.datasets.dataset import Dataset, Rollup
from chandlery.datasets.indicators import INDICATORS
from chandlery.datasets.ticks import TICKS

DATASETS: tuple[Dataset, ...] = (TICKS, CANDLES, CANDLE_HOURS, INDICATORS)
# The one that is meant where none is named.
DEFAULT = CANDLES


@dataclass(frozen=True)
class Table:
    """A table or an aggregate as policies see it; `source` is what an aggregate is built on."""

    dataset: Dataset
    columns: frozenset[str]
    time: str
    rollup: Rollup | None = None

    @property
    def bucket(self) -> timedelta | None:
        """How long an aggregate's buckets are."""
        return self.rollup.width if self.rollup else None

    @property
    def source(self) -> str | None:
        """What an aggregate is built on."""
        return self.rollup.below if self.rollup else None


def rollups() -> Sequence[Rollup]:
    """Their continuous aggregates, each after what it is built on."""
    return [rollup for dataset in DATASETS for rollup in dataset.rollups]


def rolled_up() -> Sequence[Dataset]:
    """Those that have any."""
    return [dataset for dataset in DATASETS if dataset.rollups]


def watched() -> Sequence[Dataset]:
    """Those whose gaps are looked for."""
    return [dataset for dataset in DATASETS if dataset.cadence]


def keyed() -> Sequence[Dataset]:
    """Those whose keys are verified; what goes with another is made again of that one's rows."""
    return [dataset for dataset in DATASETS if not dataset.goes_with]


def option(dataset: Dataset) -> str:
    """How a command is told which one; nothing for the one that it means anyway."""
    return "" if dataset is DEFAULT else f" --dataset {dataset.name}"


def tables() -> Mapping[str, Table]:
    """All that policies can be for, by name: tables first, then aggregates, each after what it is built on."""
    return _tables(DATASETS)


@cache
def _tables(among: tuple[Dataset, ...]) -> Mapping[str, Table]:
    return {each.name: Table(each, frozenset(each.columns), each.time) for each in among} | {
        rollup.relation: Table(each, rollup.columns, rollup.bucket, rollup) for each in among for rollup in each.rollups
    }
