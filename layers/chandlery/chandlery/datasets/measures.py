"""What a roll-up keeps of many rows: a closed set of measures, each of three SQL fragments: fold, merge, read.

However rows are split, merging the folds of the parts gives the fold of all of them; a property test holds each measure
to that. Where a docstring says nothing else, nulls are left out, and a measure of nothing but nulls is null.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from chandlery.datasets.kinds import Kind


class Part(NamedTuple):
    """A column of a roll-up: the SQL that makes it of rows, and that which makes it of itself, one level below."""

    name: str
    fold: str
    merge: str


class Value(NamedTuple):
    """What is read of rows under a name: its SQL, and its kind."""

    name: str
    read: str
    kind: Kind


@dataclass(frozen=True)
class Measure(ABC):
    """What a roll-up keeps under a name."""

    name: str

    @property
    @abstractmethod
    def columns(self) -> Sequence[str]:
        """The columns of rows that it is made of."""

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """The columns it keeps."""

    @property
    def read(self) -> str:
        """The SQL of its value, over what a roll-up keeps."""
        return self.name

    @abstractmethod
    def kind(self, columns: Mapping[str, Kind]) -> Kind:
        """That of its value, where rows have these columns."""

    def values(self, columns: Mapping[str, Kind]) -> Iterator[Value]:
        """What is read of it."""
        yield Value(self.name, self.read, self.kind(columns))


@dataclass(frozen=True)
class _OfColumn(Measure):
    """A measure of the column `of`; by default of the one of its own name."""

    of: str = ""

    @property
    def column(self) -> str:
        return self.of or self.name

    @property
    def columns(self) -> Sequence[str]:
        return [self.column]

    def kind(self, columns: Mapping[str, Kind]) -> Kind:
        return columns[self.column]


@dataclass(frozen=True)
class _Preferring(_OfColumn):
    """`preferring` names a flag, which the roll-up keeps too: rows without it count only where none has it.

    The column is never null then.
    """

    preferring: str = ""

    @property
    def columns(self) -> Sequence[str]:
        return [self.column, *filter(None, [self.preferring])]

    def _alike(self, aggregate: str) -> Part:
        """Made of rows as it is made of the level below; `aggregate` has a place for the column."""
        return Part(self.name, *(self._preferred(aggregate.format(each)) for each in (self.column, self.name)))

    def _preferred(self, term: str) -> str:
        return f"coalesce({term} FILTER (WHERE {self.preferring}), {term})" if self.preferring else term


@dataclass(frozen=True)
class _Edge(_Preferring):
    """The column at one edge of time, null or not; the level below is one of stretches of time.

    With `known`, the one at that edge that is not null. With `by`, the known value whose own time lies at that edge;
    that time is kept under its own name. No two are equal.
    """

    by: str = ""
    known: bool = False
    _pick: ClassVar[str]
    _bound: ClassVar[str]

    @property
    def columns(self) -> Sequence[str]:
        return [*super().columns, *filter(None, [self.by])]

    def values(self, columns: Mapping[str, Kind]) -> Iterator[Value]:
        yield from super().values(columns)
        if self.by:
            yield Value(self.by, self.by, columns[self.by])

    def parts(self) -> Iterator[Part]:
        if not self.by:
            known = " FILTER (WHERE {0} IS NOT NULL)" if self.known else ""
            yield self._alike(f"{self._pick}({{0}}, time){known}")
            return
        known = f"FILTER (WHERE {self.column} IS NOT NULL AND {self.by} IS NOT NULL)"
        merged = f"{self._pick}({self.name}, {self.by}) FILTER (WHERE {self.by} IS NOT NULL)"
        yield Part(self.name, f"{self._pick}({self.column}, {self.by}) {known}", merged)
        yield Part(self.by, f"{self._bound}({self.by}) {known}", f"{self._bound}({self.by})")


class First(_Edge):
    """The earliest value."""

    _pick, _bound = "first", "min"


class Last(_Edge):
    """The latest value."""

    _pick, _bound = "last", "max"


class Max(_Preferring):
    """The greatest value."""

    def parts(self) -> Iterator[Part]:
        """One column."""
        yield self._alike("max({})")


class Min(_Preferring):
    """The least value."""

    def parts(self) -> Iterator[Part]:
        """One column."""
        yield self._alike("min({})")


@dataclass(frozen=True)
class Sum(_OfColumn):
    """The exact sum: `numeric`, since sums of doubles differ by the order in which they are added; or a `bigint`.

    With `whole`, null as soon as one row is null. With `where`, of the rows that have a flag: null where none has it.
    """

    whole: bool = False
    integer: bool = False
    where: str = ""

    def __post_init__(self) -> None:
        """Refuse what does not merge."""
        if self.whole and self.where:
            raise ValueError(f"{self.name}: without rows of the flag it would be null, as where one of them is null")

    @property
    def columns(self) -> Sequence[str]:
        """The column, and the flag."""
        return [*super().columns, *filter(None, [self.where])]

    def parts(self) -> Iterator[Part]:
        """One column."""
        total = "sum({}){}::bigint" if self.integer else "sum({}){}"
        exact = self.column if self.integer else f"{self.column}::numeric"
        chosen = f" FILTER (WHERE {self.where})" if self.where else ""
        fold, merge = total.format(exact, chosen), total.format(self.name, "")
        yield Part(self.name, self._known(self.column, fold), self._known(self.name, merge))

    def kind(self, columns: Mapping[str, Kind]) -> Kind:  # noqa: ARG002  # it says itself which
        """A sum of doubles is none."""
        return Kind.BIGINT if self.integer else Kind.DECIMAL

    def _known(self, column: str, total: str) -> str:
        return f"CASE WHEN count({column}) = count(*) THEN {total} END" if self.whole else total


@dataclass(frozen=True)
class Count(Measure):
    """How many rows there are; with `where` those that have a flag, with `unless` those that have it not."""

    where: str = ""
    unless: str = ""

    @property
    def columns(self) -> Sequence[str]:
        """The flag, if any."""
        return [*filter(None, [self.where, self.unless])]

    def parts(self) -> Iterator[Part]:
        """One column."""
        terms = [*filter(None, [self.where, self.unless and f"NOT {self.unless}"])]
        chosen = f" FILTER (WHERE {' AND '.join(terms)})" if terms else ""
        yield Part(self.name, f"count(*){chosen}", f"sum({self.name})::bigint")

    def kind(self, columns: Mapping[str, Kind]) -> Kind:  # noqa: ARG002  # whatever they are
        """A number of rows."""
        return Kind.BIGINT


@dataclass(frozen=True)
class Mean(_OfColumn):
    """The mean, weighted by the column `weight`, or each value alike; null where the weights sum up to 0.

    Means do not merge: Σx·w and Σw are kept. A null value carries no weight, and one without a weight none either.
    """

    weight: str = ""

    @property
    def columns(self) -> Sequence[str]:
        """The value, and its weight."""
        return [self.column, *filter(None, [self.weight])]

    def parts(self) -> Iterator[Part]:
        """Two columns."""
        total, weight = f"{self.name}_total", f"{self.name}_weight"
        if not self.weight:
            yield Part(total, f"sum({self.column}::numeric)", f"sum({total})")
            yield Part(weight, f"count({self.column})", f"sum({weight})::bigint")
            return
        yield Part(total, f"sum({self.column}::numeric * {self.weight}::numeric)", f"sum({total})")
        known = f"FILTER (WHERE {self.column} IS NOT NULL)"
        yield Part(weight, f"sum({self.weight}::numeric) {known}", f"sum({weight})")

    @property
    def read(self) -> str:
        """To 18 significant digits."""
        return f"market.average({self.name}_total, {self.name}_weight)"

    def kind(self, columns: Mapping[str, Kind]) -> Kind:  # noqa: ARG002  # whatever they are
        """That of the sums."""
        return Kind.DECIMAL


@dataclass(frozen=True)
class Union(_OfColumn):
    """Every bit that any row has; of a flag whether any has it, of names the bits that `numbered_by` gives them."""

    flag: bool = False
    numbered_by: str = ""

    def parts(self) -> Iterator[Part]:
        """One column."""
        every = "bool_or" if self.flag else "bit_or"
        numbered = f"market.{self.numbered_by}({self.column})" if self.numbered_by else self.column
        yield Part(self.name, f"{every}({numbered})", f"{every}({self.name})")

    def kind(self, columns: Mapping[str, Kind]) -> Kind:
        """That of the column, or of numbered bits."""
        return Kind.INTEGER if self.numbered_by else super().kind(columns)
