"""Strike candles: one row a minute, strike and expiry of an underlying, both sides in it."""

from collections.abc import Iterator

from chandlery.datasets.cadence import Cadence
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Count, First, Last, Max, Mean, Measure, Min, Sum
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, MINUTE

SIDES = ("call", "put")
# The vendor's own stand under names of their own: the two are never mixed.
COMPUTED = ("iv", "delta", "gamma", "theta", "vega")
_SIDE = {
    "open": Kind.DECIMAL,
    "high": Kind.DECIMAL,
    "low": Kind.DECIMAL,
    "close": Kind.DECIMAL,
    "volume": Kind.DECIMAL,
    "trades": Kind.BIGINT,
    "bid": Kind.DECIMAL,
    "ask": Kind.DECIMAL,
    "mid": Kind.DECIMAL,
    "quoted_at": Kind.TIME,
    "oi": Kind.DECIMAL,
    "oi_time": Kind.TIME,
    "iv_status": Kind.TEXT,
    **dict.fromkeys(COMPUTED, Kind.REAL),
    **dict.fromkeys((f"vendor_{name}" for name in COMPUTED), Kind.REAL),
}


def _of_side(side: str) -> Iterator[Measure]:
    """What roll-ups keep of a side: calls and puts are never averaged together."""
    yield First(f"{side}_open", known=True)
    yield Max(f"{side}_high")
    yield Min(f"{side}_low")
    yield Last(f"{side}_close", known=True)
    yield Sum(f"{side}_volume")
    yield Sum(f"{side}_trades", whole=True, integer=True)
    for name in ("bid", "ask", "mid", "quoted_at", "iv_status"):
        yield Last(f"{side}_{name}", known=True)
    # A state, not a flow.
    yield Last(f"{side}_oi", by=f"{side}_oi_time")
    for name in COMPUTED:
        yield Mean(f"{side}_{name}")
        yield Mean(f"{side}_vendor_{name}")


STRIKE_CANDLES = Dataset(
    "strike_candles",
    columns={
        "instrument_id": Kind.INTEGER,
        "expires_at": Kind.TIME,
        "strike": Kind.DECIMAL,
        "contract": Kind.TEXT,
        "time": Kind.TIME,
        "expiry": Kind.DATE,
        **{f"{side}_{name}": kind for side in SIDES for name, kind in _SIDE.items()},
        "underlying_close": Kind.DECIMAL,
        "forward": Kind.REAL,
        "rank": Kind.INTEGER,
        "moneyness": Kind.REAL,
        "source": Kind.TEXT,
        "version": Kind.BIGINT,
        "revision": Kind.INTEGER,
        "created_at": Kind.TIME,
        "updated_at": Kind.TIME,
    },
    key=("instrument_id", "expires_at", "strike", "contract", "time"),
    rollup=(
        Last("expiry"),
        *(measure for side in SIDES for measure in _of_side(side)),
        Last("underlying_close", known=True),
        Mean("underlying_avg", of="underlying_close"),
        *(Last(name, known=True) for name in ("forward", "rank", "moneyness")),
        Count("minutes"),
    ),
    timeframes=(Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.D1),
    # Quotes come when they change: a silent strike is no gap, but an expiry whose strikes are all silent is one.
    cadence=Cadence(MINUTE, "option_minutes", assumed_silent=1, by=("expires_at",)),
    # For so long quotes come late, and are cancelled or corrected.
    written=DAY,
    best_first=("version", "revision"),
)
