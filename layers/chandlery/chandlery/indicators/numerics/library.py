"""TA-Lib's functions as a catalogue describes them: by TA-Lib's own metadata, and its bounds.

TA-Lib's C interface knows the bounds of its parameters, but its Python wrapper does not hand them on. A function tells
them by refusing: each bound is found once, by trial on two candles (a few microseconds a trial). The library's XML says
the same, and only ctypes would reach it, where a build exports it: 10 ms to read, where an indicator's trials take half
a millisecond, and those of all 60 ms.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import talib
from talib import _ta_lib

from chandlery.indicators.numerics.candle_arrays import Floats, SessionCandles
from chandlery.indicators.numerics.functions import LIBRARY, Indicator, described, only_above_zero
from chandlery.indicators.numerics.parameters import IndicatorInfo, ParameterError, ParameterInfo, Value
from chandlery.indicators.numerics.prepared import (
    Compute,
    Definition,
    Prepared,
    Settled,
    agrees_from_anywhere,
    floats,
    jsonable,
)
from chandlery.indicators.numerics.warm_up import WarmUp, warm_up_of

COLUMNS = ("open", "high", "low", "close", "volume", "hl2", "hlc3", "ohlc4")

_INTEGERS, _MATYPE = (2, 3), 3  # TA-Lib's numbers of the types of its parameters
_LARGEST, _USUAL_LARGEST = 2**31 - 1, 100_000
_DIGITS = 6  # of bounds that are not whole
_TWO = np.array([1.0, 1.0])
_AVERAGES = tuple(
    name.lower()
    for _, name in sorted(
        (getattr(talib.MA_Type, name), name) for name in dir(talib.MA_Type) if name.isupper() and name[0] != "_"
    )
)
_PERIODS = ParameterInfo(
    "periods",
    "integer",
    30,
    "The period of the average at every candle, within minperiod and maxperiod",
    1,
    100_000,
)

# Bounds of one another: each is tried with the other out of its way.
_BESIDE = {("MAVP", "minperiod"): {"maxperiod": _USUAL_LARGEST}, ("MAVP", "maxperiod"): {"minperiod": 1}}

# What makes an input array of candles.
Column = Callable[[SessionCandles], Floats]


@cache
def library_names() -> Mapping[str, str]:
    """TA-Lib's functions: its own name of each by ours, the lower-case one."""
    return {name.lower(): name for name in sorted(talib.get_functions())}


def define(ours: str, name: str) -> Definition:
    """A function of TA-Lib's under a name of ours."""
    info = _info(ours, name)
    return Definition(info, partial(_prepare, info, name))


def _info(ours: str, name: str) -> IndicatorInfo:
    about = _ta_lib._ta_getFuncInfo(name.encode())
    parameters = (*_own_parameters(name), *_input_parameters(name))
    defaults = {each.name: each.default for each in parameters}
    indicator, extra = _split(name, {key: value for key, value in defaults.items() if value is not None})
    outputs = tuple(described(name).output_names)
    says = _memory_in_words(warm_up_of(indicator, extra))
    if any(each.name.endswith("matype") for each in parameters):
        says += " Told to use another average, it is warmed up by what that one needs."
    return IndicatorInfo(ours, about["display_name"], about["group"], parameters, outputs, LIBRARY, says)


def _own_parameters(name: str) -> Sequence[ParameterInfo]:
    count = _ta_lib._ta_getFuncInfo(name.encode())["num_opt_inputs"]
    return [_own_parameter(name, _ta_lib._ta_getOptInputParameterInfo(name.encode(), place)) for place in range(count)]


def _own_parameter(name: str, told: Mapping[str, Any]) -> ParameterInfo:
    parameter, default = told["name"], told["default_value"]
    says = re.sub(r"\bbar", "candle", told["help"].rstrip(".")).replace(" fro ", " for ")
    accepts = partial(_accepts, name, parameter)
    if told["type"] == _MATYPE:
        allowed = [place for place in range(len(_AVERAGES)) if accepts(place)]
        names = tuple(_AVERAGES[place] for place in allowed)
        return ParameterInfo(parameter, "choice", _AVERAGES[default], says, choices=(*names, *allowed))
    if told["type"] in _INTEGERS:
        least, greatest = _whole_bound(accepts, default, -_LARGEST), _whole_bound(accepts, default, _LARGEST)
        return ParameterInfo(parameter, "integer", int(default), says, least, greatest)
    lowest, highest = _bound(accepts, default, -1.0), _bound(accepts, default, 1.0)
    return ParameterInfo(parameter, "number", float(default), says, lowest, highest)


def _accepts(name: str, parameter: str, value: float) -> bool:
    try:
        getattr(talib, name)(*[_TWO] * len(_inputs(name)), **{**_BESIDE.get((name, parameter), {}), parameter: value})
    except Exception:  # noqa: BLE001  # TA-Lib raises nothing more particular
        return False
    return True


def _whole_bound(accepts: Callable[[int], bool], inside: int, outermost: int) -> int:
    if outermost > 0 and accepts(_USUAL_LARGEST) and not accepts(_USUAL_LARGEST + 1):
        return _USUAL_LARGEST
    if accepts(outermost):
        return outermost
    outside = outermost
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        if accepts(middle):
            inside = middle
        else:
            outside = middle
    return inside


def _bound(accepts: Callable[[float], bool], default: float, direction: float) -> float:
    inside, step = default, direction
    while accepts(default + step):
        inside, step = default + step, step * 2
    outside = default + step
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if accepts(middle) else (inside, middle)
    return float(f"{inside:.{_DIGITS}g}") + 0.0 if abs(inside) > 1e-9 else 0.0


