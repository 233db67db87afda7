"""Indicators: one row a value that was computed of candles."""

from chandlery.datasets.dataset import Dataset

INDICATORS = Dataset(
    "indicators",
    columns=(
        "instrument_id",
        "timeframe",
        "name",
        "parameters",
        "time",
        "value",
        "value_2",
        "value_3",
        "made_from",
        "made_by",
        "made_at",
    ),
    dimensions=("timeframe", "name", "parameters"),
    best_first=("made_at",),
)
