"""Conditions: read into the tree they say, and refused with the place of what is wrong."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.signals.domain.grammar import CANDLE_COLUMNS, MOST_CANDLES, read_condition
from chandlery.signals.domain.rule import read_rationale
from chandlery.signals.domain.syntax import (
    Arithmetic,
    Column,
    Comparison,
    Condition,
    Crossing,
    IndicatorValue,
    Joined,
    Lag,
    Node,
    Not,
    Number,
    depth,
)
from chandlery.signals.domain.tokens import Misread
from chandlery.words.timeframe import Timeframe

OWN = Timeframe.M5
COARSER = [each for each in Timeframe if each is not Timeframe.M1]


def find(
    timeframe: Timeframe, name: str, placed: Sequence[float], named: Mapping[str, float], output: str | None
) -> IndicatorValue:
    if name not in ("rsi", "macd"):
        raise ValueError(f"no indicator {name}")
    parameters = tuple(zip("abc", placed, strict=False)) + tuple(named.items())
    return IndicatorValue(timeframe, name, parameters, output or "real", 0)


def read(text: str) -> Condition:
    return read_condition(text, OWN, find)


def said(node: Node) -> str:
    """A tree as somebody may write it, all parentheses included."""
    match node:
        case Number():
            return repr(node.value) if node.value >= 0 else f"(-{-node.value!r})"
        case Column():
            where = "".join(f'[{name}="{value}"]' for name, value in node.where)
            of = "" if node.dataset == "candles" else f"{node.dataset}{where}."
            return f"{node.timeframe}.{of}{node.name}"
        case IndicatorValue():
            given_ = ", ".join(f"{name}={value!r}" for name, value in node.parameters)
            return f"{node.timeframe}.{node.name}({given_}).{node.output}"
        case Lag():
            return f"({said(node.operand)}) lag {node.candles}"
        case Arithmetic() | Comparison():
            return f"({said(node.left)} {node.sign} {said(node.right)})"
        case Crossing():
            return f"({said(node.left)} crosses_{'above' if node.above else 'below'} {said(node.right)})"
        case Not():
            return f"(not {said(node.condition)})"
        case Joined():
            return f"({said(node.left)} {node.word} {said(node.right)})"


numbers = st.builds(Number, st.floats(0, 1e6).map(lambda each: round(each, 3)))
columns = st.builds(Column, st.sampled_from(COARSER), st.just("candles"), st.sampled_from(CANDLE_COLUMNS))
scores = st.builds(
    Column,
    st.sampled_from([Timeframe.H1, Timeframe.D1]),
    st.just("sentiment"),
    st.just("score"),
    st.text("abc x", max_size=5).map(lambda each: (("source", each),)),
)
values = st.builds(
    IndicatorValue,
    st.sampled_from(COARSER),
    st.sampled_from(["rsi", "macd"]),
    st.lists(st.tuples(st.sampled_from("pqr"), st.integers(1, 50)), unique_by=lambda each: each[0], max_size=3).map(
        tuple
    ),
    st.sampled_from(["real", "macdhist"]),
    st.just(0),
)
operands = st.recursive(
    numbers | columns | scores | values,
    lambda inner: (
        st.builds(Lag, inner, st.integers(1, 20))
        | st.builds(Arithmetic, st.sampled_from(["+", "-", "*", "/"]), inner, inner)
    ),
    max_leaves=4,
)
conditions = st.recursive(
    st.builds(Comparison, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), operands, operands)
    | st.builds(Crossing, st.booleans(), operands, operands),
    lambda inner: st.builds(Not, inner) | st.builds(Joined, st.sampled_from(["and", "or"]), inner, inner),
    max_leaves=4,
)


@given(conditions)
def test_what_is_written_is_read_again_alike(condition: Condition) -> None:
    assert read(said(condition)) == condition


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                "close",
                "1h",
                ".",
                "(",
                ")",
                "and",
                "not",
                "lag",
                "1",
                ">",
                "crosses_above",
                "rsi",
                "[",
                "]",
                '"x"',
                "-",
                "*",
                "sentiment",
            ]
        ),
        max_size=12,
    ).map(" ".join)
)
def test_whatever_is_written_is_read_or_refused_with_a_place_inside_of_it(text: str) -> None:
    place = (1, 1)
    try:
        read(text)
    except Misread as error:
        place = error.line, error.column
    lines = text.split("\n")
    assert 1 <= place[0] <= len(lines)
    assert 1 <= place[1] <= len(lines[place[0] - 1]) + 1


CLOSE, HIGH, RSI = Column(OWN, "candles", "close"), Column(OWN, "candles", "high"), find(OWN, "rsi", [14], {}, None)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("close > 1 or close < 2 and not high > 3", Joined(
            "or",
            Comparison(">", CLOSE, Number(1)),
            Joined("and", Comparison("<", CLOSE, Number(2)), Not(Comparison(">", HIGH, Number(3)))),
        )),
        ("close - 1 - 2 * high lag 1 >= -3", Comparison(
            ">=",
            Arithmetic("-", Arithmetic("-", CLOSE, Number(1)), Arithmetic("*", Number(2), Lag(HIGH, 1))),
            Number(-3),
        )),
        ("rsi(14) crosses_below 30", Crossing(False, RSI, Number(30))),
        ("(close + high) lag 2 lag 3 == 1h.close", Comparison(
            "==", Lag(Lag(Arithmetic("+", CLOSE, HIGH), 2), 3), Column(Timeframe.H1, "candles", "close")
        )),
    ],
)  # fmt: skip
def test_words_bind_as_people_read_them(text: str, condition: Condition) -> None:
    assert read(text) == condition


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ("close >", 1, 8, "a number, a column, an indicator, or ( is expected, and here is the end"),
        ("close > 1\nand hight > 2", 2, 5, "no indicator hight"),
        ("close = 1", 1, 7, "== is expected, and here is ="),
        ("close", 1, 1, "a condition is expected, such as close > 100: this is a number"),
        ("close > 1 > 2", 1, 11, "a comparison has two sides: join two comparisons by and"),
        ("close > 1 and 2", 1, 15, "and wants a condition, such as close > 100, and this is a number"),
        ("(close > 1) + 2 > 3", 1, 1, "+ wants a number on each side, and this is a condition"),
        ("1m.close > 2", 1, 1, "1m is finer than 5m, the rule's own timeframe"),
        ("close lag -1 > 2", 1, 11, "how many candles, as in close lag 1, is expected, and here is -"),
        ("close lag 1.5 > 2", 1, 11, f"a lag is a whole number from 1 to {MOST_CANDLES}, not 1.5"),
        ("close > 1 § 2", 1, 11, "nothing begins with '§'"),
        ("sentiment.score > 1", 1, 1, "sentiment has no rows of 5m; there is: 1h.sentiment, 1d.sentiment"),
        ("1h.sentiment.score > 1", 1, 4, 'sentiment has rows of several kinds: say sentiment[source="…"]'),
        ('1h.sentiment[source="x"].mood > 1', 1, 26, "sentiment has no column mood; there is: score, weight"),
        ("(" * 50 + "close > 1" + ")" * 50, 1, 42, "nested more than 40 deep"),
        ("close lag 300 lag 300 > 1", 1, 1, f"it looks back more than {MOST_CANDLES} candles"),
        ("close > 1e40", 1, 9, "1e40 is no number that prices or volumes are compared with"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, line: int, column: int, problem: str) -> None:
    with pytest.raises(Misread) as raised:
        read(text)
    assert (raised.value.line, raised.value.column) == (line, column)
    assert raised.value.problem.startswith(problem)


def test_how_far_a_condition_looks_back() -> None:
    assert depth(read("close lag 3 crosses_above (high lag 2) lag 2")) == 5


def test_a_rationale_has_numbers_in_braces() -> None:
    parts = read_rationale("RSI {rsi(14)} at {close lag 1}!", OWN, find)
    assert parts == ("RSI ", RSI, " at ", Lag(CLOSE, 1), "!")
    with pytest.raises(Misread, match="line 2, column 4: no indicator hight"):
        read_rationale("a\nb {hight}", OWN, find)
    with pytest.raises(Misread, match="a brace without its other one"):
        read_rationale("a {close", OWN, find)
