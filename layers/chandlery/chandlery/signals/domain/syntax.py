"""The tree that a condition is read into: operands are numbers, conditions are true, false or unknown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chandlery.words.timeframe import Timeframe

Comparator = Literal["<", "<=", ">", ">=", "==", "!="]


@dataclass(frozen=True)
class Number:
    """A number as it is written."""

    value: float


@dataclass(frozen=True)
class Column:
    """A column of candles, or of what another data set is rolled up to; `where` chooses by its dimensions."""

    timeframe: Timeframe
    dataset: str
    name: str
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class IndicatorValue:
    """A value of a stored indicator, all of whose parameters are known; `place` is that of the value among several."""

    timeframe: Timeframe
    name: str
    parameters: tuple[tuple[str, float], ...]
    output: str
    place: int


@dataclass(frozen=True)
class Lag:
    """An operand as it was some candles of the rule earlier."""

    operand: "Operand"
    candles: int


@dataclass(frozen=True)
class Arithmetic:
    """Two operands made one; by zero nothing is divided: the value is then unknown."""

    sign: Literal["+", "-", "*", "/"]
    left: "Operand"
    right: "Operand"


@dataclass(frozen=True)
class Comparison:
    """Holds where two operands compare so; unknown where one of them is."""

    sign: Comparator
    left: "Operand"
    right: "Operand"


@dataclass(frozen=True)
class Crossing:
    """Holds where the left was at or below the right a candle earlier, and is above it; or the other way round."""

    above: bool
    left: "Operand"
    right: "Operand"


@dataclass(frozen=True)
class Not:
    """Holds where the condition does not."""

    condition: "Condition"


@dataclass(frozen=True)
class Joined:
    """Holds where both conditions do, or one of them."""

    word: Literal["and", "or"]
    left: "Condition"
    right: "Condition"


Reference = Column | IndicatorValue
Operand = Number | Reference | Lag | Arithmetic
Condition = Comparison | Crossing | Not | Joined
Node = Operand | Condition


def references(node: Node, shift: int = 0) -> Iterator[tuple[Reference, int]]:
    """What a tree refers to, in order, and how many candles earlier."""
    match node:
        case Column() | IndicatorValue():
            yield node, shift
        case Lag():
            yield from references(node.operand, shift + node.candles)
        case Crossing():
            for earlier in (shift, shift + 1):
                yield from references(node.left, earlier)
                yield from references(node.right, earlier)
        case Not():
            yield from references(node.condition, shift)
        case Arithmetic() | Comparison() | Joined():
            yield from references(node.left, shift)
            yield from references(node.right, shift)


def depth(node: Node) -> int:
    """How many candles a tree looks back."""
    return max((shift for _, shift in references(node)), default=0)
