"""The forward, and what money at expiry is worth."""

from decimal import Decimal
from math import exp, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.options.numerics import discount_factors, forward_by_parity, middle
from chandlery.options.numerics.normal import Floats


def forward(strikes: list[float], call: list[float], put: list[float], discount: float = 1.0) -> float:
    chain = np.zeros(len(strikes), np.int64)
    return float(forward_by_parity(chain, np.array(strikes), np.array(call), np.array(put), discount, 1)[0])


def test_the_forward_is_the_median_of_three_strikes_nearest_the_money() -> None:
    strikes = [90.0, 95.0, 100.0, 102.5, 105.0, 110.0, 120.0]
    call, put = [13.25, 8.25, 3.25, 2.0, 2.0, 2.0, 2.0], [2.0, 2.0, 2.0, 3.25, 5.75, 10.75, 20.75]
    assert forward(strikes, call, put) == 101.25
    assert forward([4100, 4150, 4200], [291.97, 267.99, 245.46], [242.24, 267.99, 295.19], 0.9946) == 4150
    assert forward([*strikes, 500.0], [*call, 0.5], [*put, 0.5]) == 101.25  # a quote far off that looks like the money


def test_of_two_strikes_equally_near_the_lower_counts_whatever_floats_make_of_it() -> None:
    strikes, call, put = [130.0, 100.0, 105.0, 90.0], [0.3, 5.0, 3.0, 12.0], [2.3, 5.0, 2.0, 10.0]
    assert abs(call[0] - put[0]) < call[3] - put[3]  # both are 2
    assert forward(strikes, call, put) == 100  # of 100, 106 and 92, not 128


def test_it_is_a_number_that_can_be_halfway_between_strikes_in_decimals() -> None:
    found = forward([100.0], [3.3], [2.05 + 1e-13])
    assert found == 101.25
    assert Decimal(repr(found)) * 2 == Decimal(100) + Decimal("102.5")


def test_a_strike_without_both_sides_says_nothing() -> None:
    nan = np.nan
    assert forward([90, 100, 110], [nan, 5, 1], [1, nan, 9]) == 102
    assert isnan(forward([90, 100], [nan, 5], [1, nan]))
    assert forward([90, 100], [13, 5], [1, 4]) == 101.5  # of two the middle


def test_each_chain_has_its_own_forward_in_whatever_order_rows_come() -> None:
    chain = np.array([2, 0, 2, 0, 2, 0])
    strike, call, put = np.array([[100.0, 50, 110, 55, 90, 45], [7, 3, 2, 1, 15, 7.0], [5, 1, 10, 4, 3, 0.1]])
    found = forward_by_parity(chain, strike, call, put, 1.0, 3)
    assert found[[0, 2]].tolist() == [52, 102]
    assert isnan(found[1])
    turned = forward_by_parity(chain[::-1], strike[::-1], call[::-1], put[::-1], 1.0, 3)
    assert turned.tolist()[::2] == found.tolist()[::2]


@given(st.floats(50, 150), st.floats(0.8, 1), st.lists(st.integers(80, 120), min_size=1, max_size=9, unique=True))
def test_a_chain_that_obeys_parity_gives_its_forward_back(true: float, discount: float, strikes: list[int]) -> None:
    strike = np.array(strikes, float)
    call = discount * np.maximum(true - strike, 0) + 1
    put = discount * np.maximum(strike - true, 0) + 1
    assert forward(strike.tolist(), call.tolist(), put.tolist(), discount) == pytest.approx(true, rel=1e-11)


def test_discounts_follow_rates_that_are_linear_between_days_and_level_beyond() -> None:
    def after(days: float) -> float:
        return float(discount_factors(days / 365, [90, 30], [0.04, 0.01]))

    assert after(30) == pytest.approx(exp(-0.01 * 30 / 365), rel=1e-15)
    assert after(60) == pytest.approx(exp(-0.025 * 60 / 365), rel=1e-15)
    assert after(7) == pytest.approx(exp(-0.01 * 7 / 365), rel=1e-15)
    assert after(730) == pytest.approx(exp(-0.04 * 2), rel=1e-15)


def test_where_no_rate_is_known_money_keeps_its_worth() -> None:
    found: Floats = discount_factors(np.array([0.1, 2.0]), [], [])
    assert found.tolist() == [1, 1]


def test_a_quote_needs_both_sides_above_zero_and_uncrossed() -> None:
    nan = np.nan
    bid, ask = [0, 2.6, nan, 0, 1.98, 2.0, 1.0, 1.0], [0, 1.9, 0.05, 0.05, 2.02, 2.0, nan, np.inf]
    found = middle(bid, ask).tolist()
    assert found[4:6] == [2.0, 2.0]
    assert all(isnan(each) for each in found[:4] + found[6:])
