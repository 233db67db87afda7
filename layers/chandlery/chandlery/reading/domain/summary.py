"""Summaries: what a data set's buckets come to, of each value of a dimension or over all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chandlery.datasets.flows import FLOWS
from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Value
from chandlery.datasets.sentiment import SENTIMENT
from chandlery.words.timeframe import Timeframe


class Rows(Protocol):
    """What is read page by page: rows of a data set, or of a summary."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def columns(self) -> Mapping[str, Kind]:
        """Those by which rows can be chosen, among others."""
        ...

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What tells rows of one instrument and time apart."""
        ...

    @property
    def readable(self) -> tuple[Timeframe, ...]:
        """Its timeframes."""
        ...

    def order(self, timeframe: Timeframe | None = None) -> tuple[str, ...]:
        """The columns that order an instrument's rows in a timeframe, and tell each from all others."""
        ...

    def values(self, timeframe: Timeframe | None = None) -> Sequence[Value]:
        """What is read of rows: what orders them, then all else."""
        ...

    def relation(self, timeframe: Timeframe) -> str:
        """The table or view of the schema market that has them."""
        ...


@dataclass(frozen=True)
class Summary:
    """A view of buckets for each timeframe, called by its name, `_` and the timeframe.

    Over all values of its dimension, that is empty.
    """

    name: str
    dimension: str
    shown: Mapping[str, Kind] = field(hash=False)
    readable: tuple[Timeframe, ...]

    @property
    def columns(self) -> Mapping[str, Kind]:
        """The time and the dimension first."""
        return {"time": Kind.TIME, self.dimension: Kind.TEXT, **self.shown}

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Its one dimension."""
        return (self.dimension,)

    def order(self, timeframe: Timeframe | None = None) -> tuple[str, ...]:  # noqa: ARG002  # the same of all
        """By time, then by the dimension."""
        return ("time", self.dimension)

    def values(self, timeframe: Timeframe | None = None) -> Sequence[Value]:  # noqa: ARG002  # the same of all
        """Its columns."""
        return [Value(name, name, kind) for name, kind in self.columns.items()]

    def relation(self, timeframe: Timeframe) -> str:
        """The view."""
        return f"{self.name}_{timeframe}"


@dataclass(frozen=True)
class Question:
    """What is asked of a data set's buckets: `each` has a row for each value of the dimension, `total` one over all."""

    name: str
    dimension: str
    each: Rows
    total: Summary

    def where(self, only: str | None) -> Mapping[str, str]:
        """What its dimension is to be: one value, or (None) any."""
        return {} if only is None else {self.dimension: only}

    def of(self, where: Mapping[str, str], *, by_each: bool = False) -> Rows:
        """What answers it, where the dimension is to be what `where` says, or each is to have rows of its own."""
        return self.each if by_each or where else self.total


_SIDES = {
    **dict.fromkeys(("in_amount", "out_amount", "net_amount", "in_usd", "out_usd", "net_usd"), Kind.DECIMAL),
    **dict.fromkeys(("in_count", "out_count"), Kind.BIGINT),
}
_ITEMS = {value.name: value.kind for measure in SENTIMENT.rollup for value in measure.values(SENTIMENT.columns)}

OF_SENTIMENT = Question(
    "sentiment", "source", SENTIMENT, Summary("total_sentiment", "source", _ITEMS, SENTIMENT.timeframes)
)
OF_FLOWS = Question(
    "flows",
    "venue",
    Summary("net_flows", "venue", _SIDES, FLOWS.timeframes),
    Summary("total_net_flows", "venue", _SIDES, FLOWS.timeframes),
)
