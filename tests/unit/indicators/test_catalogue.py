"""Every indicator by name: what it takes, what it computes, and that no value shows where reading began."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import talib
from numpy.typing import NDArray
from talib import abstract

from chandlery.indicators.numerics.candle_arrays import Floats, SessionCandles
from chandlery.indicators.numerics.catalogue import ParameterError, Prepared, catalogue, prepare
from tests.real_candles import FILES, real_candles

NEW_YORK = ZoneInfo("America/New_York")
OURS = {
    "vwap", "anchored_vwap", "supertrend", "ichimoku", "donchian", "keltner", "heikin_ashi", "pivot_points",
}  # fmt: skip
CLASHING = {"vwap", "supertrend", "donchian"}
THEIRS = {f"talib_{name.lower()}" if name.lower() in CLASHING else name.lower(): name for name in talib.get_functions()}
ANCHOR = "2010-01-01T00:00:00Z"

MATYPES = ["sma", "ema", "wma", "dema", "tema", "trima", "kama", "mama", "t3", "hma", "disabled", "default", "zlema", "rma"]  # fmt: skip  # noqa: E501
OTHERS: list[tuple[str, Mapping[str, object]]] = [
    *(("ma", {"timeperiod": 20, "matype": matype}) for matype in MATYPES),
    *(("stoch", {"slowk_matype": matype, "slowd_matype": matype}) for matype in MATYPES),
    *(("macdext", {"fastmatype": matype, "slowmatype": matype, "signalmatype": "ema"}) for matype in ("ema", "rma")),
    ("bbands", {"timeperiod": 10, "matype": "ema", "real": "hlc3"}),
    ("apo", {"fastperiod": 5, "slowperiod": 40, "matype": "dema"}),
    ("mavp", {"periods": 12, "matype": "ema"}),
    ("ema", {"timeperiod": 100, "real": "volume"}),
    ("rsi", {"timeperiod": 30, "real": "hl2"}),
    ("adx", {"timeperiod": 30}),
    ("t3", {"timeperiod": 12, "vfactor": 0.9}),
    ("trix", {"timeperiod": 12}),
    ("kama", {"timeperiod": 10}),
    ("mama", {"fastlimit": 0.5, "slowlimit": 0.2}),
    ("sar", {"acceleration": 0.01, "maximum": 0.1}),
    ("talib_supertrend", {"timeperiod": 20, "multiplier": 2}),
    ("supertrend", {"period": 20, "multiplier": 2}),
    ("keltner", {"ema_period": 50, "atr_period": 30}),
    ("keltner", {"ema_period": 1, "atr_period": 1}),
    ("ichimoku", {"tenkan": 1, "kijun": 60, "senkou_b": 20, "displacement": 0}),
    ("donchian", {"period": 1}),
    ("correl", {"real0": "close", "real1": "volume"}),
]


def made(name: str, parameters: Mapping[str, object] | None = None) -> Prepared:
    given = dict(parameters or {})
    if name == "anchored_vwap":
        given.setdefault("anchor_datetime", ANCHOR)
    return prepare(name, given, UTC)


def walk(length: int = 400, seed: int = 1) -> SessionCandles:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, length)))
    open_ = np.concatenate((close[:1], close[:-1]))
    high, low = np.maximum(open_, close) + rng.uniform(0, 0.1, length), np.minimum(open_, close) - rng.uniform(0, 0.1)
    time = np.arange(length) * 60
    volume = rng.integers(1, 1000, length).astype(float)
    return SessionCandles(time, open_, high, low, close, volume, close * volume, time // 3600)


@pytest.fixture(scope="module")
def reals(real_data: Path) -> Sequence[SessionCandles]:
    return [real_candles(real_data, file) for file in FILES]


def test_everything_is_listed_and_described() -> None:
    listed = catalogue()
    assert set(listed) == set(THEIRS) | OURS
    assert list(listed) == sorted(listed)
    for name, info in listed.items():
        assert name == info.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert info.title
        assert info.group
        assert info.outputs
        assert info.source
        assert "bar " not in info.memory
        assert info.memory.endswith(".")
        for names in (info.outputs, [parameter.name for parameter in info.parameters]):
            assert len(set(names)) == len(names)
            assert all(re.fullmatch(r"[a-z][a-z0-9_]*", each) for each in names)
        for parameter in info.parameters:
            assert len(parameter.says) > 5
            assert (parameter.minimum is not None) == (parameter.kind in ("integer", "number"))
            assert bool(parameter.choices) == (parameter.kind == "choice")
            if parameter.default is not None:
                assert parameter.check(name, parameter.default, UTC) == parameter.default


def test_required_parameters_are_reported() -> None:
    required = {
        (name, parameter.name)
        for name, info in catalogue().items()
        for parameter in info.parameters
        if parameter.default is None
    }
    assert required == {("anchored_vwap", "anchor_datetime")}


@pytest.mark.parametrize("name", THEIRS)
def test_bounds_are_those_ta_lib_keeps(name: str) -> None:
    """Bounds and the values next beyond them, by TA-Lib called directly."""
    function = getattr(talib, THEIRS[name])
    inputs = [np.ones(2)] * sum(1 if isinstance(each, str) else len(each) for each in abstract.Function(THEIRS[name]).input_names.values())  # fmt: skip  # noqa: E501
    for parameter in catalogue()[name].parameters:
        if parameter.kind not in ("integer", "number") or parameter.name == "periods":
            continue
        assert parameter.minimum is not None
        assert parameter.maximum is not None
        beside = {"minperiod": {"maxperiod": 100_000}, "maxperiod": {"minperiod": 1}}.get(parameter.name, {})
        step = 1 if parameter.kind == "integer" else 1e-4
        for bound, beyond in ((parameter.minimum, -step), (parameter.maximum, step)):
            function(*inputs, **beside, **{parameter.name: bound})
            with pytest.raises(Exception, match="TA_BAD_PARAM"):
                function(*inputs, **beside, **{parameter.name: bound + beyond * max(abs(bound), 1)})


@pytest.mark.parametrize("name", THEIRS)
def test_each_of_ta_libs_computes_as_called_directly(name: str, reals: Sequence[SessionCandles]) -> None:
    """On real minutes, to the last digit; TA-Lib's abstract interface finds the columns by itself."""
    prepared = made(name)
    for real in reals:
        columns = {each: getattr(real, each) for each in ("open", "high", "low", "close", "volume")}
        columns["periods"] = np.full(len(real), 30.0)
        expected = abstract.Function(THEIRS[name])(columns)
        expected = expected if isinstance(expected, list) else [expected]
        outputs = prepared.compute(real)
        assert len(outputs) == len(expected) == len(prepared.info.outputs)
        for output, value in zip(outputs, expected, strict=True):
            assert output.dtype == np.float64
            assert np.isnan(output[: prepared.lookback]).all()
            assert np.array_equal(output[prepared.lookback :], value[prepared.lookback :].astype(float), equal_nan=True)


