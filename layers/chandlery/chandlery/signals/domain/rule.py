"""A rule: when a strategy speaks of an instrument, and what it says then."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from itertools import groupby

from chandlery.signals.domain.grammar import FindIndicator, read_operand
from chandlery.signals.domain.syntax import Condition, IndicatorValue, Operand, Reference, references
from chandlery.signals.domain.tokens import Misread
from chandlery.words.timeframe import Timeframe

# Of a statement: PostgreSQL takes 1,664.
_MOST_COLUMNS = 1_000


class Direction(IntEnum):
    """Which way a strategy sees the price go, by the names in use."""

    STRONG_SELL = -2
    SELL = -1
    HOLD = 0
    BUY = 1
    STRONG_BUY = 2


@dataclass(frozen=True)
class Lifetime:
    """How long a signal is open at most: sessions, the one under way the first; or buckets by the clock."""

    sessions: int | None = None
    buckets: int | None = None


@dataclass(frozen=True)
class Rule:
    """What `sql/signals.toml` says of one version of a strategy.

    Attributes:
        strategy: its name.
        version: another one, where the rule says anything else: what it said before stands under the former.
        timeframe: of its candles.
        condition: what it waits for.
        direction: of its signals.
        strength: how large the view is, from 0 to 1.
        confidence: how likely it comes true, from 0 to 1.
        target: how far the target lies from the close, in average true ranges; None: there is none.
        stop: how far the stop lies, likewise.
        atr: the average true range; None where neither is measured.
        lifetime: of its signals.
        every: whether it speaks at each candle that the condition holds at, not only where it becomes true.
        rationale: texts, and numbers between them.
        digest: of all that it says.
    """

    strategy: str
    version: str
    timeframe: Timeframe
    condition: Condition
    direction: Direction
    strength: float
    confidence: float
    target: float | None
    stop: float | None
    atr: IndicatorValue | None
    lifetime: Lifetime
    every: bool
    rationale: tuple[str | Operand, ...]
    digest: str

    @property
    def depth(self) -> int:
        """Candles before one that is judged which judging it takes."""
        return max(0, *(shift for _, shift in self.looks()))

    def references(self) -> Iterator[Reference]:
        """All that it refers to, in order, each once."""
        yield from dict.fromkeys(each for each, _ in self.looks())

    def looks(self) -> Iterator[tuple[Reference, int]]:
        """All that it refers to, in order, and how many candles earlier."""
        yield from references(self.condition)
        for part in self.rationale:
            if not isinstance(part, str):
                yield from references(part)
        if self.atr:
            yield self.atr, 0
        if not self.every:
            yield from references(self.condition, 1)


def together(rules: Sequence[Rule]) -> Iterator[tuple[Timeframe, Sequence[Rule]]]:
    """Rules that one statement judges: of one timeframe, and of no more columns than it may have."""
    order = list(Timeframe)
    ordered = sorted(rules, key=lambda rule: order.index(rule.timeframe))
    for timeframe, of_timeframe in groupby(ordered, lambda rule: rule.timeframe):
        some: list[Rule] = []
        columns: set[tuple[Reference, int]] = set()
        for rule in of_timeframe:
            columns |= set(rule.looks())
            if some and len(columns) > _MOST_COLUMNS:
                yield timeframe, some
                some, columns = [], set(rule.looks())
            some.append(rule)
        yield timeframe, some


def read_rationale(text: str, timeframe: Timeframe, find: FindIndicator) -> tuple[str | Operand, ...]:
    """A template: numbers stand in braces, as in `RSI {rsi(14)} came back above 30`.

    Raises:
        Misread: what stands in braces is no number; says where.
    """
    parts: list[str | Operand] = []
    place = 0
    for found in re.finditer(r"\{([^{}]*)\}", text):
        parts += [text[place : found.start()]] if found.start() > place else []
        try:
            parts.append(read_operand(found[1], timeframe, find))
        except Misread as error:
            line, begins = text.count("\n", 0, found.start(1)), text.rfind("\n", 0, found.start(1)) + 1
            indent = found.start(1) - begins if error.line == 1 else 0
            raise Misread(error.problem, line + error.line, indent + error.column) from None
        place = found.end()
    parts += [text[place:]] if place < len(text) else []
    for part in parts:
        if isinstance(part, str) and re.search(r"[{}]", part):
            raise Misread("a brace without its other one", 1, 1)
    return tuple(parts)


def digest_of(*said: object) -> str:
    """A digest of what a rule says."""
    return sha256(repr(said).encode()).hexdigest()[:32]
