"""Implied volatilities, compared with lets-be-rational; and why there is none."""

from math import exp

import numpy as np
import py_lets_be_rational as oracle
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chandlery.options.domain.iv_status import IvStatus
from chandlery.options.domain.model import Model
from chandlery.options.numerics import black_price, greeks, implied_volatility, middle
from chandlery.options.numerics.total_volatility import total_volatility

MINUTE = 60 / (365 * 86400)
DAY = 1 / 365


def logs(least: float, most: float) -> st.SearchStrategy[float]:
    return st.floats(least, most).map(lambda power: 10.0**power)


@given(st.one_of(st.just(0.0), logs(-9, 0.8)), logs(-4, 0.7))
def test_any_price_gives_its_volatility_back(moneyness: float, total: float) -> None:
    """From the last second of a quiet contract to years of a wild one, from the money to where nothing is left."""
    value = oracle.normalised_black(-moneyness, total, 1)
    if 1e-290 < value < exp(-moneyness / 2) * (1 - 1e-6):
        found = total_volatility(np.array([-moneyness]), np.array([value]))[0]
        known = oracle.normalised_implied_volatility_from_a_transformed_rational_guess(value, -moneyness, 1)
        assert found == pytest.approx(known, rel=1e-9)


@pytest.mark.parametrize("moneyness", [0.0, 1e-6, 0.1, 1.0, 5.0])
def test_a_price_that_is_nearly_the_largest_has_a_volatility(moneyness: float) -> None:
    value = np.array([exp(-moneyness / 2) * (1 - 10.0 ** (-5 - each / 2)) for each in range(13)])
    known = [
        oracle.normalised_implied_volatility_from_a_transformed_rational_guess(each, -moneyness, 1)
        for each in value.tolist()
    ]
    assert total_volatility(np.full(13, -moneyness), value) == pytest.approx(known, rel=1e-5)


@given(st.floats(0.5, 2), st.floats(1e-4, 3), st.floats(0.05, 2), st.floats(0.5, 1), st.booleans(), logs(-6, 5))
def test_a_volatility_explains_its_price_on_either_side_of_the_money(
    ratio: float, years: float, iv: float, discount: float, is_call: bool, scale: float
) -> None:
    strike, forward = scale, scale * ratio
    price = black_price(forward, strike, years, discount, iv, is_call)
    vega = greeks(Model.BLACK_76, forward, strike, years, discount, iv, is_call).vega
    assume(vega > 1e-6 * forward)
    found, status = implied_volatility(price, forward, strike, years, discount, is_call)
    assert status == IvStatus.OK
    assert black_price(forward, strike, years, discount, found, is_call) == pytest.approx(price, abs=1e-12 * scale)
    assert found == pytest.approx(iv, rel=1e-6)


ANY = st.one_of(st.floats(-10, 200), st.sampled_from([np.nan, np.inf, 0.0]))


@given(ANY, ANY, ANY, st.floats(-1, 10), ANY, st.booleans())
def test_there_is_a_number_where_and_only_where_it_is_ok(
    price: float, forward: float, strike: float, years: float, age: float, is_call: bool
) -> None:
    iv, status = implied_volatility(price, forward, strike, years, 1.0, is_call, age)
    assert bool(np.isfinite(iv)) == (status == IvStatus.OK)
    assert not np.any(iv <= 0)
    assert str(status) in set(IvStatus)


def test_intrinsic_value_is_taken_from_the_forward_and_not_from_the_spot() -> None:
    discount, forward = 0.9946, 4150.0  # the spot is 4130
    years = 200.2083333 / 365  # 2 March 15:00Z to 18 September 20:00Z
    iv, status = implied_volatility(
        np.array([1500.0, 1455.0, 267.99]),
        forward,
        np.array([2600.0, 5600.0, 4150.0]),
        years,
        discount,
        np.array([True, False, True]),
    )
    assert status.tolist() == ["below_intrinsic", "ok", "ok"]
    assert iv[1:] == pytest.approx([0.2298, 0.220], abs=5e-5)
    found = greeks(Model.BLACK_76, forward, 5600.0, years, discount, iv[1], False)
    assert found.delta == pytest.approx(-0.948, abs=5e-4)
    assert np.isnan(iv[0])