@cache
def _inputs(name: str) -> Sequence[tuple[str | None, str]]:
    """Of each input array: the parameter that chooses its column, or None, and the column TA-Lib takes by itself."""
    inputs: list[tuple[str | None, str]] = []
    for what, columns in described(name).input_names.items():
        if what == "periods":
            inputs.append(("periods", "periods"))
        elif isinstance(columns, str):
            inputs.append((what.replace("price", "real"), columns))
        else:
            inputs += [(None, column) for column in columns]
    return inputs


def _input_parameters(name: str) -> Sequence[ParameterInfo]:
    return [
        _PERIODS
        if parameter == "periods"
        else ParameterInfo(parameter, "choice", column, "The column of the candles it is computed of", choices=COLUMNS)
        for parameter, column in _inputs(name)
        if parameter is not None
    ]


def _split(name: str, parameters: Mapping[str, Value | float | str]) -> tuple[Indicator, Mapping[str, float]]:
    """What TA-Lib takes by name, averages as its numbers; and the period that it takes as a series."""
    given: dict[str, float] = {}
    for parameter, value in parameters.items():
        if parameter.endswith("matype"):
            given[parameter] = _AVERAGES.index(str(value))
        elif isinstance(value, int | float):
            given[parameter] = value
    extra = {"periods": given.pop("periods")} if "periods" in given else {}
    return Indicator(name.lower(), given), extra


def _prepare(info: IndicatorInfo, name: str, parameters: Mapping[str, Value]) -> Prepared:
    indicator, extra = _split(name, parameters)
    _check_together(info, name, indicator.parameters)
    warm_up = warm_up_of(indicator, extra)
    read = [parameters[parameter] if parameter else column for parameter, column in _inputs(name)]
    columns = [_column(what) for what in read]
    prices = [column for what, column in zip(read, columns, strict=True) if what in COLUMNS and what != "volume"]
    compute = partial(_compute, getattr(talib, name), columns, prices, indicator)
    return Prepared(
        info,
        jsonable(parameters),
        indicator.lookback,
        warm_up.candles,
        cumulative=warm_up.kind in ("cumulative", "index"),
        computing=compute,
        settling=_settling(warm_up, indicator.lookback, compute, parameters.get("real")),
    )


def _settling(warm_up: WarmUp, lookback: int, compute: Compute, real: Value | None) -> Settled | None:
    if warm_up.kind not in ("recursive", "adaptive", "phase"):
        return None
    memory = warm_up.memory
    if memory is None or real == "volume":  # memory.py calculates with prices
        return agrees_from_anywhere(compute, lookback)
    column = _COLUMNS[str(real or "close")]
    return lambda candles, place: memory.is_ready(replace(candles, close=column(candles)), place)


def _check_together(info: IndicatorInfo, name: str, numbers: Mapping[str, float]) -> None:
    try:
        getattr(talib, name)(*[_TWO] * len(_inputs(name)), **numbers)
    except Exception:  # noqa: BLE001  # TA-Lib raises nothing more particular
        told = ", ".join(f"{parameter}={value}" for parameter, value in numbers.items())
        raise ParameterError(f"TA-Lib refuses {info.name}({told}) together", next(iter(numbers), None)) from None


def _compute(
    function: Callable[..., Any],
    columns: Sequence[Column],
    prices: Sequence[Column],
    indicator: Indicator,
    candles: SessionCandles,
) -> list[Floats]:
    values = function(*[column(candles) for column in columns], **indicator.parameters)
    outputs = values if isinstance(values, tuple) else (values,)
    found = [output if output.dtype == np.float64 else _without_start(output, indicator.lookback) for output in outputs]
    return only_above_zero(indicator, [column(candles) for column in prices], found)


def _without_start(whole_numbers: Any, lookback: int) -> Floats:
    """TA-Lib's integers as floats: 0 where there is no value yet becomes NaN."""
    values: Floats = whole_numbers.astype(np.float64)
    values[:lookback] = np.nan
    return values


def _column(what: Value) -> Column:
    if isinstance(what, int | float):
        period = float(what)
        return lambda candles: np.full(len(candles), period)
    return _COLUMNS[str(what)]


_COLUMNS: Mapping[str, Column] = {
    "open": lambda candles: floats(candles.open),
    "high": lambda candles: floats(candles.high),
    "low": lambda candles: floats(candles.low),
    "close": lambda candles: floats(candles.close),
    "volume": lambda candles: floats(candles.volume),
    "hl2": lambda candles: floats((candles.high + candles.low) / 2),
    "hlc3": lambda candles: floats((candles.high + candles.low + candles.close) / 3),
    "ohlc4": lambda candles: floats((candles.open + candles.high + candles.low + candles.close) / 4),
}


def _memory_in_words(warm_up: WarmUp) -> str:
    candles = warm_up.candles
    words = {
        "finite": f"Finite: a value depends on {candles} candles before its own and no others (with the defaults).",
        "recursive": f"Recursive: {candles} candles before the first wanted one (with the defaults) are computed "
        "beforehand, after which what was before them counts for less than a billionth.",
        "adaptive": f"Recursive at a pace that the candles set: {candles} candles before the first wanted one (with "
        "the defaults) are computed beforehand, and more where values still tell where that began.",
        "phase": f"Recursive at a pace that the candles set: {candles} candles before the first wanted one (with the "
        "defaults) are computed beforehand. While a price stands still its phase hangs on the last digits of TA-Lib's "
        "sums, and some values may tell where the computation began.",
        "cumulative": "Cumulative: every value goes on from the one before; the first candle of the computation is "
        "where it begins, and the answer tells which.",
        "index": "A value is a place, counted from 0, in the candles computed; the answer tells the first of them.",
    }
    return words[warm_up.kind]
