"""The indicators of our own that begin anew with a session, or with an anchor."""

from datetime import datetime
from math import nan

import numpy as np
from numpy.typing import NDArray

from chandlery.indicators.numerics.candle_arrays import Floats, SessionCandles
from chandlery.indicators.numerics.definition import indicator
from chandlery.indicators.numerics.own import shift
from chandlery.indicators.numerics.parameters import ParameterInfo


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
        np.repeat(shift(levels.get(output, none), 1), ends - begins)
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
