"""What money at expiry is worth today."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from chandlery.options.numerics.normal import Floats


def discount_factors(years: ArrayLike, days: Sequence[float], rates: Sequence[float]) -> Floats:
    """e^(-rate · years), by rates and the number of days each is for; 1 where no rate is known.

    Rates are yearly and continuously compounded, linear between known days and level beyond them.
    """
    time = np.asarray(years, float)
    if not len(days):
        return np.ones_like(time)
    order = np.argsort(days)
    rate = np.interp(time * 365, np.asarray(days, float)[order], np.asarray(rates, float)[order])
    factors: Floats = np.exp(-rate * time)
    return factors
