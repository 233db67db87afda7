"""Reading the ledger of gaps; `gaps` keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.platform.statements import read_rows


class Reason(StrEnum):
    """Why a minute has no row; the database's type `market.gap_reason` has the same names."""

    UNAGGREGATED = "unaggregated"
    NO_TRADES = "no_trades"
    INSTRUMENT_SILENT = "instrument_silent"
    FEED_DOWN = "feed_down"
    UNHEALABLE = "unhealable"


@dataclass(frozen=True)
class Gap:
    """A row of the ledger, open while `healed_at` is null; `minutes` are the expected ones in [starts, ends), UTC."""

    key: str
    feed: str
    starts: datetime
    ends: datetime
    minutes: int
    reason: str
    found_at: datetime
    healed_at: datetime | None
    healed_from: str | None
    attempts: int
    next_attempt_at: datetime | None
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class Sum:
    """Gaps of one reason, open or healed: rows, and their expected minutes."""

    reason: str
    healed: bool
    gaps: int
    minutes: int


@dataclass(frozen=True)
class Choice:
    """Which rows: of any instrument, feed, reason or time where none is named; open ones, unless `healed` too."""

    key: str = ""
    feed: str = ""
    reasons: Sequence[Reason] = ()
    starts: datetime | None = None
    ends: datetime | None = None
    healed: bool = False
    dataset: Dataset = CANDLES

    @property
    def values(self) -> dict[str, Any]:
        """The variables of its queries."""
        return {
            "dataset": self.dataset.name,
            "instrument_key": self.key,
            "feed": self.feed,
            "reasons": [str(reason) for reason in self.reasons],
            "starts": self.starts or "-infinity",
            "ends": self.ends or "infinity",
            "healed": self.healed,
        }


def list_gaps(connection: Connection, choice: Choice, limit: int | None = None) -> Sequence[Gap]:
    """Rows that touch the chosen stretch: the open ones, the oldest first, then the healed, the latest healed first."""
    return read_rows(connection, Gap, "list_gaps", **choice.values, limit=limit)


def sum_gaps(connection: Connection, choice: Choice) -> Sequence[Sum]:
    """The chosen rows by reason, the open ones first."""
    return read_rows(connection, Sum, "sum_gaps", **choice.values)
