"""Reads `sql/signals.toml`: the rules by which strategies speak, each checked as far as no database is needed."""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError

from chandlery.indicators.indicator_set import read_indicator_set
from chandlery.indicators.numerics.functions import Indicator, resolve
from chandlery.indicators.numerics.memory import memory_of
from chandlery.platform.errors import Permanent
from chandlery.platform.statements import SQL
from chandlery.policies.wanted import Duration
from chandlery.signals.domain.grammar import read_condition, read_operand
from chandlery.signals.domain.rule import Direction, Lifetime, Rule, digest_of, read_rationale
from chandlery.signals.domain.syntax import IndicatorValue, references
from chandlery.signals.domain.tokens import Misread
from chandlery.signals.read_signals import Text, Version
from chandlery.words.complaint import complaint
from chandlery.words.timeframe import Timeframe

FILE = SQL / "signals.toml"

Found = TypeVar("Found")
Share = Annotated[float, Field(ge=0, le=1)]
Distance = Annotated[float, Field(gt=0, le=1_000)]
Count = Annotated[StrictInt, Field(ge=1, le=10_000)]


class _Lifetime(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sessions: Count | None = None
    buckets: Count | None = None


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    version: Version
    timeframe: Timeframe
    condition: StrictStr
    direction: Literal["strong_sell", "sell", "hold", "buy", "strong_buy"]
    strength: Share
    confidence: Share
    target: Distance | None = None
    stop: Distance | None = None
    atr: StrictStr = "atr"
    lifetime: _Lifetime
    every: StrictBool = False
    rationale: Text = ""


class _Retention(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Duration


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    retention: _Retention | None = None
    signals: tuple[_Entry, ...] = ()


class _Known:
    """The indicators of `sql/indicators.toml` by their names, and all others that can be stored."""

    def __init__(self, stored: Mapping[Timeframe, Sequence[Indicator]]) -> None:
        self._stored = list({str(each): each for some in stored.values() for each in some}.values())

    def find(
        self,
        timeframe: Timeframe,
        name: str,
        placed: Sequence[float],
        named: Mapping[str, float],
        output: str | None,
    ) -> IndicatorValue:
        """The one that is meant: without parameters the stored one of that name, if there is one."""
        stored = [each for each in self._stored if each.name == name]
        if not placed and not named and len(stored) > 1:
            raise ValueError(f"several are stored, say which: {', '.join(map(str, stored))}")
        is_stored = len(stored) == 1 and not placed and not named
        found = stored[0] if is_stored else self._resolve(name, placed, named)
        outputs = found.outputs
        if output is None and len(outputs) > 1:
            raise ValueError(f"{name} has several values, say which: {', '.join(f'{name}.{each}' for each in outputs)}")
        if output is not None and output not in outputs:
            raise ValueError(f"{name} has no value {output}; there is: {', '.join(outputs)}")
        output = output or outputs[0]
        return IndicatorValue(timeframe, name, tuple(found.parameters.items()), output, outputs.index(output))

    @staticmethod
    def _resolve(name: str, placed: Sequence[float], named: Mapping[str, float]) -> Indicator:
        names = list(resolve(name, {}).parameters)
        if len(placed) > len(names):
            raise ValueError(f"{name} has {len(names)} parameters: {', '.join(names) or 'none'}")
        given = dict(zip(names, placed, strict=False))
        if twice := given.keys() & named:
            raise ValueError(f"{name}: {', '.join(sorted(twice))} is given twice")
        indicator = resolve(name, given | dict(named))
        memory_of(indicator)
        return indicator


def read_rules(path: Path = FILE) -> Sequence[Rule]:
    """The rules of the file, in its order.

    Raises:
        Permanent: the file cannot be read, or a rule is wrong; the message says which, where, and what was expected.
    """
    rules, problems = check_rules(path)
    if problems:
        raise Permanent("; ".join(problems))
    return rules


def read_retention(path: Path = FILE) -> timedelta | None:
    """How long signals that have ended are kept; None: for ever.

    Raises:
        Permanent: the file cannot be read, or says what cannot be.
    """
    file = _read_file(path)
    return file.retention.after if file.retention else None


def check_rules(path: Path = FILE) -> tuple[Sequence[Rule], Sequence[str]]:
    """The rules of the file that can be read, and what is wrong with the others.

    Raises:
        Permanent: the file cannot be read at all.
    """
    try:
        file = _read_file(path)
    except _WrongFile as error:
        return [], error.problems
    known = _Known(read_indicator_set()) if file.signals else _Known({})
    rules: list[Rule] = []
    problems: list[str] = []
    for number, entry in enumerate(file.signals, 1):
        where = f"{path.name}, signal {number} ({entry.name})"
        found = list(_problems(entry, rules))
        try:
            rules.append(_rule(entry, known))
        except _Wrong as error:
            found.append(str(error))
        problems += [f"{where}, {each}" for each in found]
    return rules, problems


class _WrongFile(Permanent):
    """The file says what cannot be."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _read_file(path: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(path.read_text()))
    except ValidationError as error:
        raise _WrongFile([_complain(path, problem) for problem in error.errors(include_url=False)]) from None
    except (OSError, ValueError) as error:  # TOML's own error tells line and column
        raise Permanent(f"{path.name} cannot be read: {error}") from None


class _Wrong(ValueError):
    """A rule cannot be made; says why."""


def _complain(path: Path, problem: Mapping[str, Any]) -> str:
    places = [each + 1 if isinstance(each, int) else each for each in problem["loc"]]
    where = " ".join(str(each) for each in places).replace("signals ", "signal ", 1)
    return f"{path.name}, {where}: {complaint(problem)}"


def _problems(entry: _Entry, before: Sequence[Rule]) -> Iterator[str]:
    if any((each.strategy, each.version) == (entry.name, entry.version) for each in before):
        yield f"version {entry.version}: it is there twice"
    if (entry.lifetime.sessions is None) == (entry.lifetime.buckets is None):
        yield "lifetime: say either sessions or buckets"
    if entry.direction == "hold" and (entry.target or entry.stop):
        yield "target, stop: what holds has neither"


def _rule(entry: _Entry, known: _Known) -> Rule:
    condition = _read("condition", lambda: read_condition(entry.condition, entry.timeframe, known.find))
    rationale = _read("rationale", lambda: read_rationale(entry.rationale, entry.timeframe, known.find))
    atr = _atr(entry, known) if entry.target or entry.stop else None
    if not any(references(condition)):
        raise _Wrong("condition: it refers to nothing that changes")
    return Rule(
        strategy=entry.name,
        version=entry.version,
        timeframe=entry.timeframe,
        condition=condition,
        direction=Direction[entry.direction.upper()],
        strength=entry.strength,
        confidence=entry.confidence,
        target=entry.target,
        stop=entry.stop,
        atr=atr,
        lifetime=Lifetime(entry.lifetime.sessions, entry.lifetime.buckets),
        every=entry.every,
        rationale=rationale,
        digest=digest_of(entry, condition, rationale, atr),
    )


def _atr(entry: _Entry, known: _Known) -> IndicatorValue:
    atr = _read("atr", lambda: read_operand(entry.atr, entry.timeframe, known.find))
    if not isinstance(atr, IndicatorValue):
        raise _Wrong("atr: an indicator is expected, such as atr(14)")
    return atr


def _read(what: str, read: Callable[[], Found]) -> Found:
    try:
        return read()
    except Misread as error:
        raise _Wrong(f"{what}, {error}") from None
