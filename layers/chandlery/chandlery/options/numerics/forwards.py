"""The forward, from a chain's own prices."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chandlery.options.numerics.normal import Floats

_STRIKES = 3  # with three, one bad quote has no say
_DECIMALS = 9  # finer than prices are quoted, so that equals are equal


def forward_by_parity(
    chain: NDArray[np.int64], strike: ArrayLike, call: ArrayLike, put: ArrayLike, discount: ArrayLike, chains: int
) -> Floats:
    """The forward of each chain, NaN where no strike has both sides. A row is a strike of a chain, numbered from 0.

    By put-call parity a strike's forward is strike + (call - put) / discount. The chain's is the median of three
    strikes: those where call and put differ least, which are nearest the money; of two equals the lower.
    It is rounded to twelve significant digits, so that halfway between two strikes is halfway in decimals.
    """
    strikes, lead = np.broadcast_arrays(np.asarray(strike, float), (np.asarray(call) - np.asarray(put)) / discount)
    both = np.isfinite(lead)
    strikes, lead, of = strikes[both], lead[both], chain[both]
    order = np.lexsort((strikes, np.round(np.abs(lead), _DECIMALS), of))
    strikes, lead, of = strikes[order], lead[order], of[order]
    place = np.arange(len(of)) - np.searchsorted(of, of)
    near = place < _STRIKES
    found = np.full((chains, _STRIKES), np.nan)
    found[of[near], place[near]] = (strikes + lead)[near]
    forward, known = np.full(chains, np.nan), np.isfinite(found[:, 0])
    forward[known] = [float(f"{each:.12g}") for each in np.nanmedian(found[known], axis=1).tolist()]
    return forward
