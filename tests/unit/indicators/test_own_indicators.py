"""Chandlery's own indicators against their definitions, worked examples, and TA-Lib where it has the same."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chandlery.indicators.numerics.candle_arrays import Floats, SessionCandles
from chandlery.indicators.numerics.catalogue import catalogue, prepare
from tests import plain_indicators as plain
from tests.plain_indicators import assert_same, listed
from tests.real_candles import FILES, real_candles

LEVELS = ("pp", "r1", "r2", "r3", "r4", "s1", "s2", "s3", "s4")
TICKS = 64  # to a unit of the price


@st.composite
def some_candles(draw: st.DrawFn) -> SessionCandles:
    """Up to 100 candles of a walk, in sessions of any size; some without volume, or a known turnover.

    Prices are whole 64ths, exact as floats: where a close meets a band exactly, no rounding decides.
    """
    length, seed = draw(st.integers(0, 100)), draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    ticks = np.round(10_000 * np.exp(np.cumsum(rng.normal(0, draw(st.sampled_from([1e-3, 1e-2])), length))))
    opens = ticks + rng.integers(-40, 40, length)
    high = np.maximum(ticks, opens) + rng.integers(0, 60, length)
    low = np.minimum(ticks, opens) - rng.integers(0, 60, length)
    volume = rng.integers(0, 500, length) * rng.integers(0, 2, length).astype(float)
    turnover = np.where(rng.random(length) < draw(st.sampled_from([0, 0.5, 1])), np.nan, ticks / TICKS * volume)
    session = np.cumsum((rng.random(length) < draw(st.sampled_from([0.02, 0.1, 1]))).astype(np.int64))
    time = np.cumsum(rng.integers(1, 4, length)) * 60
    return SessionCandles(time, opens / TICKS, high / TICKS, low / TICKS, ticks / TICKS, volume, turnover, session)


def computed(name: str, parameters: Mapping[str, object], candles: SessionCandles) -> Mapping[str, Floats]:
    prepared = prepare(name, parameters, UTC)
    return dict(zip(prepared.info.outputs, prepared.compute(candles), strict=True))


periods = st.integers(1, 40)
multipliers = st.sampled_from([0.5, 1.5, 2.0, 3.0])
many = settings(max_examples=25, deadline=None)


@many
@given(candles=some_candles())
def test_vwap(candles: SessionCandles) -> None:
    assert_same(computed("vwap", {}, candles), plain.vwap(listed(candles)))


@many
@given(candles=some_candles(), anchor=st.integers(0, 15_000) | st.integers(0, 250).map(lambda minute: minute * 60))
def test_anchored_vwap(candles: SessionCandles, anchor: int) -> None:
    at = datetime.fromtimestamp(anchor, UTC).isoformat()
    assert_same(
        computed("anchored_vwap", {"anchor_datetime": at}, candles), plain.anchored_vwap(listed(candles), anchor)
    )


@many
@given(candles=some_candles(), period=periods, multiplier=multipliers)
def test_supertrend(candles: SessionCandles, period: int, multiplier: float) -> None:
    found = computed("supertrend", {"period": period, "multiplier": multiplier}, candles)
    assert_same(found, plain.supertrend(listed(candles), period, Decimal(multiplier)))


@many
@given(candles=some_candles(), lines=st.tuples(periods, periods, periods), displacement=st.integers(0, 40))
def test_ichimoku(candles: SessionCandles, lines: tuple[int, int, int], displacement: int) -> None:
    tenkan, kijun, senkou_b = lines
    given = {"tenkan": tenkan, "kijun": kijun, "senkou_b": senkou_b, "displacement": displacement}
    assert_same(computed("ichimoku", given, candles), plain.ichimoku(listed(candles), **given))


@many
@given(candles=some_candles(), period=periods)
def test_donchian(candles: SessionCandles, period: int) -> None:
    assert_same(computed("donchian", {"period": period}, candles), plain.donchian(listed(candles), period))


@many
@given(candles=some_candles(), averages=st.tuples(periods, periods), multiplier=multipliers)
def test_keltner(candles: SessionCandles, averages: tuple[int, int], multiplier: float) -> None:
    given = {"ema_period": averages[0], "atr_period": averages[1]}
    found = computed("keltner", {**given, "multiplier": multiplier}, candles)
    assert_same(found, plain.keltner(listed(candles), **given, multiplier=Decimal(multiplier)))


@many
@given(candles=some_candles())
def test_heikin_ashi(candles: SessionCandles) -> None:
    assert_same(computed("heikin_ashi", {}, candles), plain.heikin_ashi(listed(candles)))


@many
@given(candles=some_candles(), kind=st.sampled_from(sorted(plain.KINDS)))
def test_pivot_points(candles: SessionCandles, kind: str) -> None:
    assert_same(computed("pivot_points", {"kind": kind}, candles), plain.pivot_points(listed(candles), kind))


@pytest.mark.parametrize("file", FILES)
def test_on_real_minutes(real_data: Path, file: str) -> None:
    """The last 150 minutes of a file, a session's end among them or not, by definition."""
    whole = real_candles(real_data, file)
    known = np.where(np.arange(len(whole)) % 3 == 0, np.nan, whole.close * whole.volume)
    candles = replace(whole, turnover=known, session=whole.time // 3600).since(len(whole) - 150)
    rows = listed(candles)
    anchor = int(candles.time[50]) + 30
    at = datetime.fromtimestamp(anchor, UTC).isoformat()
    assert_same(computed("vwap", {}, candles), plain.vwap(rows))
    assert_same(computed("anchored_vwap", {"anchor_datetime": at}, candles), plain.anchored_vwap(rows, anchor))
    assert_same(computed("supertrend", {}, candles), plain.supertrend(rows, 10, Decimal(3)))
    assert_same(computed("ichimoku", {}, candles), plain.ichimoku(rows, 9, 26, 52, 26))
    assert_same(computed("donchian", {}, candles), plain.donchian(rows, 20))
    assert_same(computed("keltner", {}, candles), plain.keltner(rows, 20, 10, Decimal(2)))
    assert_same(computed("heikin_ashi", {}, candles), plain.heikin_ashi(rows))
    for kind in plain.KINDS:
        assert_same(computed("pivot_points", {"kind": kind}, candles), plain.pivot_points(rows, kind))


@pytest.mark.parametrize("file", FILES)
def test_where_ta_lib_has_the_same(real_data: Path, file: str) -> None:
    """To the last digit; of supertrend once a stop was passed, for the two begin on different sides."""
    candles = real_candles(real_data, file)
    for ours, theirs, settled in (("donchian", "talib_donchian", 0), ("heikin_ashi", "ha", 0)):
        for one, other in zip(prepare(ours, {}, UTC).compute(candles), prepare(theirs, {}, UTC).compute(candles), strict=True):  # fmt: skip  # noqa: E501
            assert np.array_equal(one[settled:], other[settled:], equal_nan=True)
    for parameters, same in (({}, {}), ({"period": 30, "multiplier": 2}, {"timeperiod": 30, "multiplier": 2})):
        (stop, side), (their_stop, their_side) = (
            prepare("supertrend", parameters, UTC).compute(candles),
            prepare("talib_supertrend", same, UTC).compute(candles),
        )
        assert np.array_equal(stop[700:], their_stop[700:])
        assert np.array_equal(side[700:], their_side[700:])


@pytest.mark.parametrize(
    ("kind", "opened", "levels"),
    [
        ("classic", 100, {"pp": 105, "r1": 110, "r2": 115, "r3": 120, "s1": 100, "s2": 95, "s3": 90}),
        ("fibonacci", 100, {"pp": 105, "r1": 108.82, "r2": 111.18, "r3": 115, "s1": 101.18, "s2": 98.82, "s3": 95}),
        ("camarilla", 100, {"pp": 105, "r3": 107.75, "r4": 110.5, "s3": 102.25, "s4": 99.5}),
        ("woodie", 100, {"pp": 105, "r1": 110, "r2": 115, "s1": 100, "s2": 95, "r3": None, "s3": None}),
        ("demark", 104, {"pp": 106.25, "r1": 112.5, "s1": 102.5, "r2": None, "s2": None}),
        ("demark", 106, {"pp": 103.75, "r1": 107.5, "s1": 97.5}),
        ("demark", 105, {"pp": 105, "r1": 110, "s1": 100}),
    ],
)
def test_pivot_points_by_hand(kind: str, opened: float, levels: Mapping[str, float | None]) -> None:
    """The session before from `opened` to 105, between 100 and 110, in two candles."""
    candles = SessionCandles(
        np.arange(4) * 60,
        np.array([opened, 101.0, 105.0, 50.0]),
        np.array([107.0, 110.0, 106.0, 60.0]),
        np.array([100.0, 101.0, 104.0, 40.0]),
        np.array([101.0, 105.0, 50.0, 55.0]),
        np.ones(4),
        np.ones(4),
        np.array([3, 3, 7, 7]),  # not the day after: sessions need not be days in a row
    )
    found = computed("pivot_points", {"kind": kind}, candles)
    assert set(found) == set(LEVELS)
    for level, value in levels.items():
        assert np.isnan(found[level][:2]).all()
        assert found[level][2:] == pytest.approx([np.nan if value is None else value] * 2, nan_ok=True)


def test_vwap_by_hand() -> None:
    """Begins again with a session; 0 volume says nothing; without a turnover the typical price counts."""
    price = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    volume = np.array([0.0, 1.0, 3.0, 2.0, 2.0])
    turnover = np.array([0.0, 21.0, np.nan, 80.0, np.nan])
    candles = SessionCandles(
        np.arange(5), price, price + 3, price - 3, price, volume, turnover, np.array([1, 1, 1, 2, 2])
    )
    assert computed("vwap", {}, candles)["vwap"] == pytest.approx([np.nan, 21, 111 / 4, 40, 45], nan_ok=True)


def test_anchored_vwap_by_hand() -> None:
    """The candle that starts at the anchor counts, the one within which it lies does not."""
    price, even = np.array([10.0, 20.0, 30.0]), np.ones(3)
    candles = SessionCandles(np.arange(3) * 60, price, price, price, price, even, price, np.zeros(3, np.int64))
    for second, expected in ((60, [np.nan, 20, 25]), (61, [np.nan, np.nan, 30])):
        at = datetime.fromtimestamp(second, UTC).isoformat()
        found = computed("anchored_vwap", {"anchor_datetime": at}, candles)["vwap"]
        assert found == pytest.approx(expected, nan_ok=True)


def test_ichimoku_looks_ahead_in_its_lagging_line_alone() -> None:
    rng = np.random.default_rng(1)
    close = 100 + np.cumsum(rng.normal(0, 1, 200))
    day = np.zeros(200, np.int64)
    candles = SessionCandles(np.arange(200), close, close + 1, close - 1, close, close, close, day)
    changed = replace(candles, close=np.where(np.arange(200) > 150, 1, close), high=np.where(np.arange(200) > 150, 500, close + 1))  # fmt: skip  # noqa: E501
    before, after = computed("ichimoku", {}, candles), computed("ichimoku", {}, changed)
    for output in ("tenkan_sen", "kijun_sen", "senkou_span_a", "senkou_span_b"):
        assert np.array_equal(before[output][:151], after[output][:151], equal_nan=True)
    assert np.isnan(before["chikou_span"][-26:]).all()
    assert not np.array_equal(before["chikou_span"][:151], after["chikou_span"][:151])
    assert "ahead" in catalogue()["ichimoku"].memory


def test_each_names_its_source() -> None:
    for name in (
        "vwap",
        "anchored_vwap",
        "supertrend",
        "ichimoku",
        "donchian",
        "keltner",
        "heikin_ashi",
        "pivot_points",
    ):
        info = catalogue()[name]
        assert len(info.source) > 30
        assert info.source.endswith(".")
