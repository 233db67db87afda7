"""Fill old gaps with a vendor's candles, and write down what the vendor says of the rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import Connection

from chandlery.domain.vendor import Vendor, VendorCandle
from chandlery.domain.window import Window
from chandlery.errors import ChandleryError, Retryable, UnknownTicker
from chandlery.store import candles, vendor_days
from chandlery.store.candle_columns import CandleColumns
from chandlery.store.candles import Written
from chandlery.store.vendor_days import Asked, VendorDay

# Refusals on end after which it is not about one instrument any more.
_MOST_REFUSALS = 3


@dataclass
class VendorHealing:
    """What asking a vendor came to; `error` is the first that was not about a ticker, for the caller to raise."""

    written: Written = field(default_factory=Written)
    days: int = 0
    days_left: int = 0
    asked: dict[int, Asked] = field(default_factory=dict)
    error: ChandleryError | None = None


def heal_from_vendor(
    connection: Connection, vendor: Vendor, due: Sequence[VendorDay], at: datetime, has_time: Callable[[], bool]
) -> VendorHealing:
    """Ask for each day, and write what is missing of it; each day is a transaction of its own.

    Only minutes that are missing are written. A day the vendor has candles of explains the minutes it has none of.
    An unknown ticker, or an answer that cannot be true, costs that instrument its turn and no other.

    Raises:
        Retryable, Permanent: from the database; what the vendor raises stands in the result.
    """
    healing, refusals, passed_over = VendorHealing(), 0, set[int]()
    for number, day in enumerate(due):
        if not has_time() or isinstance(healing.error, Retryable) or refusals >= _MOST_REFUSALS:
            healing.days_left = len(due) - number
            break
        if day.instrument_id in passed_over:
            continue
        healing.days += 1
        try:
            found = vendor.fetch(day.ticker, day.window)
        except UnknownTicker:
            passed_over.add(day.instrument_id)
            _remember(healing.asked, day, f"unknown ticker {day.ticker}")
        except ChandleryError as error:
            passed_over.add(day.instrument_id)
            healing.error = healing.error or error
            refusals += 1
        else:
            refusals = 0
            healing.written += _write(connection, vendor, day, found, at)
            _remember(healing.asked, day, "candles, but not these" if found else "nothing")
    return healing


def _write(
    connection: Connection, vendor: Vendor, day: VendorDay, found: Sequence[VendorCandle], at: datetime
) -> Written:
    missing = [candle for candle in found if day.is_missing(candle.time)]
    written = candles.write_vendor(connection, day.instrument_id, CandleColumns.of(missing))
    if found:
        vendor_days.explain_quiet(connection, day, vendor.name, found, at)
    return written


def _remember(asked: dict[int, Asked], day: VendorDay, said: str) -> None:
    """One entry an instrument, from the first to the last of its gaps."""
    starts, ends = min(day.starts), max(day.ends)
    if day.instrument_id in asked:
        known = asked[day.instrument_id].window
        starts, ends = min(starts, known.starts), max(ends, known.ends)
    asked[day.instrument_id] = Asked(day.instrument_id, Window(starts, ends), said)
