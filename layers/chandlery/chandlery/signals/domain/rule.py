"""A rule: when a strategy speaks of an instrument, and what it says then."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from chandlery.signals.domain.grammar import FindIndicator, read_operand
from chandlery.signals.domain.syntax import Condition, IndicatorValue, Operand, Reference, depth, references
from chandlery.signals.domain.tokens import Misread
from chandlery.words.timeframe import Timeframe


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
        shown = [depth(part) for part in self.rationale if not isinstance(part, str)]
        return max(depth(self.condition) + (not self.every), *shown, 0)

    def references(self) -> Iterator[Reference]:
        """All that it refers to, in order, each once."""
        found = [each for each, _ in references(self.condition)]
        found += [each for part in self.rationale if not isinstance(part, str) for each, _ in references(part)]
        yield from dict.fromkeys([*found, *([self.atr] if self.atr else [])])


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
