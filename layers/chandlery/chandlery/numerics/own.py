"""The indicators of our own: to add one is to write its function here."""

from datetime import datetime
from math import inf, nan

import numpy as np
import talib
from numpy.typing import NDArray

from chandlery.candle_arrays import Floats, SessionCandles
from chandlery.numerics.definition import indicator, period
from chandlery.numerics.parameters import ParameterInfo
from chandlery.numerics.prepared import floats
from chandlery.numerics.warm_up import exponential, length, wilder

# Halved as often, what a first open was counts for nothing: 2^-64.
_HALVINGS = 64
# Candles within which a stop is reversed, or its band begun anew, as a rule; measured on real minutes, with reserve.
_REVERSALS = 1000
_LARGEST = 1e9  # of a multiplier

_MULTIPLIER = "Average true ranges between the middle and a band"


@indicator(
    "Volume-weighted average price of the session",
    "Volume Indicators",
    outputs=("vwap",),
    memory="It begins anew with each session date; the first wanted candle's session is read from its first candle.",
    sessions=1,
)
def vwap(candles: SessionCandles) -> list[Floats]:
    """The average price of all that was traded since the session began: Σ turnover / Σ volume.

    Where a candle's turnover is not known, (high + low + close) / 3 · volume stands for it. NaN until something traded.

    Source: S. A. Berkowitz, D. E. Logue and E. A. Noser, The Total Cost of Transactions on the NYSE, The Journal of
    Finance 43 (1988).
    """
    begins = np.zeros(len(candles), np.bool_)
    begins[_session_starts(candles)] = True
    return [_average_price(candles, begins)]


@indicator(
    "Volume-weighted average price since an anchor",
    "Volume Indicators",
    parameters=(
        ParameterInfo(
            "anchor_datetime",
            "datetime",
            None,
            "The first candle that counts starts then or later; ISO 8601, without an offset in exchange time",
        ),
    ),
    outputs=("vwap",),
    memory="Every candle since the anchor counts, and is read, however long before the first wanted one it lies.",
)
def anchored_vwap(candles: SessionCandles, anchor_datetime: datetime) -> list[Floats]:
    """The average price of all that was traded since the anchor: Σ turnover / Σ volume; NaN before.

    Where a candle's turnover is not known, (high + low + close) / 3 · volume stands for it. The candle within which the
    anchor lies does not count: it holds trades from before.

    Source: Brian Shannon, Maximum Trading Gains with Anchored VWAP (2023); the average as of `vwap`.
    """
    value = np.full(len(candles), np.nan)
    start = int(np.searchsorted(candles.time, anchor_datetime.timestamp()))
    since = candles.since(start)
    value[start:] = _average_price(since, np.zeros(len(since), np.bool_))
    return [value]


@indicator(
    "Supertrend",
    "Overlap Studies",
    parameters=(
        period("period", 10, "Candles of Wilder's average true range"),
        ParameterInfo("multiplier", "number", 3.0, _MULTIPLIER, 0.0, _LARGEST),
    ),
    outputs=("supertrend", "direction"),
    memory="Recursive at a pace that the candles set: {candles} are computed beforehand, in which Wilder's average "
    "forgets where it began and the stop as a rule is reversed, and more where values still tell where that began.",
    lookback=lambda period, **_: period,
    forgets=lambda period, **_: _REVERSALS + length((wilder(period),)),
)
def supertrend(candles: SessionCandles, period: int, multiplier: float) -> list[Floats]:
    """A stop that follows the price at some average true ranges, and changes sides when a close passes it.

    upper = (high + low) / 2 + multiplier · ATR, which only falls while no close was above it;
    lower = (high + low) / 2 - multiplier · ATR, which only rises while no close was below it.
    The direction is 1 while the lower band is the stop, -1 while the upper one is, with which it begins.

    Source: Olivier Seban's SuperTrend, in the form of TradingView's Pine Script reference, ta.supertrend (whose
    directions have the other sign).
    """
    middle = (candles.high + candles.low) / 2
    reach = multiplier * _average_true_range(candles, period)
    closes, uppers, lowers = candles.close.tolist(), (middle + reach).tolist(), (middle - reach).tolist()
    stops, directions = [nan] * len(candles), [nan] * len(candles)
    direction, upper, lower, close_before = -1, inf, -inf, nan
    for place, (close, above, below) in enumerate(zip(closes, uppers, lowers, strict=True)):
        if place < period:
            continue
        if above < upper or close_before > upper:
            upper = above
        if below > lower or close_before < lower:
            lower = below
        if direction < 0 and close > upper:
            direction = 1
        elif direction > 0 and close < lower:
            direction = -1
        close_before = close
        stops[place] = lower if direction > 0 else upper
        directions[place] = direction
    return [np.array(stops), np.array(directions)]


