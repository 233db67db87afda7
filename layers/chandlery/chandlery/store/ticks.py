"""Ticks, and the fast ways to write them. Any other writer may use plain SQL on market.ticks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg import Connection
from psycopg import errors as pg

from chandlery.errors import psycopg_errors_translated
from chandlery.store.statements import run, statement

# Columns of a lot of ticks, in the order of its CSV.
COLUMNS = (
    "time",
    "instrument_id",
    "seq",
    "price",
    "size",
    "updates_ohlc",
    "updates_volume",
    "venue",
    "conditions",
)


@dataclass(frozen=True)
class Lot:
    """Some ticks of one instrument in the two forms a database may want.

    Attributes:
        rows: how many ticks.
        csv: lines of `COLUMNS`, without a header.
        hours: the starts of the hours that the ticks lie in, each once.
        columns: makes the same as lists: times, seqs, prices, sizes, updates_ohlc, updates_volume, venues, conditions.
    """

    rows: int
    csv: bytes
    hours: Sequence[datetime]
    columns: Callable[[], Mapping[str, Sequence[object]]]


@dataclass
class TickWriter:
    """Writes lots of ticks inside the caller's transaction, the fastest way that the database and the ticks allow.

    Straight COPY first. Once a tick turns up that is stored already, through a staging table. On a database that
    refuses COPY, as arrays.
    """

    connection: Connection
    instrument_id: int
    _way: str = field(default="copy", init=False)

    def write(self, lot: Lot) -> int:
        """Write a lot; ticks already stored change nothing.

        Returns:
            The number of ticks that were new.

        Raises:
            Retryable, Permanent: from the database; the caller's transaction is then to be rolled back.
        """
        if self._way == "copy":
            written = self._copy(lot)
            if written is not None:
                return written
        return self._stage(lot) if self._way == "stage" else self._insert(lot)

    def _copy(self, lot: Lot) -> int | None:
        try:
            # A savepoint: the lot that cannot be copied must be writable another way.
            with self.connection.transaction():
                return self._stream("copy_ticks", lot)
        except pg.UniqueViolation:
            self._way = "stage"
        except pg.FeatureNotSupported:
            self._way = "arrays"
        except psycopg.Error:
            with psycopg_errors_translated():
                raise
        return None

    def _stage(self, lot: Lot) -> int:
        run(self.connection, "create_staged_ticks")
        run(self.connection, "empty_staged_ticks")
        with psycopg_errors_translated():
            self._stream("copy_staged_ticks", lot)
        return run(self.connection, "insert_staged_ticks").rowcount

    def _insert(self, lot: Lot) -> int:
        return run(self.connection, "insert_ticks", instrument_id=self.instrument_id, **lot.columns()).rowcount

    def _stream(self, name: str, lot: Lot) -> int:
        with self.connection.cursor() as cursor:
            with cursor.copy(statement(name)) as copy:
                copy.write(lot.csv)
            return cursor.rowcount
