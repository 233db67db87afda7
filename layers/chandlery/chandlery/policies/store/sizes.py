"""How much room what is kept takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.platform.statements import read_rows


@dataclass(frozen=True)
class Storage:
    """What a table takes up, in bytes; the last three tell of chunks in the columnstore, and are null without any."""

    table_name: str
    bytes: int
    chunks: int
    columnar_chunks: int
    starts: datetime | None
    ends: datetime | None
    bytes_per_day: int | None
    before_bytes: int | None
    after_bytes: int | None
    ratio: float | None


@dataclass(frozen=True)
class Size:
    """What the whole database takes up, in bytes, and by how much more than a day before; null: that was not told."""

    database_bytes: int
    growth_bytes: int | None


def list_storage(connection: Connection) -> Sequence[Storage]:
    """What each table takes up, by name."""
    return read_rows(connection, Storage, "list_storage")


def measure_size(connection: Connection, at: datetime) -> Size:
    """How large the database is, as of a scheduled time of policy maintenance."""
    (size,) = read_rows(connection, Size, "measure_size", at=at)
    return size