@indicator(
    "Ichimoku Kinko Hyo",
    "Overlap Studies",
    parameters=(
        period("tenkan", 9, "Candles of the turning line (tenkan-sen)"),
        period("kijun", 26, "Candles of the base line (kijun-sen)"),
        period("senkou_b", 52, "Candles of the second leading line (senkou span B)"),
        period("displacement", 26, "Candles by which the leading lines are shifted forward, the lagging one back", 0),
    ),
    outputs=("tenkan_sen", "kijun_sen", "senkou_span_a", "senkou_span_b", "chikou_span"),
    memory="Finite: a value depends on {candles} and no others. Beware of chikou_span, which looks ahead: it is the "
    "close `displacement` candles later, not known at the candle's own time, and missing at the last ones.",
    lookback=lambda tenkan, kijun, senkou_b, displacement: max(tenkan, kijun, senkou_b) - 1 + displacement,
)
def ichimoku(candles: SessionCandles, tenkan: int, kijun: int, senkou_b: int, displacement: int) -> list[Floats]:
    """Middles of the range of some candles, each (highest high + lowest low) / 2, aligned to the candle they stand at.

    senkou_span_a = (tenkan_sen + kijun_sen) / 2, and senkou_span_b, are those of `displacement` candles before;
    chikou_span is the close of `displacement` candles later: it looks ahead, and no strategy may know it.

    Source: Goichi Hosoda (Ichimoku Sanjin), Ichimoku Kinko Hyo (1969).
    """
    turning, base = _middle(candles, tenkan), _middle(candles, kijun)
    leading = [(turning + base) / 2, _middle(candles, senkou_b)]
    shifted = [_shifted(line, displacement) for line in leading]
    return [turning, base, *shifted, _shifted(floats(candles.close), -displacement)]


@indicator(
    "Donchian channels",
    "Overlap Studies",
    parameters=(period("period", 20, "Candles of the range, the candle itself the last"),),
    outputs=("upper", "middle", "lower"),
    memory="Finite: a value depends on {candles} and no others.",
    lookback=lambda period: period - 1,
)
def donchian(candles: SessionCandles, period: int) -> list[Floats]:
    """The highest high and lowest low of some candles, the candle itself among them, and the middle between them.

    Source: Richard D. Donchian, High Finance in Copper, Financial Analysts Journal 16 (1960).
    """
    upper, lower = _highest(candles.high, period), _lowest(candles.low, period)
    return [upper, (upper + lower) / 2, lower]


