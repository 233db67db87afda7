"""Rules of layouts: which rows are left out though nothing is wrong with them, and what tells of rows that lack."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chandlery.words.counting import spell
from local.market_file.candle_checks import Parsed
from local.market_file.errors import RowWord, UnreadableFile

# Of many, the first are named.
_NAMED = 10


@dataclass
class Rule:
    """A rule of a layout, for one reading of one file.

    Attributes:
        extra: columns that it reads as they stand, by its own names for them.
        left_out: how many rows it has left out.
        lines: of the first of these.
        word: what a row's place is called.
    """

    extra: Mapping[str, str]
    left_out: int = field(default=0, init=False)
    lines: list[int] = field(default_factory=list, init=False)
    word: RowWord = field(default="line", init=False)

    def leave_out(self, parsed: Parsed) -> pa.Array | None:
        """Which of the rows are left out; none if none is."""
        found = self.find(parsed)
        if found is None:
            return None
        found = pc.and_(pc.fill_null(found, fill_value=False), parsed.good)
        lines = parsed.rows.lines.filter(found)
        self.left_out += len(lines)
        self.lines += lines.slice(0, _NAMED - len(self.lines)).to_pylist()
        self.word = parsed.word
        return found

    def find(self, parsed: Parsed) -> pa.Array | None:
        """Which of the rows are to be left out."""
        del parsed
        return None  # what others override

    def watch(self, parsed: Parsed) -> None:
        """Look at the rows that come in."""

    def remarks(self) -> Sequence[str]:
        """What is to be said of the file, once it is read."""
        if not self.left_out:
            return ()
        named = ", ".join(map(str, self.lines))
        more = ", …" if self.left_out > len(self.lines) else ""
        return (f"{spell(self.left_out, 'row')} left out: {self.reason()} ({self.word} {named}{more})",)

    def reason(self) -> str:
        """Why rows are left out."""
        raise NotImplementedError

    def cells(self, parsed: Parsed, name: str) -> pa.Array:
        """The cells of a column as they stand."""
        return pc.utf8_trim_whitespace(parsed.rows.columns[name].cast(pa.string()))


@dataclass
class Ticker(Rule):
    """Takes the rows of one ticker; a file of several needs to be told which."""

    file: str = ""
    wanted: str | None = None
    seen: Counter[str] = field(default_factory=Counter)
    taken: int = 0

    def find(self, parsed: Parsed) -> pa.Array | None:
        """The rows of other tickers."""
        tickers = self.cells(parsed, "ticker")
        if self.wanted is not None:
            return pc.not_equal(tickers, self.wanted)
        for each in pc.value_counts(tickers).to_pylist():
            self.seen[each["values"]] += each["counts"]
        if len(self.seen) > 1:
            named = sorted(self.seen)
            told = ", ".join(named[:_NAMED]) + (", …" if len(named) > _NAMED else "")
            raise UnreadableFile(self.file, f"has rows of {told}; say whose are to be read: --ticker {named[0]}")
        return None

    def watch(self, parsed: Parsed) -> None:
        """Count the rows that are taken."""
        self.taken += pc.sum(parsed.good).as_py() or 0

    def remarks(self) -> Sequence[str]:
        """How many rows are others'; that none is of the ticker."""
        if not self.taken and self.left_out:
            return (f"no row is of {self.wanted}: all {self.left_out:,} are of other tickers",)
        return (f"{spell(self.left_out, 'row')} of other tickers left out",) if self.left_out else ()


@dataclass
class Undefined(Rule):
    """Leaves out rows whose price is undefined: empty, or the largest number that 64 bits hold."""

    def find(self, parsed: Parsed) -> pa.Array | None:
        """Rows without a price."""
        found = None
        for name in ("price", "open", "high", "low", "close"):
            if name in parsed.rows.columns:
                these = pc.is_in(self.cells(parsed, name), pa.array(["", "9223372036854775807"]))
                found = these if found is None else pc.or_(found, these)
        return found

    def reason(self) -> str:
        """Why."""
        return "the price is undefined"


@dataclass
class FlatWithoutVolume(Rule):
    """Leaves out candles that fill closed hours: flat, with a volume of 0."""

    def find(self, parsed: Parsed) -> pa.Array | None:
        """Such candles."""
        opens, highs, lows, closes, volumes = (
            parsed.values[name] for name in ("open", "high", "low", "close", "volume")
        )
        flat = pc.and_(pc.and_(pc.equal(opens, highs), pc.equal(opens, lows)), pc.equal(opens, closes))
        return pc.and_(flat, pc.match_substring_regex(volumes, r"\A0*(?:\.0*)?\z"))

    def reason(self) -> str:
        """Why."""
        return "flat with a volume of 0, as closed hours are filled"


@dataclass
class Only(Rule):
    """Takes rows that have one of some words in a column `word`; others are left out, or refuse the file."""

    words: tuple[str, ...] = ()
    otherwise: str = ""
    refused_in: str = ""

    def find(self, parsed: Parsed) -> pa.Array | None:
        """Rows that have other words."""
        cells = self.cells(parsed, "word")
        others = pc.invert(pc.is_in(cells, pa.array(self.words)))
        if self.refused_in and pc.any(others).as_py():
            first = pc.indices_nonzero(others)[0].as_py()
            line, word = parsed.rows.lines[first].as_py(), cells[first].as_py()
            raise UnreadableFile(
                self.refused_in, f"{parsed.word} {line} says {word} in column {self.extra['word']}: {self.otherwise}"
            )
        return others

    def reason(self) -> str:
        """Why."""
        return self.otherwise


