"""The volatility that explains a price."""

import numpy as np
from numpy.typing import NDArray

from chandlery.options.domain.iv_status import STALE_AFTER, IvStatus
from chandlery.options.numerics.normal import Floats, Numbers, Truths
from chandlery.options.numerics.total_volatility import total_volatility

_ROUNDING = 1e-12


def implied_volatility(
    price: Numbers,
    forward: Numbers,
    strike: Numbers,
    years: Numbers,
    discount: Numbers,
    is_call: Truths,
    age: Numbers = 0.0,
) -> tuple[Floats, NDArray[np.str_]]:
    """The volatility by which Black's price is this one, and each one's `IvStatus`; NaN where that is not `ok`.

    `age` is how many seconds ago the last quote or trade was. A price is held against the forward, never the spot: one
    that is at or below its intrinsic value within rounding has no volatility, nor has one that a forward would buy.
    """
    price, forward, strike, years, discount, age = np.broadcast_arrays(price, forward, strike, years, discount, age)
    with np.errstate(all="ignore"):
        worth = price / discount
        time_value = worth - np.maximum(np.where(is_call, forward - strike, strike - forward), 0)
        largest = np.minimum(forward, strike)
        reasons = {
            IvStatus.EXPIRED: ~(years > 0),
            IvStatus.NO_QUOTE: ~((worth > 0) & (largest > 0) & np.isfinite(worth + forward)),
            IvStatus.STALE: age > STALE_AFTER.total_seconds(),
            IvStatus.BELOW_INTRINSIC: time_value <= _ROUNDING * worth,
            IvStatus.ABOVE_MAXIMUM: time_value >= largest * (1 - _ROUNDING),
        }
    status = np.select(list(reasons.values()), list(reasons), IvStatus.OK)
    ok, iv = status == IvStatus.OK, np.full(status.shape, np.nan)
    scale = np.sqrt(forward[ok] * strike[ok])
    iv[ok] = total_volatility(-np.abs(np.log(forward[ok] / strike[ok])), time_value[ok] / scale) / np.sqrt(years[ok])
    return iv, status