def test_on_the_last_day_seconds_count_and_from_the_expiry_on_there_is_nothing() -> None:
    years = np.array([MINUTE, MINUTE, 0, 0, -MINUTE, 7 * DAY + MINUTE])
    is_call = np.array([True, False, True, False, True, True])
    iv, status = implied_volatility(np.array([0.1, 0.05, 0.1, 0.05, 0.1, 1.5]), 100.05, 100.0, years, 1.0, is_call)
    assert status.tolist() == ["ok", "ok", "expired", "expired", "expired", "ok"]
    assert iv[[0, 1, 5]] == pytest.approx([1.3129, 1.3129, 0.2669], abs=5e-5)
    found = greeks(Model.BLACK_SCHOLES_MERTON, 100.05, 100.0, years, 1.0, iv, is_call, 100.05)
    assert found.delta[0] == pytest.approx(0.6091, abs=5e-5)
    for each in (iv, found.delta, found.gamma, found.theta, found.vega):
        assert np.isnan(each).tolist() == [False, False, True, True, True, False]


def test_a_quote_that_is_none_gives_no_number_for_a_mean_to_take_in() -> None:
    nan = np.nan
    price = middle([0, 2.6, nan, 1.98, 1.98], [0, 1.9, 0.05, 2.02, 2.02])
    years = (46 * 86400 + 5 * 3600) / (365 * 86400)
    is_call = np.array([True, True, True, True, False])
    iv, status = implied_volatility(price, 50.0, 50.0, years, 1.0, is_call)
    assert status.tolist() == ["no_quote", "no_quote", "no_quote", "ok", "ok"]
    assert np.isnan(iv[:3]).all()
    assert iv[3:] == pytest.approx(0.2819, abs=5e-5)
    found = greeks(Model.BLACK_SCHOLES_MERTON, 50.0, 50.0, years, 1.0, iv, is_call, 50.0)
    assert np.isnan(found.delta[:3]).all()
    assert found.delta[3:] == pytest.approx([0.52, -0.48], abs=0.005)


@pytest.mark.parametrize(
    ("price", "forward", "years", "age", "status"),
    [
        (10.0, 110.0, 0.1, 0, "below_intrinsic"),  # all of it is intrinsic: no volatility is so low
        (10.01, 110.0, 0.1, 0, "ok"),
        (109.99, 110.0, 0.1, 0, "ok"),
        (110.0, 110.0, 0.1, 0, "above_maximum"),  # for that one buys the forward
        (5.0, 100.0, 0.1, 900, "ok"),
        (5.0, 100.0, 0.1, 900.001, "stale"),
        (200.0, 100.0, 0.1, 901, "stale"),
        (np.nan, 100.0, 0.1, 901, "no_quote"),
        (0.0, 100.0, 0.1, 0, "no_quote"),
        (5.0, np.nan, 0.1, 0, "no_quote"),
        (5.0, -1.0, 0.1, 0, "no_quote"),
        (np.nan, 100.0, 0.0, 901, "expired"),
    ],
)
def test_the_first_reason_that_holds_counts(
    price: float, forward: float, years: float, age: float, status: str
) -> None:
    found = implied_volatility(np.array([price]), forward, 100.0, years, 1.0, True, age)
    assert found[1].tolist() == [status]


def test_a_put_is_worth_less_than_its_discounted_strike() -> None:
    _, status = implied_volatility(np.array([90.0, 89.9]), 110.0, 100.0, 1.0, 0.9, False)
    assert status.tolist() == ["above_maximum", "ok"]


def test_numbers_serve_as_whole_arrays() -> None:
    iv, status = implied_volatility(5.0, 100.0, 100.0, 0.1, 1.0, np.array([True, False]))
    assert status.tolist() == ["ok", "ok"]
    assert iv[0] == iv[1] > 0


def test_no_row_is_no_trouble() -> None:
    none = np.empty(0)
    iv, status = implied_volatility(none, none, none, none, none, none.astype(bool))
    assert len(iv) == len(status) == 0
    assert len(greeks(Model.BLACK_76, none, none, none, none, none, none.astype(bool)).delta) == 0


def test_a_volatility_is_by_the_year() -> None:
    iv, _ = implied_volatility(np.array([3.0]), 100.0, 105.0, 0.5, 0.98, True)
    known = oracle.implied_volatility_from_a_transformed_rational_guess(3.0 / 0.98, 100.0, 105.0, 0.5, 1)
    assert iv[0] == pytest.approx(known, rel=1e-13)
