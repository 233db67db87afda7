"""Reads a condition into its tree.

A condition is what a rule waits for:

    rsi(14) crosses_above 30 and close > sma(50)
    close > high lag 1 + 1.5 * atr(14) and 1h.volume > 1000

From the loosest: `or`, `and`, `not`, comparisons and crossings, `+ -`, `* /`, a sign, `lag`, parentheses.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast, get_args

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.signals.domain.reader import Words
from chandlery.signals.domain.syntax import (
    Arithmetic,
    Column,
    Comparator,
    Comparison,
    Condition,
    Crossing,
    IndicatorValue,
    Joined,
    Lag,
    Node,
    Not,
    Number,
    Operand,
    depth,
)
from chandlery.signals.domain.tokens import Kind, Misread, Token, misread
from chandlery.words.timeframe import Timeframe

# By timeframe, name, parameters by place and by name, and the value that is named, if any: raises ValueError.
FindIndicator = Callable[[Timeframe, str, Sequence[float], Mapping[str, float], str | None], IndicatorValue]

CANDLE_COLUMNS = ("open", "high", "low", "close", "volume", "turnover", "trades")
# As far as a rule looks back, and as deep as it nests.
MOST_CANDLES, _MOST_NESTED = 500, 40
_COMPARATORS = get_args(Comparator)
_CROSSINGS = {"crosses_above": True, "crosses_below": False}


def read_condition(text: str, timeframe: Timeframe, find: FindIndicator) -> Condition:
    """The tree of a condition.

    Args:
        text: the condition.
        timeframe: the rule's, which what names no other is of.
        find: which indicator is meant.

    Raises:
        Misread: it is none; says where, and what was expected.
    """
    parser = _Parser(text, timeframe, find)
    first = parser.token
    node = parser.read()
    if not isinstance(node, Condition):
        raise misread(first, "a condition is expected, such as close > 100: this is a number")
    return node


def read_operand(text: str, timeframe: Timeframe, find: FindIndicator) -> Operand:
    """The tree of a number that a rationale shows.

    Raises:
        Misread: it is none; says where, and what was expected.
    """
    parser = _Parser(text, timeframe, find)
    first = parser.token
    node = parser.read()
    if isinstance(node, Condition):
        raise misread(first, "a number is expected, such as close: this is a condition")
    return node


class _Parser(Words):
    """Goes through the words of a text once."""

    def __init__(self, text: str, timeframe: Timeframe, find: FindIndicator) -> None:
        super().__init__(text)
        self._timeframe, self._find, self._nested = timeframe, find, 0

    def read(self) -> Node:
        """All of it."""
        node = self._or()
        if self.token.kind is not Kind.END:
            raise self.unexpected("and, or, a comparison, or the end")
        if depth(node) > MOST_CANDLES:
            raise Misread(f"it looks back more than {MOST_CANDLES} candles", 1, 1)
        return node

    def _or(self) -> Node:
        return self._join("or", self._and)

    def _and(self) -> Node:
        return self._join("and", self._not)

    def _join(self, word: Literal["and", "or"], read: Callable[[], Node]) -> Node:
        first = self.token
        left = read()
        while joins := self.take(word):
            second = self.token
            left = Joined(word, self._condition(left, first, joins), self._condition(read(), second, joins))
        return left

    def _not(self) -> Node:
        denies = self.take("not")
        if denies is None:
            return self._comparison()
        first = self.token
        return Not(self._condition(self._deeper(self._not), first, denies))

    def _comparison(self) -> Node:
        first = self.token
        left = self._sum()
        compares = self.take(*_COMPARATORS, *_CROSSINGS)
        if compares is None:
            if self.token.text == "=":
                raise self.unexpected("==")
            return left
        second = self.token
        operands = self._operand(left, first, compares), self._operand(self._sum(), second, compares)
        if again := self.take(*_COMPARATORS, *_CROSSINGS):
            raise misread(again, "a comparison has two sides: join two comparisons by and")
        if compares.text in _CROSSINGS:
            return Crossing(_CROSSINGS[compares.text], *operands)
        return Comparison(cast("Comparator", compares.text), *operands)

    def _sum(self) -> Node:
        return self._calculate(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._calculate(("*", "/"), self._signed)

    def _calculate(self, signs: Sequence[str], read: Callable[[], Node]) -> Node:
        first = self.token
        left = read()
        while sign := self.take(*signs):
            second = self.token
            operands = self._operand(left, first, sign), self._operand(read(), second, sign)
            left = Arithmetic(cast("Literal['+', '-', '*', '/']", sign.text), *operands)
        return left

    def _signed(self) -> Node:
        minus = self.take("-")
        if minus is None:
            return self._lagged()
        first = self.token
        operand = self._operand(self._deeper(self._signed), first, minus)
        return Number(-operand.value) if isinstance(operand, Number) else Arithmetic("-", Number(0), operand)

    def _lagged(self) -> Node:
        first = self.token
        node = self._primary()
        while lags := self.take("lag"):
            count = self.need_kind(Kind.NUMBER, "how many candles, as in close lag 1,")
            if not count.text.isdigit() or not 1 <= int(count.text) <= MOST_CANDLES:
                raise misread(count, f"a lag is a whole number from 1 to {MOST_CANDLES}, not {count.text}")
            node = Lag(self._operand(node, first, lags), int(count.text))
        return node

    def _primary(self) -> Node:
        token = self.token
        if self.take("("):
            node = self._deeper(self._or)
            self.need(")")
            return node
        if token.kind is Kind.NUMBER:
            self._place += 1
            return Number(_value(token))
        if token.kind in (Kind.TIMEFRAME, Kind.NAME):
            return self._reference()
        raise self.unexpected("a number, a column, an indicator, or (")

    def _deeper(self, read: Callable[[], Node]) -> Node:
        self._nested += 1
        if self._nested > _MOST_NESTED:
            raise misread(self.token, f"nested more than {_MOST_NESTED} deep")
        node = read()
        self._nested -= 1
        return node

    def _reference(self) -> Node:
        timeframe = self._timeframe
        if self.token.kind is Kind.TIMEFRAME:
            timeframe = self._coarser(self.need_kind(Kind.TIMEFRAME, "a timeframe"))
            self.need(".")
        name = self.need_kind(Kind.NAME, "a column or an indicator")
        if name.text in CANDLE_COLUMNS:
            return Column(timeframe, declared.DEFAULT.name, name.text)
        known = {each.name: each for each in declared.DATASETS}
        if name.text in known and self.token.text in (".", "["):
            return self._of_dataset(timeframe, known[name.text], name)
        return self._indicator(timeframe, name)

    def _coarser(self, token: Token) -> Timeframe:
        timeframe, order = Timeframe(token.text), list(Timeframe)
        if order.index(timeframe) < order.index(self._timeframe):
            raise misread(token, f"{timeframe} is finer than {self._timeframe}, the rule's own timeframe")
        return timeframe

    def _of_dataset(self, timeframe: Timeframe, dataset: Dataset, name: Token) -> Column:
        if timeframe not in dataset.readable or not dataset.is_shown:
            known = ", ".join(f"{each}.{dataset.name}" for each in dataset.readable) if dataset.is_shown else ""
            raise misread(
                name, f"{dataset.name} has no rows of {timeframe}" + (f"; there is: {known}" if known else "")
            )
        where = self._where() if self.take("[") else {}
        if set(where) != set(dataset.dimensions):
            needed = ", ".join(f'{each}="…"' for each in dataset.dimensions)
            raise misread(name, f"{dataset.name} has rows of several kinds: say {dataset.name}[{needed}]")
        self.need(".")
        column = self.need_kind(Kind.NAME, "a column")
        numbers = {each.name: each.kind for each in dataset.values(timeframe) if each.name not in dataset.key}
        if column.text not in numbers:
            raise misread(column, f"{dataset.name} has no column {column.text}; there is: {', '.join(numbers)}")
        if numbers[column.text] not in ("integer", "bigint", "numeric", "double precision"):
            raise misread(column, f"{dataset.name}.{column.text} is no number")
        return Column(timeframe, dataset.name, column.text, tuple(sorted(where.items())))

    def _where(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        while True:
            name = self.need_kind(Kind.NAME, "a dimension")
            self.need("=")
            found[name.text] = self.need_kind(Kind.TEXT, 'a text such as "x"').text[1:-1]
            if self.take("]"):
                return found
            self.need(",")

    def _indicator(self, timeframe: Timeframe, name: Token) -> IndicatorValue:
        placed, named = self._parameters() if self.take("(") else ([], {})
        output = self.need_kind(Kind.NAME, "a value of the indicator").text if self.take(".") else None
        try:
            return self._find(timeframe, name.text, placed, named, output)
        except ValueError as error:
            raise misread(name, str(error)) from None

    def _parameters(self) -> tuple[list[float], dict[str, float]]:
        placed: list[float] = []
        named: dict[str, float] = {}
        while not self.take(")"):
            if placed or named:
                self.need(",")
            if self.token.kind is Kind.NAME:
                name = self.need_kind(Kind.NAME, "a parameter")
                self.need("=")
                if name.text in named:
                    raise misread(name, f"{name.text} is given twice")
                named[name.text] = self._number()
            elif named:
                raise self.unexpected("a parameter's name")
            else:
                placed.append(self._number())
        return placed, named

    def _number(self) -> float:
        minus = self.take("-")
        token = self.need_kind(Kind.NUMBER, "a number")
        value = _value(token)
        value = int(token.text) if token.text.isdigit() else value
        return -value if minus else value

    @staticmethod
    def _operand(node: Node, first: Token, of: Token) -> Operand:
        if isinstance(node, Condition):
            raise misread(first, f"{of.text} wants a number on each side, and this is a condition")
        return node

    @staticmethod
    def _condition(node: Node, first: Token, of: Token) -> Condition:
        if not isinstance(node, Condition):
            raise misread(first, f"{of.text} wants a condition, such as close > 100, and this is a number")
        return node


def _value(token: Token) -> float:
    value = float(token.text)
    if value and not 1e-30 < abs(value) < 1e30:
        raise misread(token, f"{token.text} is no number that prices or volumes are compared with")
    return value
