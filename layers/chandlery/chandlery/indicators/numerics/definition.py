"""Turns a small function into an indicator of the catalogue: its parameters, outputs and memory stand beside it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from inspect import getdoc

import numpy as np

from chandlery.indicators.numerics.candle_arrays import Floats, SessionCandles
from chandlery.indicators.numerics.parameters import IndicatorInfo, ParameterInfo, Value
from chandlery.indicators.numerics.prepared import (
    Compute,
    Definition,
    Prepared,
    Settled,
    agrees_from_anywhere,
    jsonable,
)

LONGEST = 100_000  # candles, as TA-Lib's own periods
_SOURCE = "Source:"

Function = Callable[..., list[Floats]]
Counted = Callable[..., int]
# The indicators of our own by name, as the functions of own.py register themselves.
OWN: dict[str, Definition] = {}


def period(name: str, default: int, says: str, minimum: int = 1) -> ParameterInfo:
    """A parameter that counts candles."""
    return ParameterInfo(name, "integer", default, says, minimum, LONGEST)


def no_candles(**_: object) -> int:
    """None, whatever the parameters."""
    return 0


def indicator(
    title: str,
    group: str,
    *,
    parameters: tuple[ParameterInfo, ...] = (),
    outputs: tuple[str, ...],
    memory: str,
    lookback: Counted = no_candles,
    forgets: Counted = no_candles,
    sessions: int = 0,
) -> Callable[[Function], Function]:
    """Register a function of candles and keyword parameters as an indicator of its name.

    Its docstring ends with its formula's source, after `Source:`.

    Args:
        title: what people call it.
        group: in TA-Lib's words.
        parameters: all; one of the kind `datetime` is the anchor.
        outputs: the names of the arrays it returns.
        memory: how far back it looks, in a sentence; `{candles}` in it are those read before the first wanted one.
        lookback: candles before the first with values, by its parameters.
        forgets: candles to read beyond those until a recursion has forgotten where it began.
        sessions: session dates that it needs whole, a candle's own among them.
    """

    def register(function: Function) -> Function:
        source = " ".join((getdoc(function) or "").partition(_SOURCE)[2].split())
        defaults = {each.name: each.default for each in parameters}
        candles = lookback(**defaults) + forgets(**defaults)
        says = memory.format(candles=f"{candles} candles before the first wanted one (with the defaults)")
        info = IndicatorInfo(function.__name__, title, group, parameters, outputs, source, says)
        plain = Prepared(info, {}, 0, 0, whole_sessions=sessions, computing=function)
        OWN[info.name] = Definition(info, partial(_prepare, plain, lookback, forgets))
        return function

    return register


def _prepare(plain: Prepared, lookback: Counted, forgets: Counted, parameters: Mapping[str, Value]) -> Prepared:
    anchors = [value for value in parameters.values() if isinstance(value, datetime)]
    before, beyond = lookback(**parameters), forgets(**parameters)
    compute = partial(_compute, plain.computing, len(plain.info.outputs), parameters)
    settling: Settled | None = agrees_from_anywhere(compute, before) if beyond else None
    if anchors:
        settling = partial(_from_anchor, anchors[0].timestamp())
    elif plain.whole_sessions:
        settling = partial(_from_sessions, plain.whole_sessions)
    return replace(
        plain,
        parameters=jsonable(parameters),
        lookback=before,
        warm_up=before + beyond,
        anchor=anchors[0] if anchors else None,
        computing=compute,
        settling=settling,
    )


def _compute(function: Compute, outputs: int, parameters: Mapping[str, Value], candles: SessionCandles) -> list[Floats]:
    if not len(candles):
        return [np.empty(0) for _ in range(outputs)]
    return function(candles, **parameters)


def _from_anchor(anchor: float, candles: SessionCandles, _: int) -> bool:
    return bool(candles.time[0] <= anchor)


def _from_sessions(sessions: int, candles: SessionCandles, place: int) -> bool:
    """Whether so many sessions began after the first candle: of the first one nobody knows whether it is whole."""
    return int(np.count_nonzero(np.diff(candles.session[: place + 1]))) >= sessions
