"""Where what rules refer to stands, and when it is known."""

from dataclasses import dataclass

from chandlery.datasets import declared
from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.signals.domain.syntax import IndicatorValue, Reference
from chandlery.words.timeframe import Timeframe

_DATASETS = {each.name: each for each in declared.DATASETS}


@dataclass(frozen=True)
class Source:
    """What is seen from the end of its buckets on: rows of a data set, chosen by its dimensions."""

    timeframe: Timeframe
    dataset: str
    where: tuple[tuple[str, str], ...] = ()

    @property
    def declared(self) -> Dataset:
        """Its data set."""
        return _DATASETS[self.dataset]

    @property
    def by_session(self) -> bool:
        """Whether its days are those of sessions."""
        return self.timeframe.by_session and self.declared.days is not None

    @property
    def width(self) -> str:
        """How long its buckets are, as SQL."""
        width = self.timeframe.width
        return f"INTERVAL '{int(width.total_seconds())} seconds'" if width else "INTERVAL '1 month'"

    def known_at(self, calendar: str, time: str) -> str:
        """When a bucket is known, as SQL."""
        return f"market.known_at({calendar}, {time}, {self.width})" if self.by_session else f"{time} + {self.width}"

    @property
    def complete(self) -> str:
        """Which of its rows count, as SQL: what is partial will be replaced, and is not seen."""
        if self.declared is not CANDLES:
            return "true"
        return "NOT partial" if self.declared.is_own(self.timeframe) else "partial_minutes = 0"

    def read(self, column: str) -> str:
        """A column of its rows, as SQL."""
        values = {each.name: each.read for each in self.declared.values(self.timeframe)}
        return f"({values[column]})::double precision"


def source_of(reference: Reference) -> Source:
    """Where what is referred to stands: values of indicators stand with their candles."""
    if isinstance(reference, IndicatorValue):
        return Source(reference.timeframe, CANDLES.name)
    return Source(reference.timeframe, reference.dataset, reference.where)
