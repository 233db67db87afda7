"""The indicators of our own: to add one is to write its function here, or in `own_sessions` if it asks for sessions."""

from math import inf, nan

import numpy as np
import talib

from chandlery.indicators.numerics.candle_arrays import Floats, SessionCandles
from chandlery.indicators.numerics.definition import indicator, period
from chandlery.indicators.numerics.parameters import ParameterInfo
from chandlery.indicators.numerics.prepared import floats
from chandlery.indicators.numerics.smoothing import exponential, length, wilder

# Halved as often, what a first open was counts for nothing: 2^-64.
_HALVINGS = 64
# Candles within which a stop is reversed, or its band begun anew, as a rule; measured on real minutes, with reserve.
_REVERSALS = 1000
_LARGEST = 1e9  # of a multiplier

_MULTIPLIER = "Average true ranges between the middle and a band"


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
    shifted = [shift(line, displacement) for line in leading]
    return [turning, base, *shifted, shift(floats(candles.close), -displacement)]


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


def shift(values: Floats, places: int) -> Floats:
    """Each value some places later, or earlier; NaN where none comes from."""
    shifted = np.full(len(values), np.nan)
    if places >= 0:
        shifted[places:] = values[: max(len(values) - places, 0)]
    else:
        shifted[:places] = values[-places:]
    return shifted
