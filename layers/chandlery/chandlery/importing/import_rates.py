"""Bring a file of interest rates into the database, whole or not at all."""

from psycopg import Connection

from chandlery.importing.import_rows import RowImport
from chandlery.importing.store import rates
from chandlery.importing.store.rates import RateColumns
from chandlery.minutes.import_lots import OnConflict
from chandlery.platform.connection import transaction
from chandlery.platform.errors import Permanent


def import_rates(connection: Connection, columns: RateColumns, on_conflict: OnConflict = OnConflict.KEEP) -> RowImport:
    """Write rates in one transaction; what was computed with others stays as it is.

    Raises:
        Permanent: rates conflict, and are to be refused; its report counts and names them.
        Retryable, Permanent: from the database.
    """
    with transaction(connection):
        written = rates.write(connection, columns, replace=on_conflict is OnConflict.REPLACE)
        done = RowImport(len(columns.lines), **vars(written))
        if done.conflicting and on_conflict is OnConflict.REFUSE:
            error = Permanent("rates conflict with others of the same key")
            error.report = done
            raise error
    return done
