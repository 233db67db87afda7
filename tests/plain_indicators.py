"""Chandlery's indicators from their definitions: exact or with fifty digits, one candle at a time, and slow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

import numpy as np

from chandlery.indicators.numerics.candle_arrays import Floats, SessionCandles

DIGITS = 50
SAME = 1e-11


@dataclass(frozen=True)
class PlainCandle:
    time: int
    open: Fraction
    high: Fraction
    low: Fraction
    close: Fraction
    volume: Fraction
    turnover: Fraction | None
    session: int


Candles = Sequence[PlainCandle]
Value = Fraction | Decimal | None
Row = Mapping[str, Value]


def _traded(candle: PlainCandle) -> Fraction:
    if candle.turnover is not None:
        return candle.turnover
    return Fraction(1, 3) * (candle.high + candle.low + candle.close) * candle.volume


def _average(candles: Candles) -> Fraction | None:
    volume = sum(candle.volume for candle in candles)
    return Fraction(sum(map(_traded, candles))) / volume if volume else None


def vwap(candles: Candles) -> Sequence[Row]:
    """For each candle separately, over those of its session up to it."""
    return [
        {"vwap": _average([each for each in candles[: place + 1] if each.session == candle.session])}
        for place, candle in enumerate(candles)
    ]


def anchored_vwap(candles: Candles, anchor: int) -> Sequence[Row]:
    return [{"vwap": _average([each for each in candles if anchor <= each.time <= candle.time])} for candle in candles]


def donchian(candles: Candles, period: int) -> Sequence[Row]:
    rows: list[Row] = []
    for place in range(len(candles)):
        seen = candles[place - period + 1 : place + 1] if place + 1 >= period else []
        highs, lows = sorted(each.high for each in seen), sorted(each.low for each in seen)
        rows.append(
            {"upper": highs[-1], "middle": (highs[-1] + lows[0]) / 2, "lower": lows[0]}
            if seen
            else {"upper": None, "middle": None, "lower": None}
        )
    return rows


def ichimoku(candles: Candles, tenkan: int, kijun: int, senkou_b: int, displacement: int) -> Sequence[Row]:
    def middle(place: int, period: int) -> Fraction | None:
        if place - period + 1 < 0:
            return None
        seen = candles[place - period + 1 : place + 1]
        return (max(each.high for each in seen) + min(each.low for each in seen)) / 2

    def leading(place: int) -> Fraction | None:
        turning, base = middle(place, tenkan), middle(place, kijun)
        return None if turning is None or base is None else (turning + base) / 2

    last = len(candles) - 1
    return [
        {
            "tenkan_sen": middle(place, tenkan),
            "kijun_sen": middle(place, kijun),
            "senkou_span_a": leading(place - displacement),
            "senkou_span_b": middle(place - displacement, senkou_b),
            "chikou_span": candles[place + displacement].close if place + displacement <= last else None,
        }
        for place in range(len(candles))
    ]


def heikin_ashi(candles: Candles) -> Sequence[Row]:
    """The recursion solved: an open is the first one, halved each time, and every close since, halved as often."""
    closes = [(each.open + each.high + each.low + each.close) / 4 for each in candles]
    rows: list[Row] = []
    for place, candle in enumerate(candles):
        opened = (candles[0].open + candles[0].close) / 2 / 2**place
        opened += sum((closes[before] / 2 ** (place - before) for before in range(place)), Fraction(0))
        prices = [candle.high, candle.low, opened, closes[place]]
        rows.append({"open": opened, "high": max(prices), "low": min(prices), "close": closes[place]})
    return rows


def _decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / number.denominator


def _true_ranges(candles: Candles) -> Sequence[Decimal]:
    ranges = []
    for before, candle in pairwise(candles):
        distances = (candle.high - candle.low, abs(candle.high - before.close), abs(candle.low - before.close))
        ranges.append(_decimal(max(distances)))
    return ranges


def _average_true_range(candles: Candles, period: int, place: int) -> Decimal | None:
    """Wilder's: the plain average of the first ones, and from there on a part of each."""
    ranges = _true_ranges(candles[: place + 1])
    if len(ranges) < period:
        return None
    average = sum(ranges[:period], Decimal(0)) / period
    for each in ranges[period:]:
        average += (each - average) / period
    return average


def _exponential_average(candles: Candles, period: int, place: int) -> Decimal | None:
    closes = [_decimal(each.close) for each in candles[: place + 1]]
    if len(closes) < period:
        return None
    average = sum(closes[:period], Decimal(0)) / period
    for close in closes[period:]:
        average += (close - average) * 2 / (period + 1)
    return average


def keltner(candles: Candles, ema_period: int, atr_period: int, multiplier: Decimal) -> Sequence[Row]:
    rows: list[Row] = []
    with localcontext(prec=DIGITS):
        for place in range(len(candles)):
            middle = _exponential_average(candles, ema_period, place)
            reach = _average_true_range(candles, atr_period, place)
            if middle is None or reach is None:
                rows.append({"upper": None, "middle": None, "lower": None})
            else:
                upper, lower = middle + multiplier * reach, middle - multiplier * reach
                rows.append({"upper": upper, "middle": middle, "lower": lower})
    return rows


