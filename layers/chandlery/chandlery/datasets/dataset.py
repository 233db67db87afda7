"""What a data set is, and the roll-ups that follow from it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from itertools import pairwise

from chandlery.datasets.cadence import Cadence
from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Count, First, Last, Measure, Part, Sum, Value
from chandlery.datasets.rollup import LESS, Rollup, SessionDays
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import WEEK

_NAME = re.compile(r"[a-z][a-z0-9_]*")
# What a question about rows says anyway: none of these can choose a dimension's rows as well.
_ASKED = frozenset({"from", "to", "timeframe", "limit", "cursor"})


@dataclass(frozen=True)
class Dataset:
    """A kind of rows kept over time, in the table of its name in the schema `market`.

    Attributes:
        columns: those of its table, and what each holds.
        key: those by which a row stands once: the instrument, dimensions, the time by which rows are kept (where there
            are roll-ups `time`), and what tells those of one time apart.
        rollup: what roll-ups keep of it.
        timeframes: those with buckets of UTC, each built on the one before.
        days: those whose days are sessions'.
        cadence: when a row is expected; None: nobody knows.
        written: how long rows are still written, as a rule.
        best_first: the columns of which more is better, where a key stands more than once; after a minus, less.
        goes_with: the data set along with which its rows are dropped.
        is_indicated: whether indicators are stored of what it is rolled up to.
        read_by: the view that people read it by, where its columns alone do not say what a row is.
        is_imported: whether its rows may come from files, as they stand; what is made, or has an importer of its own,
            does not.
        is_sent: whether its rows may come in records of a queue, a stream or a request.
        is_of_contracts: whether its rows are those of option contracts: a file holds an underlying's, and names the
            contract of each row by expiry, strike and right.
        cancelled: the flag of a row that takes back the one of its key; it always wins.
        unsigned: columns that are never below zero.
        among: all that a column may say, where these are few words.
        within: the least and the most of a column's numbers.
        otherwise: what an empty cell of a file, or null in a record, means, in a file's words, where that is not null.
        made: columns that triggers of the table make of the others: no file or record has them.
        noted: columns that say how a row came, and nothing of what it says: another one is no conflict.
    """

    name: str
    columns: Mapping[str, Kind] = field(hash=False)
    key: tuple[str, ...] = ("instrument_id", "time")
    rollup: tuple[Measure, ...] = ()
    timeframes: tuple[Timeframe, ...] = ()
    days: SessionDays | None = None
    cadence: Cadence | None = None
    written: timedelta = WEEK
    best_first: tuple[str, ...] = ()
    goes_with: str = ""
    read_by: str = ""
    is_indicated: bool = False
    is_imported: bool = False
    is_sent: bool = False
    is_of_contracts: bool = False
    cancelled: str = ""
    unsigned: tuple[str, ...] = ()
    among: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    within: Mapping[str, tuple[int, int]] = field(default_factory=dict, hash=False)
    otherwise: Mapping[str, str] = field(default_factory=dict, hash=False)
    made: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no database could make."""
        if problem := next(self._problems(), None):
            raise ValueError(f"{self.name}: {problem}")

    @property
    def time(self) -> str:
        """The column by which rows are kept: the last time of the key."""
        return next(name for name in reversed(self.key) if self.columns.get(name) is Kind.TIME)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What tells rows of one instrument and one time apart."""
        return self.key[1 : self.key.index(self.time)]

    @property
    def sequence(self) -> tuple[str, ...]:
        """What tells rows apart that agree in all of that."""
        return self.key[self.key.index(self.time) + 1 :]

    @property
    def said(self) -> tuple[str, ...]:
        """The columns that a file or a record of an instrument's rows may have, the key first."""
        order = self.order()
        return (*order, *(name for name in self.columns if name not in {*self.key, *self.made}))

    @property
    def works(self) -> tuple[str, ...]:
        """The work for which the hours of changed rows are marked."""
        return (*([self.cadence.work] if self.cadence else []), *(["refresh"] if self.rollups else []))

    @property
    def is_shown(self) -> bool:
        """Whether its rows are read as they are declared.

        Not where a cell or a question could not say what is in them (numbers of indicators, bits of hours), nor
        where days are those of sessions: their readers must know the calendar, and have a way of their own.
        """
        return self.days is None and not self.read_by and all(kind.is_plain for kind in self.columns.values())

    @property
    def own_timeframe(self) -> Timeframe | None:
        """How far apart its rows are expected; none where nobody knows, or there is no word for it."""
        every = self.cadence.every if self.cadence else None
        return next((each for each in Timeframe if every and each.width == every), None)

    @property
    def readable(self) -> tuple[Timeframe, ...]:
        """The timeframes that its rows are read in, its own the first."""
        return (*filter(None, [self.own_timeframe]), *self.timeframes)

    def order(self, timeframe: Timeframe | None = None) -> tuple[str, ...]:
        """The columns that order an instrument's rows in a timeframe, and tell each from all others."""
        return (self.time, *self.dimensions, *(self.sequence if self.is_own(timeframe) else ()))

    def values(self, timeframe: Timeframe | None = None) -> Sequence[Value]:
        """What is read of an instrument's rows in a timeframe: what orders them, then all else."""
        order = [Value(name, name, self.columns[name]) for name in self.order(timeframe)]
        if self.is_own(timeframe):
            return [*order, *(Value(name, name, kind) for name, kind in self.columns.items() if name not in self.key)]
        return [*order, *(value for measure in self.rollup for value in measure.values(self.columns))]

    def is_own(self, timeframe: Timeframe | None) -> bool:
        """Whether its rows in a timeframe are those of its table: in its own, or in none."""
        return timeframe in (None, self.own_timeframe)

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
        return self.name if timeframe is self.own_timeframe else f"{self.name}_{timeframe.value}"

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
        if self.key[:1] != ("instrument_id",) or not any(self.columns.get(name) is Kind.TIME for name in self.key[1:]):
            yield "its key is not an instrument_id, dimensions, and a time"
            return
        kept = [part.name for part in self._parts()]
        for name in [self.name, *self.columns, *kept]:
            if not _NAME.fullmatch(name):
                yield f"{name!r} is no name of a table or a column"
        compared = [name.removeprefix(LESS) for name in self.best_first]
        for column in [
            *self.key,
            *compared,
            *self.unsigned,
            *self.among,
            *self.within,
            *self.otherwise,
            *self.made,
            *self.noted,
            *filter(None, [self.cancelled]),
            *(self.cadence.by if self.cadence else ()),
            *(column for measure in self.rollup for column in measure.columns),
        ]:
            if column not in self.columns:
                yield f"there is no column {column}"
        for column in {name for name in kept if kept.count(name) > 1}:
            yield f"{column} is kept twice"
        if (self.rollup or self.is_imported or self.is_sent) and self.time != "time":
            yield "what is rolled up, imported or sent has its time in the column time"
        yield from self._unsound_kinds()
        yield from self._unsound_measures(kept)
        own = self.cadence.every if self.cadence else None
        for shorter, longer in pairwise([own, *(each.width for each in self.timeframes)]):
            if shorter and (not longer or longer <= shorter or longer % shorter):
                yield f"buckets of {longer} are not made of several whole ones of {shorter}"

    def _unsound_kinds(self) -> Iterator[str]:
        if self.columns.get("instrument_id", Kind.INTEGER) is not Kind.INTEGER:
            yield "the column instrument_id is no integer"
        if (self.is_imported or self.is_sent) and not all(kind.is_plain for kind in self.columns.values()):
            yield "no file or record has all of its columns"
        if self.cadence and self.cadence.is_set and self.columns.get(self.cadence.by[0]) is not Kind.TEXT:
            yield f"an operator sets cadences by a text, which {self.cadence.by[0]} is not"
        if self.is_shown and (taken := _ASKED.intersection(self.dimensions)):
            yield f"no dimension can be called {', '.join(sorted(taken))}"

    def _unsound_measures(self, kept: Sequence[str]) -> Iterator[str]:
        # Some versions take first(v, a) and first(v, b) for one.
        orders = {(type(each), each.column): each.by for each in self.rollup if isinstance(each, First | Last)}
        for measure in self.rollup:
            if getattr(measure, "preferring", "") not in ["", *kept]:
                yield f"{measure.name} prefers rows by a flag that is not kept"
            if isinstance(measure, First | Last) and orders[type(measure), measure.column] != measure.by:
                yield f"{measure.column} is ordered by two different columns"
