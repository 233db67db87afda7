"""Quotes of option contracts, as they change: what their feed says of a contract, nothing computed."""

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.words.window import DAY

OPTION_QUOTES = Dataset(
    "option_quotes",
    columns={
        "instrument_id": Kind.INTEGER,
        "time": Kind.TIME,
        "seq": Kind.BIGINT,
        "bid": Kind.DECIMAL,
        "bid_size": Kind.DECIMAL,
        "ask": Kind.DECIMAL,
        "ask_size": Kind.DECIMAL,
        "mark": Kind.DECIMAL,
        "iv": Kind.REAL,
        "delta": Kind.REAL,
        "gamma": Kind.REAL,
        "theta": Kind.REAL,
        "vega": Kind.REAL,
        "open_interest": Kind.DECIMAL,
        "oi_time": Kind.TIME,
        "underlying": Kind.DECIMAL,
        "source": Kind.TEXT,
        "cancelled": Kind.FLAG,
        "received_at": Kind.TIME,
    },
    key=("instrument_id", "time", "seq"),
    written=DAY,
    best_first=("cancelled",),
    is_imported=True,
    is_sent=True,
    is_of_contracts=True,
    cancelled="cancelled",
    unsigned=("bid_size", "ask_size", "open_interest"),
    noted=("received_at",),
)
