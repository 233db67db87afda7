"""Greeks in the units that the page names, and as slopes of the price."""

from math import exp, isnan, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.options.domain.model import Model
from chandlery.options.numerics import Greeks, black_price, greeks

YEARS = 90 / 365
DISCOUNT = exp(-0.04 * YEARS)
BOTH = np.array([True, False])


def test_units_are_those_of_a_desk() -> None:
    assert black_price(112.0, 110.0, YEARS, DISCOUNT, 0.25, BOTH) == pytest.approx([6.487145, 4.506774], abs=5e-7)
    found = greeks(Model.BLACK_76, 112.0, 110.0, YEARS, DISCOUNT, 0.25, BOTH)
    assert found.delta == pytest.approx([0.576367, -0.413819], abs=5e-7)
    assert found.gamma == pytest.approx([0.02780800] * 2, abs=5e-9)
    assert found.vega == pytest.approx([0.2150282] * 2, abs=5e-8)
    assert found.theta == pytest.approx([-0.0291541, -0.0293711], abs=5e-8)


@given(
    st.floats(60, 160),
    st.floats(0.02, 2),
    st.floats(-0.05, 0.1),
    st.floats(-0.05, 0.1),
    st.floats(0.08, 1),
    st.booleans(),
    st.sampled_from(Model),
)
def test_each_is_the_slope_of_the_price(
    spot: float, years: float, rate: float, dividends: float, iv: float, is_call: bool, model: Model
) -> None:
    """What is held is held: the forward in Black-76, the spot and its yield in Black-Scholes-Merton."""
    carry = rate - dividends if model == Model.BLACK_SCHOLES_MERTON else 0.0

    def price(spot: float, left: float = years, iv: float = iv) -> float:
        return float(black_price(spot * exp(carry * left), 100.0, left, exp(-rate * left), iv, is_call))

    found = greeks(model, spot * exp(carry * years), 100.0, years, exp(-rate * years), iv, is_call, spot)
    bit, moment = spot * 1e-3, years * 1e-4
    assert found.delta == pytest.approx((price(spot + bit) - price(spot - bit)) / (2 * bit), abs=1e-4)
    slope = (price(spot + bit) - 2 * price(spot) + price(spot - bit)) / bit**2
    assert found.gamma == pytest.approx(slope, abs=1e-3)
    decay = (price(spot, years - moment) - price(spot, years + moment)) / (2 * moment)
    assert found.theta == pytest.approx(decay / 365, abs=1e-4)
    assert found.vega == pytest.approx((price(spot, iv=iv + 1e-4) - price(spot, iv=iv - 1e-4)) / 2e-4 / 100, abs=1e-5)


@given(st.floats(20, 500), st.floats(1e-4, 2), st.floats(0.8, 1), st.floats(0.05, 2))
def test_a_call_less_a_put_is_the_forward(forward: float, years: float, discount: float, iv: float) -> None:
    found = greeks(Model.BLACK_76, forward, 100.0, years, discount, iv, BOTH)
    assert found.delta[0] - found.delta[1] == pytest.approx(discount, rel=1e-12)
    assert found.gamma[0] == found.gamma[1]
    assert found.vega[0] == found.vega[1]
    less = -log(discount) / years * discount * (forward - 100.0) / 365
    assert found.theta[0] - found.theta[1] == pytest.approx(less, abs=1e-10)


def test_a_row_has_the_model_of_its_contract() -> None:
    models = [Model.BLACK_76, Model.BLACK_SCHOLES_MERTON]
    found = greeks(models, 102.0, 100.0, YEARS, DISCOUNT, 0.25, True, 100.0)
    assert found.delta[1] == pytest.approx(found.delta[0] * 1.02)
    assert found.vega[0] == found.vega[1]
    alone = greeks(Model.BLACK_76, 102.0, 100.0, YEARS, DISCOUNT, 0.25, True)
    assert found.theta[0] == alone.theta


@pytest.mark.parametrize(
    "unknown",
    [
        {"iv": np.nan},
        {"iv": 0.0},
        {"iv": -0.2},
        {"years": 0.0},
        {"years": -0.1},
        {"forward": np.nan},
        {"forward": -5.0},
        {"spot": np.nan},
    ],
    ids=str,
)
def test_what_is_made_of_the_unknown_is_unknown(unknown: dict[str, float]) -> None:
    known = {"forward": 101.0, "years": 0.1, "iv": 0.2, "spot": 100.0}
    found = _by_name(**known | unknown)
    assert all(isnan(each) for each in (found.delta, found.gamma, found.theta, found.vega))
    assert not isnan(_by_name(**known).delta)


def _by_name(forward: float, years: float, iv: float, spot: float) -> Greeks:
    return greeks(Model.BLACK_SCHOLES_MERTON, forward, 100.0, years, 0.99, iv, True, spot)
