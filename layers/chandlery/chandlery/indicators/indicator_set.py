"""Reads `sql/indicators.toml`: the indicators that are stored, checked against TA-Lib's own metadata."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, ValidationError

from chandlery.indicators.numerics.functions import Indicator, resolve
from chandlery.indicators.numerics.memory import memory_of
from chandlery.platform.errors import Permanent
from chandlery.platform.statements import SQL
from chandlery.words.complaint import complaint
from chandlery.words.timeframe import Timeframe

Timeframes = Annotated[tuple[Timeframe, ...], Field(min_length=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: StrictStr
    parameters: Mapping[StrictStr, StrictInt | StrictFloat] = Field(default_factory=dict)
    timeframes: Timeframes | None = None


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    timeframes: Timeframes
    indicators: tuple[_Entry, ...] = ()


def read_indicator_set(path: Path = SQL / "indicators.toml") -> Mapping[Timeframe, Sequence[Indicator]]:
    """The indicators to store of each timeframe; timeframes without any are absent.

    Raises:
        Permanent: the file cannot be read, or names a timeframe, function or parameter that is not there or may not be
            stored, or one indicator twice; the message says which.
    """
    try:
        file = _File.model_validate(tomllib.loads(path.read_text()))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise Permanent(f"{path.name}, {where}: {complaint(problem)}") from None
    except (OSError, ValueError) as error:  # TOML's own error tells line and column
        raise Permanent(f"{path.name} cannot be read: {error}") from None
    found: dict[Timeframe, list[Indicator]] = {}
    for number, entry in enumerate(file.indicators, 1):
        indicator = _resolve(entry, f"{path.name}, indicator {number}")
        for timeframe in dict.fromkeys(entry.timeframes or file.timeframes):
            if indicator in found.setdefault(timeframe, []):
                raise Permanent(f"{path.name}, indicator {number}: {indicator} is listed twice for {timeframe}")
            found[timeframe].append(indicator)
    return found


def _resolve(entry: _Entry, where: str) -> Indicator:
    try:
        indicator = resolve(entry.name, entry.parameters)
        memory_of(indicator)
    except ValueError as error:
        raise Permanent(f"{where}: {error}") from None
    return indicator
