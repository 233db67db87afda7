"""Bring a file of rows into a data set's table, whole or not at all."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.importing.store.rows import Lot, RowConflict, RowsWritten, RowWriter
from chandlery.minutes.import_lots import OnConflict, import_lots
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store.contracts import Contracts


@dataclass(frozen=True)
class RowImport:
    """What an import did: rows read and in conflict, rows new, taken back and replaced; `conflicts` are the first.

    With `OnConflict.KEEP` the first of two stays; with `REPLACE` the last of a file's holds. `contracts` is how many
    option contracts were made along with their rows.
    """

    read: int
    new: int
    cancelled: int = 0
    replaced: int = 0
    conflicting: int = 0
    conflicts: Sequence[RowConflict] = ()
    contracts: int = 0

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
    return _import(connection, dataset, lots, on_conflict, lambda _: [instrument_id], lambda _: [instrument_id])


def import_named_rows(
    connection: Connection, dataset: Dataset, lots: Iterable[Lot], on_conflict: OnConflict = OnConflict.KEEP
) -> RowImport:
    """The same of rows that name their instruments: each lot knows those of its own.

    Raises:
        Retryable, Permanent: as of `import_rows`.
    """

    def whose(lot: Lot) -> Sequence[int]:
        return lot.instrument_ids

    return _import(connection, dataset, lots, on_conflict, whose, whose)


def import_contract_rows(
    connection: Connection,
    dataset: Dataset,
    underlying: Instrument,
    lots: Iterable[Lot],
    on_conflict: OnConflict = OnConflict.KEEP,
) -> RowImport:
    """The same of rows that name option contracts; those that are not stored are made in the same transaction.

    Raises:
        Permanent: as of `import_rows`; or a contract cannot be told from others.
        Retryable: from the database.
    """
    contracts = Contracts(connection, underlying)

    def whose(lot: Lot) -> Sequence[int]:
        return contracts.identify(lot.named)

    def remembered(lot: Lot) -> Sequence[int]:
        # A chain has thousands of contracts, whose rows come and go together.
        return [underlying.instrument_id] if dataset.is_of_contracts else whose(lot)

    return replace(_import(connection, dataset, lots, on_conflict, whose, remembered), contracts=len(contracts.made))


def _import(
    connection: Connection,
    dataset: Dataset,
    lots: Iterable[Lot],
    on_conflict: OnConflict,
    whose: Callable[[Lot], Sequence[int]],
    remembered: Callable[[Lot], Sequence[int]],
) -> RowImport:
    writer = RowWriter(connection, dataset, whose, replace=on_conflict is OnConflict.REPLACE)
    return import_lots(
        connection,
        dataset.name,
        remembered,
        lots,
        writer.write,
        RowsWritten(),
        lambda read, written: RowImport(read, **vars(written)),
        "rows of the same key" if on_conflict is OnConflict.REFUSE else "",
    )
