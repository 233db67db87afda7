"""A roll-up of a data set, and which of two rows with one key is the better one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from chandlery.datasets.measures import Part
from chandlery.words.timeframe import Timeframe

LESS = "-"


def order_best_first(columns: Sequence[str]) -> str:
    """The SQL that puts the row with more in these columns first; after a minus, with less."""
    return ", ".join(name.removeprefix(LESS) + " DESC" * (not name.startswith(LESS)) for name in columns)


@dataclass(frozen=True)
class SessionDays:
    """Days that are those of sessions, and the timeframes that are made of them.

    Rows with the flag `outside` are none of a regular session. An aggregate needs a bucket of time: it holds the parts
    of sessions that a UTC day cuts out, and views fold these.
    """

    timeframes: tuple[Timeframe, ...]
    outside: str


@dataclass(frozen=True)
class Rollup:
    """A continuous aggregate of a data set: its relation in the schema `market`, and what it is made of.

    Attributes:
        table: the data set's own, whose rows it is made of.
        below: what it is built on: the data set's own table, or the roll-up one level below.
        level: how many relations lie below.
        bucket: the column that names a bucket.
        key: the columns by which a row stands once.
        parts: what it keeps of each bucket.
        best_first: the columns of which more is better, where a key stands more than once.
        leaves_out: the flag of rows that it is not made of, if any.
    """

    table: str
    relation: str
    timeframe: Timeframe
    below: str
    level: int
    bucket: str
    key: tuple[str, ...]
    parts: tuple[Part, ...]
    best_first: tuple[str, ...]
    leaves_out: str = ""

    @property
    def width(self) -> timedelta:
        """How long a bucket is."""
        if self.timeframe.width is None:
            raise ValueError(f"{self.relation}: an aggregate needs buckets of one length")
        return self.timeframe.width

    @property
    def columns(self) -> frozenset[str]:
        """Those of its relation."""
        return frozenset([*self.key, *(part.name for part in self.parts)])