@dataclass
class OneMinute(Rule):
    """Refuses candles whose end, in a column `ends`, is not that of their minute."""

    file: str = ""
    read: Callable[[pa.Array], pa.Array] = lambda texts: texts

    def find(self, parsed: Parsed) -> pa.Array | None:
        """Finds no row, or refuses the file."""
        lengths = pc.subtract(
            self.read(parsed.rows.columns["ends"]).cast(pa.int64()), parsed.values["time"].cast(pa.int64())
        )
        # Dumps name the last moment of a candle, to their own unit, or the next one's first.
        longer = pc.fill_null(pc.greater(lengths, 60_000_000), fill_value=False)
        if pc.any(longer).as_py():
            first = pc.indices_nonzero(longer)[0].as_py()
            minutes = round(lengths[first].as_py() / 60_000_000)
            raise UnreadableFile(
                self.file,
                f"{parsed.word} {parsed.rows.lines[first]} is a candle of {spell(minutes, 'minute')};"
                " candles of one minute can be imported",
            )
        return None


@dataclass
class Spacing(Rule):
    """Says that no two candles are a minute apart: they may be of more minutes than one."""

    least: int = 0
    rows: int = 0
    _last: int | None = None

    def watch(self, parsed: Parsed) -> None:
        """Take down how close candles are that follow one another."""
        minutes = parsed.minutes().filter(parsed.good).to_numpy()
        if self._last is not None:
            minutes = np.append(self._last, minutes)
        apart = np.abs(np.diff(minutes))
        apart = apart[apart > 0]
        if len(apart):
            self.least = min(self.least or int(apart.min()), int(apart.min()))
        self.rows += int(pc.sum(parsed.good).as_py() or 0)
        self._last = int(minutes[-1]) if len(minutes) else None

    def remarks(self) -> Sequence[str]:
        """Say so of more than two candles."""
        if self.rows < 3 or self.least < 2:
            return ()
        return (f"no two candles are closer than {self.least} minutes: are they of one minute each?",)


@dataclass
class Missing(Rule):
    """Says which trades are missing, by numbers that count on: those of rows, and of the first and last trade in each.

    `noun` is what the numbers of rows are of, `gaps` says the first ones, and `count` is how many there are.
    """

    noun: str = "trade"
    gaps: list[str] = field(default_factory=list)
    count: int = 0
    _last: tuple[int, int | None, datetime] | None = None

    def watch(self, parsed: Parsed) -> None:
        """Compare each row's numbers with those before it."""
        names = [name for name in ("id", "first_trade", "last_trade") if name in parsed.rows.columns]
        columns = [self._numbers(parsed, name) for name in names]
        # Numbered by row, a file may have other words there.
        known = pc.is_valid(columns[0])
        ids, *_ = columns = [column.filter(known) for column in columns]
        times = parsed.values["time"].filter(parsed.good).filter(known)
        if not len(ids):
            return
        ends = pc.indices_nonzero(pc.greater(pc.subtract(ids[1:], ids[:-1]), 1)).to_pylist()
        at_edge = [-1] if self._last and ids[0].as_py() > self._last[0] + 1 else []
        for before in [*at_edge, *ends]:
            last = self._last if before < 0 else self._read(columns, times, before)
            if last:
                self._report(last, columns, times, before + 1)
        self._last = self._read(columns, times, len(ids) - 1)

    def _numbers(self, parsed: Parsed, name: str) -> pa.Array:
        cells = self.cells(parsed, name).filter(parsed.good)
        return pc.if_else(pc.match_substring_regex(cells, r"\A[0-9]{1,18}\z"), cells, None).cast(pa.int64())

    def _read(self, columns: Sequence[pa.Array], times: pa.Array, at: int) -> tuple[int, int | None, datetime]:
        return columns[0][at].as_py(), columns[2][at].as_py() if len(columns) > 2 else None, times[at].as_py()

    def _report(
        self, last: tuple[int, int | None, datetime], columns: Sequence[pa.Array], times: pa.Array, at: int
    ) -> None:
        number, trade, since = last
        first, until = columns[0][at].as_py(), times[at].as_py()
        self.count += 1
        if self.count > _NAMED:
            return
        told = f"{spell(first - number - 1, self.noun)} ({number + 1} to {first - 1})"
        if trade is not None and (beyond := columns[1][at].as_py()) is not None and beyond > trade + 1:
            told += f", {spell(beyond - trade - 1, 'trade')} ({trade + 1} to {beyond - 1})"
        self.gaps.append(f"{told} missing between {since:%Y-%m-%dT%H:%M:%SZ} and {until:%Y-%m-%dT%H:%M:%SZ}")

    def remarks(self) -> Sequence[str]:
        """The first gaps, and how many more there are."""
        more = self.count - len(self.gaps)
        return [*self.gaps, *([f"… and {spell(more, 'gap')} more in the numbers of its trades"] if more else [])]
