"""What users may say of a watchlist, an item or an alert: each field once, for checks and for the document."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

# No price is larger, and none has as many zeros after its point.
_MOST_DIGITS, _MOST_PLACES = 30, 400
MOST_NUMBER = 10**_MOST_DIGITS


class Type(StrEnum):
    """What a field holds; the names are those of JSON Schema, but for numbers and times."""

    TEXT = "string"
    NUMBER = "number"
    WHOLE = "integer"
    TRUTH = "boolean"
    TIME = "date-time"


class WrongField(ValueError):
    """A field is missing, unknown or wrong; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Field:
    """A field that users write; null takes away what is stored, where it is optional."""

    name: str
    type: Type
    says: str
    most: int = 100  # characters of a text
    choices: Sequence[str] = ()
    pattern: str = ""
    is_required: bool = False  # of what is new, and never null
    is_fixed: bool = False  # once it is there
    is_nullable: bool = True

    def read(self, value: Any) -> Any:
        """The value, as the database takes it.

        Raises:
            WrongField: it is not one of this field.
        """
        if value is None:
            if self.is_required or not self.is_nullable:
                raise WrongField(self.name, "must not be null")
            return None
        return _READERS[self.type](self, value)


def read(fields: Sequence[Field], said: object, *, is_new: bool) -> Mapping[str, Any]:
    """What was said of something, each field checked.

    Args:
        fields: those there are.
        said: an object of JSON whose numbers are decimals.
        is_new: whether it is to be made: then what is required must be there.

    Raises:
        WrongField: the first thing that is wrong.
    """
    if not isinstance(said, dict):
        raise WrongField("body", "must be an object of JSON")
    known = {field.name: field for field in fields if is_new or not field.is_fixed}
    for name in said:
        if name not in known:
            raise WrongField(str(name)[:60], f"is not known here; there are {', '.join(known)}")
    for field in known.values():
        if is_new and field.is_required and field.name not in said:
            raise WrongField(field.name, "is missing")
    if not is_new and not said:
        raise WrongField("body", f"names nothing to change; there are {', '.join(known)}")
    return {name: known[name].read(value) for name, value in said.items()}


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise WrongField(field.name, "must be a text")
    if "\0" in value or len(value) > field.most or not value.strip():
        raise WrongField(field.name, f"must have 1 to {field.most} characters, not all of them blank, and no NUL")
    if field.choices and value not in field.choices:
        raise WrongField(field.name, f"must be {' or '.join(field.choices)}")
    if field.pattern and not re.fullmatch(field.pattern, value):
        raise WrongField(field.name, f"must be {field.says}")
    return value


def _number(field: Field, value: Any) -> Decimal:
    try:
        read_number = Decimal(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else None
    except InvalidOperation:
        read_number = None
    if read_number is None or not read_number.is_finite():
        raise WrongField(field.name, "must be a number")
    if not -_MOST_PLACES < read_number.adjusted() <= _MOST_DIGITS:
        raise WrongField(field.name, f"must lie between -1e{_MOST_DIGITS} and 1e{_MOST_DIGITS}, and not that near to 0")
    return read_number


def _whole(field: Field, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise WrongField(field.name, "must be a whole number from 0 on")
    return value


def _truth(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongField(field.name, "must be true or false")
    return value


def _time(field: Field, value: Any) -> str:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 1970 < moment.year < 9999:
        raise WrongField(field.name, "must be a time in ISO 8601 with an offset, such as 2026-03-02T09:15:00Z")
    return moment.astimezone(UTC).isoformat()


_READERS = {Type.TEXT: _text, Type.NUMBER: _number, Type.WHOLE: _whole, Type.TRUTH: _truth, Type.TIME: _time}
