"""What a column holds: a closed set of kinds, enough to read a file by, to answer, and to say so in OpenAPI."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from chandlery.words.window import EARLIEST, LATEST

# As many digits as the readers of files take: every such number has a double. Compiled when asked for, by few.
_NUMBER = r"[+-]?([0-9]{1,100}(\.[0-9]{0,100})?|\.[0-9]{1,100})([eE][+-]?[0-9]{1,2})?"
_WHOLE = r"[+-]?[0-9]{1,19}"
_FLAGS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class Kind(StrEnum):
    """The kinds, each by the name of its type in the database, whose texts may be of an enumeration."""

    INTEGER = "integer"
    BIGINT = "bigint"
    DECIMAL = "numeric"
    REAL = "double precision"
    TEXT = "text"
    FLAG = "boolean"
    TIME = "timestamp with time zone"
    DATE = "date"
    # No cell of a file, nor a word of a question.
    JSON = "jsonb"
    BITS = "bit"

    @property
    def is_plain(self) -> bool:
        """Whether a cell of a file, or a word of a question, can say it."""
        return self not in (Kind.JSON, Kind.BITS)

    @property
    def bits(self) -> int:
        """How long a whole number may be."""
        return 32 if self is Kind.INTEGER else 64

    def normal(self, text: str) -> str:
        """A value that somebody wrote, as the database takes it.

        Raises:
            ValueError: it is none of this kind; says what it must be.
        """
        return _NORMAL[self](self, text)


def _whole(kind: Kind, text: str) -> str:
    most = 2 ** (kind.bits - 1)
    if not re.fullmatch(_WHOLE, text) or not -most <= int(text) < most:
        raise ValueError(f"must be a whole number of {kind.bits} bits")
    return str(int(text))


def _number(_: Kind, text: str) -> str:
    try:
        if re.fullmatch(_NUMBER, text):
            return str(Decimal(text))
    except InvalidOperation:
        pass
    raise ValueError("must be a number")


def _text(_: Kind, text: str) -> str:
    if "\0" in text:
        raise ValueError("must not have the character NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be text that UTF-8 can say") from None
    return text


def _flag(_: Kind, text: str) -> str:
    if text.lower() not in _FLAGS:
        raise ValueError("must be true or false")
    return str(_FLAGS[text.lower()]).lower()


def _moment(_: Kind, text: str) -> str:
    try:
        # A blank is what a plus in an unescaped query becomes.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        if moment.tzinfo is not None and EARLIEST < moment < LATEST:
            return moment.astimezone(UTC).isoformat()
    except ValueError:
        pass
    raise ValueError("must be a time in ISO 8601 with an offset, such as 2026-03-02T09:15:00Z")


def _day(_: Kind, text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("must be a date in ISO 8601, such as 2026-03-02") from None


_NORMAL: Mapping[Kind, Callable[[Kind, str], str]] = {
    Kind.INTEGER: _whole,
    Kind.BIGINT: _whole,
    Kind.DECIMAL: _number,
    Kind.REAL: _number,
    Kind.TEXT: _text,
    Kind.FLAG: _flag,
    Kind.TIME: _moment,
    Kind.DATE: _day,
}
