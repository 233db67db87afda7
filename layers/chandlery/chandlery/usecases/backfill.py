"""Fill an instrument's incomplete days with a vendor's candles, by hand."""

from collections.abc import Callable
from dataclasses import dataclass

from psycopg import Connection

from chandlery.domain.instrument import Instrument
from chandlery.domain.vendor import Vendor
from chandlery.domain.window import DAY, Window
from chandlery.store import candles, vendor_days
from chandlery.store.candle_columns import CandleColumns
from chandlery.store.candles import Written
from chandlery.usecases.find_gaps import count_hours


@dataclass(frozen=True)
class Backfill:
    """What a backfill did: days asked for, those the vendor had nothing of, and candles."""

    days: int
    days_empty: int
    candles_read: int
    candles_written: int
    candles_revised: int


def backfill(
    connection: Connection,
    vendor: Vendor,
    instrument: Instrument,
    window: Window,
    progress: Callable[[int, int], None],
) -> Backfill:
    """Ask a vendor for each incomplete day of a window; each day is a transaction of its own, the oldest first.

    A better source's candle stays, unless it is partial. Interrupted, the same call again goes on with the days that
    are not complete.

    Args:
        connection: in autocommit mode.
        vendor: whom to ask.
        instrument: whose candles.
        window: minutes to fill; the days at its ends are asked for in part.
        progress: told how many days of how many are done.

    Raises:
        Retryable, Permanent: from the vendor or the database; the days done so far stay done.
    """
    ticker = vendor_days.find_ticker(connection, instrument, vendor.name)
    count_hours(connection, lambda: True)
    days = vendor_days.list_incomplete(connection, instrument.instrument_id, window)
    total, read, empty = Written(), 0, 0
    for done, day in enumerate(days):
        progress(done, len(days))
        asked = Window(max(day, window.starts), min(day + DAY, window.ends))
        found = vendor.fetch(ticker, asked)
        total += candles.write_vendor(connection, instrument.instrument_id, CandleColumns.of(found))
        read += len(found)
        empty += not found
    progress(len(days), len(days))
    # What was filled is no gap any more: the next gap monitor's look says so.
    count_hours(connection, lambda: True)
    return Backfill(len(days), empty, read, total.written, total.revised)
