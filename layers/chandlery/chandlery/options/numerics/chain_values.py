"""What is computed of chains: forwards, places on the ladder, implied volatilities and greeks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chandlery.options.domain.model import Model
from chandlery.options.numerics.discounts import discount_factors
from chandlery.options.numerics.forwards import forward_by_parity
from chandlery.options.numerics.greeks import greeks
from chandlery.options.numerics.normal import Floats
from chandlery.options.numerics.volatility import implied_volatility

Places = NDArray[np.int64]
Truths = NDArray[np.bool_]
_MODELS = np.array([Model.BLACK_76, Model.BLACK_SCHOLES_MERTON])


@dataclass(frozen=True)
class Contracts:
    """Contracts in the order of their chains and strikes, call before put; NaN is unknown.

    Attributes:
        chain: which chain each belongs to, from 0.
        rung: which strike of all chains' strikes, from 0, in order.
        holds_spot: whether its greeks hold the spot, not the forward.
        mid: the middle of its quote.
        price: what its volatility is to explain.
    """

    chain: Places
    rung: Places
    strike: Floats
    is_call: Truths
    holds_spot: Truths
    mid: Floats
    price: Floats


@dataclass(frozen=True)
class Chains:
    """Of each chain its years to expiry, the underlying's price, and the rates by days; NaN is unknown."""

    years: Floats
    spot: Floats
    days: Sequence[Floats]
    rates: Sequence[Floats]


@dataclass(frozen=True)
class Values:
    """Of each contract the status of its volatility and the numbers; of each rung its place; of each chain its forward.

    A place without a moneyness is none.
    """

    status: NDArray[np.str_]
    iv: Floats
    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats
    rank: Places
    moneyness: Floats
    forward: Floats


def value_chains(contracts: Contracts, chains: Chains) -> Values:
    """Compute all of it at once.

    A chain whose quotes tell no forward has the underlying's price, carried at the rate.
    """
    discount = _discounts(chains)
    own, years = discount[contracts.chain], chains.years[contracts.chain]
    forward = _forwards(contracts, chains, discount)
    ahead = forward[contracts.chain]
    rank, moneyness = _ladders(contracts, forward)
    iv, status = implied_volatility(contracts.price, ahead, contracts.strike, years, own, contracts.is_call)
    models = _MODELS[contracts.holds_spot.astype(int)]
    found = greeks(models, ahead, contracts.strike, years, own, iv, contracts.is_call, chains.spot[contracts.chain])
    return Values(status, iv, found.delta, found.gamma, found.theta, found.vega, rank, moneyness, forward)


def _discounts(chains: Chains) -> Floats:
    """Of each chain; those with the same rates are done together."""
    found = np.ones(len(chains.years))
    of = [(tuple(days), tuple(rates)) for days, rates in zip(chains.days, chains.rates, strict=True)]
    for days, rates in set(of):
        these = np.array([each == (days, rates) for each in of])
        found[these] = discount_factors(np.maximum(chains.years[these], 0), days, rates)
    return found


def _forwards(contracts: Contracts, chains: Chains, discount: Floats) -> Floats:
    first = np.unique(contracts.rung, return_index=True)[1]
    sides = np.full((2, len(first)), np.nan)
    sides[contracts.is_call.astype(int), contracts.rung] = contracts.mid
    chain = contracts.chain[first]
    put, call = sides
    found = forward_by_parity(chain, contracts.strike[first], call, put, discount[chain], len(chains.years))
    return np.where(np.isfinite(found), found, chains.spot / discount)


def _ladders(contracts: Contracts, forward: Floats) -> tuple[Places, Floats]:
    """Places of strikes, and their moneyness: the one nearest the forward has place 0, of two the lower."""
    first = np.unique(contracts.rung, return_index=True)[1]
    chain, strike = contracts.chain[first], contracts.strike[first]
    ahead = forward[chain]
    away = np.round(np.abs(strike - ahead), 9)
    order = np.lexsort((strike, away, chain))
    begins = np.searchsorted(chain, np.arange(len(forward)))
    # Each chain has a strike, so that the first of each in that order is its nearest.
    nearest = order[begins]
    with np.errstate(divide="ignore", invalid="ignore"):
        moneyness = np.log(strike / ahead)
    return np.arange(len(strike)) - nearest[chain], np.where(np.isfinite(moneyness), moneyness, np.nan)
