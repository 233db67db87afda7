"""What a quote is worth."""

import numpy as np
from numpy.typing import ArrayLike

from chandlery.options.numerics.normal import Floats


def middle(bid: ArrayLike, ask: ArrayLike) -> Floats:
    """The middle of bid and ask; NaN where one is missing or zero, or they are crossed: that is no quote."""
    low, high = np.asarray(bid, float), np.asarray(ask, float)
    return np.where((low > 0) & (high >= low) & np.isfinite(high), (low + high) / 2, np.nan)