@indicator(
    "Keltner channels",
    "Overlap Studies",
    parameters=(
        period("ema_period", 20, "Candles of the exponential average of closes"),
        period("atr_period", 10, "Candles of Wilder's average true range"),
        ParameterInfo("multiplier", "number", 2.0, _MULTIPLIER, 0.0, _LARGEST),
    ),
    outputs=("upper", "middle", "lower"),
    memory="Recursive: {candles} are computed beforehand, after which what was before them counts for less than a "
    "billionth.",
    lookback=lambda ema_period, atr_period, **_: max(ema_period - 1, atr_period),
    forgets=lambda ema_period, atr_period, **_: max(
        length((exponential(ema_period),)), length((wilder(atr_period),)), 1
    ),
)
def keltner(candles: SessionCandles, ema_period: int, atr_period: int, multiplier: float) -> list[Floats]:
    """An exponential average of closes, and bands at some average true ranges (Wilder's) from it.

    Source: Chester W. Keltner, How to Make Money in Commodities (1960), in Linda Bradford Raschke's form: exponential
    average and average true range.
    """
    middle = floats(candles.close) if ema_period == 1 else talib.EMA(floats(candles.close), ema_period)
    reach = multiplier * _average_true_range(candles, atr_period)
    upper, lower = middle + reach, middle - reach
    return [upper, np.where(np.isnan(reach), np.nan, middle), lower]


@indicator(
    "Heikin-Ashi candles",
    "Price Transform",
    outputs=("open", "high", "low", "close"),
    memory="Recursive: an open keeps half of what was before; {candles} are computed beforehand.",
    forgets=lambda: _HALVINGS,
)
def heikin_ashi(candles: SessionCandles) -> list[Floats]:
    """Averaged candles: close = (o + h + l + c) / 4, open = (open before + close before) / 2, highs and lows with them.

    The first open is (o + c) / 2.

    Source: Dan Valcu, Using the Heikin-Ashi Technique, Technical Analysis of Stocks & Commodities 22 (February 2004).
    """
    close = (candles.open + candles.high + candles.low + candles.close) / 4
    opens = [float(candles.open[0] + candles.close[0]) / 2]
    for before in close[:-1].tolist():
        opens.append((opens[-1] + before) / 2)  # each needs the one before
    open_ = np.array(opens)
    high = np.maximum(candles.high, np.maximum(open_, close))
    low = np.minimum(candles.low, np.minimum(open_, close))
    return [open_, high, low, close]


@indicator(
    "Pivot points",
    "Overlap Studies",
    parameters=(
        ParameterInfo(
            "kind",
            "choice",
            "classic",
            "Whose levels: the floor traders', by Fibonacci's ratios, Nick Scott's, Ken Wood's or Tom DeMark's",
            choices=("classic", "fibonacci", "camarilla", "woodie", "demark"),
        ),
    ),
    outputs=("pp", "r1", "r2", "r3", "r4", "s1", "s2", "s3", "s4"),
    memory="Of the session before, as far as there are candles of it; both it and the first wanted candle's own are "
    "read from their first candle. There are no values in the first session there is.",
    sessions=2,
)
def pivot_points(candles: SessionCandles, kind: str) -> list[Floats]:
    """Levels from the open, high, low and close (o, h, l, c) of the session before, the same for a whole session.

    With p = (h + l + c) / 3 and d = h - l:
    classic: r1 = 2p - l, r2 = p + d, r3 = h + 2(p - l); s1 = 2p - h, s2 = p - d, s3 = l - 2(h - p);
    fibonacci: p ± 0.382d, p ± 0.618d, p ± d; camarilla: c ± 1.1d / 12, / 6, / 4, / 2;
    woodie: p = (h + l + 2c) / 4, r1 = 2p - l, r2 = p + d, s1 = 2p - h, s2 = p - d;
    demark: x = h + 2l + c where c < o, 2h + l + c where c > o, else h + l + 2c;
    p = x / 4, r1 = x / 2 - l, s1 = x / 2 - h.
    A level that a kind does not know is NaN.

    Source: John L. Person, A Complete Guide to Technical Trading Tactics (2004), of the classic levels; StockCharts
    ChartSchool, Pivot Points, of Fibonacci's and DeMark's (whose own is The New Science of Technical Analysis, 1994);
    Nick Scott (1989) of Camarilla's; BabyPips' School of Pipsology of Woodie's.
    """
    begins = _session_starts(candles)
    ends = np.append(begins[1:], len(candles))
    high, low = np.maximum.reduceat(candles.high, begins), np.minimum.reduceat(candles.low, begins)
    levels = _levels(kind, candles.open[begins], high, low, candles.close[ends - 1])
    none = np.full(len(begins), np.nan)
    return [
        np.repeat(_shifted(levels.get(output, none), 1), ends - begins)
        for output in ("pp", "r1", "r2", "r3", "r4", "s1", "s2", "s3", "s4")
    ]


