"""Going on from a state, against TA-Lib's own run over the whole series."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chandlery.indicators.numerics.candle_arrays import Candles
from chandlery.indicators.numerics.functions import Indicator, compute, resolve
from chandlery.indicators.numerics.memory import memory_of, storable
from chandlery.indicators.numerics.states import Following, go_on, state_after, state_width
from tests.unit.indicators.test_indicators import moves, series

WITH_STATES = ["ad", "adx", "atr", "ema", "macd", "obv", "rsi"]


def before(candles: Candles, place: int) -> Candles:
    return replace(candles, **{name: column[:place] for name, column in vars(candles).items()})


def resolved(name: str, period: int) -> Indicator:
    if name in ("ad", "obv"):
        return resolve(name, {})
    # The slow one is the shorter one at times: TA-Lib takes them for each other then.
    return resolve(name, {"timeperiod": period} if name != "macd" else {"slowperiod": period, "signalperiod": 7})


def test_which_have_states() -> None:
    having = [name for name in storable() if state_width(resolve(name, {}))]
    assert having == WITH_STATES
    assert not [name for name in having if memory_of(resolve(name, {})).is_finite]


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(WITH_STATES),
    period=st.integers(2, 40),
    sizes=moves,
    repeats=st.lists(st.integers(1, 100), min_size=5, max_size=5),
    lengths=st.lists(st.tuples(st.integers(1, 300), st.integers(0, 100)), min_size=1, max_size=4),
)
def test_going_on_comes_to_what_the_whole_series_does(
    name: str, period: int, sizes: list[float], repeats: list[int], lengths: list[tuple[int, int]]
) -> None:
    indicator = resolved(name, period)
    places = [indicator.lookback + ahead for ahead, _ in lengths]
    whole = [
        series(sizes, repeats[: len(sizes)], seed, place + more)
        for seed, (place, (_, more)) in enumerate(zip(places, lengths, strict=True))
    ]
    states = np.array([state_after(indicator, before(each, at)) for each, at in zip(whole, places, strict=True)])
    outputs, after = go_on(indicator, states, Following.of(whole, places))
    assert after.shape == (len(whole), state_width(indicator))
    for place, output in enumerate(outputs):
        expected = np.concatenate(
            [compute(indicator, each)[place][at:] for each, at in zip(whole, places, strict=True)]
        )
        if name in ("ad", "obv"):
            assert (output == expected).all()
        else:
            scale = np.concatenate([each.high[at:] for each, at in zip(whole, places, strict=True)])
            allowed = 1e-12 * (scale if memory_of(indicator).in_prices else 100.0)
            assert (np.abs(output - expected) <= np.maximum(1e-10 * np.abs(expected), allowed)).all()


@pytest.mark.parametrize("name", ["rsi", "adx"])
def test_a_ratio_keeps_its_value_while_a_price_does_not_move(name: str) -> None:
    whole = series([1e-3, 0.0], [100, 10_000], 3, 10_100)
    indicator = resolve(name, {})
    states = np.array([state_after(indicator, before(whole, 150))])
    (output,), _ = go_on(indicator, states, Following.of([whole], [150]))
    assert output[:4000] == pytest.approx(compute(indicator, whole)[0][150:4150], rel=1e-9)
