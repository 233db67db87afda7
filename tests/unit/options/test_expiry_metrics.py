"""Ranks and the metrics of an expiry, as they are worked out by hand."""

from decimal import Decimal
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plain_options import (
    OpenInterest,
    max_pain,
    mean_of_sides,
    moneyness,
    oi_coverage,
    pain,
    put_call_ratio,
    ranks,
    skew_25d,
    sum_of_sides,
)

STRIKES = st.integers(1, 400).map(lambda halves: Decimal(halves) / 2)
HELD = st.dictionaries(STRIKES, st.integers(0, 10_000), max_size=12)


def by_strike(**held: int) -> OpenInterest:
    return {Decimal(strike[1:].replace("_", ".")): number for strike, number in held.items()}


def test_ranks_follow_the_listed_ladder_from_the_lower_of_two_strikes_equally_near() -> None:
    listed = [Decimal(each) for each in ["120", "90", "95", "97.5", "100", "102.5", "105", "110"]]
    assert list(ranks(listed, Decimal("101.25")).values()) == [-3, -2, -1, 0, 1, 2, 3, 4]
    assert ranks(listed, Decimal("101.25"))[Decimal(95)] == -2  # 97.5 counts, whether it is quoted or not
    assert ranks(listed, Decimal(102))[Decimal("102.5")] == 0
    assert ranks(listed, Decimal("101.250000001"))[Decimal("102.5")] == 0


def test_moneyness_is_the_logarithm_of_strike_by_forward() -> None:
    assert moneyness(Decimal("102.5"), Decimal("101.25")) == pytest.approx(0.012270, abs=5e-7)
    assert moneyness(Decimal(100), Decimal(100)) == 0


@given(st.sets(STRIKES, min_size=1), st.decimals(1, 200, places=3))
def test_ranks_are_whole_steps_of_the_ladder_and_nothing_is_nearer_than_rank_0(
    listed: set[Decimal], forward: Decimal
) -> None:
    found = ranks(listed, forward)
    money = min(found.values()) * -1
    assert list(found.values()) == list(range(-money, len(found) - money))
    zero = next(strike for strike, rank in found.items() if rank == 0)
    assert all((abs(zero - forward), zero) <= (abs(strike - forward), strike) for strike in listed)


def test_max_pain_counts_strikes_of_one_side_and_takes_the_lower_of_two() -> None:
    calls, puts = by_strike(k95=50, k97_5=50, k105=50, k110=10), by_strike(k90=40, k95=60, k97_5=100, k105=50, k110=50)
    pains = {strike: pain(strike, calls, puts) for strike in puts}
    assert list(pains.values()) == [2800, 1500, 1125, 1125, 1625]
    assert max_pain(calls, puts) == Decimal("97.5")
    assert max_pain({}, by_strike(k100=80)) == 100


def test_max_pain_is_unknown_where_nobody_holds_an_option() -> None:
    assert max_pain({}, {}) is None
    assert max_pain(by_strike(k100=0), by_strike(k95=0, k100=0)) is None


@given(HELD, HELD)
def test_no_strike_pays_less_than_max_pain(calls: OpenInterest, puts: OpenInterest) -> None:
    found = max_pain(calls, puts)
    if found is None:
        assert not any([*calls.values(), *puts.values()])
        return
    for strike in {*calls, *puts}:
        assert (pain(found, calls, puts), found) <= (pain(strike, calls, puts), strike)


def test_the_put_call_ratio_is_unknown_where_it_would_divide_by_nothing() -> None:
    assert put_call_ratio(300, 160) == 1.875
    assert put_call_ratio(0, 160) == 0
    assert put_call_ratio(500, 0) is None
    assert put_call_ratio(80, None) is None
    assert put_call_ratio(None, 80) is None


def test_what_is_made_of_both_sides_is_unknown_where_one_is() -> None:
    assert mean_of_sides(0.28, 0.26) == 0.27
    assert sum_of_sides(Decimal("3.25"), Decimal("2.00")) == Decimal("5.25")
    assert mean_of_sides(None, 0.26) is None
    assert sum_of_sides(Decimal("3.25"), None) is None


def test_the_skew_is_linear_in_delta_between_strikes() -> None:
    puts = [
        (Decimal(100), -0.50, 0.20),
        (Decimal(95), -0.30, 0.24),
        (Decimal(90), -0.20, 0.26),
        (Decimal(85), -0.1, 1.0),
    ]
    calls = [(Decimal(100), 0.50, 0.20), (Decimal(105), None, None), (Decimal(110), 0.10, 0.12)]
    assert isclose(skew_25d(calls, puts) or 0, 0.25 - 0.15)
    assert isclose(skew_25d(calls, [*puts[:1], (Decimal(95), -0.25, 0.24)]) or 0, 0.24 - 0.15)


def test_the_skew_is_unknown_where_a_side_does_not_reach_a_quarter() -> None:
    wide = [(Decimal(100), 0.5, 0.2), (Decimal(110), 0.2, 0.2)]
    assert skew_25d(wide, [(Decimal(100), -0.5, 0.2), (Decimal(95), -0.3, 0.2)]) is None
    assert skew_25d(wide, []) is None
    assert skew_25d([(Decimal(110), 0.2, 0.2)], [(Decimal(100), -0.5, 0.2), (Decimal(90), -0.2, 0.2)]) is None


def test_the_coverage_of_open_interest_is_of_listed_contracts() -> None:
    assert oi_coverage([True, True, False, True]) == 0.75
    assert oi_coverage([]) is None
