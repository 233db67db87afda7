"""Candles: one row a minute, all higher timeframes made of them; and what is counted of them an hour."""

from chandlery.datasets.cadence import Cadence
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Count, First, Last, Max, Min, Sum, Union
from chandlery.datasets.rollup import SessionDays
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import MINUTE

CANDLES = Dataset(
    "candles",
    columns={
        "instrument_id": Kind.INTEGER,
        "time": Kind.TIME,
        "session_date": Kind.DATE,
        "extended": Kind.FLAG,
        "open": Kind.DECIMAL,
        "high": Kind.DECIMAL,
        "low": Kind.DECIMAL,
        "close": Kind.DECIMAL,
        "volume": Kind.DECIMAL,
        "turnover": Kind.DECIMAL,
        "trades": Kind.BIGINT,
        "price_eligible": Kind.FLAG,
        "partial": Kind.FLAG,
        "source": Kind.TEXT,
        "version": Kind.BIGINT,
        "revision": Kind.INTEGER,
        "created_at": Kind.TIME,
        "updated_at": Kind.TIME,
    },
    # Candles that are not price-eligible set prices only where no other candle does: as with ticks in a minute. All
    # four prices together, so that high stays the highest of them.
    rollup=(
        First("open", preferring="price_eligible"),
        Max("high", preferring="price_eligible"),
        Min("low", preferring="price_eligible"),
        Last("close", preferring="price_eligible"),
        Sum("volume"),
        Sum("turnover", whole=True),
        Sum("trades", whole=True, integer=True),
        Union("price_eligible", flag=True),
        Count("minutes", unless="partial"),
        Count("partial_minutes", where="partial"),
        Union("sources", of="source", numbered_by="source_bit"),
    ),
    timeframes=(Timeframe.M5, Timeframe.M15, Timeframe.M30, Timeframe.H1, Timeframe.H4),
    days=SessionDays((Timeframe.D1, Timeframe.W1, Timeframe.MO1), outside="extended"),
    cadence=Cadence(MINUTE, "candles", shows_feeds=True),
    best_first=("version", "-partial", "revision"),
    is_indicated=True,
)

CANDLE_HOURS = Dataset(
    "candle_hours",
    columns={
        "instrument_id": Kind.INTEGER,
        "hour": Kind.TIME,
        "complete": Kind.BITS,
        "partial": Kind.BITS,
        "trades": Kind.BIGINT,
    },
    key=("instrument_id", "hour"),
    goes_with="candles",
)
