"""Parameters of indicators: what may be given for each, and the refusal of anything else in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from math import isfinite
from typing import Literal

Kind = Literal["integer", "number", "choice", "datetime"]
Value = int | float | str | datetime

_SHOWN = 40  # characters of a wrong value that its refusal repeats


class ParameterError(ValueError):
    """An indicator cannot be computed as asked; the message is a sentence for whoever asked.

    Attributes:
        parameter: which parameter is wrong; None where the indicator's name itself is unknown.
    """

    def __init__(self, message: str, parameter: str | None) -> None:
        super().__init__(message)
        self.parameter = parameter


@dataclass(frozen=True)
class ParameterInfo:
    """What may be given for one parameter.

    Attributes:
        name: as in a request.
        kind: `integer`, `number`, `choice` or `datetime` (ISO 8601).
        default: what is taken when it is not given; None: it must be given.
        says: what it is for, in a sentence.
        minimum: the least value allowed, of integers and numbers.
        maximum: the greatest.
        choices: what may be chosen. Whole numbers among them are other ways to say the names: 0 the first, and so on.
    """

    name: str
    kind: Kind
    default: int | float | str | None
    says: str
    minimum: float | None = None
    maximum: float | None = None
    choices: Sequence[str | int] = ()

    def check(self, indicator: str, value: object, zone: tzinfo) -> Value:
        """The value as it is computed with.

        Args:
            indicator: whose parameter, for the message.
            value: what was given.
            zone: where a time without an offset is read.

        Raises:
            ParameterError: it is of another kind, or out of bounds.
        """
        if self.kind == "choice":
            return self._choice(indicator, value)
        if self.kind == "datetime":
            return self._instant(indicator, value, zone)
        return self._number(indicator, value)

    def refuse(self, indicator: str, value: object, wanted: str) -> ParameterError:
        """The error that says what is wrong with a value, and what would be right."""
        return ParameterError(f"{indicator}.{self.name} is {shown(value)}; {wanted}", self.name)

    def _number(self, indicator: str, value: object) -> int | float:
        whole = self.kind == "integer"
        wanted = f"it must be a {'whole ' if whole else ''}number" + self._bounds()
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.refuse(indicator, value, wanted)
        # A whole number may be written 14.0: JSON has one kind of numbers.
        if isinstance(value, float) and not (value.is_integer() if whole else isfinite(value)):
            raise self.refuse(indicator, value, wanted)
        # Compared before it is made a float: a whole number of any length is compared exactly.
        if (self.minimum is not None and value < self.minimum) or (self.maximum is not None and value > self.maximum):
            raise self.refuse(indicator, value, wanted)
        return int(value) if whole else float(value)

    def _bounds(self) -> str:
        if self.minimum is not None and self.maximum is not None:
            return f" from {self.minimum:.15g} to {self.maximum:.15g}"
        return f" of at least {self.minimum:.15g}" if self.minimum is not None else ""

    def _choice(self, indicator: str, value: object) -> str:
        names = [choice for choice in self.choices if isinstance(choice, str)]
        if isinstance(value, str) and value.lower() in names:
            return value.lower()
        if isinstance(value, int) and not isinstance(value, bool) and value in self.choices:
            return names[self.choices.index(value) - len(names)]
        near = get_close_matches(value.lower(), names, n=1) if isinstance(value, str) else []
        wanted = f"it must be one of {', '.join(names)}" + (f"; near it: {near[0]}" if near else "")
        raise self.refuse(indicator, value, wanted)

    def _instant(self, indicator: str, value: object, zone: tzinfo) -> datetime:
        example = "it must be a date and time such as 2026-03-02T09:30:00-05:00"
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise self.refuse(indicator, value, f"{example}, in ISO 8601, and must exist") from None
        if not isinstance(value, datetime):
            raise self.refuse(indicator, value, example)
        try:
            return self._placed(indicator, value, zone)
        except OverflowError:
            raise self.refuse(indicator, value, "its UTC time lies beyond the years 1 to 9999") from None

    def _placed(self, indicator: str, value: datetime, zone: tzinfo) -> datetime:
        if value.tzinfo is not None:
            return value.astimezone(UTC)
        early, late = value.replace(tzinfo=zone, fold=0), value.replace(tzinfo=zone, fold=1)
        if early.utcoffset() == late.utcoffset():
            return early.astimezone(UTC)
        # Two readings: an hour that comes twice, or one that is left out, which no instant reads back as.
        there = early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == value
        what = "comes twice" if there else "does not exist"
        raise self.refuse(indicator, value.isoformat(), f"that local time {what} in {zone}: give it with a UTC offset")


@dataclass(frozen=True)
class IndicatorInfo:
    """What an indicator is, for whoever asks for it.

    Attributes:
        name: in lower case.
        title: what people call it.
        group: of which kind it is, in TA-Lib's words.
        parameters: all of them, in order.
        outputs: the names of its values, in order.
        source: where its formula stands.
        memory: how far back it looks and how it is warmed up, in a sentence.
    """

    name: str
    title: str
    group: str
    parameters: tuple[ParameterInfo, ...]
    outputs: tuple[str, ...]
    source: str
    memory: str


def shown(value: object) -> str:
    """A value as a message repeats it: not at any length."""
    try:
        text = repr(value)
    except ValueError:  # Python does not print whole numbers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
