"""The data sets: those that the modules of this package declare. All that keeps or reads them uses this list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from chandlery import datasets
from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.rollup import Rollup


def discover() -> tuple[Dataset, ...]:
    """Every data set that a module of this package declares: first those whose rows settle soonest, then by module."""
    modules = [import_module(f"{datasets.__name__}.{each.name}") for each in iter_modules(datasets.__path__)]
    found = (value for module in modules for value in vars(module).values() if isinstance(value, Dataset))
    return tuple(sorted(dict.fromkeys(found), key=lambda dataset: dataset.written))


DATASETS = discover()
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


def imported() -> Sequence[Dataset]:
    """Those whose rows come from files, as they stand."""
    return [dataset for dataset in DATASETS if dataset.is_imported]


def sent() -> Sequence[Dataset]:
    """Those whose rows may come in records."""
    return [dataset for dataset in DATASETS if dataset.is_sent]


def shown() -> Sequence[Dataset]:
    """Those whose rows are read as they are declared."""
    return [dataset for dataset in DATASETS if dataset.is_shown]


def watched() -> Sequence[Dataset]:
    """Those whose gaps are looked for."""
    return [dataset for dataset in DATASETS if dataset.cadence]


def keyed() -> Sequence[Dataset]:
    """Those whose keys are verified; what goes with another is made again of that one's rows."""
    return [dataset for dataset in DATASETS if not dataset.goes_with]


def option(dataset: Dataset) -> str:
    """The option that names a data set to a command; empty for the default."""
    return "" if dataset is DEFAULT else f" --dataset {dataset.name}"


def tables() -> Mapping[str, Table]:
    """All that policies can be for, by name: tables first, then aggregates, each after what it is built on."""
    return _tables(DATASETS)


@cache
def _tables(among: tuple[Dataset, ...]) -> Mapping[str, Table]:
    return {each.name: Table(each, frozenset(each.columns), each.time) for each in among} | {
        rollup.relation: Table(each, rollup.columns, rollup.bucket, rollup) for each in among for rollup in each.rollups
    }
