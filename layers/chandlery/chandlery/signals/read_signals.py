"""Read signals that a program sends as JSON: one object, or an array of them."""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from chandlery.platform.errors import Permanent
from chandlery.signals.domain.rule import Direction
from chandlery.signals.domain.said import Fault, SaidSignal, faults_of
from chandlery.words.complaint import complaint
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import CLOCK_ALLOWANCE, EARLIEST

MOST_SIGNALS, MOST_BYTES = 1_000, 2 * 2**20
_MOST_FAULTS, _MOST_NESTED = 100, 20
# As JSON writes it, and no escaped backslash before what looks like it.
_ESCAPED_NUL = r"(?<!\\)(?:\\\\)*\\u0000"
_LONGEST = timedelta(days=36_500)


class SignalsRefused(Permanent):
    """Signals that somebody sent are wrong: nothing of them is written."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0]
        place = f"signal {first.number}, " if first.number else ""
        super().__init__(f"{place}{first.field}: {first.detail}")
        self.faults = faults


def _plain(text: str) -> str:
    if re.search(r"[\x00\ud800-\udfff]", text):
        raise ValueError("holds what is no character")
    return text


def _direction(said: object) -> object:
    """A number by its name."""
    return Direction[said.upper()].value if isinstance(said, str) and said.upper() in Direction.__members__ else said


def _numbers(said: object) -> object:
    """The same with doubles, as they are kept."""
    nested, level = 0, [said]
    while level := [each for some in level if isinstance(some, dict | list) for each in _parts(some)]:
        nested += 1
        if nested > _MOST_NESTED:
            raise ValueError(f"is nested more than {_MOST_NESTED} deep")
    text = json.dumps(said, default=float, allow_nan=False, ensure_ascii=False)
    _plain(re.sub(_ESCAPED_NUL, "\0", text))
    return json.loads(text)


def _parts(some: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return some.values() if isinstance(some, dict) else some


Name = Annotated[StrictStr, Field(pattern=r"^[!-~]([ -~]{0,98}[!-~])?$")]
Version = Annotated[
    Name,
    BeforeValidator(lambda said: str(said) if type(said) is int else said),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^[!-~]([ -~]{0,98}[!-~])?$"}, {"type": "integer"}]}),
]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Price = Annotated[Decimal, Field(allow_inf_nan=False, max_digits=40, decimal_places=20)]
Way = Annotated[
    StrictInt,
    BeforeValidator(_direction),
    Field(ge=-2, le=2),
    WithJsonSchema({"anyOf": [{"enum": [each.name.lower() for each in Direction]}, {"enum": [*map(int, Direction)]}]}),
]
Text = Annotated[StrictStr, Field(max_length=4_000), AfterValidator(_plain)]
Used = Annotated[list[dict[str, Any]], BeforeValidator(_numbers), Field(max_length=100)]


class SentSignal(BaseModel):
    """A signal as it is sent. What is left out of strength, confidence and levels, there is none of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: Name
    strategy_version: Version
    instrument_key: Annotated[StrictStr, Field(min_length=1, max_length=200), AfterValidator(_plain)]
    timeframe: Timeframe
    time: AwareDatetime
    direction: Way
    expires_at: AwareDatetime
    strength: Share | None = None
    confidence: Share | None = None
    price: Price | None = None
    target_price: Price | None = None
    stop_loss: Price | None = None
    rationale: Text = ""
    indicators_used: Used = []
    generated_at: AwareDatetime | None = None
    known_at: AwareDatetime | None = None
    backfilled: StrictBool = False


_SENT = TypeAdapter(list[SentSignal])


def read_signals(body: bytes, received_at: datetime) -> Sequence[SaidSignal]:
    """The signals of a body, all of which are right by themselves.

    Raises:
        SignalsRefused: one is wrong, or the body is; its faults say what, of which signal.
    """
    if len(body) > MOST_BYTES:
        raise SignalsRefused([Fault(None, "body", f"has more than {MOST_BYTES:,} bytes")])
    try:
        read = json.loads(body.decode(), parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise SignalsRefused([Fault(None, "body", f"is not JSON in UTF-8: {error}")]) from None
    some = read if isinstance(read, list) else [read]
    if not 1 <= len(some) <= MOST_SIGNALS:
        raise SignalsRefused([Fault(None, "body", f"has {len(some):,} signals; send 1 to {MOST_SIGNALS:,}")])
    try:
        sent = _SENT.validate_python(some)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)[:_MOST_FAULTS]
        raise SignalsRefused([_fault(problem) for problem in problems]) from None
    faults = [
        Fault(number, name, detail)
        for number, each in enumerate(sent, 1)
        for name, detail in _out_of_time(each, received_at)
    ]
    said = [] if faults else [_said(each) for each in sent]
    faults += [Fault(n, name, detail) for n, each in enumerate(said, 1) for name, detail in faults_of(each)]
    seen: dict[object, int] = {}
    for number, each in enumerate(said, 1):
        first = seen.setdefault(each.key, number)
        if first != number and each.differences(said[first - 1]):
            faults.append(Fault(number, "time", f"signal {first} says otherwise of the same"))
    if faults:
        raise SignalsRefused(faults[:_MOST_FAULTS])
    return said


def _out_of_time(sent: SentSignal, received_at: datetime) -> Sequence[tuple[str, str]]:
    latest = received_at + CLOCK_ALLOWANCE
    found = []
    for name in ("time", "generated_at", "known_at"):
        moment = getattr(sent, name)
        if moment is not None and not EARLIEST <= moment <= latest:
            found.append((name, "lies ahead" if moment > latest else f"is before {EARLIEST:%Y-%m-%d}"))
    if not EARLIEST <= sent.expires_at <= received_at + _LONGEST:
        found.append(("expires_at", "is no time at which anything expires"))
    return found


def _said(sent: SentSignal) -> SaidSignal:
    return SaidSignal(**{name: getattr(sent, name) for name in SentSignal.model_fields})


def _fault(problem: Any) -> Fault:
    number, *names = problem["loc"]
    place = ".".join(str(each) for each in names)
    return Fault(number + 1, place or "signal", complaint(problem))


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not a number")
