"""What is declared of a layout: what its files hold, in which columns, and what is to be known of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from local.market_file.clocks import Clock


class Holds(StrEnum):
    """What a file's rows are."""

    TICKS = "ticks"
    CANDLES = "candles"
    QUOTES = "quotes"
    # Of a data set: nobody's layout has them.
    ROWS = "rows"


class Cell(StrEnum):
    """What a cell of a file without a header looks like, as a pattern."""

    WHOLE = r"[0-9]{1,19}"
    NUMBER = r"-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
    EPOCH = r"[0-9]{9,11}(?:\.[0-9]+)?|[0-9]{12,19}"
    SECONDS = r"[0-9]{9,10}(?:\.[0-9]+)?"
    FLAG = r"(?i:true|false)"
    COMPACT = r"[0-9]{8} [0-9]{6}"
    COMPACT_MS = r"[0-9]{8} [0-9]{9}"
    DOTTED_DAY = r"[0-9]{4}\.[0-9]{2}\.[0-9]{2}"
    CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2})?"


@dataclass(frozen=True)
class Shape:
    """What rows of files without a header look like: their columns by name, in order; the last ones may be absent."""

    cells: Mapping[str, Cell]
    least: int


@dataclass(frozen=True)
class Layout:
    """A layout of files, by one vendor.

    Attributes:
        name: the vendor, a hyphen, and what its files hold.
        holds: what that is here; quotes are recognised to be refused.
        source: the page that documents it.
        columns: ours, by their names there; two joined by a plus are one value.
        known_by: more columns by which its files are told from others.
        has_header: whether any of its files has one.
        shape: of its files without a header, by the same names.
        stacked: the first words of the lines that its header takes, where it takes several.
        clock: how it writes times; none: judged by each file.
        zone: whose clock times without an offset are by.
        raw_power: ten to which power a price is to be multiplied by, where a file has whole numbers as prices.
        powers: the same of other columns, always.
        tickers: columns that say whose a row is, of which a file's first one counts.
        undefined: whether a price may be undefined.
        fills_closed_hours: whether it has flat candles of volume 0 where nothing was traded.
        ends: its column that says when a candle ends.
        only: of a column, the words whose rows are taken, and what others are.
        refuses_others: whether a row with other words refuses the file.
        numbered: columns that count on from row to row: of rows, and of the first and the last trade of each.
        numbers: what these numbers are of.
        remark: what is to be said of each of its files.
    """

    name: str
    holds: Holds
    source: str
    columns: Mapping[str, str]
    known_by: Sequence[str] = ()
    has_header: bool = True
    shape: Shape | None = None
    stacked: Sequence[Sequence[str]] = ()
    clock: Clock | None = None
    zone: str | None = None
    raw_power: int = 0
    powers: Mapping[str, int] = field(default_factory=dict)
    tickers: Sequence[str] = ()
    undefined: bool = False
    fills_closed_hours: bool = False
    ends: str | None = None
    only: Mapping[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    refuses_others: bool = False
    numbered: Sequence[str] = ()
    numbers: str = "trade"
    remark: str = ""

    @property
    def vendor(self) -> str:
        """Who writes it."""
        return self.name.partition("-")[0]

    @property
    def needed(self) -> frozenset[str]:
        """The columns without which a file is not of this layout, in small letters."""
        parts = [part for title in self.columns.values() for part in title.split("+")]
        return frozenset(each.lower() for each in (*parts, *self.known_by)) - frozenset(
            each.lower() for each in self.optional
        )

    @property
    def optional(self) -> Sequence[str]:
        """Columns that some of its files lack."""
        names = list(self.shape.cells)[self.shape.least :] if self.shape else []
        return [*names, *self.tickers]
