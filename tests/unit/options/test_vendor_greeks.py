"""A vendor's volatilities and greeks, against Chandlery's: where they differ, and by which inputs."""

from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from chandlery.options.domain.model import Model
from chandlery.options.numerics import black_price, greeks, implied_volatility
from chandlery.options.numerics.normal import Floats
from tests.real_options import AAPL, Prices, aapl

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "options.md").read_text()

# What the vendor must have used: its greeks follow from these.
RATE, DIVIDENDS = 0.0075, 0.313193
CLOSES = dict(zip(AAPL, (647.35, 93.70, 94.25), strict=True))

EXPIRIES = {"up to 14": (0, 14), "15 to 45": (15, 45), "46 to 140": (46, 140), "more": (141, 1000)}
MONEYNESS = (-0.7, -0.15, -0.03, 0.03, 0.15, 0.7)  # beyond are contracts that a split has left behind


def vendors(prices: Prices, name: str) -> Floats:
    return np.array([float(row[name]) for row in prices.rows])


def days_left(prices: Prices, day: str) -> Floats:
    return np.array([(date.fromisoformat(row["expiry"]) - date.fromisoformat(day)).days for row in prices.rows], float)


@pytest.mark.parametrize("day", AAPL)
def test_a_vendors_greeks_are_ours_by_its_inputs(real_data: Path, day: str) -> None:
    prices = aapl(real_data, day)
    iv = vendors(prices, "implied_volatility")
    years = (days_left(prices, day) - 1) / 365
    forward, discount = CLOSES[day] * np.exp((RATE - DIVIDENDS) * years), np.exp(-RATE * years)
    ours = greeks(Model.BLACK_SCHOLES_MERTON, forward, prices.strike, years, discount, iv, prices.is_call, CLOSES[day])
    given = np.isfinite(ours.delta)
    assert given.sum() > 890
    assert np.max(np.abs(ours.delta - vendors(prices, "delta"))[given]) < 2e-5
    assert np.max(np.abs(ours.theta - vendors(prices, "theta"))[given]) < 2e-5
    assert np.max(np.abs(ours.vega - vendors(prices, "vega"))[given]) < 2e-5
    undiscounted = ours.gamma / np.exp(-DIVIDENDS * years)
    assert np.max(np.abs(undiscounted - vendors(prices, "gamma"))[given]) < 2e-5
    value = black_price(
        forward[given], prices.strike[given], years[given], discount[given], iv[given], prices.is_call[given]
    )
    assert np.mean(np.abs(value - prices.price[given]) < 0.01 * prices.price[given]) < 0.25


def test_the_page_shows_where_they_differ(real_data: Path) -> None:
    compared = np.concatenate([_compared(aapl(real_data, day), day) for day in AAPL], axis=1)
    days, moneyness, ours, theirs, delta = compared
    for name, (least, most) in EXPIRIES.items():
        cells = []
        for low, high in pairwise(MONEYNESS):
            within = (days >= least) & (days <= most) & (moneyness >= low) & (moneyness < high)
            medians = (np.median(each[within]) for each in (ours, theirs, delta)) if within.any() else ()
            cells.append("{:.2f}, {:.2f} ({:.2f})".format(*medians) if within.any() else "")
        assert f"| {name} | {' | '.join(cells)} |" in PAGE


def _compared(prices: Prices, day: str) -> Floats:
    """Each contract with both volatilities: days, moneyness, Chandlery's, the vendor's, and the deltas' distance."""
    terms = (prices.forward, prices.strike, prices.years, prices.discount)
    iv, _ = implied_volatility(prices.price, *terms, prices.is_call)
    theirs = vendors(prices, "implied_volatility")
    delta = greeks(Model.BLACK_SCHOLES_MERTON, *terms, iv, prices.is_call, prices.spot).delta
    apart = np.abs(delta - vendors(prices, "delta"))
    columns = np.array([days_left(prices, day), np.log(prices.strike / prices.forward), iv, theirs, apart])
    both: Floats = columns[:, np.isfinite(iv) & (theirs > 0)]
    return both
