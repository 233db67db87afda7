"""What a data set is, and the roll-ups that follow from it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import pairwise

from chandlery.datasets.cadence import Cadence
from chandlery.datasets.measures import Count, First, Last, Measure, Part, Sum
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import WEEK

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LESS = "-"


def order_best_first(columns: Sequence[str]) -> str:
    """The SQL that puts the row with more in these columns first; after a minus, with less."""
    return ", ".join(name.removeprefix(_LESS) + " DESC" * (not name.startswith(_LESS)) for name in columns)


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


@dataclass(frozen=True)
class Dataset:
    """A kind of rows kept over time, in the table of its name in the schema `market`.

    Attributes:
        columns: those of its table.
        dimensions: what tells rows of one instrument and one time apart, before the time.
        sequence: what tells them apart after it.
        time: the column by which rows are kept; `time`, where there are roll-ups.
        rollup: what roll-ups keep of it.
        timeframes: those with buckets of UTC, each built on the one before.
        days: those whose days are sessions'.
        cadence: when a row is expected; None: nobody knows.
        written: how long rows are still written, as a rule.
        best_first: the columns of which more is better, where a key stands more than once; after a minus, less.
        goes_with: the data set along with which its rows are dropped.
        is_indicated: whether indicators are stored of what it is rolled up to.
    """

    name: str
    columns: tuple[str, ...]
    dimensions: tuple[str, ...] = ()
    sequence: str = ""
    time: str = "time"
    rollup: tuple[Measure, ...] = ()
    timeframes: tuple[Timeframe, ...] = ()
    days: SessionDays | None = None
    cadence: Cadence | None = None
    written: timedelta = WEEK
    best_first: tuple[str, ...] = ()
    goes_with: str = ""
    is_indicated: bool = False

    def __post_init__(self) -> None:
        """Refuse what no database could make."""
        if problem := next(self._problems(), None):
            raise ValueError(f"{self.name}: {problem}")

    @property
    def key(self) -> tuple[str, ...]:
        """The columns by which a row stands once."""
        return ("instrument_id", *self.dimensions, self.time, *filter(None, [self.sequence]))

    @property
    def works(self) -> tuple[str, ...]:
        """The work for which the hours of changed rows are marked."""
        return (*(["count"] if self.cadence else []), *(["refresh"] if self.rollups else []))

    @property
    def watched(self) -> Cadence:
        """Its cadence, where gaps are looked for.

        Raises:
            ValueError: it has none.
        """
        if self.cadence is None:
            raise ValueError(f"{self.name}: nobody knows when rows are expected")
        return self.cadence

    @cached_property
    def rollups(self) -> tuple[Rollup, ...]:
        """Its continuous aggregates, each after what it is built on."""
        return (*self._by_clock(), *self._by_session())

    @property
    def derived(self) -> tuple[Timeframe, ...]:
        """The timeframes that are made of its rows."""
        return (*self.timeframes, *(self.days.timeframes if self.days else ()))

    def relation(self, timeframe: Timeframe) -> str:
        """The table or view of its rows in a timeframe."""
        is_own = self.cadence is not None and timeframe.width == self.cadence.every
        return self.name if is_own else f"{self.name}_{timeframe.value}"

    def rollup_of(self, timeframe: Timeframe) -> Rollup:
        """The continuous aggregate that its rows in a timeframe are read from.

        Raises:
            KeyError: it has none.
        """
        by_session = self.days is not None and timeframe in self.days.timeframes
        for each in self.rollups:
            if each.timeframe.by_session if by_session else each.timeframe is timeframe:
                return each
        raise KeyError(f"{self.name} have no roll-up for {timeframe}")

    def stored_in(self, timeframe: Timeframe) -> str:
        """Where its rows in a timeframe are stored: its own table, or a roll-up.

        Raises:
            KeyError: it has none of that timeframe.
        """
        return self.name if self.relation(timeframe) == self.name else self.rollup_of(timeframe).relation

    def chain(self, timeframe: Timeframe) -> Sequence[Rollup]:
        """The roll-ups that a timeframe is made of, bottom up."""
        found = self.rollup_of(timeframe)
        chain = [found]
        while below := next((each for each in self.rollups if each.relation == chain[0].below), None):
            chain.insert(0, below)
        return chain

    @property
    def tops(self) -> Sequence[Rollup]:
        """The roll-ups that no other is built on: with the chain of each, all of them."""
        return [each for each in self.rollups if len(self.built_on(each.timeframe)) == 1]

    def built_on(self, timeframe: Timeframe) -> Sequence[Rollup]:
        """The roll-ups that hang on that of a timeframe, itself included, bottom up."""
        lowest = self.rollup_of(timeframe)
        return [each for each in self.rollups if lowest in self.chain(each.timeframe)]

    def _by_clock(self) -> Iterator[Rollup]:
        below = self.name
        for level, timeframe in enumerate(self.timeframes, start=1):
            yield Rollup(
                self.name,
                relation=f"{self.name}_{timeframe.value}",
                timeframe=timeframe,
                below=below,
                level=level,
                bucket="time",
                key=("instrument_id", *self.dimensions, "time"),
                parts=self._parts(),
                best_first=self._best_first(),
            )
            below = f"{self.name}_{timeframe.value}"

    def _by_session(self) -> Iterator[Rollup]:
        if self.days is None:
            return
        yield Rollup(
            self.name,
            relation=f"{self.name}_1d_parts",
            timeframe=self.days.timeframes[0],
            below=self.name,
            level=1,
            bucket="day",
            key=("instrument_id", *self.dimensions, "session_date", "day"),
            # The first of its rows orders the parts of a session.
            parts=(Part("time", "min(time)", "min(time)"), *self._parts()),
            best_first=self._best_first(),
            leaves_out=self.days.outside,
        )

    def _parts(self) -> tuple[Part, ...]:
        return tuple(part for measure in self.rollup for part in measure.parts())

    def _best_first(self) -> tuple[str, ...]:
        """Made of more rows, else of larger ones."""
        found = (next((each.name for each in self.rollup if isinstance(each, kind)), None) for kind in (Count, Sum))
        return tuple(filter(None, found)) or ("time",)

    def _problems(self) -> Iterator[str]:
        kept = [part.name for part in self._parts()]
        for name in [self.name, *self.columns, *kept]:
            if not _NAME.fullmatch(name):
                yield f"{name!r} is no name of a table or a column"
        compared = [name.removeprefix(_LESS) for name in self.best_first]
        for column in [*self.key, *compared, *(column for measure in self.rollup for column in measure.columns)]:
            if column not in self.columns:
                yield f"there is no column {column}"
        for column in {name for name in kept if kept.count(name) > 1}:
            yield f"{column} is kept twice"
        if self.rollup and self.time != "time":
            yield "what is rolled up has its time in the column time"
        yield from self._unsound_measures(kept)
        own = self.cadence.every if self.cadence else None
        for shorter, longer in pairwise([own, *(each.width for each in self.timeframes)]):
            if shorter and (not longer or longer % shorter):
                yield f"buckets of {longer} are not made of whole ones of {shorter}"

    def _unsound_measures(self, kept: Sequence[str]) -> Iterator[str]:
        # Some versions take first(v, a) and first(v, b) for one.
        orders = {(type(each), each.column): each.by for each in self.rollup if isinstance(each, First | Last)}
        for measure in self.rollup:
            if getattr(measure, "preferring", "") not in ["", *kept]:
                yield f"{measure.name} prefers rows by a flag that is not kept"
            if isinstance(measure, First | Last) and orders[type(measure), measure.column] != measure.by:
                yield f"{measure.column} is ordered by two different columns"
