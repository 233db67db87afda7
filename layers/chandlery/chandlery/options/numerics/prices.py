"""Black's price of an option on a forward."""

import numpy as np

from chandlery.options.numerics.normal import Floats, Numbers, Truths, distribution


def black_price(
    forward: Numbers, strike: Numbers, years: Numbers, discount: Numbers, iv: Numbers, is_call: Truths
) -> Floats:
    """What an option of European exercise is worth."""
    _, delta, owed = parts(forward, strike, years, discount, iv, is_call)
    return forward * delta - owed


def parts(
    forward: Numbers, strike: Numbers, years: Numbers, discount: Numbers, iv: Numbers, is_call: Truths
) -> tuple[Floats, Floats, Floats]:
    """Black's d1; how many forwards a price is worth, and what is owed for them: it is forward · delta - owed."""
    total = iv * np.sqrt(years)
    d1 = np.log(np.divide(forward, strike)) / total + total / 2
    side = np.where(is_call, 1.0, -1.0)
    worth = side * discount
    return d1, worth * distribution(side * d1), worth * strike * distribution(side * (d1 - total))
