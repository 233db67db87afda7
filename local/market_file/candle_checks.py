"""What must hold between the values of one row, as of a candle, and between the rows of one file."""

from array import array
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from local.market_file.errors import RowWord
from local.market_file.rows import Rows, text_at
from local.market_file.values import quote

_MINUTES_A_DAY = 1440
_MICROSECONDS_A_MINUTE = 60_000_000
_PRICES = ("open", "high", "low", "close")
_NEVER_ABOVE = (("low", "high"), ("low", "open"), ("low", "close"), ("open", "high"), ("close", "high"))


class Fault(NamedTuple):
    """A fault of the row at place `at` of a batch."""

    at: int
    column: str
    reason: str


class Parsed(NamedTuple):
    """Some rows of a file: their values by column, and which rows have no fault so far.

    `word` is what a row's place is called.
    """

    values: Mapping[str, pa.Array]
    rows: Rows
    good: pa.Array
    word: RowWord

    def minutes(self) -> pa.Array:
        """The minutes of all rows, counted from 1970."""
        return pc.divide(self.values["time"].cast(pa.int64()), _MICROSECONDS_A_MINUTE)


Check = Callable[[Parsed], Iterator[Fault]]


def contradicting_prices(parsed: Parsed) -> Iterator[Fault]:
    """The candles whose prices contradict each other."""
    return price_faults({name: parsed.values[name] for name in _PRICES}, parsed.good)


def price_faults(prices: Mapping[str, pa.Array], checked: pa.Array) -> Iterator[Fault]:
    """The rows whose prices contradict each other: low above open, say.

    Args:
        prices: the decimal texts of open, high, low and close.
        checked: which rows to look at; in these every price is a number.
    """
    floats = {name: pc.if_else(checked, texts, None).cast(pa.float64()) for name, texts in prices.items()}
    for lower, upper in _NEVER_ABOVE:
        # Doubles keep order or make equal, so only those that compare equal can hide a difference.
        doubtful = pc.and_(pc.greater_equal(floats[lower], floats[upper]), pc.not_equal(prices[lower], prices[upper]))
        for index in pc.indices_nonzero(pc.fill_null(doubtful, fill_value=False)).to_pylist():
            low, high = prices[lower][index].as_py(), prices[upper][index].as_py()
            if Decimal(low) > Decimal(high):
                yield _price_fault(index, lower, low, upper, high)


def _price_fault(index: int, lower: str, low: str, upper: str, high: str) -> Fault:
    if lower == "low":
        return Fault(index, "low", f"{low} is above {upper} {high}")
    return Fault(index, "high", f"{high} is below {lower} {low}")


class SeenMinutes:
    """Which minutes a file has had, and on which line: eight bytes a minute of each day that it touches."""

    def __init__(self) -> None:
        self._days: dict[int, array[int]] = {}

    def __call__(self, parsed: Parsed) -> Iterator[Fault]:
        """The rows whose minute is there already."""
        good = parsed.good
        columns = (pc.indices_nonzero(good), parsed.minutes().filter(good), parsed.rows.lines.filter(good))
        for index, minute, line in zip(*(column.to_pylist() for column in columns), strict=True):
            if first := self.first_line(minute, line):
                text = quote(text_at(parsed.rows.columns["time"], index))
                yield Fault(index, "time", f"{text} is already on {parsed.word} {first}")

    def first_line(self, minute: int, line: int) -> int:
        """The line that already has this minute (counted from 1970), or 0, and then `line` has it."""
        day, of_day = divmod(minute, _MINUTES_A_DAY)
        lines = self._days.get(day)
        if lines is None:
            lines = self._days[day] = array("q", bytes(8 * _MINUTES_A_DAY))
        first = lines[of_day]
        if not first:
            lines[of_day] = line
        return first
