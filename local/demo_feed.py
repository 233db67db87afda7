"""A made-up feed for the demo: the same ticks each time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from psycopg import Connection

from chandlery.platform.statements import run


@dataclass(frozen=True)
class Tick:
    """One trade of the demo's feed."""

    time: datetime
    seq: int
    price: Decimal
    size: Decimal


def minute_of_ticks(random: Random, minute: datetime, last_price: Decimal) -> Sequence[Tick]:
    """Some forty trades inside a minute, a random walk from a price, in cents."""
    seconds = sorted(random.uniform(0, 59.9) for _ in range(random.randint(30, 50)))
    ticks = []
    for seq, second in enumerate(seconds):
        last_price += Decimal(random.randint(-5, 5)) / 100
        size = Decimal(random.randint(1, 20) * 10)
        ticks.append(Tick(minute + timedelta(milliseconds=round(second * 1000)), seq, last_price, size))
    return ticks


def insert(connection: Connection, instrument_id: int, ticks: Sequence[Tick]) -> int:
    """Insert ticks as any writer may, in one statement; returns how many were new."""
    return run(
        connection,
        "insert_ticks",
        instrument_id=instrument_id,
        times=[tick.time for tick in ticks],
        seqs=[tick.seq for tick in ticks],
        prices=[tick.price for tick in ticks],
        sizes=[tick.size for tick in ticks],
        updates_ohlc=[True] * len(ticks),
        updates_volume=[True] * len(ticks),
        venues=["DEMO"] * len(ticks),
        conditions=[None] * len(ticks),
    ).rowcount
