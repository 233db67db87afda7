"""Ticks: one row a trade."""

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.words.window import DAY

TICKS = Dataset(
    "ticks",
    columns={
        "time": Kind.TIME,
        "instrument_id": Kind.INTEGER,
        "seq": Kind.BIGINT,
        "price": Kind.DECIMAL,
        "size": Kind.DECIMAL,
        "updates_ohlc": Kind.FLAG,
        "updates_volume": Kind.FLAG,
        "cancelled": Kind.FLAG,
        "venue": Kind.TEXT,
        "conditions": Kind.TEXT,
        "received_at": Kind.TIME,
    },
    key=("instrument_id", "time", "seq"),
    # For so long they come late, and are cancelled or corrected.
    written=DAY,
    best_first=("cancelled",),
    is_sent=True,
    cancelled="cancelled",
    unsigned=("size",),
    noted=("received_at",),
)
