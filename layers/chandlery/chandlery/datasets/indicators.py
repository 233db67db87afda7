"""Indicators: one row a value that was computed of candles."""

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind

INDICATORS = Dataset(
    "indicators",
    columns={
        "instrument_id": Kind.INTEGER,
        "timeframe": Kind.TEXT,
        "name": Kind.TEXT,
        "parameters": Kind.JSON,
        "time": Kind.TIME,
        "value": Kind.REAL,
        "value_2": Kind.REAL,
        "value_3": Kind.REAL,
        "made_from": Kind.TIME,
        "made_by": Kind.TEXT,
        "made_at": Kind.TIME,
    },
    key=("instrument_id", "timeframe", "name", "parameters", "time"),
    best_first=("made_at",),
)
