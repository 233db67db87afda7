"""Ticks: one row a trade."""

from chandlery.datasets.dataset import Dataset
from chandlery.words.window import DAY

TICKS = Dataset(
    "ticks",
    columns=(
        "time",
        "instrument_id",
        "seq",
        "price",
        "size",
        "updates_ohlc",
        "updates_volume",
        "cancelled",
        "venue",
        "conditions",
    ),
    sequence="seq",
    # For so long they come late, and are cancelled or corrected.
    written=DAY,
    best_first=("cancelled",),
)