def test_parameters_and_columns_reach_ta_lib() -> None:
    real = walk()
    hl2 = (real.high + real.low) / 2
    periods = np.full(len(real), 12.0)
    direct = [
        (made("rsi", {"timeperiod": 7, "real": "hl2"}), [talib.RSI(hl2, 7)]),
        (made("beta", {"timeperiod": 9, "real0": "close", "real1": "open"}), [talib.BETA(real.close, real.open, 9)]),
        (made("add", {"real0": "volume"}), [talib.ADD(real.volume, real.low)]),
        (made("bbands", {"nbdevup": 3, "matype": "ema"}), talib.BBANDS(real.close, 20, 3.0, 2.0, 1)),
        (made("bbands", {"nbdevup": 3, "matype": 1}), talib.BBANDS(real.close, 20, 3.0, 2.0, 1)),
        (made("mavp", {"periods": 12, "matype": "wma"}), [talib.MAVP(real.close, periods, 2, 30, 2)]),
        (
            made("cdlmorningstar", {"penetration": 0.1}),
            [_after(12, talib.CDLMORNINGSTAR(real.open, real.high, real.low, real.close, 0.1))],
        ),
    ]
    for prepared, expected in direct:
        for one, other in zip(prepared.compute(real), expected, strict=True):
            assert np.array_equal(one, other, equal_nan=True), prepared


def _after(lookback: int, patterns: NDArray[np.int32]) -> Floats:
    return np.where(np.arange(len(patterns)) < lookback, np.nan, patterns)


def cases() -> Iterator[tuple[str, Mapping[str, object]]]:
    yield from ((name, {}) for name in [*THEIRS, *sorted(OURS)])
    yield from OTHERS


# Where a price does not move, the last digit of a running sum decides about the Hilbert transform's phase. Measured
# after the warm-up: the share of the values that differ, on minutes of BTCUSD, many of which do not move; elsewhere
# none.
PHASES = {"ht_dcphase": 0.03, "ht_sine": 0.03, "ht_trendmode": 0.005, "mama": 0.15, "ma": 0.1, "stoch": 0.0}
DEGREES = 1e-6
# Where a window's price hardly moves, a variance is the difference of two sums: of its last digits.
CORRELATION = 1e-6


