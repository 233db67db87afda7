"""Bring lots of rows into the table of a data set, whole or not at all."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Protocol, Self, TypeVar

from psycopg import Connection

from chandlery.minutes.store import imports
from chandlery.platform.connection import transaction
from chandlery.platform.errors import Permanent
from chandlery.words.counting import spell


class OnConflict(StrEnum):
    """What becomes of a row whose key is a stored row's, with other content."""

    KEEP = "keep"
    REPLACE = "replace"
    REFUSE = "refuse"


class _Lot(Protocol):
    @property
    def rows(self) -> int: ...
    @property
    def hours(self) -> Sequence[datetime]: ...


class _Report(Protocol):
    @property
    def conflicting(self) -> int: ...


class _Written(_Report, Protocol):
    @property
    def new(self) -> int: ...
    @property
    def replaced(self) -> int: ...
    def __add__(self, other: Self) -> Self: ...


_L = TypeVar("_L", bound=_Lot)
_W = TypeVar("_W", bound=_Written)
_R = TypeVar("_R", bound=_Report)


def import_lots(
    connection: Connection,
    table: str,
    whose: Callable[[_L], Sequence[int]],
    lots: Iterable[_L],
    write: Callable[[_L], _W],
    nothing: _W,
    report: Callable[[int, _W], _R],
    refused: str,
) -> _R:
    """Write lots in one transaction; whatever stops it leaves nothing behind.

    Where any rows are new or replaced, that is remembered: retention keeps them until the operator releases them.

    Args:
        connection: in autocommit mode.
        table: of the schema market, that they are written to.
        whose: the instruments that are remembered for a lot, once it is written.
        lots: read as they are written; an error it raises rolls everything back.
        write: writes a lot inside the transaction.
        nothing: what became of no lot.
        report: makes the report of the rows read and what became of them.
        refused: what conflicting rows conflict with, if these are to be refused; empty if not.

    Raises:
        Permanent: rows conflict, and are to be refused; its report counts and names them.
        Retryable, Permanent: from the database.
    """
    waiting = iter(lots)
    # A large file may take long before its first lot is ready: no transaction should idle meanwhile.
    first = next(waiting, None)
    if first is None:
        return report(0, nothing)
    read, written = 0, nothing
    with transaction(connection):
        for lot in chain([first], waiting):
            came = write(lot)
            if came.new or came.replaced:
                imports.record(connection, table, whose(lot), lot.hours)
            written += came
            read += lot.rows
        done = report(read, written)
        if done.conflicting and refused:
            error = Permanent(f"{spell(done.conflicting, 'row conflicts', 'rows conflict')} with {refused}")
            error.report = done
            raise error
    return done
