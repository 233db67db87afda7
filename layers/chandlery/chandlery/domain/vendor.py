"""What a vendor of historical candles is to Chandlery: the seam each vendor's adapter stands behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from chandlery.domain.window import Window


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


class Vendor(Protocol):
    """Somebody who can be asked for an instrument's one-minute candles."""

    @property
    def name(self) -> str:
        """What tickers and evidence call the vendor."""
        ...

    def fetch(self, ticker: str, window: Window) -> Sequence[VendorCandle]:
        """The candles that start inside a window, in order, none twice; empty where the vendor has none.

        Raises:
            UnknownTicker: the vendor does not know the ticker.
            Retryable: it did not answer, or asked to wait longer than we may.
            Permanent: it refused the key, or its answer cannot be true.
        """
        ...
