"""Strike candles in plain Python: one contract and one minute at a time, as slow as it is simple.

The oracle of the option processor. Nothing of it is shared with the product; volatilities are found by bisection.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from math import erf, exp, log, pi, sqrt
from statistics import median
from typing import Any

MINUTE = timedelta(minutes=1)
STANDS = timedelta(minutes=15)
CARRIED = timedelta(days=7)
# Expiry, strike, name of the contract, and time.
Key = tuple[datetime, Decimal, str, datetime]


@dataclass(frozen=True)
class Listed:
    """A contract."""

    instrument_id: int
    expires_at: datetime
    strike: Decimal
    side: str
    contract: str = ""


@dataclass
class Told:
    """All that a desk was sent; rows of a contract by their time, in any order."""

    contracts: Sequence[Listed]
    quotes: Mapping[int, Sequence[Mapping[str, Any]]]
    trades: Mapping[int, Mapping[datetime, Mapping[str, Any]]]
    open_interest: Mapping[int, Mapping[datetime, Decimal]]
    underlying: Mapping[datetime, Decimal]
    rate: float = 0.0
    holds_spot: bool = True
    _quotes: dict[int, list[Mapping[str, Any]]] = field(default_factory=dict)
    _times: dict[int, list[datetime]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each, rows in self.quotes.items():
            kept = sorted((row for row in rows if not row.get("cancelled")), key=lambda row: (row["time"], row["seq"]))
            self._quotes[each], self._times[each] = kept, [row["time"] for row in kept]

    def quoted(self, instrument_id: int, starts: datetime, ends: datetime) -> Sequence[Mapping[str, Any]]:
        """A contract's quotes of a stretch, in order."""
        times = self._times.get(instrument_id, [])
        return self._quotes.get(instrument_id, [])[bisect_left(times, starts) : bisect_left(times, ends)]


def fold(told: Told) -> dict[Key, dict[str, Any]]:
    """Every strike candle."""
    chains = defaultdict(list)
    for each in told.contracts:
        chains[each.expires_at, each.contract].append(each)
    return {key: row for chain in chains.values() for key, row in _fold_chain(told, chain)}


def _fold_chain(told: Told, chain: Sequence[Listed]) -> Iterator[tuple[Key, dict[str, Any]]]:
    minutes = defaultdict(set)
    for each in chain:
        times = [
            *(told._times.get(each.instrument_id, [])),
            *told.trades.get(each.instrument_id, ()),
            *told.open_interest.get(each.instrument_id, ()),
        ]
        for at in times:
            minutes[at.replace(second=0, microsecond=0)].add(each.strike)
    for minute in sorted(minutes):
        rows = _fold_minute(told, chain, minute, minutes[minute])
        yield from (((chain[0].expires_at, strike, chain[0].contract, minute), row) for strike, row in rows)


def _fold_minute(
    told: Told, chain: Sequence[Listed], minute: datetime, strikes: set[Decimal]
) -> Iterator[tuple[Decimal, dict[str, Any]]]:
    states = {(each.strike, each.side): _state(told, each, minute) for each in chain}
    spot = next((told.underlying[at] for at in _back(minute) if at in told.underlying), None)
    if spot is None:
        heard = [state for state in states.values() if state.get("underlying") is not None]
        spot = max(heard, key=lambda state: state["quoted_at"])["underlying"] if heard else None
    years = (chain[0].expires_at - minute).total_seconds() / (365 * 86400)
    discount = exp(-told.rate * max(years, 0))
    forward = _forward(states, discount)
    if forward is None and spot is not None:
        forward = float(spot) / discount
    ladder = sorted({each.strike for each in chain})
    nearest = (
        None if forward is None else min(ladder, key=lambda strike: (round(abs(float(strike) - forward), 9), strike))
    )
    for strike in strikes:
        row: dict[str, Any] = {"underlying_close": spot, "forward": forward, "rank": None, "moneyness": None}
        if forward is not None and nearest is not None:
            row["rank"] = ladder.index(strike) - ladder.index(nearest)
            row["moneyness"] = log(float(strike) / forward)
        for side in ("call", "put"):
            state = states.get((strike, side))
            if state is not None:
                value = _value(state, strike, side, forward, spot, years, discount, told.holds_spot)
                row |= {f"{side}_{name}": given for name, given in {**state, **value}.items() if name != "underlying"}
        yield strike, row


def _back(minute: datetime) -> Iterator[datetime]:
    return (minute - n * MINUTE for n in range(15))


def _is_valid(quote: Mapping[str, Any]) -> bool:
    bid, ask = quote.get("bid"), quote.get("ask")
    return bid is not None and ask is not None and 0 < bid <= ask


