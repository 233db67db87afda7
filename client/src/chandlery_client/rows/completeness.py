"""What is missing, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from .open_enum import OpenEnum


class GapReason(OpenEnum):
    """Why expected rows are missing."""

    UNAGGREGATED = "unaggregated"
    INSTRUMENT_SILENT = "instrument_silent"
    FEED_DOWN = "feed_down"
    UNHEALABLE = "unhealable"


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of expected minutes without a row, of one reason."""

    instrument_key: str
    reason: GapReason
    starts: datetime
    ends: datetime
    minutes: int
    found_at: datetime
    healed_at: datetime | None
    healed_from: str | None
    attempts: int
    next_attempt_at: datetime | None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Day:
    """How complete an instrument's rows of a session date are, in minutes.

    Attributes:
        explained: without a row because nothing was traded.
        missing: judged, and an open gap.
        not_judged: no gap monitor has looked, or could say why.
        coverage: (present + explained) / expected.
    """

    instrument_key: str
    feed: str
    session_date: date
    expected: int
    present: int
    explained: int
    missing: int
    not_judged: int
    coverage: float
