"""How complete a data set is on session days, read from its presence and the ledger."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.gaps.domain.coverage import coverage_of
from chandlery.gaps.store.ledger import Choice
from chandlery.platform.statements import read_rows, run
from chandlery.words.window import Window


@dataclass(frozen=True)
class DayCoverage:
    """Expected minutes of an instrument on one session date, told apart.

    `missing` was judged, and is an open gap; `not_judged` is silence that no gap monitor has judged.
    """

    key: str
    feed: str
    session_date: date
    expected: int
    present: int
    explained: int
    missing: int
    not_judged: int

    @property
    def coverage(self) -> float:
        """(present + explained) / expected, from 0 to 1."""
        return coverage_of(self.expected, self.missing + self.not_judged)


@dataclass(frozen=True)
class CalendarStretch:
    """What a calendar knows, and the bounds of its sessions on the days that were asked for, UTC; null: it has none."""

    calendar: str
    known_from: date | None
    known_to: date | None
    opens_at: datetime | None
    closes_at: datetime | None


@dataclass(frozen=True)
class JudgedDay:
    """A session date that a gap monitor has judged, and where the newest look ended, UTC."""

    session_date: date
    judged_until: datetime


@dataclass(frozen=True)
class NotJudged:
    """Instruments with expected minutes that nobody has judged, and between which times, UTC; null: there are none."""

    instruments: int
    starts: datetime | None
    ends: datetime | None


def list_days(
    connection: Connection, dataset: Dataset, instrument_ids: Sequence[int], window: Window, first: date, last: date
) -> Sequence[DayCoverage]:
    """Instruments' session dates from `first` to `last` with the minutes that lie in a window, by key and date."""
    return read_rows(
        connection,
        DayCoverage,
        "list_day_coverage",
        dataset=dataset.name,
        cadence=dataset.watched.minutes,
        instrument_ids=list(instrument_ids),
        first=first,
        last=last,
        starts=window.starts,
        ends=window.ends,
    )


def list_parts(connection: Connection, dataset: Dataset, keys: Sequence[str]) -> AbstractSet[int]:
    """Of named instruments, or of all, the parts that rows are expected of; and each named one that has none."""
    rows = run(connection, "list_parts", dataset=dataset.name, keys=list(keys))
    return {instrument_id for (instrument_id,) in rows}


def describe_calendars(
    connection: Connection, calendars: Sequence[str], first: date, last: date
) -> Sequence[CalendarStretch]:
    """What calendars know of the session dates from `first` to `last`, by name."""
    return read_rows(
        connection, CalendarStretch, "describe_calendars", calendars=list(calendars), first=first, last=last
    )


def list_judged_days(
    connection: Connection, dataset: Dataset, instrument_ids: Sequence[int] | None, last: date | None, days: int
) -> Sequence[JudgedDay]:
    """The newest `days` session dates up to `last` of which any of these (None: of all) was judged, newest first."""
    ids = None if instrument_ids is None else list(instrument_ids)
    values = {"dataset": dataset.name, "instrument_ids": ids, "last": last or "infinity", "days": days}
    rows = run(connection, "list_judged_days", **values)
    return [JudgedDay(*row) for row in rows]


def list_unawaited(
    connection: Connection, dataset: Dataset, days: Sequence[tuple[str, date]]
) -> AbstractSet[tuple[str, date]]:
    """Of keys and dates that are not judged, those on which no row is expected by `market.lives`."""
    rows = run(
        connection,
        "list_unawaited_days",
        dataset=dataset.name,
        keys=[key for key, _ in days],
        session_dates=[session_date for _, session_date in days],
    )
    return {(key, session_date) for key, session_date in rows}


def sum_not_judged(connection: Connection, choice: Choice, due: datetime) -> NotJudged:
    """What is not judged of the chosen instruments and times; without an end up to where the newest look ended."""
    (found,) = read_rows(
        connection,
        NotJudged,
        "sum_not_judged",
        dataset=choice.dataset.name,
        instrument_key=choice.key,
        feed=choice.feed,
        starts=choice.starts or "-infinity",
        ends=choice.ends,
        due=due,
    )
    return found