def _state(told: Told, each: Listed, minute: datetime) -> dict[str, Any]:
    standing = told.quoted(each.instrument_id, minute + MINUTE - STANDS, minute + MINUTE)
    now = [quote for quote in standing if quote["time"] >= minute and _is_valid(quote)]
    quote = now[-1] if now else (standing[-1] if standing else {})
    trades = told.trades.get(each.instrument_id, {})
    trade = trades.get(minute, {})
    published = told.open_interest.get(each.instrument_id, {})
    known = [at for at in published if minute + MINUTE - CARRIED - MINUTE <= at < minute + MINUTE]
    oi_time = max(known, default=None)
    oi = published[oi_time] if oi_time else None
    if quote.get("open_interest") is not None:
        stated = quote.get("oi_time") or quote["time"]
        if oi_time is None or stated > oi_time:
            oi, oi_time = quote["open_interest"], stated
    return {
        **{name: trade.get(name) for name in ("open", "high", "low", "close")},
        "volume": trade.get("volume", 0),
        "trades": trade.get("trades") if trade else 0,
        "bid": quote.get("bid"),
        "ask": quote.get("ask"),
        "mid": (quote["bid"] + quote["ask"]) / 2 if quote and _is_valid(quote) else None,
        "quoted_at": quote.get("time"),
        "oi": oi,
        "oi_time": oi_time,
        **{f"vendor_{name}": quote.get(name) for name in ("iv", "delta", "gamma", "theta", "vega")},
        "underlying": quote.get("underlying"),
        "is_stale": not standing and not any(at in trades for at in _back(minute)),
    }


def _forward(states: Mapping[tuple[Decimal, str], Mapping[str, Any]], discount: float) -> float | None:
    told = []
    for strike, side in states:
        call, put = states[strike, side]["mid"], states.get((strike, "put"), {}).get("mid")
        if side == "call" and call is not None and put is not None:
            lead = float(call - put) / discount
            told.append((round(abs(lead), 9), strike, float(strike) + lead))
    return median(forward for _, _, forward in sorted(told)[:3]) if told else None


def _value(
    state: dict[str, Any],
    strike: Decimal,
    side: str,
    forward: float | None,
    spot: Decimal | None,
    years: float,
    discount: float,
    holds_spot: bool,
) -> dict[str, Any]:
    is_stale = state.pop("is_stale")
    value: dict[str, Any] = dict.fromkeys(("iv", "delta", "gamma", "theta", "vega"))
    price = state["mid"] if state["mid"] is not None else state["close"]
    value["iv_status"] = "ok"
    if years <= 0:
        value["iv_status"] = "expired"
    elif price is None or forward is None:
        value["iv_status"] = "stale" if is_stale else "no_quote"
    else:
        sign, k = (1 if side == "call" else -1), float(strike)
        worth = float(price) / discount
        time_value = worth - max(sign * (forward - k), 0)
        if time_value <= 1e-12 * worth:
            value["iv_status"] = "below_intrinsic"
        elif time_value >= min(forward, k) * (1 - 1e-12):
            value["iv_status"] = "above_maximum"
        else:
            iv = _volatility(time_value, forward, k, years)
            value |= {"iv": iv}
            value |= _greeks(
                iv, sign, forward, k, years, discount, float(spot) if spot and holds_spot else None, holds_spot
            )
    return value


def _volatility(time_value: float, forward: float, strike: float, years: float) -> float:
    """By the side that is out of the money, whose undiscounted price the time value is."""
    sign = 1 if strike >= forward else -1
    low, high = 0.0, 1.0
    while _black(sign, forward, strike, high) < time_value and high < 64:
        low, high = high, high * 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _black(sign, forward, strike, middle) < time_value else (low, middle)
    return (low + high) / 2 / sqrt(years)


def _black(sign: int, forward: float, strike: float, total: float) -> float:
    if not total:
        return 0.0
    first = log(forward / strike) / total + total / 2
    return sign * (forward * _below(sign * first) - strike * _below(sign * (first - total)))


def _below(z: float) -> float:
    return (1 + erf(z / sqrt(2))) / 2 if z > -5 else _tail(z)


def _tail(z: float) -> float:
    """The far tail, where 1 + erf has no digits left: a continued fraction."""
    if z < -38:
        return 0.0
    fraction = 0.0
    for n in range(60, 0, -1):
        fraction = n / (-z + fraction)
    return exp(-z * z / 2) / sqrt(2 * pi) / (-z + fraction)


def _greeks(
    iv: float,
    sign: int,
    forward: float,
    strike: float,
    years: float,
    discount: float,
    spot: float | None,
    holds_spot: bool,
) -> dict[str, Any]:
    total = iv * sqrt(years)
    first = log(forward / strike) / total + total / 2
    bell = exp(-first * first / 2) / sqrt(2 * pi)
    rate = -log(discount) / years
    vega = discount * forward * bell * sqrt(years) / 100
    if not holds_spot:
        delta = sign * discount * _below(sign * first)
        gamma = discount * bell / (forward * total)
        carry = 0.0
    elif spot is None:
        return dict.fromkeys(("delta", "gamma", "theta", "vega"))
    else:
        carry = log(forward / spot) / years
        delta = sign * discount * forward / spot * _below(sign * first)
        gamma = discount * forward / spot * bell / (spot * total)
    price = sign * discount * (forward * _below(sign * first) - strike * _below(sign * (first - total)))
    decay = -discount * forward * bell * iv / (2 * sqrt(years))
    held = sign * discount * forward * _below(sign * first)
    theta = (decay + rate * price - carry * held) / 365
    return {"delta": delta, "gamma": gamma, "theta": theta, "vega": vega}
