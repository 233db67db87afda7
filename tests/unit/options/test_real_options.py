"""Prices, volatilities and greeks of real chains, compared with QuantLib's."""

from pathlib import Path

import numpy as np
import pytest
import QuantLib as quantlib  # noqa: N813 - its name is a module's here

from chandlery.options.domain.iv_status import IvStatus
from chandlery.options.domain.model import Model
from chandlery.options.numerics import black_price, greeks, implied_volatility
from chandlery.options.numerics.normal import Floats
from tests.real_options import AAPL, Prices, aapl, goog

TELLING = 1e-4  # vega by the point: below it a price hardly gives a volatility


def quantlib_values(prices: Prices, iv: Floats, place: int) -> list[float]:
    """Price; delta, gamma and theta with the spot held, and with the forward; vega; the volatility, if it has one."""
    strike, forward, years, discount, spot = (
        float(each[place]) for each in (prices.strike, prices.forward, prices.years, prices.discount, prices.spot)
    )
    side = quantlib.Option.Call if prices.is_call[place] else quantlib.Option.Put
    payoff = quantlib.PlainVanillaPayoff(side, strike)
    total = float(iv[place]) * years**0.5
    black = quantlib.BlackCalculator(payoff, forward, total, discount)
    vega = black.vega(years) / 100
    implied = float("nan")
    if vega > TELLING:
        price = float(prices.price[place])
        found = quantlib.blackFormulaImpliedStdDev(side, strike, forward, price, discount, 0.0, total * 0.9, 1e-13, 200)
        implied = found / years**0.5
    return [
        black.value(),
        black.delta(spot),
        black.gamma(spot),
        black.theta(spot, years) / 365,
        black.deltaForward(),
        black.gammaForward(),
        black.theta(forward, years) / 365,
        vega,
        implied,
    ]


def hold_against_quantlib(prices: Prices, every: int) -> int:
    """How many rows have been compared."""
    forward, strike, years, discount = prices.forward, prices.strike, prices.years, prices.discount
    iv, status = implied_volatility(prices.price, forward, strike, years, discount, prices.is_call)
    value = black_price(forward, strike, years, discount, iv, prices.is_call)
    assert np.nanmax(np.abs(value - prices.price)) < 1e-6
    places = np.flatnonzero(status == IvStatus.OK)[::every]
    theirs = np.array([quantlib_values(prices, iv, place) for place in places.tolist()]).T
    for (name, mine), other in zip(our_values(prices, iv, value).items(), theirs, strict=True):
        off = np.abs(mine[places] - other)
        assert np.nanmax(off / (1 + np.abs(other))) < 1e-6, name
    assert np.isfinite(theirs[-1]).mean() > 0.5
    return len(places)


def our_values(prices: Prices, iv: Floats, value: Floats) -> dict[str, Floats]:
    """In the order of QuantLib's."""
    spot, forward = (
        greeks(model, prices.forward, prices.strike, prices.years, prices.discount, iv, prices.is_call, prices.spot)
        for model in (Model.BLACK_SCHOLES_MERTON, Model.BLACK_76)
    )
    return {
        "price": value,
        "delta of the spot": spot.delta,
        "gamma of the spot": spot.gamma,
        "theta, the spot held": spot.theta,
        "delta of the forward": forward.delta,
        "gamma of the forward": forward.gamma,
        "theta, the forward held": forward.theta,
        "vega": spot.vega,
        "volatility": iv,
    }


def test_the_first_minutes_of_a_day_are_quantlibs(real_data: Path) -> None:
    assert hold_against_quantlib(goog(real_data, until="2015-12-24T14:36:00Z"), every=4) > 500


@pytest.mark.long
def test_every_quote_of_a_day_is_quantlibs(real_data: Path) -> None:
    assert hold_against_quantlib(goog(real_data), every=1) > 90_000


@pytest.mark.parametrize("day", AAPL)
def test_chains_at_the_close_are_quantlibs(real_data: Path, day: str) -> None:
    assert hold_against_quantlib(aapl(real_data, day), every=1) > 1900
