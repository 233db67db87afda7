"""Sentiment: how what is said of an instrument sounds, an item a row."""

from chandlery.datasets.cadence import Cadence
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Count, Mean, Sum
from chandlery.words.timeframe import Timeframe

SENTIMENT = Dataset(
    "sentiment",
    columns={
        "instrument_id": Kind.INTEGER,
        "source": Kind.TEXT,
        "time": Kind.TIME,
        "item_id": Kind.TEXT,
        "score": Kind.DECIMAL,
        "weight": Kind.DECIMAL,
        "label": Kind.TEXT,
        "received_at": Kind.TIME,
        "positive": Kind.FLAG,
        "negative": Kind.FLAG,
        "neutral": Kind.FLAG,
    },
    key=("instrument_id", "source", "time", "item_id"),
    rollup=(
        Mean("score", weight="weight"),
        Sum("weight"),
        Count("items"),
        *(Count(name, where=name) for name in ("positive", "negative", "neutral")),
    ),
    timeframes=(Timeframe.H1, Timeframe.D1),
    cadence=Cadence(None, "expected_sentiment", is_silence_plausible=False, by=("source",)),
    is_imported=True,
    is_sent=True,
    unsigned=("weight",),
    within={"score": (-1, 1)},
    otherwise={"weight": "1"},
    made=("positive", "negative", "neutral"),
    noted=("received_at",),
)
