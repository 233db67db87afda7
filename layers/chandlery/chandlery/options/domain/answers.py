"""The columns of each answer about options, under the same names on the command line and over HTTP."""

from collections.abc import Mapping, Sequence

from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Value
from chandlery.datasets.strike_candles import COMPUTED, SIDES, STRIKE_CANDLES
from chandlery.words.timeframe import Timeframe

# Of a rolled-up candle alone; a minute is its own.
_OF_MINUTES = {"underlying_avg": "underlying_close", "minutes": "1"}
_FIRST, _LAST = ("time", "expiry", "strike"), ("underlying_close", "underlying_avg", "rank", "moneyness", "forward")
_OF_A_SIDE = (
    *("open", "high", "low", "close", "volume", "trades", "bid", "ask", "mid", "oi", "oi_as_of", "iv_status"),
    *COMPUTED,
    *(f"vendor_{name}" for name in COMPUTED),
)
STRIKES = (
    *_FIRST,
    *(f"{side}_{name}" for side in SIDES for name in _OF_A_SIDE),
    *_LAST,
    *("contract", "expires_at", "minutes"),
)
FIELDS = tuple(
    name
    for name in STRIKES
    if name not in _FIRST and not name.endswith(("_status", "_as_of", "contract", "expires_at"))
)

_PRICES, _OPEN = ("bid", "ask", "mid", "last", "volume", "oi"), {"oi_as_of": Kind.TIME, "iv_status": Kind.TEXT}
CHAIN: Mapping[str, Kind] = {
    "time": Kind.TIME,
    "expiry": Kind.DATE,
    "strike": Kind.DECIMAL,
    **{
        f"{side}_{name}": kind
        for side in SIDES
        for name, kind in {
            **dict.fromkeys(_PRICES, Kind.DECIMAL),
            **_OPEN,
            **dict.fromkeys(COMPUTED, Kind.REAL),
        }.items()
    },
    "rank": Kind.BIGINT,
    "moneyness": Kind.REAL,
    "underlying_close": Kind.DECIMAL,
    "forward": Kind.REAL,
    "contract": Kind.TEXT,
    "expires_at": Kind.TIME,
}


def strike_values(timeframe: Timeframe) -> Sequence[Value]:
    """What is read of strike candles of a timeframe, in the order in which it is told."""
    found = {_described(value.name): value for value in STRIKE_CANDLES.values(timeframe)}
    found |= {
        name: Value(name, read, Kind.DECIMAL if name == "underlying_avg" else Kind.BIGINT)
        for name, read in _OF_MINUTES.items()
        if STRIKE_CANDLES.is_own(timeframe)
    }
    return [_quick(Value(name, found[name].read, found[name].kind)) for name in STRIKES]


def chain_values() -> Sequence[Value]:
    """What is read of a chain."""
    return [Value(name, name, kind) for name, kind in CHAIN.items()]


def _quick(value: Value) -> Value:
    """The mean of what is double precision anyway, without the digits that only decimals have."""
    name = value.name
    if value.read != f"market.average({name}_total, {name}_weight)" or name == "underlying_avg":
        return value
    return Value(name, f"{name}_total::float8 / nullif({name}_weight, 0)", Kind.REAL)


def _described(column: str) -> str:
    return column.replace("_oi_time", "_oi_as_of")
