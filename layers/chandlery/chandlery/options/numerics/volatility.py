"""Implied volatility: the one that explains a price."""

import numpy as np
from numpy.typing import NDArray

from chandlery.options.domain.iv_status import STALE_AFTER, IvStatus
from chandlery.options.numerics.normal import Floats, Numbers, Truths
from chandlery.options.numerics.total_volatility import total_volatility

_ROUNDING = 1e-12  # by so much of a price its intrinsic value is the same


def implied_volatility(
    price: Numbers,
    forward: Numbers,
    strike: Numbers,
    years: Numbers,
    discount: Numbers,
    is_call: Truths,
    age: Numbers = 0.0,
) -> tuple[Floats, NDArray[np.str_]]:
    """The volatility at which Black's price is the one given, with its `IvStatus`; NaN where that is not `ok`.

    `age` is in seconds since the last quote or trade. Intrinsic value is taken from the forward, never from the spot.
    """
    price, forward, strike, years, discount, is_call, age = np.broadcast_arrays(
        price, forward, strike, years, discount, is_call, age
    )
    with np.errstate(all="ignore"):
        worth = price / discount
        time_value = worth - np.maximum(np.where(is_call, forward - strike, strike - forward), 0)
        largest = np.minimum(forward, strike)
        reasons = {
            IvStatus.EXPIRED: ~(years > 0),
            IvStatus.NO_QUOTE: ~((worth > 0) & (largest > 0) & np.isfinite(worth + forward + strike)),
            IvStatus.STALE: age > STALE_AFTER.total_seconds(),
            IvStatus.BELOW_INTRINSIC: time_value <= _ROUNDING * worth,
            IvStatus.ABOVE_MAXIMUM: time_value >= largest * (1 - _ROUNDING),
        }
    status = np.select(list(reasons.values()), list(reasons), IvStatus.OK)
    ok, iv = status == IvStatus.OK, np.full(status.shape, np.nan)
    scale = np.sqrt(forward[ok] * strike[ok])
    iv[ok] = total_volatility(-np.abs(np.log(forward[ok] / strike[ok])), time_value[ok] / scale) / np.sqrt(years[ok])
    return iv, status
