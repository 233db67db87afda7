"""Candles of regular hours alone, folded from minutes when they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from psycopg import Connection

from chandlery.domain.hours import Hours
from chandlery.domain.timeframe import Timeframe
from chandlery.domain.window import MINUTE
from chandlery.store.candle_pages import CandleRow, Stretch
from chandlery.store.statements import read_rows

# Buckets that more minutes are read for: the first and the last of them may be cut off, and one lie beyond the end.
_CUT_OFF = 3


@dataclass(frozen=True)
class RegularCandle:
    """A candle as `CandleRow` has it, made of the minutes of regular hours alone.

    Attributes:
        turnover: null where a minute does not tell it.
        session_date: of the newest session that it has minutes of.
    """

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal | None
    trades: int | None
    minutes: int
    expected: int
    partial: bool
    closed: bool
    sources: str
    price_eligible: bool
    turnover: Decimal | None
    session_date: date

    @property
    def row(self) -> CandleRow:
        """The same as pages have it."""
        return CandleRow(
            time=self.time,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            volume=self.volume,
            vwap=self.vwap,
            trades=self.trades,
            minutes=self.minutes,
            expected=self.expected,
            partial=self.partial,
            closed=self.closed,
            filled=False,
            sources=self.sources,
            price_eligible=self.price_eligible,
        )


def most_candles(timeframe: Timeframe, minutes: int) -> int:
    """How many candles so many minutes suffice for, whatever buckets these lie in."""
    return minutes // _most_in(timeframe) - _CUT_OFF


def find_first_open(timeframe: Timeframe, hours: Hours, at: datetime) -> datetime:
    """Candles that start before it are closed at a moment."""
    width = timeframe.width or MINUTE
    if hours is Hours.FROM_OPEN:  # that of a closing auction may follow
        width += MINUTE
    return at - width + timedelta(microseconds=1)


def read(
    connection: Connection, instrument_id: int, timeframe: Timeframe, hours: Hours, stretch: Stretch
) -> Sequence[RegularCandle]:
    """Candles of a stretch, in order, of a timeframe up to four hours."""
    return read_rows(
        connection,
        RegularCandle,
        "read_regular_candles",
        instrument_id=instrument_id,
        starts=stretch.window.starts,
        ends=stretch.window.ends,
        width=timeframe.width,
        from_open=hours is Hours.FROM_OPEN,
        backward=stretch.backward,
        partial_too=not stretch.whole,
        most=stretch.most,
        most_minutes=(stretch.most + _CUT_OFF) * _most_in(timeframe),
        at=stretch.at,
        since=stretch.since,
    )


def _most_in(timeframe: Timeframe) -> int:
    """Minutes in a bucket, with that of a closing auction."""
    return (timeframe.width or MINUTE) // MINUTE + 1
