"""How many candles a computation of TA-Lib's must begin earlier, so that nobody can tell where it began.

Every function is one of four kinds. *Finite*: `lookback` candles and no others count. *Recursive*: a chain of
smoothings, each forgetting at its own pace (`smoothing.py`): the chain adds up.
*Adaptive*: recursive with a pace or a state that the candles set themselves; here the warm-up is a length at which
real candles had forgotten. Some of these take the angle of two numbers that are both nearly nothing while a price
stands still (*phase*): there the last digit of a running sum, which tells where that began, decides about some values,
whatever the length. *Cumulative*: every candle counts, back to the first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal, TypeVar

from chandlery.indicators.numerics.functions import Indicator
from chandlery.indicators.numerics.memory import Memory, memory_of
from chandlery.indicators.numerics.smoothing import Chain, exponential, length, wilder

T = TypeVar("T")
Numbers = Mapping[str, float]
Kind = Literal["finite", "recursive", "adaptive", "phase", "cumulative", "index"]

_CUMULATIVE = {"ad", "obv", "cumsum", "wad", "nvi", "pvi", "pvt", "vwap"}
_PHASE = {"mama", "ht_dcphase", "ht_sine", "ht_trendmode"}
_INDEX = {"maxindex", "minindex", "minmaxindex"}
# Measured on real minutes, with reserve: the Hilbert transform's period follows the price, a stop its reversals.
_HILBERT, _REVERSALS = 1000, 1000
_MAMA_SLOWEST = 0.05
# By matype: kama, mama, and "the function's own default", which is none slower than Wilder's.
_SIMPLE, _EXPONENTIAL, _DEMA, _TEMA, _KAMA, _MAMA, _T3, _OWN, _ZLEMA, _WILDER = 0, 1, 3, 4, 6, 7, 8, 11, 12, 13


@dataclass(frozen=True)
class WarmUp:
    """How far back a function looks.

    Attributes:
        kind: as the module says.
        candles: to be read before the first wanted one; at least the lookback.
        memory: tells of some recursive functions whether they have forgotten; None of the others.
    """

    kind: Kind
    candles: int
    memory: Memory | None = None


def warm_up_of(indicator: Indicator, extra: Numbers) -> WarmUp:
    """What a function remembers; `extra` are numbers it takes beside TA-Lib's parameters."""
    name, lookback = indicator.name, indicator.lookback
    if name in _CUMULATIVE:
        return WarmUp("cumulative", lookback)
    if name in _INDEX:
        return WarmUp("index", lookback)
    known = _known(indicator)
    if known is not None:
        return WarmUp("finite" if known.is_finite else "recursive", known.usual, known)
    numbers = {**indicator.parameters, **extra}
    if name in _ADAPTIVE:
        return WarmUp("phase" if name in _PHASE else "adaptive", lookback + _ADAPTIVE[name](numbers))
    chain = _CHAINS[name](numbers) if name in _CHAINS else ()
    averages = [value for parameter, value in numbers.items() if parameter.endswith("matype")]
    return WarmUp(_kind(chain, averages), lookback + length(chain))


def _kind(chain: Chain, averages: Sequence[float]) -> Kind:
    if not any(chain):
        return "finite"
    return "phase" if _MAMA in averages else "adaptive" if _KAMA in averages else "recursive"


def _known(indicator: Indicator) -> Memory | None:
    try:
        return memory_of(indicator)
    except ValueError:
        return None


def _average(matype: float, period: float) -> Chain:
    chains: Mapping[float, Chain] = {
        _EXPONENTIAL: (exponential(period),),
        _DEMA: (exponential(period),) * 2,
        _TEMA: (exponential(period),) * 3,
        _KAMA: (_kama(period),),
        _MAMA: (_mama(_MAMA_SLOWEST),),
        _T3: (exponential(period),) * 6,
        _OWN: (wilder(period),),
        _ZLEMA: (exponential(period),),
        _WILDER: (wilder(period),),
    }
    return chains.get(matype, ())


def _kama(period: float) -> float:
    """Of Kaufman's average: by the efficiency ratio of half a random walk, 1 / (2·√period)."""
    efficiency = 0.5 / sqrt(period)
    return 1 - (efficiency * (2 / 3 - 2 / 31) + 2 / 31) ** 2


def _mama(slow: float) -> float:
    return 1 - slow / 2  # the following average moves half as fast


