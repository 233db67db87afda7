import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from chandlery.indicators.indicator_set import read_indicator_set
from chandlery.indicators.numerics.candle_arrays import Candles, SessionCandles
from chandlery.indicators.numerics.catalogue import prepare
from chandlery.indicators.numerics.functions import ABOVE_ZERO, compute, names, resolve
from chandlery.indicators.numerics.memory import memory_of, storable
from chandlery.indicators.numerics.renewal import ChangedSeries, Values, renew
from chandlery.platform.errors import Permanent
from chandlery.platform.statements import SQL
from chandlery.words.timeframe import Timeframe

RECURSIVE = ["ema", "rsi", "atr", "macd", "adx", "dema", "tema", "cmo", "natr", "plus_di", "minus_di", "dx", "adxr"]
FINITE = sorted(set(storable()) - set(RECURSIVE) - {"obv", "ad"})
BOUND = 1e-9


def series(moves: Sequence[float], repeats: Sequence[int], seed: int, length: int) -> Candles:
    """A walk of relative moves, each kept up for a while: 0 is a price that does not move."""
    rng = np.random.default_rng(seed)
    size = np.resize(np.repeat(moves, repeats), length)
    close = 100 * np.exp(np.cumsum(size * rng.normal(0, 1, length)))
    still = size == 0
    high = close * (1 + np.where(still, 0, np.abs(rng.normal(0, 1, length)) * size))
    low = close / (1 + np.where(still, 0, np.abs(rng.normal(0, 1, length)) * size))
    time = np.arange(length) * 60
    return Candles(time, close, high, low, close, rng.integers(0, 1000, length).astype(float))


def largest_difference(name: str, whole: Candles, begin: int, place: int, parameters: dict[str, float]) -> float:
    """Of values from a place on: relative, but for differences too small for a price or a percentage to show."""
    indicator = resolve(name, parameters)
    in_prices = memory_of(indicator).in_prices
    scale = whole.high[place:] if in_prices else np.full(len(whole) - place, 100.0)
    largest = 0.0
    for one, other in zip(compute(indicator, whole), compute(indicator, whole.since(begin)), strict=True):
        expected, found = one[place:], other[place - begin :]
        assert np.isfinite(found).all()
        apart = np.abs(expected - found)
        relative = apart / np.maximum(np.abs(expected), 1e-300)
        largest = max(largest, float(np.max(np.where(apart <= 1e-12 * scale, 0, relative))))
    return largest


moves = st.lists(st.sampled_from([0.0, 1e-8, 1e-5, 1e-3, 0.05]), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(RECURSIVE),
    period=st.integers(2, 60),
    sizes=moves,
    repeats=st.lists(st.integers(1, 400), min_size=5, max_size=5),
    seed=st.integers(0, 1000),
    place=st.integers(0, 5900),
)
def test_a_recursive_value_after_its_warm_up_is_that_over_the_whole_series(
    name: str, period: int, sizes: list[float], repeats: list[int], seed: int, place: int
) -> None:
    whole = series(sizes, repeats[: len(sizes)], seed, 6000)
    parameters: dict[str, float] = {"timeperiod": period} if name != "macd" else {"slowperiod": period + 1}
    memory = memory_of(resolve(name, parameters))
    reach = memory.usual
    while reach < place and not memory.is_ready(whole.since(place - reach), reach):
        reach = reach * 3 // 2
    if reach < place:
        assert largest_difference(name, whole, place - reach, place, parameters) < BOUND


@pytest.mark.parametrize("name", FINITE)
def test_a_finite_value_depends_on_its_window_alone(name: str) -> None:
    whole = series([1e-3], [1], 1, 2000)
    memory = memory_of(resolve(name, {}))
    for place in (500, 1500):
        assert memory.is_ready(whole.since(place - memory.usual), memory.usual)
        assert not memory.is_ready(whole.since(place - memory.lookback + 1), memory.lookback - 1)
        assert largest_difference(name, whole, place - memory.usual, place, {}) < BOUND


@pytest.mark.parametrize(
    ("name", "period", "longest"), [("ema", 20, 480), ("rsi", 14, 620), ("atr", 14, 620), ("adx", 14, 1020)]
)
def test_the_usual_warm_up_follows_from_the_smoothing(name: str, period: int, longest: int) -> None:
    memory = memory_of(resolve(name, {"timeperiod": period}))
    assert longest * 0.9 < memory.usual <= longest
    whole = series([1e-3], [1], 2, 3000)
    assert memory.is_ready(whole.since(2000 - memory.usual), memory.usual)


