"""What an expiry's metrics must be, strike by strike, in the plainest Python; None is unknown. See docs/options.md."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise
from math import log

OpenInterest = Mapping[Decimal, int]  # of one side, by strike
Smile = Iterable[tuple[Decimal, float | None, float | None]]  # of one side: strike, delta, iv

_QUARTER = 0.25


def ranks(listed: Iterable[Decimal], forward: Decimal) -> dict[Decimal, int]:
    """Each listed strike's place, seen from the one nearest the forward; of two equally near the lower is 0."""
    ladder = sorted(listed)
    money = ladder.index(min(ladder, key=lambda strike: (abs(strike - forward), strike)))
    return {strike: place - money for place, strike in enumerate(ladder)}


def moneyness(strike: Decimal, forward: Decimal) -> float:
    """ln(strike / forward)."""
    return log(strike / forward)


def max_pain(calls: OpenInterest, puts: OpenInterest) -> Decimal | None:
    """The strike at which those who hold options would get least; the lower of two; None where nobody holds any."""
    if not sum(calls.values()) + sum(puts.values()):
        return None
    return min(sorted({*calls, *puts}), key=lambda settled: pain(settled, calls, puts))


def pain(settled: Decimal, calls: OpenInterest, puts: OpenInterest) -> Decimal:
    """What all options together would pay, were the underlying settled there."""
    calls_get = sum((max(settled - strike, Decimal(0)) * held for strike, held in calls.items()), Decimal(0))
    return sum((max(strike - settled, Decimal(0)) * held for strike, held in puts.items()), calls_get)


def put_call_ratio(puts: float | None, calls: float | None) -> float | None:
    """Puts by calls, of volume or of open interest; None where either is unknown or there is no call."""
    return None if puts is None or not calls else puts / calls


def mean_of_sides(call: float | None, put: float | None) -> float | None:
    """The at-the-money volatility: of both sides at rank 0."""
    return None if call is None or put is None else (call + put) / 2


def sum_of_sides(call: Decimal | None, put: Decimal | None) -> Decimal | None:
    """The straddle, which is the expected move as well: of both middles at rank 0."""
    return None if call is None or put is None else call + put


def skew_25d(calls: Smile, puts: Smile) -> float | None:
    """The volatility of the put of delta -0.25, less that of the call of delta 0.25."""
    put, call = _iv_at_a_quarter(sorted(puts, reverse=True)), _iv_at_a_quarter(sorted(calls))
    return None if put is None or call is None else put - call


def _iv_at_a_quarter(away_from_the_money: Smile) -> float | None:
    """Linear in delta between the first two strikes that have it between them; strikes without one are passed over."""
    known = [(abs(delta), iv) for _, delta, iv in away_from_the_money if delta is not None and iv is not None]
    for (nearer, near_iv), (farther, far_iv) in pairwise(known):
        if farther <= _QUARTER <= nearer:
            share = 0.0 if nearer == farther else (nearer - _QUARTER) / (nearer - farther)
            return near_iv + share * (far_iv - near_iv)
    return None


def oi_coverage(known: Iterable[bool]) -> float | None:
    """Of the contracts that are listed, the share whose open interest is known; None where none is listed."""
    each = list(known)
    return sum(each) / len(each) if each else None