def differing(name: str, prepared: Prepared, candles: SessionCandles, first: int, begin: int) -> float:
    """The share of values from `first` on that are not those over the whole series, when computed from `begin`."""
    scale = float(np.max(candles.high))
    if "volume" in prepared.parameters.values() or prepared.info.group == "Volume Indicators":
        scale = max(scale, float(np.max(candles.volume)))
    worst = 0.0
    with np.errstate(all="ignore"):
        whole, part = prepared.compute(candles), prepared.compute(candles.since(begin))
    for one, other in zip(whole, part, strict=True):
        expected, found = one[first:], other[first - begin :]
        known = np.isfinite(expected)
        assert np.array_equal(known, np.isfinite(found)), name
        least = {"correl": CORRELATION, "ht_dcphase": DEGREES, "linearreg_angle": DEGREES}.get(name, 1e-12 * scale)
        allowed = 1e-9 * np.abs(expected[known]) + least
        worst = max(worst, float(np.mean(np.abs(expected[known] - found[known]) > allowed)) if known.any() else 0.0)
    return worst


def stands_still(candles: SessionCandles) -> bool:
    """Whether one close in five is that of the candle before: so of BTCUSD alone."""
    return float(np.mean(np.diff(candles.close) == 0)) > 0.2


def anchored(name: str, parameters: Mapping[str, object], candles: SessionCandles) -> Mapping[str, object]:
    """With an anchor within the candles where one must be given."""
    anchor = {"anchor_datetime": datetime.fromtimestamp(int(candles.time[700]), UTC)}
    return anchor if name == "anchored_vwap" else parameters


def begin_of(prepared: Prepared, candles: SessionCandles, first: int) -> int:
    """Where a reader begins that reads as the indicator asks."""
    begin = first - prepared.warm_up
    if prepared.whole_sessions:
        sessions = np.unique(candles.session[: first + 1])
        earliest = sessions[-min(prepared.whole_sessions, len(sessions))]
        begin = min(begin, int(np.searchsorted(candles.session, earliest)))
    if prepared.anchor is not None:
        begin = min(begin, int(np.searchsorted(candles.time, prepared.anchor.timestamp())))
    return begin


