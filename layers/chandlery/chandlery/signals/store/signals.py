"""Signals as they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from chandlery.platform.statements import read_rows


@dataclass(frozen=True)
class Signal:
    """What a version of a strategy says of an instrument at a time, and what ended it."""

    id: int
    time: datetime
    instrument_key: str
    timeframe: str
    strategy: str
    strategy_version: str
    direction: int
    strength: float | None
    confidence: float | None
    price: Decimal | None
    target_price: Decimal | None
    stop_loss: Decimal | None
    generated_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    ended_price: Decimal | None
    backfilled: bool
    rationale: str


@dataclass(frozen=True)
class WholeSignal(Signal):
    """The same with what it was said by."""

    known_at: datetime
    end_revision: int
    indicators_used: Sequence[Mapping[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Choice:
    """Which signals: of one instrument, strategy or timeframe, or of any; open ones alone; of a stretch of buckets."""

    instrument_id: int | None = None
    strategy: str | None = None
    timeframe: str | None = None
    is_active: bool = False
    starts: datetime | None = None
    ends: datetime | None = None


def list_page(
    connection: Connection, choice: Choice, before: tuple[datetime, int] | None, most: int
) -> Sequence[Signal]:
    """The newest of those chosen, at most so many, from before a time and an id on."""
    return read_rows(
        connection,
        Signal,
        "list_signals",
        instrument_id=choice.instrument_id,
        strategy=choice.strategy,
        timeframe=choice.timeframe,
        is_active=choice.is_active,
        starts=choice.starts or "-infinity",
        ends=choice.ends or "infinity",
        before_time=before[0] if before else "infinity",
        before_id=before[1] if before else 0,
        most=most,
    )


def list_latest(connection: Connection, choice: Choice, after: str, most: int) -> Sequence[Signal]:
    """The latest signal of each instrument, by key, at most so many, from after a key on."""
    return read_rows(
        connection,
        Signal,
        "list_latest_signals",
        strategy=choice.strategy,
        timeframe=choice.timeframe,
        after=after,
        most=most,
    )


def find(connection: Connection, number: int) -> WholeSignal | None:
    """A signal by its id; none where there is none."""
    return next(iter(read_rows(connection, WholeSignal, "find_signal", id=number)), None)