def test_a_ratio_is_not_taken_for_warm_while_nothing_moves() -> None:
    """A thousand candles of one price: rsi keeps what it was before, which the thousand alone cannot know."""
    whole = series([1e-3, 0.0], [1000, 1000], 3, 2000)
    rsi = resolve("rsi", {})
    memory = memory_of(rsi)
    assert not memory.is_ready(whole.since(1005), 900)
    (value,), (wrong,) = compute(rsi, whole), compute(rsi, whole.since(1005))
    assert value[1999] != pytest.approx(wrong[-1])


@pytest.mark.parametrize("name", ["obv", "ad"])
def test_a_cumulative_value_goes_on_to_the_last_digit(name: str) -> None:
    whole = series([1e-3], [1], 4, 500)
    indicator = resolve(name, {})
    memory = memory_of(indicator)
    (expected,) = compute(indicator, whole)
    for place in (1, 200, 499):
        zeros = np.zeros(place, np.int64)
        stored = Values(zeros, whole.time[:place], zeros, [expected[:place]] + [np.full(place, np.nan)] * 2)
        part = ChangedSeries(
            whole.since(max(place - 3, 0)), int(whole.time[place]), int(whole.time[place]), begins=False, ends=True
        )
        renewal = renew(indicator, memory, [part], stored)
        assert (renewal.written.outputs[0] == expected[place:]).all()
        assert set(renewal.written.made_from) == {0}
    without = renew(
        indicator,
        memory,
        [ChangedSeries(whole.since(100), int(whole.time[200]), int(whole.time[200]), False, True)],
        Values.none(),
    )
    assert without.needs_earlier.all()


def test_published_values() -> None:
    """Wilder's index and the exponential average as StockCharts' ChartSchool works them out, to its two digits."""
    closes = [
        44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931, 46.0328,
        45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439,
    ]  # fmt: skip
    (rsi,) = compute(resolve("rsi", {"timeperiod": 14}), of_closes(closes))
    assert np.isnan(rsi[:14]).all()
    assert rsi[14:] == pytest.approx([70.53, 66.32, 66.55, 69.41, 66.36, 57.97], abs=0.005)

    closes = [22.27, 22.19, 22.08, 22.17, 22.18, 22.13, 22.23, 22.43, 22.24, 22.29, 22.15, 22.39, 22.38, 22.61, 23.36]
    (ema,) = compute(resolve("ema", {"timeperiod": 10}), of_closes(closes))
    assert ema[9:] == pytest.approx([22.22, 22.21, 22.24, 22.27, 22.33, 22.52], abs=0.006)


def test_a_ratio_of_prices_has_no_value_where_one_is_not_above_zero() -> None:
    candles = of_closes([2.0, 1.0, 0.0, 1.0, 2.0, -1.0, 1.0, 3.0])
    expected = [np.nan, -50.0, np.nan, np.nan, 100.0, np.nan, np.nan, 200.0]
    (found,) = compute(resolve("roc", {"timeperiod": 1}), candles)
    np.testing.assert_array_equal(found, expected)
    close = candles.close
    for_api = SessionCandles(candles.time, close, close, close, close, candles.volume, close, candles.time)
    (found,) = prepare("roc", {"timeperiod": 1}, UTC).compute(for_api)
    np.testing.assert_array_equal(found, expected)
    # Of differences the sign does not matter.
    (found,) = compute(resolve("mom", {"timeperiod": 1}), candles)
    np.testing.assert_array_equal(found[1:], [-1, -1, 1, 1, -3, 2, 2])


# Of a series moved below zero these differ, as they should: arithmetic and trigonometry, and cycles that are still
# settling.
OTHERS = {
    "add", "atan", "cos", "cosh", "cumsum", "div", "exp", "mult", "sin", "sinh", "sum", "tan", "tanh",
    "ht_dcperiod", "ht_dcphase", "ht_phasor", "ht_sine", "ht_trendline", "ht_trendmode", "mama",
}  # fmt: skip


