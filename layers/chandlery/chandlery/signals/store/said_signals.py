"""Signals from outside, in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.types.json import Jsonb

from chandlery.platform.statements import read_rows, run
from chandlery.signals.domain.said import SaidSignal


@dataclass(frozen=True)
class StoredSignal(SaidSignal):
    """What is stored under the name of one that was sent."""

    id: int


def write(
    connection: Connection, said: Sequence[SaidSignal], instruments: Mapping[str, int], received_at: datetime
) -> set[int]:
    """Write those that are not stored; returns their ids. Inside a transaction."""
    rows = run(connection, "write_outside_signals", signals=_rows(said, instruments), received_at=received_at)
    return {number for (number,) in rows}


def find(connection: Connection, said: Sequence[SaidSignal], instruments: Mapping[str, int]) -> Sequence[StoredSignal]:
    """What is stored under the name of each, in their order."""
    return read_rows(connection, StoredSignal, "find_outside_signals", signals=_rows(said, instruments))


def _rows(said: Sequence[SaidSignal], instruments: Mapping[str, int]) -> Jsonb:
    """As texts, so that numbers keep all their digits."""
    return Jsonb(
        [
            {
                name: value if value is None or isinstance(value, list | bool) else str(value)
                for name, value in (asdict(each) | {"instrument_id": instruments[each.instrument_key]}).items()
            }
            for each in said
        ]
    )
