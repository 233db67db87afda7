"""All indicators that can be asked for by name: TA-Lib's functions and our own.

Three of our own bear a name that TA-Lib has too, `donchian`, `supertrend` and `vwap`; TA-Lib's are there as
`talib_donchian`, `talib_supertrend` and `talib_vwap`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo
from difflib import get_close_matches
from functools import cache, lru_cache
from types import MappingProxyType

from chandlery.indicators.numerics import own, own_sessions  # noqa: F401  # their functions register themselves
from chandlery.indicators.numerics.candle_arrays import SessionCandles
from chandlery.indicators.numerics.definition import OWN
from chandlery.indicators.numerics.library import define, library_names
from chandlery.indicators.numerics.parameters import IndicatorInfo, ParameterError, ParameterInfo, Value, shown
from chandlery.indicators.numerics.prepared import Definition, Prepared

__all__ = [
    "IndicatorInfo",
    "ParameterError",
    "ParameterInfo",
    "Prepared",
    "SessionCandles",
    "catalogue",
    "prepare",
]

_REMEMBERED = 1024  # ways to ask for an indicator


@cache
def catalogue() -> Mapping[str, IndicatorInfo]:
    """Every indicator by its name, in the order of names."""
    return MappingProxyType({name: _definition(name).info for name in sorted(_names())})


def prepare(name: str, parameters: Mapping[str, object], zone: tzinfo) -> Prepared:
    """Make an indicator ready to be computed.

    Args:
        name: its name; capitals do not count.
        parameters: those that shall not be as by default.
        zone: where times without an offset are read: the exchange's.

    Raises:
        ParameterError: there is no such indicator or parameter, a value is wrong, or one that must be given is not.
    """
    try:
        # Types besides, because 1, 1.0 and True are equal.
        given = tuple((key, type(value), value) for key, value in parameters.items())
        prepared = _prepare(name, given, zone)
    except TypeError:  # a list or an object among the values, which nothing takes
        return _prepare_anew(name, parameters, zone)
    return replace(prepared, parameters=dict(prepared.parameters))


@lru_cache(maxsize=_REMEMBERED)
def _prepare(name: str, given: tuple[tuple[str, type, object], ...], zone: tzinfo) -> Prepared:
    return _prepare_anew(name, {key: value for key, _, value in given}, zone)


def _prepare_anew(name: str, parameters: Mapping[str, object], zone: tzinfo) -> Prepared:
    definition = _definition(_known(name))
    return definition.prepare(_checked(definition.info, parameters, zone))


def _known(name: str) -> str:
    known = name.lower() if isinstance(name, str) else ""
    if known in _names():
        return known
    near = get_close_matches(known, _names(), n=3)
    raise ParameterError(
        f"there is no indicator {shown(name)}; "
        + (f"near it: {', '.join(near)}" if near else "TA-Lib's functions and our own are listed in the catalogue"),
        None,
    )


@cache
def _names() -> Mapping[str, str | None]:
    """TA-Lib's name of every indicator by ours; None of our own."""
    theirs = {f"talib_{name}" if name in OWN else name: upper for name, upper in library_names().items()}
    return {**theirs, **dict.fromkeys(OWN)}


@cache
def _definition(name: str) -> Definition:
    theirs = _names()[name]
    return OWN[name] if theirs is None else define(name, theirs)


def _checked(info: IndicatorInfo, given: Mapping[str, object], zone: tzinfo) -> Mapping[str, Value]:
    known = {parameter.name: parameter for parameter in info.parameters}
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            there = ", ".join(known) or "none"
            hint = f"; near it: {near[0]}" if near else ""
            raise ParameterError(f"{info.name} has no parameter {shown(name)}; there are: {there}{hint}", str(name))
    checked: dict[str, Value] = {}
    for name, parameter in known.items():
        if name in given:
            checked[name] = parameter.check(info.name, given[name], zone)
        elif parameter.default is None:
            raise ParameterError(f"{info.name}.{name} must be given: {parameter.says}", name)
        else:
            checked[name] = parameter.default
    return checked
