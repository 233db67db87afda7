"""Fill an instrument's incomplete days with a vendor's candles, by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection

from chandlery.gaps.find_gaps import count_hours
from chandlery.gaps.store import vendor_days
from chandlery.minutes.store import candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.minutes.store.candles import Written
from chandlery.platform.errors import Permanent
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store import sessions
from chandlery.vendors.domain.vendor import Vendor
from chandlery.words.window import DAY, Window

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Backfill:
    """What a backfill did: days asked for, those the vendor had nothing of, those complete before, and candles."""

    days: int
    days_empty: int
    days_complete: int
    candles_read: int
    candles_written: int
    candles_revised: int


def backfill(
    connection: Connection,
    vendor: Vendor,
    instrument: Instrument,
    window: Window,
    *,
    progress: Callable[[int, int], None],
    before_writing: Callable[[datetime], None],
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
        before_writing: told the oldest candle's time, once, before the first day is written.

    Raises:
        Permanent: the vendor has no name for the instrument, or its calendar no session in the window.
        Retryable, Permanent: from the vendor or the database; the days done so far stay done.
    """
    ticker = _ticker(instrument, vendor.name)
    _refuse_unknown_days(connection, instrument, window)
    count_hours(connection, lambda: True)
    open_days = vendor_days.list_open_days(connection, instrument.instrument_id, window)
    if not open_days:
        raise Permanent(
            f"{instrument.calendar} has no session between {window.starts.isoformat()} and {window.ends.isoformat()}"
            f" while {instrument.key} is listed"
        )
    days = [day for day, incomplete in open_days if incomplete]
    total, read, empty = Written(), 0, 0
    for done, day in enumerate(days):
        progress(done, len(days))
        asked = Window(max(day, window.starts), min(day + DAY, window.ends))
        found = vendor.fetch(ticker, asked, allow_negative=instrument.allow_negative)
        if found and not read:
            before_writing(min(candle.time for candle in found))
        total += candles.write_vendor(connection, instrument.instrument_id, CandleColumns.of(found), imported=True)
        read += len(found)
        empty += not found
    progress(len(days), len(days))
    # What was filled is no gap any more: the next gap monitor's look says so.
    count_hours(connection, lambda: True)
    return Backfill(len(days), empty, len(open_days) - len(days), read, total.written, total.revised)


def _ticker(instrument: Instrument, vendor: str) -> str:
    if ticker := (instrument.tickers or {}).get(vendor):
        return ticker
    raise Permanent(
        f"{instrument.key} has no ticker at {vendor}; add it: chandlery instruments set {instrument.key}"
        f" --ticker {vendor}=TICKER"
    )


def _refuse_unknown_days(connection: Connection, instrument: Instrument, window: Window) -> None:
    """A day that the calendar does not know is not closed: to pass it over would be to say that it is filled."""
    known_from, known_to = sessions.find_known_days(connection, instrument.calendar)
    first, last = window.starts.date(), (window.ends - _INSTANT).date()
    if known_from is None or known_to is None or not known_from <= first <= last <= known_to:
        raise Permanent(
            f"{instrument.calendar} is known from {known_from} to {known_to}, not all of {first} to {last}; ask for"
            f" less, or fill its sessions: chandlery sessions sync --calendar {instrument.calendar}"
            + (f" --from {first}" if known_from and first < known_from else "")
        )
