"""Aggregates beside those in use: made, filled, compared, put in their place, dropped."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import Connection

from chandlery.datasets.rollup import Rollup
from chandlery.platform.connection import transaction
from chandlery.platform.session import require_own
from chandlery.platform.statements import read_rows, run
from chandlery.policies.domain.policy import Policies
from chandlery.rebuild.domain.rebuild import Comparison, Place
from chandlery.refresh.store.derived import dropping_held
from chandlery.words.window import Window

# Whoever comes to read while a swap waits for whoever reads already, waits as long.
_LOCK_MILLISECONDS = 3000


@dataclass(frozen=True)
class Rebuild:
    """How far an aggregate's rebuild has come; see market.rebuilds."""

    aggregate: str
    state: str | None
    is_beside: bool
    is_before: bool


@dataclass(frozen=True)
class _Compared:
    same: int
    different: int
    only_old: int
    only_new: int
    waiting: int
    examples: list[str]


@contextmanager
def rebuilding(connection: Connection) -> Iterator[bool]:
    """Be the only one that rebuilds; whether that was granted."""
    require_own(connection, "a rebuild")
    row = run(connection, "try_lock_rebuild").fetchone()
    granted = bool(row and row[0])
    try:
        yield granted
    finally:
        if granted and not connection.closed:
            run(connection, "unlock_rebuild")


@contextmanager
def writing_held(connection: Connection, dataset: str) -> Iterator[None]:
    """Nobody else writes rows of a data set under its lock, or drops them, meanwhile.

    Raises:
        Retryable: somebody does so for too long.
    """
    # The horizon first, as retention does: a refresh meanwhile holds it as well.
    with dropping_held(connection, dataset):
        run(connection, "hold_writers", dataset=dataset)
        try:
            yield
        finally:
            if not connection.closed:
                run(connection, "release_writers", dataset=dataset)


def list_all(connection: Connection) -> Sequence[Rebuild]:
    """Every aggregate, those below first."""
    return read_rows(connection, Rebuild, "list_rebuilds")


def list_strange_dependents(connection: Connection, aggregates: Sequence[str]) -> Sequence[str]:
    """What is built on aggregates and cannot be led to others, in words."""
    return [name for (name,) in run(connection, "list_strange_dependents", aggregates=list(aggregates))]


def create_beside(connection: Connection, aggregates: Sequence[str], wanted: Policies) -> None:
    """Create aggregates beside those in use, without data, with chunks and columns as wanted: all of them or none.

    Raises:
        Permanent: the role may not.
        Retryable: a writer is in the way.
    """
    with transaction(connection):
        run(connection, "create_beside", aggregates=list(aggregates))
        for name in aggregates:
            _shape(connection, name, wanted)


def _shape(connection: Connection, name: str, wanted: Policies) -> None:
    policies, beside = wanted[name], name + Place.BESIDE
    run(connection, "set_chunk_interval_of", table_name=beside, chunk_interval=policies.chunk_interval)
    if columnstore := policies.columnstore:
        run(
            connection,
            "set_columnstore",
            table_name=beside,
            segment_by=", ".join(columnstore.segment_by),
            order_by=", ".join(columnstore.order_by),
        )


def find_range(connection: Connection, aggregate: str, place: Place) -> Window | None:
    """Where an aggregate, or the one of another place, may hold anything; none where nothing is."""
    row = run(connection, "find_derived_range", one=aggregate, other=aggregate + place).fetchone()
    return Window(row[0], row[1]) if row and row[0] else None


def list_uncopied(connection: Connection, aggregate: str, held: Window) -> Sequence[Window]:
    """The stretches of an aggregate's whole buckets whose minutes have been dropped, less those that were copied."""
    return read_rows(connection, Window, "list_uncopied", aggregate=aggregate, starts=held.starts, ends=held.ends)


def copy(connection: Connection, aggregate: str, place: Place, window: Window) -> int:
    """Copy materialized buckets from the aggregate in use, in place of those there; how many. Remembers which."""
    row = run(
        connection,
        "copy_derived",
        aggregate=aggregate,
        given=Place.IN_USE,
        taken=place,
        starts=window.starts,
        ends=window.ends,
    ).fetchone()
    return int(row[0]) if row else 0


def compare(connection: Connection, aggregate: str, place: Place, window: Window) -> Comparison:
    """Hold the buckets of a stretch, as they are read, against those of the aggregate of a place."""
    (found,) = read_rows(
        connection,
        _Compared,
        "compare_derived",
        aggregate=aggregate,
        given=Place.IN_USE,
        taken=place,
        starts=window.starts,
        ends=window.ends,
    )
    return Comparison(
        aggregate,
        found.same,
        found.different,
        found.only_old,
        found.only_new,
        found.waiting,
        [f"{aggregate}: {each}" for each in found.examples],
    )


def mark_unindicated(connection: Connection, rollup: Rollup, place: Place, window: Window) -> None:
    """Have the indicators computed anew over what a stretch has otherwise in the aggregate of a place."""
    run(
        connection,
        "mark_unindicated",
        dataset=rollup.table,
        aggregate=rollup.relation,
        given=place,
        taken=Place.IN_USE,
        starts=window.starts,
        ends=window.ends,
    )


def put_in_use(connection: Connection, aggregates: Sequence[str]) -> None:
    """Put what was built beside in use, and keep what was in use: in one transaction.

    Raises:
        Retryable: somebody reads for too long; nothing is changed then.
        Permanent: the role may not, or something strange is built on them.
    """
    with transaction(connection):
        _swap(connection, aggregates, instead=Place.BESIDE, away=Place.BEFORE)
        set_state(connection, aggregates, "swapped")


def put_back(connection: Connection, aggregates: Sequence[str], unlike: Sequence[tuple[Rollup, Window]]) -> None:
    """Put what was kept in use again, and drop what was in use: in one transaction.

    Args:
        connection: in autocommit mode.
        aggregates: all that are kept.
        unlike: the stretches of each in which the two differ.

    Raises:
        Retryable, Permanent: as `put_in_use`.
    """
    with transaction(connection):
        for rollup, window in unlike:
            mark_unindicated(connection, rollup, Place.BEFORE, window)
        _swap(connection, aggregates, instead=Place.BEFORE, away="_replaced")
        run(connection, "drop_aggregates", aggregates=list(aggregates), suffix="_replaced")
        run(connection, "forget_rebuild", aggregates=list(aggregates))


def _swap(connection: Connection, aggregates: Sequence[str], *, instead: str, away: str) -> None:
    run(connection, "set_lock_timeout", milliseconds=_LOCK_MILLISECONDS)
    run(connection, "swap_aggregates", aggregates=list(aggregates), instead=instead, away=away)


def set_state(connection: Connection, aggregates: Sequence[str], state: str) -> None:
    """Remember how far the rebuild of aggregates has come."""
    run(connection, "set_rebuild_state", aggregates=list(aggregates), state=state)


def drop(connection: Connection, aggregates: Sequence[str], place: Place) -> None:
    """Drop the aggregates of a place, never those in use.

    Raises:
        Permanent: somebody's view reads them.
        Retryable: somebody reads them right now.
    """
    if place is Place.IN_USE:
        raise ValueError("aggregates in use are not dropped")
    with transaction(connection):
        run(connection, "drop_aggregates", aggregates=list(aggregates), suffix=place)
        run(connection, "forget_rebuild", aggregates=list(aggregates))
