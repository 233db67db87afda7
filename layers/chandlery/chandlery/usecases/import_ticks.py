"""Bring a file of ticks into the database, whole or not at all."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from psycopg import Connection

from chandlery.store import imports
from chandlery.store.connection import transaction
from chandlery.store.ticks import Lot, TickWriter


@dataclass(frozen=True)
class TickImport:
    """What an import did, in ticks."""

    read: int
    new: int

    @property
    def known(self) -> int:
        """Ticks that were stored already, or stood in the file twice."""
        return self.read - self.new


def import_ticks(connection: Connection, instrument_id: int, lots: Iterable[Lot]) -> TickImport:
    """Write lots of ticks in one transaction; whatever stops it leaves nothing behind.

    Where any of them are new, that is remembered: retention keeps them until the operator releases them.

    Args:
        connection: in autocommit mode.
        instrument_id: whose ticks they are.
        lots: read as they are written; an error it raises rolls everything back.

    Raises:
        Retryable, Permanent: from the database.
    """
    read = new = 0
    waiting = iter(lots)
    # A large file may take long before its first lot is ready: no transaction should idle meanwhile.
    first = next(waiting, None)
    if first is None:
        return TickImport(0, 0)
    with transaction(connection):
        writer = TickWriter(connection, instrument_id)
        for lot in chain([first], waiting):
            written = writer.write(lot)
            if written:
                imports.record(connection, "ticks", instrument_id, lot.hours)
            new += written
            read += lot.rows
    return TickImport(read, new)
