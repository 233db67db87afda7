"""Bring a file of rows into a data set's table, whole or not at all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.importing.store.rows import Lot, RowConflict, RowsWritten, RowWriter
from chandlery.minutes.import_lots import OnConflict, import_lots


@dataclass(frozen=True)
class RowImport:
    """What an import did: rows read and rows in conflict, rows new and replaced; `conflicts` are the first.

    With `OnConflict.KEEP` the first of two stays; with `REPLACE` the last of a file's holds.
    """

    read: int
    new: int
    replaced: int = 0
    conflicting: int = 0
    conflicts: Sequence[RowConflict] = ()

    @property
    def known(self) -> int:
        """Rows that say again what is stored, or stood in the file before."""
        return self.read - self.new - self.conflicting


def import_rows(
    connection: Connection,
    dataset: Dataset,
    instrument_id: int,
    lots: Iterable[Lot],
    on_conflict: OnConflict = OnConflict.KEEP,
) -> RowImport:
    """Write lots of rows in one transaction; whatever stops it leaves nothing behind.

    Triggers of the table mark what changes. Where any rows are new, that is remembered: retention keeps them until the
    operator releases them.

    Args:
        connection: in autocommit mode.
        dataset: one whose rows come from files.
        instrument_id: whose rows they are.
        lots: read as they are written; an error it raises rolls everything back.
        on_conflict: what becomes of rows that contradict what is stored, or an earlier row.

    Raises:
        Permanent: rows conflict, and are to be refused; its report counts and names them.
        Retryable, Permanent: from the database.
    """
    writer = RowWriter(connection, dataset, instrument_id, replace=on_conflict is OnConflict.REPLACE)
    return import_lots(
        connection,
        dataset.name,
        instrument_id,
        lots,
        writer.write,
        RowsWritten(),
        lambda read, written: RowImport(read, **vars(written)),
        "rows of the same key" if on_conflict is OnConflict.REFUSE else "",
    )
