"""TA-Lib's functions by name: which there are, what they take, and their values over a series of candles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from math import isfinite
from typing import Any

import numpy as np
import talib
from talib import _ta_lib

from chandlery.indicators.numerics.candle_arrays import Candles, Floats

# Sums of percent changes: from a price that is not above zero on they mean nothing any more.
_SUMS = frozenset({"nvi", "pvi", "pvt"})
# Ratios of prices, and what takes a price's sign for another thing: they mean nothing where one is not above zero.
ABOVE_ZERO = _SUMS | {
    "accbands", "beta", "coppock", "fosc", "mfi", "natr", "ppo", "roc", "rocp", "rocr", "rocr100", "sarext", "trix",
}  # fmt: skip

LIBRARY = f"TA-Lib {talib.__ta_version__.decode().split()[0]}"


@dataclass(frozen=True)
class Indicator:
    """One of TA-Lib's functions with all its parameters, as `resolve` makes it."""

    name: str
    parameters: Mapping[str, float]

    @property
    def outputs(self) -> Sequence[str]:
        """The names of its values, in TA-Lib's order."""
        return _function(self.name).outputs

    @property
    def lookback(self) -> int:
        """Candles before the first one that has a value."""
        return int(described(self.name, **self.parameters).lookback)

    def __str__(self) -> str:
        """As in `macd(fastperiod=12, slowperiod=26, signalperiod=9)`."""
        return f"{self.name}({', '.join(f'{name}={value}' for name, value in self.parameters.items())})"


@dataclass(frozen=True)
class _Function:
    """What TA-Lib says of a function: the columns of candles it reads, its parameters' defaults, its outputs."""

    inputs: Sequence[str]
    parameters: Mapping[str, float]
    outputs: Sequence[str]


def names() -> Sequence[str]:
    """The names of all functions that candles suffice for, in lower case."""
    return _names()


def resolve(name: str, given: Mapping[str, float]) -> Indicator:
    """An indicator with the parameters given, and TA-Lib's defaults for the others.

    Raises:
        ValueError: there is no such function, it has no such parameter, or refuses a value; the message names which.
    """
    if not _is_known(name):
        near = get_close_matches(name, names(), n=3)
        raise ValueError(
            f"no indicator {name}; " + (f"near it: {', '.join(near)}" if near else "see TA-Lib's functions")
        )
    known = _function(name).parameters
    for parameter, value in given.items():
        if parameter not in known:
            raise ValueError(f"{name} has no parameter {parameter}; there are: {', '.join(known) or 'none'}")
        _check_number(f"{name}.{parameter}", value, known[parameter])
    parameters = {parameter: type(default)(given.get(parameter, default)) for parameter, default in known.items()}
    indicator = Indicator(name, parameters)
    try:
        # TA-Lib knows the bounds of its parameters, and tells them by refusing alone.
        compute(indicator, Candles(np.zeros(2, np.int64), *(np.ones(2) for _ in range(5))))
    except ValueError:
        raise ValueError(f"TA-Lib refuses {indicator}: a parameter is out of its bounds") from None
    return indicator


def compute(indicator: Indicator, candles: Candles) -> list[Floats]:
    """An indicator's outputs, each as long as the series; NaN where there is no value yet.

    Raises:
        ValueError: TA-Lib refused.
    """
    inputs = [getattr(candles, column) for column in _function(indicator.name).inputs]
    if not len(candles):
        return [np.empty(0) for _ in indicator.outputs]
    try:
        values: Any = getattr(talib, indicator.name.upper())(*inputs, **indicator.parameters)
    except Exception as error:  # noqa: BLE001  # TA-Lib raises nothing more particular
        raise ValueError(f"{indicator}: {error}") from None
    outputs = values if isinstance(values, tuple) else (values,)
    found = [np.asarray(output, dtype=np.float64) for output in outputs]
    prices = [getattr(candles, column) for column in _function(indicator.name).inputs if column != "volume"]
    return only_above_zero(indicator, prices, found)


def only_above_zero(indicator: Indicator, prices: Sequence[Floats], outputs: list[Floats]) -> list[Floats]:
    """The same; of a ratio of prices NaN where one that its value looks back on is not above zero."""
    if indicator.name not in ABOVE_ZERO or not prices or not len(prices[0]):
        return outputs
    below = np.minimum.reduce(list(prices)) <= 0
    if not below.any():
        return outputs
    # The last such place up to each candle, or one that is too far away.
    places, reach = np.arange(len(below)), len(below) if indicator.name in _SUMS else indicator.lookback
    last = np.maximum.accumulate(np.where(below, places, -1 - reach))
    meaningless = places - last <= reach
    return [np.where(meaningless, np.nan, output) for output in outputs]


def described(name: str, **parameters: float) -> Any:
    """TA-Lib's description of a function. Importing `talib.abstract`, which describes all of them, takes 8 ms."""
    theirs = name.upper()
    return _ta_lib.Function(theirs, getattr(_ta_lib, theirs), **parameters)


@cache
def _names() -> Sequence[str]:
    return tuple(sorted(name.lower() for name in talib.get_functions() if _reads_candles(name.lower())))


def _is_known(name: str) -> bool:
    """Whether it is one of `names`, without describing all the others."""
    return name == name.lower() and name.upper() in talib.get_functions() and _reads_candles(name)


def _reads_candles(name: str) -> bool:
    return {field.name for field in fields(Candles)}.issuperset(_function(name).inputs)


@cache
def _function(name: str) -> _Function:
    function = described(name)
    inputs: list[str] = []
    for columns in function.input_names.values():
        inputs += [columns] if isinstance(columns, str) else columns
    return _Function(tuple(inputs), dict(function.info["parameters"]), tuple(function.output_names))


def _check_number(what: str, value: object, default: float) -> None:
    """Refuse what TA-Lib would cut off or take for another kind of number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{what} is {value!r}, which is no finite number")
    if isinstance(default, int) and value != int(value):
        raise ValueError(f"{what} is {value}; it must be a whole number")
