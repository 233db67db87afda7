"""The cadences that an operator has set for sources of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.platform.statements import read_rows, run, run_on


@dataclass(frozen=True)
class SourceCadence:
    """How often a source has rows, of one instrument or (null) of any.

    From `since` on, UTC, one is expected in each beat. `key` names the instrument that stands for it: gaps and coverage
    are listed under its key.
    """

    dataset: str
    source: str
    instrument: str | None
    every: timedelta
    calendar: str
    since: datetime
    key: str
    instrument_id: int


def list_all(connection: Connection, dataset: Dataset | None = None) -> Sequence[SourceCadence]:
    """Those of a data set, or of all, by data set and source."""
    return read_rows(connection, SourceCadence, "list_cadences", dataset=dataset.name if dataset else "")


def find(connection: Connection, dataset: Dataset, source: str, instrument: str | None) -> SourceCadence | None:
    """That of a source; null: none is set."""
    wanted = (source, instrument)
    return next((each for each in list_all(connection, dataset) if (each.source, each.instrument) == wanted), None)


def keep(
    connection: Connection,
    dataset: Dataset,
    key: str,
    source: str,
    instrument: str | None,
    every: timedelta,
    since: datetime,
) -> None:
    """Set one for the instrument that stands for its source, and mark the hours that are to be counted by it."""
    values = {"dataset": dataset.name, "key": key, "source": source, "instrument": instrument}
    run(connection, "set_cadence", **values, every=every, since=since)
    run_on(connection, dataset.watched.counted, "mark_beats", key=key, since=since)
