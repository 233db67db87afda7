"""Values of indicators: one row a value that was computed of candles."""

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind

INDICATOR_VALUES = Dataset(
    "indicator_values",
    columns={
        "instrument_id": Kind.INTEGER,
        "indicator_id": Kind.INTEGER,
        "time": Kind.TIME,
        "value": Kind.REAL,
        "value_2": Kind.REAL,
        "value_3": Kind.REAL,
        "made_from": Kind.TIME,
        "made_by": Kind.TEXT,
        "made_at": Kind.TIME,
    },
    key=("instrument_id", "indicator_id", "time"),
    best_first=("made_at",),
    read_by="indicators",
)
