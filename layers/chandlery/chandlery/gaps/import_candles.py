"""Bring somebody else's one-minute candles into the database, in short transactions."""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import Connection

from chandlery.gaps.find_gaps import count_hours
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.minutes.store.candles import Written, write_vendor


@dataclass(frozen=True)
class CandleImport:
    """What an import did, in candles."""

    read: int
    written: int
    revised: int

    @property
    def unchanged(self) -> int:
        """Candles that are stored already, or that a better source has made."""
        return self.read - self.written - self.revised


def import_candles(connection: Connection, instrument_id: int, lots: Iterable[CandleColumns]) -> CandleImport:
    """Write lots of candles, each in a transaction of its own: other writers of candles wait for one lot at most.

    What stops it leaves the lots before it written. The same import again writes the rest, and those lots not twice.

    Args:
        connection: in autocommit mode.
        instrument_id: whose candles they are.
        lots: candles that were found good; no minute twice.

    Raises:
        Retryable, Permanent: from the database.
    """
    read, done = 0, Written()
    for lot in lots:
        done += write_vendor(connection, instrument_id, lot, imported=True)
        read += len(lot)
    # From when on candles are expected: readers of derived candles need not wait for a gap monitor to tell.
    count_hours(connection, lambda: True)
    return CandleImport(read, done.written, done.revised)
