"""What the right to exercise early is worth in real chains: how good an approximation the European formula is."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import QuantLib as quantlib  # noqa: N813 - its name is a module's here

from chandlery.options.numerics import implied_volatility
from tests.real_options import AAPL, Prices, aapl
from tests.unit.options.test_vendor_greeks import CLOSES, MONEYNESS, PAGE

EVERY = 5


def worth_in_volatility(prices: Prices, spot: float) -> Iterator[tuple[bool, float, float, float]]:
    """Of each contract: whether it is a call, its moneyness, its premium by vega, the yield that parity implies."""
    terms = (prices.forward, prices.strike, prices.years, prices.discount)
    iv, _ = implied_volatility(prices.price, *terms, prices.is_call)
    today, actual = quantlib.Date(1, 1, 2014), quantlib.Actual365Fixed()
    quantlib.Settings.instance().evaluationDate = today

    def curve(rate: float) -> quantlib.YieldTermStructureHandle:
        return quantlib.YieldTermStructureHandle(quantlib.FlatForward(today, rate, actual))

    for place in np.flatnonzero(np.isfinite(iv))[::EVERY].tolist():
        forward, strike, years, discount = (float(each[place]) for each in terms)
        rate = -np.log(discount) / years
        dividends = rate - np.log(forward / spot) / years
        expiry = today + max(round(years * 365), 1)
        process = quantlib.BlackScholesMertonProcess(
            quantlib.QuoteHandle(quantlib.SimpleQuote(spot)),
            curve(dividends),
            curve(rate),
            quantlib.BlackVolTermStructureHandle(
                quantlib.BlackConstantVol(today, quantlib.NullCalendar(), float(iv[place]), actual)
            ),
        )
        side = quantlib.Option.Call if prices.is_call[place] else quantlib.Option.Put
        payoff = quantlib.PlainVanillaPayoff(side, strike)
        early = quantlib.VanillaOption(payoff, quantlib.AmericanExercise(today, expiry))
        early.setPricingEngine(quantlib.BaroneAdesiWhaleyApproximationEngine(process))
        late = quantlib.VanillaOption(payoff, quantlib.EuropeanExercise(expiry))
        late.setPricingEngine(quantlib.AnalyticEuropeanEngine(process))
        if late.vega() > 1:
            yield (
                bool(prices.is_call[place]),
                float(np.log(strike / forward)),
                (early.NPV() - late.NPV()) / late.vega(),
                dividends,
            )


def test_the_page_says_what_early_exercise_is_worth(real_data: Path) -> None:
    found = np.array([row for day in AAPL for row in worth_in_volatility(aapl(real_data, day), CLOSES[day])])
    is_call, moneyness, worth, dividends = found.T
    for name, side in (("calls", 1), ("puts", 0)):
        cells = [
            f"{np.median(worth[(is_call == side) & (moneyness >= low) & (moneyness < high)]):.4f}"
            for low, high in pairwise(MONEYNESS)
        ]
        assert f"| {name} | {' | '.join(cells)} |" in PAGE
    assert np.median(dividends) == pytest.approx(0.016, abs=5e-4)
