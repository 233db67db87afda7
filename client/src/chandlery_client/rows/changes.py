"""What changed of each data set."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ChangedData:
    """What changed of a data set: rows from `starts` to before `ends`.

    Attributes:
        cursor: its place in the order in which changes became visible.
        kinds: new, revised, healed, deleted.
        timeframes: empty where rows have none.
        instrument_count: None where a stretch of all instruments went.
        instruments: the first of them, by key.
    """

    cursor: int
    dataset: str
    kinds: list[str]
    timeframes: list[str]
    starts: datetime
    ends: datetime
    instrument_count: int | None
    instruments: list[str]


@dataclass(frozen=True, slots=True)
class Changes:
    """A page of changes; above the cursor asked for, `kept_from` means that some may be gone."""

    changes: list[ChangedData]
    kept_from: int | None = None
    newest_cursor: int | None = None