def _slower(*chains: Chain) -> Chain:
    """Of smoothings beside each other, the one that counts."""
    return max(chains, key=length)


def _always(what: T) -> Callable[[Numbers], T]:
    return lambda _: what


def _exponentials(*periods: str) -> Callable[[Numbers], Chain]:
    return lambda numbers: tuple(exponential(numbers[period]) for period in periods)


def _wilders(period: str) -> Callable[[Numbers], Chain]:
    return lambda numbers: (wilder(numbers[period]),)


def _two_averages(numbers: Numbers) -> Chain:
    matype = numbers["matype"]
    return _slower(_average(matype, numbers["fastperiod"]), _average(matype, numbers["slowperiod"]))


def _macdext(numbers: Numbers) -> Chain:
    fast = _average(numbers["fastmatype"], numbers["fastperiod"])
    slow = _average(numbers["slowmatype"], numbers["slowperiod"])
    return _slower(fast, slow) + _average(numbers["signalmatype"], numbers["signalperiod"])


def _slow_stochastic(numbers: Numbers) -> Chain:
    slow_k = _average(numbers["slowk_matype"], numbers["slowk_period"])
    return slow_k + _average(numbers["slowd_matype"], numbers["slowd_period"])


def _fast_stochastic(numbers: Numbers) -> Chain:
    return _average(numbers["fastd_matype"], numbers["fastd_period"])


def _mavp(numbers: Numbers) -> Chain:
    period = min(max(numbers["periods"], numbers["minperiod"]), numbers["maxperiod"])
    return _average(numbers["matype"], period)


_CHAINS: Mapping[str, Callable[[Numbers], Chain]] = {
    "ma": lambda numbers: _average(numbers["matype"], numbers["timeperiod"]),
    "bbands": lambda numbers: _average(numbers["matype"], numbers["timeperiod"]),
    "mavp": _mavp,
    "apo": _two_averages,
    "ppo": _two_averages,
    "pvo": _two_averages,
    "macdext": _macdext,
    "macdfix": lambda numbers: (1 - 0.075, exponential(numbers["signalperiod"])),
    "stoch": _slow_stochastic,
    "kdj": _slow_stochastic,
    "stochf": _fast_stochastic,
    "stochrsi": lambda numbers: (wilder(numbers["timeperiod"]), *_fast_stochastic(numbers)),
    "t3": lambda numbers: (exponential(numbers["timeperiod"]),) * 6,
    "trix": lambda numbers: (exponential(numbers["timeperiod"]),) * 3,
    "tsi": _exponentials("firstperiod", "secondperiod"),
    "smi": _exponentials("slowperiod", "fastperiod", "signalperiod"),
    "massi": _exponentials("fastperiod", "fastperiod"),
    "cvi": _exponentials("timeperiod"),
    "efi": _exponentials("timeperiod"),
    "eri": _exponentials("timeperiod"),
    "zlema": _exponentials("timeperiod"),
    "kc": lambda numbers: _slower((exponential(numbers["timeperiod"]),), (wilder(numbers["atrperiod"]),)),
    # The difference of two averages of a sum, of whose beginning both keep the same.
    "adosc": lambda numbers: _slower((exponential(numbers["fastperiod"]),), (exponential(numbers["slowperiod"]),)),
    "rma": _wilders("timeperiod"),
    "rvi": _wilders("timeperiod"),
    "plus_dm": _wilders("timeperiod"),
    "minus_dm": _wilders("timeperiod"),
    "ha": _always((0.5,)),
}
_ADAPTIVE: Mapping[str, Callable[[Numbers], int]] = {
    "kama": lambda numbers: length((_kama(numbers["timeperiod"]),)),
    "mama": lambda numbers: _HILBERT + length((_mama(numbers["slowlimit"]),)),
    "ht_dcperiod": _always(_HILBERT),
    "ht_dcphase": _always(_HILBERT),
    "ht_phasor": _always(_HILBERT),
    "ht_sine": _always(_HILBERT),
    "ht_trendline": _always(_HILBERT),
    "ht_trendmode": _always(_HILBERT),
    "sar": _always(_REVERSALS),
    "sarext": _always(_REVERSALS),
    "supertrend": lambda numbers: _REVERSALS + length((wilder(numbers["timeperiod"]),)),
}
