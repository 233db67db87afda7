"""The forward that a chain's own quotes tell."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chandlery.options.numerics.normal import Floats

_STRIKES = 3  # so that one bad quote has no say
_TICK = 9  # decimals: finer than any price is quoted


def forward_by_parity(
    chain: NDArray[np.int64], strike: ArrayLike, call: ArrayLike, put: ArrayLike, discount: ArrayLike, chains: int
) -> Floats:
    """The forward of each chain, numbered from 0, or NaN where no strike has both sides; a row is a strike of a chain.

    Put-call parity makes each strike tell a forward, strike + (call - put) / discount. The forward is the median of
    three: of the strikes where call and put differ least, which are those nearest the money; at a tie the lower.
    It has twelve significant digits, so that a strike halfway between two others is halfway in decimals.
    """
    strikes, lead = np.broadcast_arrays(np.asarray(strike, float), (np.asarray(call) - np.asarray(put)) / discount)
    both = np.isfinite(lead)
    strikes, lead, of = strikes[both], lead[both], chain[both]
    order = np.lexsort((strikes, np.round(np.abs(lead), _TICK), of))
    strikes, lead, of = strikes[order], lead[order], of[order]
    place = np.arange(len(of)) - np.searchsorted(of, of)
    near = place < _STRIKES
    told = np.full((chains, _STRIKES), np.nan)
    told[of[near], place[near]] = (strikes + lead)[near]
    forward, known = np.full(chains, np.nan), np.isfinite(told[:, 0])
    forward[known] = [float(f"{each:.12g}") for each in np.nanmedian(told[known], axis=1).tolist()]
    return forward
