"""Moods: what sources say about an instrument, every five minutes of a session."""

from chandlery.datasets.cadence import Cadence
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Count, First, Last, Max, Mean, Min, Sum, Union
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import MINUTE

MOODS = Dataset(
    "moods",
    columns={
        "instrument_id": Kind.INTEGER,
        "source": Kind.TEXT,
        "time": Kind.TIME,
        "score": Kind.DECIMAL,
        "mentions": Kind.BIGINT,
        "spread": Kind.REAL,
        "topics": Kind.INTEGER,
        "headline": Kind.TEXT,
        "headline_time": Kind.TIME,
        "reviewed": Kind.FLAG,
    },
    key=("instrument_id", "source", "time"),
    rollup=(
        First("opened", of="score"),
        Last("headline", by="headline_time"),
        Max("highest", of="score"),
        Min("lowest", of="score"),
        Max("spread"),
        Sum("mentions", integer=True),
        Count("rows"),
        Count("reviews", where="reviewed"),
        Mean("mood", of="score", weight="mentions"),
        Union("topics"),
    ),
    timeframes=(Timeframe.M15, Timeframe.H1),
    cadence=Cadence(5 * MINUTE, counted="mood_minutes", is_silence_plausible=False),
    is_imported=True,
)
