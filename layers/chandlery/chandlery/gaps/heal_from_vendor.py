"""Fill old gaps with a vendor's candles, and write down what the vendor says of the rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import Connection

from chandlery.gaps.store import vendor_days
from chandlery.gaps.store.vendor_days import Asked, VendorDay
from chandlery.minutes.store import candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.minutes.store.candles import Written
from chandlery.platform.connection import transaction
from chandlery.platform.domain.limits import VENDOR_REFUSALS
from chandlery.platform.errors import ChandleryError, UnknownTicker
from chandlery.vendors.domain.vendor import Vendor, VendorCandle


@dataclass
class VendorHealing:
    """What asking a vendor came to; `error` is the first that was not about a ticker, for the caller to raise."""

    written: Written = field(default_factory=Written)
    asked: list[Asked] = field(default_factory=list)
    error: ChandleryError | None = None


def heal_from_vendor(
    connection: Connection,
    vendor: Vendor,
    due: Sequence[VendorDay],
    at: datetime,
    has_time: Callable[[], bool],
    most_refusals: int = VENDOR_REFUSALS,
) -> VendorHealing:
    """Ask for each day, write what is missing of it, then what the vendor's silence explains.

    A day the vendor has candles of explains the minutes it has none of. An unknown ticker, or an error, costs that
    instrument its turn and no other; after `most_refusals` on end it is not about instruments any more, and no other
    is asked.

    Raises:
        Retryable, Permanent: from the database; what the vendor raises stands in the result.
    """
    healing, refusals, passed_over = VendorHealing(), 0, set[int]()
    for number, day in enumerate(due):
        if refusals >= most_refusals or not has_time():
            break
        if day.instrument_id in passed_over:
            continue
        try:
            found = vendor.fetch(day.ticker, day.window, allow_negative=day.allow_negative)
        except UnknownTicker:
            passed_over.add(day.instrument_id)
            theirs = (each for each in due[number:] if each.instrument_id == day.instrument_id)
            healing.asked += (Asked(each, f"unknown ticker {each.ticker}") for each in theirs)
        except ChandleryError as error:
            passed_over.add(day.instrument_id)
            healing.error = healing.error or error
            refusals += 1
        else:
            refusals = 0
            healing.written += _write(connection, vendor, day, found, at)
            healing.asked.append(Asked(day, "candles, but not these" if found else "nothing"))
    return healing


def _write(
    connection: Connection, vendor: Vendor, day: VendorDay, found: Sequence[VendorCandle], at: datetime
) -> Written:
    missing = [candle for candle in found if day.is_missing(candle.time)]
    # Together or not at all: with the candles there, what is left may look plausible, and nobody asks about it again.
    with transaction(connection):
        written = candles.write_vendor(connection, day.instrument_id, CandleColumns.of(missing))
        if found:
            vendor_days.explain_quiet(connection, day, vendor.name, len(found), at)
    return written
