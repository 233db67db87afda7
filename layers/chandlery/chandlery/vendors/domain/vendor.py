"""What a vendor of historical candles is to Chandlery: the seam each vendor's adapter stands behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal, Inexact
from typing import Protocol

from chandlery.words.window import Window

# A product of two numbers of a file has 400 digits at most; Python's usual 28 would round.
_EXACT = Context(prec=400, traps=[Inexact])


@dataclass(frozen=True)
class VendorCandle:
    """A vendor's one-minute candle; `time` is the start of its minute, UTC; turnover and trades null if not told."""

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal | None = None
    trades: int | None = None


def turnover_of(vwap: Decimal | None, volume: Decimal, low: Decimal, high: Decimal) -> Decimal | None:
    """Σ price·size, exact; null where the average price is not told.

    Nor is it by a 0 that does not lie among the prices: so vendors write that they do not know.
    """
    if vwap is None or (vwap == 0 < abs(volume) and not low <= 0 <= high):
        return None
    return _EXACT.multiply(vwap, volume)


class Vendor(Protocol):
    """Somebody who can be asked for an instrument's one-minute candles."""

    @property
    def name(self) -> str:
        """What tickers and evidence call the vendor."""
        ...

    def fetch(self, ticker: str, window: Window, *, allow_negative: bool = False) -> Sequence[VendorCandle]:
        """The candles that start inside a window, in order, none twice; empty where the vendor has none.

        Only where `allow_negative` may a price lie below zero.

        Raises:
            UnknownTicker: the vendor does not know the ticker.
            Retryable: it did not answer, or asked to wait longer than we may.
            Permanent: it refused the key, or its answer cannot be true.
        """
        ...
