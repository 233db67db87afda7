"""Reads `sql/policies.toml`: the policies wanted, checked for their form."""

import re
import tomllib
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from chandlery.datasets.declared import tables
from chandlery.platform.errors import Permanent
from chandlery.platform.statements import SQL
from chandlery.policies.domain.policy import (
    Columnstore,
    Policies,
    Refresh,
    Retention,
    Sparse,
    Statistics,
    TablePolicies,
)
from chandlery.words.complaint import complaint

_SECONDS = {"s": 1, "min": 60, "h": 3600, "day": 86400, "days": 86400, "weeks": 604800}
_DURATION = re.compile(r"(\d+) ?([a-zA-Z]+)")
_LONGEST = timedelta(days=36500)


def parse_duration(text: object) -> timedelta:
    """A duration as it stands in the file: a number and a unit.

    Raises:
        ValueError: it is not one.
    """
    said = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if said is None or said[2] not in _SECONDS:
        raise ValueError(f"{text!r} is no duration; write a number and one of {', '.join(_SECONDS)}, as in '6 h'")
    seconds = int(said[1]) * _SECONDS[said[2]]
    if not 0 < seconds <= _LONGEST.total_seconds():
        raise ValueError(f"{text!r} is no duration to keep anything for; write one from '1 s' to '36500 days'")
    return timedelta(seconds=seconds)


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Columnstore(_Section):
    after: Duration
    schedule: Duration
    segment_by: tuple[str, ...] = ()
    order_by: Annotated[tuple[str, ...], Field(min_length=1)]
    minmax: tuple[str, ...] = ()


class _Sparse(_Section):
    chunk_interval: Duration
    megabytes: PositiveInt
    instruments: NonNegativeInt


class _Retention(_Section):
    after: Duration
    schedule: Duration


class _Refresh(_Section):
    over: Duration
    schedule: Duration


class _Statistics(_Section):
    schedule: Duration


class _Table(_Section):
    chunk_interval: Duration
    sparse: _Sparse | None = None
    columnstore: _Columnstore | None = None
    retention: _Retention | None = None
    refresh: _Refresh | None = None
    statistics: _Statistics | None = None


_PARTS: dict[str, type[_Section]] = {
    "sparse": _Sparse,
    "columnstore": _Columnstore,
    "retention": _Retention,
    "refresh": _Refresh,
    "statistics": _Statistics,
}


@cache
def read_policies(path: Path = SQL / "policies.toml") -> Policies:
    """The policies wanted.

    Raises:
        Permanent: the file cannot be read, or says what cannot be; the message names the line, and what is allowed.
    """
    try:
        text = path.read_text()
        found = tomllib.loads(text)
    except (OSError, ValueError) as error:  # TOML's own error tells line and column
        raise Permanent(f"{path.name} cannot be read: {error}") from None
    return {name: _table(name, section, path.name, text) for name, section in found.items()}


def _table(name: str, section: object, file: str, text: str) -> TablePolicies:
    if name not in tables():
        raise Permanent(f"{_place(file, text, [name])}: no such table; there are: {', '.join(tables())}")
    try:
        table = _Table.model_validate(section)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = [name, *(str(part) for part in problem["loc"])]
        raise Permanent(f"{_place(file, text, where)}: {_said(problem, where)}") from None
    return TablePolicies(
        table.chunk_interval,
        sparse=Sparse(**dict(table.sparse)) if table.sparse else None,
        columnstore=Columnstore(**dict(table.columnstore)) if table.columnstore else None,
        retention=Retention(**dict(table.retention)) if table.retention else None,
        refresh=Refresh(**dict(table.refresh)) if table.refresh else None,
        statistics=Statistics(**dict(table.statistics)) if table.statistics else None,
    )


def _said(problem: Any, where: list[str]) -> str:
    if problem["type"] == "extra_forbidden":
        allowed = _PARTS[where[1]] if len(where) > 2 else _Table
        return f"no such key; there are: {', '.join(allowed.model_fields)}"
    return complaint(problem)


def _place(file: str, text: str, where: list[str]) -> str:
    """`policies.toml, line 12, ticks.retention.after`: the last line that leads to the value.

    Found here, since tomllib keeps no places of values, and neither does tomlkit.
    """
    lines = text.splitlines()
    heads = (rf"\[{re.escape('.'.join(where[:depth]))}\]" for depth in range(1, len(where)))
    line = next((number for number, each in enumerate(lines) if re.match(rf"\s*\[{re.escape(where[0])}\b", each)), None)
    if line is None:
        return f"{file}, {'.'.join(where)}"
    for head in heads:
        line = next((number for number, each in enumerate(lines) if re.match(rf"\s*{head}", each)), line)
    for key in where[1:]:
        for number in range(line, len(lines)):
            if number > line and lines[number].lstrip().startswith("["):
                break
            if re.search(rf"(^|[{{,\s]){re.escape(key)}\s*=", lines[number].partition("#")[0]):
                line = number
                break
    return f"{file}, line {line + 1}, {'.'.join(where)}"