def test_each_function_is_the_same_below_zero_or_moved_with_the_prices_or_has_no_value() -> None:
    by = 200.0
    above = series([1e-2], [1], 3, 400)
    below = replace(above, **{name: getattr(above, name) - by for name in ("open", "high", "low", "close")})
    assert below.high.max() < 0
    none, others = set(), set()
    for name in names():
        indicator = resolve(name, {})
        for one, other in zip(compute(indicator, above), compute(indicator, below), strict=True):
            known = np.isfinite(one)
            if not np.isfinite(other[known]).any():
                none.add(name)
            elif not any(np.allclose(one[known] - moved, other[known], atol=1e-6) for moved in (0, by)):
                others.add(name)
    assert none == ABOVE_ZERO | {"acos", "asin", "ln", "log10", "sqrt"}
    assert others == OTHERS


def of_closes(closes: Sequence[float]) -> Candles:
    close = np.array(closes)
    return Candles(np.arange(len(close)) * 60, close, close, close, close, np.ones(len(close)))


def test_every_function_computes_as_called_directly() -> None:
    candles = series([1e-3], [1], 5, 300)
    assert {"sma", "ema", "rsi", "macd", "bbands", "atr", "obv", "stoch", "adx", "cci"} < set(names())
    assert "mavp" not in names()  # wants a series of periods as well
    for name in names():
        outputs = compute(resolve(name, {}), candles)
        assert [len(output) for output in outputs] == [300] * len(resolve(name, {}).outputs)
    assert compute(resolve("stoch", {}), candles)[0] == pytest.approx(
        talib.STOCH(candles.high, candles.low, candles.close)[0], nan_ok=True, rel=0, abs=0
    )


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("rsii", {}, "no indicator rsii; near it: rsi"),
        ("rsi", {"period": 14}, "rsi has no parameter period; there are: timeperiod"),
        ("obv", {"timeperiod": 14}, "obv has no parameter timeperiod; there are: none"),
        ("rsi", {"timeperiod": 0}, "TA-Lib refuses rsi(timeperiod=0)"),
        ("rsi", {"timeperiod": 10**9}, "TA-Lib refuses rsi(timeperiod=1000000000)"),
        ("rsi", {"timeperiod": 14.5}, "rsi.timeperiod is 14.5; it must be a whole number"),
        ("rsi", {"timeperiod": float("nan")}, "rsi.timeperiod is nan, which is no finite number"),
    ],
)
def test_what_ta_lib_does_not_know_is_named(name: str, parameters: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        resolve(name, parameters)


def test_the_set_that_is_shipped() -> None:
    found = read_indicator_set(SQL / "indicators.toml")
    assert list(found) == [Timeframe.M15, Timeframe.H1, Timeframe.H4, Timeframe.D1]
    for indicators in found.values():
        assert [each.name for each in indicators] == [
            "sma", "ema", "rsi", "macd", "bbands", "atr", "obv", "stoch", "adx", "cci",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timeframes = [", "cannot be read"),
        ("timeframes = []", "timeframes"),
        ('timeframes = ["7m"]', "timeframes.0"),
        ('timeframes = ["1h"]\nindicator = 1', "indicator"),
        ('timeframes = ["1h"]\n[[indicators]]\nname = "rsii"', "indicator 1: no indicator rsii"),
        ('timeframes = ["1h"]\n[[indicators]]\nname = "rsi"\nparameters = { period = 3 }', "has no parameter period"),
        ('timeframes = ["1h"]\n[[indicators]]\nname = "rsi"\nparameters = { timeperiod = "3" }', "timeperiod"),
        ('timeframes = ["1h"]\n[[indicators]]\nname = "rsi"\nparameters = { timeperiod = true }', "timeperiod"),
        (
            'timeframes = ["1h"]\n[[indicators]]\nname = "rsi"\nparameters = { timeperiod = 0 }',
            "refuses rsi(timeperiod=0)",
        ),
        ('timeframes = ["1h"]\n[[indicators]]\nname = "rsi"\ntimeframe = ["1h"]', "indicators.0.timeframe"),
        ('timeframes = ["1h"]\n[[indicators]]\nname = "sar"', "sar cannot be stored; those that can: "),
        ('timeframes = ["1h"]\n[[indicators]]\nname = "bbands"\nparameters = { matype = 1 }', "bbands.matype is 1"),
        (
            'timeframes = ["1h"]\n[[indicators]]\nname = "obv"\n[[indicators]]\nname = "obv"',
            "indicator 2: obv() is listed twice for 1h",
        ),
    ],
)
def test_a_wrong_set_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "indicators.toml"
    path.write_text(text)
    with pytest.raises(Permanent) as error:
        read_indicator_set(path)
    assert said in str(error.value)
    assert str(error.value).startswith("indicators.toml")