def supertrend(candles: Candles, period: int, multiplier: Decimal) -> Sequence[Row]:
    """As the stop moves: while above the price it never rises, while below it never falls, until a close passes it.

    Written with both bands' whole history, and without a direction that is kept: a candle's follows from which band
    the stop before it was.
    """
    upper: list[Decimal] = []
    lower: list[Decimal] = []
    below: list[bool] = []
    rows: list[Row] = []
    with localcontext(prec=DIGITS):
        for place, candle in enumerate(candles):
            reach = _average_true_range(candles, period, place)
            if reach is None:
                rows.append({"supertrend": None, "direction": None})
                continue
            close = _decimal(candle.close)
            tops = [_decimal((candle.high + candle.low) / 2) + multiplier * reach]
            bottoms = [_decimal((candle.high + candle.low) / 2) - multiplier * reach]
            if upper and _decimal(candles[place - 1].close) <= upper[-1]:
                tops.append(upper[-1])
            if lower and _decimal(candles[place - 1].close) >= lower[-1]:
                bottoms.append(lower[-1])
            upper.append(min(tops))
            lower.append(max(bottoms))
            rising = close >= lower[-1] if below and below[-1] else close > upper[-1]
            below.append(rising)
            rows.append({"supertrend": lower[-1] if rising else upper[-1], "direction": Decimal(1 if rising else -1)})
    return rows


_THIRD = Fraction(1, 3)


def _classic(o: Fraction, h: Fraction, low: Fraction, c: Fraction) -> Row:
    p = (h + low + c) * _THIRD
    return {
        "pp": p, "r1": p + (p - low), "r2": p + (h - low), "r3": h + 2 * (p - low),
        "s1": p - (h - p), "s2": p - (h - low), "s3": low - 2 * (h - p),
    }  # fmt: skip


def _fibonacci(o: Fraction, h: Fraction, low: Fraction, c: Fraction) -> Row:
    p, d = (h + low + c) * _THIRD, h - low
    ratios = (Fraction(382, 1000), Fraction(618, 1000), Fraction(1))
    rows: dict[str, Value] = {"pp": p}
    for number, ratio in enumerate(ratios, 1):
        rows[f"r{number}"], rows[f"s{number}"] = p + ratio * d, p - ratio * d
    return rows


def _camarilla(o: Fraction, h: Fraction, low: Fraction, c: Fraction) -> Row:
    rows: dict[str, Value] = {"pp": (h + low + c) * _THIRD}
    for number, part in ((1, 12), (2, 6), (3, 4), (4, 2)):
        step = Fraction(11, 10) * (h - low) / part
        rows[f"r{number}"], rows[f"s{number}"] = c + step, c - step
    return rows


def _woodie(o: Fraction, h: Fraction, low: Fraction, c: Fraction) -> Row:
    p = (h + low + c + c) / 4
    return {"pp": p, "r1": p + p - low, "r2": p + h - low, "s1": p + p - h, "s2": p - h + low}


def _demark(o: Fraction, h: Fraction, low: Fraction, c: Fraction) -> Row:
    if c < o:
        x = h + low + low + c
    elif c > o:
        x = h + h + low + c
    else:
        x = h + low + c + c
    return {"pp": x / 4, "r1": x / 2 - low, "s1": x / 2 - h}


KINDS: Mapping[str, Callable[[Fraction, Fraction, Fraction, Fraction], Row]] = {
    "classic": _classic,
    "fibonacci": _fibonacci,
    "camarilla": _camarilla,
    "woodie": _woodie,
    "demark": _demark,
}


def pivot_points(candles: Candles, kind: str) -> Sequence[Row]:
    sessions = sorted({candle.session for candle in candles})
    levels: dict[int, Row] = {sessions[0]: {}} if sessions else {}
    for before, session in pairwise(sessions):
        seen = [candle for candle in candles if candle.session == before]
        high, low = max(each.high for each in seen), min(each.low for each in seen)
        levels[session] = KINDS[kind](seen[0].open, high, low, seen[-1].close)
    return [levels[candle.session] for candle in candles]


def listed(candles: SessionCandles) -> Sequence[PlainCandle]:
    rows = zip(*(getattr(candles, field.name).tolist() for field in fields(candles)), strict=True)
    return [
        PlainCandle(
            time,
            Fraction(open_),
            Fraction(high),
            Fraction(low),
            Fraction(close),
            Fraction(volume),
            None if turnover != turnover else Fraction(turnover),  # NaN
            session,
        )
        for time, open_, high, low, close, volume, turnover, session in rows
    ]


def assert_same(found: Mapping[str, Floats], expected: Sequence[Row]) -> None:
    for output, values in found.items():
        wanted = [row.get(output) for row in expected]
        exact = np.array([np.nan if value is None else float(value) for value in wanted])
        np.testing.assert_allclose(values, exact, rtol=SAME, atol=SAME, equal_nan=True, err_msg=output)
