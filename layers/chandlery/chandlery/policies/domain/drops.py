"""Rows that retention drops, would drop or keeps: what of which table."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from chandlery.words.counting import spell


@dataclass(frozen=True)
class Drop:
    """A stretch of a table that was dropped; `rows` is null where nobody counted them."""

    table_name: str
    starts: datetime
    ends: datetime
    rows: int | None

    def __str__(self) -> str:
        """As it is told."""
        return f"{self.table_name} from {_moment(self.starts)} to {_moment(self.ends)}: {_rows(self.rows)}"


@dataclass(frozen=True)
class PastDrop(Drop):
    """A drop, and when it was by the server's clock."""

    dropped_at: datetime


@dataclass(frozen=True)
class DueChunk:
    """A chunk older than its table's retention.

    `history` is why nobody expects its rows to go, null of rows that came in their time; `is_released` tells whether
    the operator released such a one by name. `imports` counts those that brought rows to it, `rows` is null where they
    were not counted.
    """

    table_name: str
    starts: datetime
    ends: datetime
    history: str | None
    imports: int
    is_released: bool
    rows: int | None

    @property
    def is_kept(self) -> bool:
        """Whether it is history that stays."""
        return self.history is not None and not self.is_released


def describe_chunks(chunks: Sequence[DueChunk]) -> str:
    """Some chunks of a table: how many, from when to when, how many rows, stretch by stretch."""
    return "; ".join(_described(stretch) for stretch in _stretches(chunks))


def let_go(due: Iterable[DueChunk], but_of: Collection[str]) -> Iterator[str]:
    """What retention drops next, a sentence for each table.

    Args:
        due: chunks older than their tables' retention.
        but_of: tables of which the operator does not let rows go by the clock; history is released by name.
    """
    going = sorted(
        (each for each in due if (each.is_released if each.history else each.table_name not in but_of)),
        key=lambda each: (each.table_name, each.starts),
    )
    for table, chunks in groupby(going, key=lambda each: each.table_name):
        yield f"{table}: {describe_chunks(list(chunks))}"


def kept_history(due: Iterable[DueChunk], but_of: Collection[str] = ()) -> Iterator[str]:
    """The history that is kept though it is older than retention, a sentence for each table and reason."""
    kept = sorted(
        (each for each in due if each.is_kept and each.table_name not in but_of),
        key=lambda each: (each.table_name, each.history or ""),
    )
    for (table, history), chunks in groupby(kept, key=lambda each: (each.table_name, each.history)):
        yield f"{table}, {history}: {describe_chunks(sorted(chunks, key=lambda each: each.starts))}"


def _stretches(chunks: Sequence[DueChunk]) -> Iterator[Sequence[DueChunk]]:
    """Chunks in order, cut where one does not begin where the one before ends."""
    found: list[DueChunk] = []
    for chunk in chunks:
        if found and chunk.starts != found[-1].ends:
            yield found
            found = []
        found.append(chunk)
    if found:
        yield found


def _described(stretch: Sequence[DueChunk]) -> str:
    chunks = spell(len(stretch), "chunk")
    counted = [each.rows for each in stretch if each.rows is not None]
    rows = f", {_rows(sum(counted))}" if len(counted) == len(stretch) else ""
    return f"{chunks} from {_moment(stretch[0].starts)} to {_moment(stretch[-1].ends)}{rows}"


def _rows(count: int | None) -> str:
    if count is None:
        return "uncounted rows"
    return spell(count, "row")


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"
