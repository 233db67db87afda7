"""Forwards, implied volatilities and greeks of whole chains at once, by the formulas of docs/options.md. Needs numpy.

Arguments are arrays or numbers that broadcast. NaN means unknown, in arguments and in results.
"""

from chandlery.options.numerics.discounts import discount_factors
from chandlery.options.numerics.forwards import forward_by_parity
from chandlery.options.numerics.greeks import Greeks, greeks
from chandlery.options.numerics.prices import black_price
from chandlery.options.numerics.quotes import middle
from chandlery.options.numerics.volatility import implied_volatility

__all__ = [
    "Greeks",
    "black_price",
    "discount_factors",
    "forward_by_parity",
    "greeks",
    "implied_volatility",
    "middle",
]
