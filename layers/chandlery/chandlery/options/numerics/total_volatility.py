"""Black's formula solved for volatility · √years, for a whole array at once."""

from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from chandlery.options.numerics.normal import Floats, density, distribution

_ENOUGH = 1e-9  # of a step that leaves an error of the order of its cube
_EPSILON = np.finfo(np.float64).eps
_STEPS = 32  # eight or so are the rule


def total_volatility(moneyness: Floats, value: Floats) -> Floats:
    """By -|ln(forward / strike)| and what the out-of-the-money side is worth at expiry / √(forward · strike).

    Black's normalised price bends at √(2 · |moneyness|). Each step is Halley's, from there: downwards on 1 / ln(price),
    upwards on ln(the largest price less the price), in which the price is nearly straight; it is never more than
    half. The choice of functions, and of where to begin: Jäckel, "Let's Be Rational" (2015).
    """
    bend, most = np.sqrt(-2 * moneyness), np.exp(moneyness / 2)
    below = value < most / 2 - distribution(-bend) / most
    total: Floats = np.maximum(bend, value * sqrt(2 * pi))
    left = np.arange(len(total))
    for _ in range(_STEPS):
        before = total[left]
        total[left] = after = _closer(before, moneyness[left], value[left], below[left])
        left = left[np.abs(after - before) > _ENOUGH * after]
        if not len(left):
            break
    return total


def _closer(total: Floats, moneyness: Floats, value: Floats, below: NDArray[np.bool_]) -> Floats:
    """One step from volatilities towards those that explain the values."""
    most, ratio, half = np.exp(moneyness / 2), moneyness / total, total / 2
    with np.errstate(all="ignore"):
        price = most * distribution(ratio + half) - distribution(ratio - half) / most
        slope = density(np.hypot(ratio, half))
        log, rest = np.log(price), np.maximum(most - price, most * _EPSILON)
        off = np.where(below, 1 / log - 1 / np.log(value), np.log((most - value) / rest))
        pace = np.where(below, -slope / (price * log**2), slope / rest)
        turn = ratio**2 / total - total / 4 + np.where(below, -slope / price * (1 + 2 / log), slope / rest)
        newton = off / pace
        step = newton / np.maximum(1 - newton * turn / 2, 0.5)
        return np.where(price > 0, np.maximum(total - step, half), 1.5 * total)