@pytest.mark.parametrize(("name", "parameters"), list(cases()), ids=str)
def test_no_value_shows_where_reading_began(
    name: str, parameters: Mapping[str, object], reals: Sequence[SessionCandles]
) -> None:
    compared = 0
    for real in reals:
        prepared = made(name, anchored(name, parameters, real))
        if prepared.cumulative:
            assert not prepared.is_settled(real, len(real) - 1)
            return
        by_phase = "phase" in prepared.info.memory or "mama" in parameters.values()
        for first in range(len(real) // 3, len(real), len(real) // 7):
            begin = begin_of(prepared, real, first)
            if begin > 0:
                compared += 1
                share = differing(name, prepared, real, first, begin)
                assert share <= (PHASES[name] if by_phase and stands_still(real) else 0), (first, share)
    assert compared


def test_what_is_cumulative() -> None:
    found = {name for name in catalogue() if made(name).cumulative}
    sums = {"ad", "obv", "cumsum", "wad", "nvi", "pvi", "pvt", "talib_vwap"}
    assert found == sums | {"maxindex", "minindex", "minmaxindex"}


RECURSIVE = [name for name in catalogue() if made(name).settling and not made(name).whole_sessions and "phase" not in made(name).info.memory]  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("name", RECURSIVE)
def test_what_is_said_to_be_settled_is(name: str, reals: Sequence[SessionCandles]) -> None:
    """Begun too late it is not, and whenever it is said to be, values are those over the whole series."""
    for real in reals:
        prepared = made(name, anchored(name, {}, real))
        first = len(real) * 2 // 3
        assert not prepared.is_settled(real.since(first), 0)
        assert not prepared.is_settled(real, len(real))
        for reach in (prepared.lookback + 1, prepared.warm_up // 3, prepared.warm_up, prepared.warm_up * 2):
            begin = first - reach
            if begin > 0 and prepared.is_settled(real.since(begin), reach):
                assert differing(name, prepared, real, first, begin) == 0, reach


def test_the_usual_warm_up_settles(reals: Sequence[SessionCandles]) -> None:
    candles = reals[2]
    unsettled = set()
    for name in RECURSIVE:
        prepared = made(name)
        first = len(candles) - 500
        if name != "anchored_vwap" and not prepared.is_settled(
            candles.since(first - prepared.warm_up), prepared.warm_up
        ):
            unsettled.add(name)
    assert unsettled <= {"ht_phasor"}  # of whose numbers, near nothing, the last digits of a sum are too large a part


@pytest.mark.parametrize("name", ["rsi", "stochrsi", "plus_dm", "supertrend", "sar"])
def test_nothing_that_moved_proves_nothing(name: str) -> None:
    still = np.full(4000, 50.0)
    time = np.arange(4000)
    candles = SessionCandles(time, still, still, still, still, still, still, time)
    assert not made(name).is_settled(candles, 3000)


def test_sessions_are_settled_when_they_are_whole() -> None:
    candles = walk()
    vwap, pivots = made("vwap"), made("pivot_points")
    assert [vwap.is_settled(candles, place) for place in (0, 59, 60, 200)] == [False, False, True, True]
    assert [pivots.is_settled(candles, place) for place in (0, 60, 119, 120)] == [False, False, False, True]
    assert (vwap.whole_sessions, pivots.whole_sessions) == (1, 2)


@pytest.mark.parametrize("name", [*THEIRS, *sorted(OURS)])
def test_no_candles_are_refused(name: str) -> None:
    """None, one, fewer than the lookback, and those without values: never an error, and no value."""
    prepared = made(name)
    candles = walk()
    nothing = np.full(50, np.nan)
    with np.errstate(all="ignore"):
        for length in (0, 1, 2, prepared.lookback):
            for output in prepared.compute(_first(candles, length)):
                assert len(output) == length
                if length == prepared.lookback and name not in ("ichimoku", "supertrend", "pivot_points"):
                    assert np.isnan(output).all()
        without = SessionCandles(
            np.arange(50), nothing, nothing, nothing, nothing, nothing, nothing, np.arange(50) // 10
        )
        for output in prepared.compute(without):
            assert len(output) == 50
        some = walk()
        some.close[100], some.volume[200], some.high[300] = np.nan, np.nan, np.inf
        assert {len(output) for output in prepared.compute(some)} == {len(some)}


def _first(candles: SessionCandles, length: int) -> SessionCandles:
    return SessionCandles(*(getattr(candles, field.name)[:length] for field in fields(candles)))


def test_longest_periods_are_all_warm_up() -> None:
    for name, info in catalogue().items():
        longest = {each.name: int(each.maximum or 0) for each in info.parameters if each.kind == "integer"}
        prepared = made(name, longest)
        assert prepared.warm_up >= prepared.lookback
        if longest and name not in ("ichimoku", "pivot_points"):
            assert np.isnan(prepared.compute(walk(100))[0]).all(), name


BAD: list[tuple[str, Mapping[str, object], str | None, str]] = [
    ("rsii", {}, None, "there is no indicator 'rsii'; near it: rsi"),
    ("", {}, None, "there is no indicator ''"),
    ("x" * 500, {}, None, "…"),
    ("rsi", {"period": 14}, "period", "no parameter 'period'; there are: timeperiod, real; near it: timeperiod"),
    ("obv", {"timeperiod": 14}, "timeperiod", "there are: real"),
    ("rsi", {"timeperiod": 0}, "timeperiod", "rsi.timeperiod is 0; it must be a whole number from 2 to 100000"),
    ("rsi", {"timeperiod": -5}, "timeperiod", "from 2 to 100000"),
    ("rsi", {"timeperiod": 10**9}, "timeperiod", "rsi.timeperiod is 1000000000; it must be a whole number from 2"),
    ("rsi", {"timeperiod": 10**5000}, "timeperiod", "a number of thousands of digits"),
    ("rsi", {"timeperiod": -(2**31)}, "timeperiod", "whole number"),
    ("rsi", {"timeperiod": 14.5}, "timeperiod", "whole number"),
    ("rsi", {"timeperiod": True}, "timeperiod", "rsi.timeperiod is True"),
    ("rsi", {"timeperiod": None}, "timeperiod", "rsi.timeperiod is None"),
    ("rsi", {"timeperiod": "14"}, "timeperiod", "rsi.timeperiod is '14'"),
    ("rsi", {"timeperiod": [14]}, "timeperiod", "rsi.timeperiod is [14]"),
    ("rsi", {"timeperiod": float("nan")}, "timeperiod", "rsi.timeperiod is nan"),
    ("rsi", {"real": "closing"}, "real", "near it: close"),
    ("rsi", {"real": 3}, "real", "it must be one of open, high"),
    ("bbands", {"nbdevup": float("nan")}, "nbdevup", "bbands.nbdevup is nan; it must be a number"),
    ("bbands", {"nbdevup": float("inf")}, "nbdevup", "bbands.nbdevup is inf"),
    ("bbands", {"nbdevup": 10**400}, "nbdevup", "from -3e+37 to 3e+37"),
    ("bbands", {"nbdevup": -4e37}, "nbdevup", "from -3e+37 to 3e+37"),
    ("bbands", {"nbdevup": "two"}, "nbdevup", "bbands.nbdevup is 'two'"),
    ("bbands", {"matype": "emma"}, "matype", "near it: ema"),
    ("bbands", {"matype": 14}, "matype", "it must be one of sma, ema"),
    ("bbands", {"matype": True}, "matype", "bbands.matype is True"),
    ("mavp", {"minperiod": 40}, "minperiod", "TA-Lib refuses mavp(minperiod=40, maxperiod=30, matype=0) together"),
    ("mavp", {"periods": 0}, "periods", "from 1 to 100000"),
    ("supertrend", {"period": 0}, "period", "supertrend.period is 0; it must be a whole number from 1 to 100000"),
    ("supertrend", {"multiplier": -1}, "multiplier", "from 0 to 1000000000"),
    ("ichimoku", {"displacement": -1}, "displacement", "from 0 to 100000"),
    ("pivot_points", {"kind": "fibonaci"}, "kind", "near it: fibonacci"),
    ("vwap", {"anchor_datetime": ANCHOR}, "anchor_datetime", "vwap has no parameter"),
    ("anchored_vwap", {}, "anchor_datetime", "anchored_vwap.anchor_datetime must be given"),
    ("anchored_vwap", {"anchor_datetime": "yesterday"}, "anchor_datetime", "ISO 8601"),
    ("anchored_vwap", {"anchor_datetime": "2026-02-30T10:00:00Z"}, "anchor_datetime", "must exist"),
    ("anchored_vwap", {"anchor_datetime": 1767225600}, "anchor_datetime", "date and time such as"),
    ("anchored_vwap", {"anchor_datetime": "0001-01-01T00:00:00+14:00"}, "anchor_datetime", "beyond the years"),
    ("anchored_vwap", {"anchor_datetime": "9999-12-31T23:00:00"}, "anchor_datetime", "beyond the years"),
    ("anchored_vwap", {"anchor_datetime": "2026-03-08T02:30:00"}, "anchor_datetime", "does not exist in America"),
    ("anchored_vwap", {"anchor_datetime": "2026-11-01T01:30:00"}, "anchor_datetime", "comes twice in America/New_York"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parameters", "parameter", "said"), BAD)
def test_what_is_wrong_is_named(name: str, parameters: Mapping[str, object], parameter: str | None, said: str) -> None:
    for _ in range(2):  # a refusal is not remembered as anything else
        with pytest.raises(ParameterError) as error:
            prepare(name, parameters, NEW_YORK)
        assert error.value.parameter == parameter
        assert said in str(error.value)
        assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("given", "instant"),
    [
        ("2026-03-02T09:30:00", "2026-03-02T14:30:00Z"),
        ("2026-03-09T09:30", "2026-03-09T13:30:00Z"),
        ("2026-03-02", "2026-03-02T05:00:00Z"),
        ("2026-03-02T09:30:00Z", "2026-03-02T09:30:00Z"),
        ("2026-11-01T01:30:00-04:00", "2026-11-01T05:30:00Z"),
        ("2026-11-01T01:30:00-05:00", "2026-11-01T06:30:00Z"),
        (datetime(2026, 3, 2, 9, 30), "2026-03-02T14:30:00Z"),  # noqa: DTZ001
    ],
)
def test_an_anchor_without_offset_is_exchange_time(given: object, instant: str) -> None:
    prepared = prepare("anchored_vwap", {"anchor_datetime": given}, NEW_YORK)
    assert prepared.parameters == {"anchor_datetime": instant}
    assert prepared.anchor == datetime.fromisoformat(instant)


def test_what_was_prepared_says_all_its_parameters_again() -> None:
    for name, parameters in cases():
        prepared = made(name, parameters)
        assert list(prepared.parameters) == [each.name for each in prepared.info.parameters]
        again = prepare(name.upper(), json.loads(json.dumps(prepared.parameters)), UTC)
        assert again == prepared


def test_a_caller_cannot_spoil_what_is_remembered() -> None:
    made("rsi").parameters["timeperiod"] = 0  # type: ignore[index]
    assert made("rsi").parameters["timeperiod"] == 14
    assert made("rsi", {"timeperiod": 14}).parameters["timeperiod"] == 14


def test_a_whole_number_may_be_written_with_its_zeros() -> None:
    assert json.dumps(made("rsi", {"timeperiod": 14.0}).parameters["timeperiod"]) == "14"
