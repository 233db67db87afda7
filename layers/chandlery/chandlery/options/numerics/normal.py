"""The normal distribution over arrays, which numpy lacks."""

from math import erfc, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = Floats | float
Truths = NDArray[np.bool_] | bool


def density(z: Numbers) -> Floats:
    """The density at each place."""
    return np.exp(np.square(z) * -0.5) / sqrt(2 * pi)


def distribution(z: Numbers) -> Floats:
    """The probability below each place; as exact in the lower tail as in the middle."""
    places = np.asarray(z) * -sqrt(0.5)
    return 0.5 * np.fromiter(map(erfc, places.ravel().tolist()), np.float64, places.size).reshape(places.shape)
