"""The words of a condition, each with its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from chandlery.words.timeframe import Timeframe


class Kind(StrEnum):
    """What a word is; the value names it in a message."""

    NUMBER = "a number"
    TIMEFRAME = "a timeframe"
    NAME = "a name"
    WORD = "a keyword"
    TEXT = "a text in quotes"
    SIGN = "a sign"
    END = "the end"


WORDS = frozenset({"and", "or", "not", "lag", "crosses_above", "crosses_below"})
# A condition is read by a person: what is longer is a mistake, and how deep its tree may be is bounded with it.
LONGEST, MOST_WORDS = 4_000, 400

_TIMEFRAMES = "|".join(sorted(Timeframe, key=len, reverse=True))
_PATTERNS = (
    (Kind.TIMEFRAME, rf"(?:{_TIMEFRAMES})(?![A-Za-z0-9_])"),
    (Kind.NUMBER, r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_])"),
    (Kind.NAME, r"[A-Za-z_][A-Za-z0-9_]*"),
    (Kind.TEXT, r'"[^"\n\0]*"'),
    (Kind.SIGN, r"<=|>=|==|!=|[-+*/<>=(),.\[\]]"),
)
_TOKEN = re.compile("|".join(f"(?P<{kind.name}>{pattern})" for kind, pattern in _PATTERNS))


@dataclass(frozen=True)
class Token:
    """A word of a condition; lines and columns count from one."""

    kind: Kind
    text: str
    line: int
    column: int

    @property
    def said(self) -> str:
        """As a message names it."""
        return str(self.kind) if self.kind is Kind.END else self.text


class Misread(ValueError):
    """What cannot be read, and where: by line and column, which count from one."""

    def __init__(self, problem: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {problem}")
        self.problem, self.line, self.column = problem, line, column


def misread(token: Token, problem: str) -> Misread:
    """What is wrong at a word."""
    return Misread(problem, token.line, token.column)


def read_tokens(text: str) -> list[Token]:
    """The words of a text, the end the last.

    Raises:
        Misread: a character begins none, or there are too many.
    """
    tokens = list(_tokens(text))
    if len(tokens) > MOST_WORDS:
        raise misread(tokens[MOST_WORDS], f"more than {MOST_WORDS} words")
    return tokens


def _tokens(text: str) -> Iterator[Token]:
    if len(text) > LONGEST:
        raise Misread(f"longer than {LONGEST:,} characters", 1, 1)
    line, begins, place = 1, 0, 0
    while place < len(text):
        character = text[place]
        if character.isspace():
            place += 1
            if character == "\n":
                line, begins = line + 1, place
            continue
        found = _TOKEN.match(text, place)
        if found is None:
            wrong = 'a text without its closing "' if character == '"' else f"nothing begins with {character!r}"
            raise Misread(wrong, line, place - begins + 1)
        kind = Kind[str(found.lastgroup)]
        if found[0] in WORDS:
            kind = Kind.WORD
        yield Token(kind, found[0], line, place - begins + 1)
        place = found.end()
    yield Token(Kind.END, "", line, place - begins + 1)
