"""How an option's price moves with what it depends on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chandlery.options.domain.model import Model
from chandlery.options.numerics.normal import Floats, Numbers, Truths, density
from chandlery.options.numerics.prices import parts

_DAYS = 365
_POINTS = 100


@dataclass(frozen=True)
class Greeks:
    """Delta and gamma by 1 of price, theta by calendar day, vega by 0.01 of volatility."""

    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats


def greeks(
    model: str | Sequence[str] | NDArray[np.str_],
    forward: Numbers,
    strike: Numbers,
    years: Numbers,
    discount: Numbers,
    iv: Numbers,
    is_call: Truths,
    spot: Numbers = np.nan,
) -> Greeks:
    """The greeks of European exercise; NaN where anything they need is NaN. Black-Scholes-Merton alone needs the spot.

    Black-76 holds the forward, and its delta is of the discounted forward. Black-Scholes-Merton holds the spot and its
    carry, ln(forward / spot) / years, which is the rate less the yield: so its greeks follow from those of Black-76.
    """
    with np.errstate(all="ignore"):
        d1, delta, owed = parts(forward, strike, years, discount, iv, is_call)
        root, slope = np.sqrt(years), discount * density(d1)
        vega = slope * forward * root
        decay = -vega * iv / (2 * years) - np.log(discount) / years * (forward * delta - owed)
        ratio = np.where(np.asarray(model) == Model.BLACK_SCHOLES_MERTON, np.divide(forward, spot), 1.0)
        theta = decay - np.log(ratio) / years * forward * delta
        gamma = slope / (forward * iv * root) * ratio**2
        found = np.stack(np.broadcast_arrays(delta * ratio, gamma, theta / _DAYS, vega / _POINTS))
        known = np.greater(iv, 0) & np.isfinite(found).all(axis=0)
        return Greeks(*np.where(known, found, np.nan))
