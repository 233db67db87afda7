"""Flows: what moved onto a venue and off it, a leg of a transaction a row."""

from chandlery.datasets.cadence import Cadence
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Count, Sum
from chandlery.words.timeframe import Timeframe

FLOWS = Dataset(
    "flows",
    columns={
        "instrument_id": Kind.INTEGER,
        "venue": Kind.TEXT,
        "time": Kind.TIME,
        "tx": Kind.TEXT,
        "leg": Kind.BIGINT,
        "direction": Kind.TEXT,
        "amount": Kind.DECIMAL,
        "usd": Kind.DECIMAL,
        "confirmed": Kind.FLAG,
        "cancelled": Kind.FLAG,
        "label_version": Kind.TEXT,
        "received_at": Kind.TIME,
        # What moved inside the venue, and what is left.
        "taken_off": Kind.DECIMAL,
        "counted": Kind.DECIMAL,
        "counted_usd": Kind.DECIMAL,
        "comes_in": Kind.FLAG,
        "goes_out": Kind.FLAG,
    },
    key=("instrument_id", "venue", "time", "tx", "leg"),
    rollup=(
        Sum("in_amount", of="counted", where="comes_in"),
        Sum("out_amount", of="counted", where="goes_out"),
        Sum("in_usd", of="counted_usd", where="comes_in"),
        Sum("out_usd", of="counted_usd", where="goes_out"),
        Count("in_count", where="comes_in"),
        Count("out_count", where="goes_out"),
    ),
    timeframes=(Timeframe.H1, Timeframe.D1),
    cadence=Cadence(None, "expected_flows", is_silence_plausible=False, by=("venue",)),
    best_first=("cancelled",),
    is_imported=True,
    is_sent=True,
    cancelled="cancelled",
    unsigned=("amount", "usd"),
    among={"direction": ("in", "out")},
    otherwise={"cancelled": "false"},
    made=("taken_off", "counted", "counted_usd", "comes_in", "goes_out"),
    noted=("received_at",),
)
