"""What a program says from outside: one signal, and what is wrong with one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from chandlery.words.timeframe import Timeframe


@dataclass(frozen=True)
class SaidSignal:
    """A signal from outside. The database fills in `known_at` where it is not said."""

    strategy: str
    strategy_version: str
    instrument_key: str
    timeframe: Timeframe
    time: datetime
    direction: int
    strength: float | None
    confidence: float | None
    price: Decimal | None
    target_price: Decimal | None
    stop_loss: Decimal | None
    rationale: str
    indicators_used: Sequence[Mapping[str, Any]]
    generated_at: datetime | None
    known_at: datetime | None
    expires_at: datetime
    backfilled: bool

    @property
    def key(self) -> tuple[str, str, str, Timeframe, datetime]:
        """What names it: it is said once."""
        return self.strategy, self.strategy_version, self.instrument_key, self.timeframe, self.time

    def differences(self, stored: "SaidSignal") -> Sequence[str]:
        """The fields in which it is another than one that is stored; those left to the database may be any."""
        left_open = {name for name in ("generated_at", "known_at") if getattr(self, name) is None}
        left_open |= set() if self.backfilled else {"backfilled"}
        names = [each.name for each in fields(self) if each.name not in left_open]
        return [name for name in names if getattr(self, name) != getattr(stored, name)]

    def shown(self) -> Mapping[str, Any]:
        """As JSON has it: prices as texts, with all their digits, and times in UTC."""
        return {each.name: _shown(getattr(self, each.name)) for each in fields(self)}


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, Decimal) else value


@dataclass(frozen=True)
class Fault:
    """What is wrong with a signal: `number` is its place among those sent, from one; None: with all of them."""

    number: int | None
    field: str
    detail: str


def faults_of(said: SaidSignal) -> Sequence[tuple[str, str]]:
    """What of a signal contradicts the rest of it, by its fields."""
    found = []
    bucket = said.timeframe.floor_bucket(said.time)
    if bucket != said.time:
        found.append(("time", f"is in the bucket of {bucket:%Y-%m-%dT%H:%M:%SZ}; give its start"))
    for name in ("generated_at", "known_at"):
        moment = getattr(said, name)
        if moment is not None and moment < said.time:
            found.append((name, "is before time"))
    if said.expires_at <= max(said.time, said.known_at or said.time):
        found.append(("expires_at", "is not after time and known_at"))
    if said.direction == 0 and (said.target_price is not None or said.stop_loss is not None):
        found.append(("direction", "what holds has neither target nor stop"))
    way = 1 if said.direction > 0 else -1
    levels = [each for each in (said.stop_loss, said.price, said.target_price) if each is not None]
    if said.direction and any(way * low >= way * high for low, high in pairwise(levels)):
        found.append(("target_price", "stop, price and target are not in the order of the direction"))
    return found
