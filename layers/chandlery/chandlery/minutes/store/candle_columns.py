"""Candles that somebody else made, as the columns that the database takes them in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Self

from chandlery.vendors.domain.vendor import VendorCandle

# Text is what PostgreSQL reads as numeric: as exact as a Decimal, and what files hold anyway.
Numbers = list[Decimal] | list[str]


@dataclass(frozen=True)
class CandleColumns:
    """One-minute candles of one instrument as lists of equal length, a candle at each place; no minute twice.

    Lists, since psycopg sends these alone as arrays.

    Attributes:
        times: starts of minutes, aware.
        opens: prices, as are highs, lows and closes.
        volumes: units traded.
        turnovers: sums of price * size; None where nobody says.
        trades: how many; None or 0 where nobody says.

    Raises:
        ValueError: the lists differ in length.
    """

    times: list[datetime]
    opens: Numbers
    highs: Numbers
    lows: Numbers
    closes: Numbers
    volumes: Numbers
    turnovers: list[Decimal | None]
    trades: list[int | None]

    def __post_init__(self) -> None:
        """Refuse lists of different lengths: the database would fill the short ones up with nulls."""
        lengths = {name: len(values) for name, values in vars(self).items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of candles differ in length: {lengths}")

    def __len__(self) -> int:
        """How many candles."""
        return len(self.times)

    @classmethod
    def of(cls, candles: Sequence[VendorCandle]) -> Self:
        """A vendor's candles."""
        return cls(
            times=[candle.time for candle in candles],
            opens=[candle.open for candle in candles],
            highs=[candle.high for candle in candles],
            lows=[candle.low for candle in candles],
            closes=[candle.close for candle in candles],
            volumes=[candle.volume for candle in candles],
            turnovers=[candle.turnover for candle in candles],
            trades=[candle.trades for candle in candles],
        )