def _levels(kind: str, opens: Floats, high: Floats, low: Floats, close: Floats) -> dict[str, Floats]:
    """A kind's levels of sessions, from their prices."""
    wide = high - low
    pivot = (high + low + close) / 3
    if kind == "fibonacci":
        return {"pp": pivot, **_around(pivot, [0.382 * wide, 0.618 * wide, wide])}
    if kind == "camarilla":
        return {"pp": pivot, **_around(close, [1.1 * wide / part for part in (12, 6, 4, 2)])}
    if kind == "demark":
        total = high + low + close + np.where(close < opens, low, np.where(close > opens, high, close))
        return {"pp": total / 4, "r1": total / 2 - low, "s1": total / 2 - high}
    if kind == "woodie":
        pivot = (high + low + 2 * close) / 4
    first = {"pp": pivot, "r1": 2 * pivot - low, "s1": 2 * pivot - high, "r2": pivot + wide, "s2": pivot - wide}
    return first if kind == "woodie" else first | {"r3": high + 2 * (pivot - low), "s3": low - 2 * (high - pivot)}


def _around(middle: Floats, steps: list[Floats]) -> dict[str, Floats]:
    above = {f"r{number}": middle + step for number, step in enumerate(steps, 1)}
    return above | {f"s{number}": middle - step for number, step in enumerate(steps, 1)}


def _session_starts(candles: SessionCandles) -> NDArray[np.intp]:
    """The places of the sessions' first candles."""
    return np.append(0, np.flatnonzero(np.diff(candles.session)) + 1)


def _average_price(candles: SessionCandles, begins: NDArray[np.bool_]) -> Floats:
    """Of all that was traded up to each candle since the last one that begins; what is not known counts for nothing."""
    typical = (candles.high + candles.low + candles.close) / 3
    money = np.where(np.isnan(candles.turnover), typical * candles.volume, candles.turnover)
    known = ~np.isnan(money + candles.volume)
    money, volume = np.where(known, money, 0.0), np.where(known, candles.volume, 0.0)
    # One by one: sums of a session alone do not tell, in their last digits, where reading began.
    averages, paid, traded = [], 0.0, 0.0
    for anew, amount, size in zip(begins.tolist(), money.tolist(), volume.tolist(), strict=True):
        paid, traded = (amount, size) if anew else (paid + amount, traded + size)
        averages.append(paid / traded if traded > 0 else nan)
    return np.array(averages)


def _average_true_range(candles: SessionCandles, period: int) -> Floats:
    """Wilder's; NaN at the first `period` candles."""
    prices = floats(candles.high), floats(candles.low), floats(candles.close)
    ranges: Floats = talib.TRANGE(*prices) if period == 1 else talib.ATR(*prices, period)
    return ranges


def _highest(values: Floats, period: int) -> Floats:
    highest: Floats = floats(values) if period == 1 else talib.MAX(floats(values), period)
    return highest


def _lowest(values: Floats, period: int) -> Floats:
    lowest: Floats = floats(values) if period == 1 else talib.MIN(floats(values), period)
    return lowest


def _middle(candles: SessionCandles, period: int) -> Floats:
    return (_highest(candles.high, period) + _lowest(candles.low, period)) / 2


def _shifted(values: Floats, places: int) -> Floats:
    """Each value some places later, or earlier; NaN where none comes from."""
    shifted = np.full(len(values), np.nan)
    if places >= 0:
        shifted[places:] = values[: max(len(values) - places, 0)]
    else:
        shifted[:places] = values[-places:]
    return shifted
