"""Bring a file of ticks into the database, whole or not at all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import Connection

from chandlery.minutes.import_lots import OnConflict, import_lots
from chandlery.minutes.store.ticks import Conflict, Lot, TicksWritten, TickWriter


@dataclass(frozen=True)
class TickImport:
    """What an import did: rows read and rows in conflict, ticks new, cancelled and replaced; `conflicts` are the first.

    With `OnConflict.KEEP` the first of two stays; with `REPLACE` the last of a file's holds.
    """

    read: int
    new: int
    cancelled: int = 0
    replaced: int = 0
    conflicting: int = 0
    conflicts: Sequence[Conflict] = ()

    @property
    def known(self) -> int:
        """Rows that say again what is stored, or stood in the file before."""
        return self.read - self.new - self.conflicting


def import_ticks(
    connection: Connection, instrument_id: int, lots: Iterable[Lot], on_conflict: OnConflict = OnConflict.KEEP
) -> TickImport:
    """Write lots of ticks in one transaction; whatever stops it leaves nothing behind.

    Where any of them are new, that is remembered: retention keeps them until the operator releases them.

    Args:
        connection: in autocommit mode.
        instrument_id: whose ticks they are.
        lots: read as they are written; an error it raises rolls everything back.
        on_conflict: what becomes of rows that contradict what is stored, or an earlier row.

    Raises:
        Permanent: rows conflict, and are to be refused; its report counts and names them.
        Retryable, Permanent: from the database.
    """
    writer = TickWriter(connection, instrument_id, replace=on_conflict is OnConflict.REPLACE)
    return import_lots(
        connection,
        "ticks",
        lambda _: [instrument_id],
        lots,
        writer.write,
        TicksWritten(),
        lambda read, written: TickImport(read, **vars(written)),
        "ticks of the same time and seq" if on_conflict is OnConflict.REFUSE else "",
    )
