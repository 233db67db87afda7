"""Refresh the derived rows of every data set whose own rows changed, and no others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.rollup import Rollup
from chandlery.platform.domain.limits import REFRESH_PIECE_MINUTES
from chandlery.rebuild.domain.rebuild import Place
from chandlery.reference.store import instruments
from chandlery.refresh.store import derived, refreshes
from chandlery.refresh.store.derived import OpenHour, StaleHour
from chandlery.refresh.store.refreshes import Outcome
from chandlery.words.window import DAY, HOUR, MINUTE, Window

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_PIECE = 7


@dataclass(frozen=True)
class StaleReport:
    """What a run did: marks, and refreshes; `is_held_off` where another one was at work, to which the rest is left."""

    marks_taken: int = 0
    marks_left: int = 0
    marks_below_horizon: int = 0
    refreshes: int = 0
    is_held_off: bool = False

    @property
    def changed(self) -> bool:
        """Whether any mark was taken."""
        return self.marks_taken > 0

    def __add__(self, other: "StaleReport") -> "StaleReport":
        """Both together."""
        return StaleReport(
            self.marks_taken + other.marks_taken,
            self.marks_left + other.marks_left,
            self.marks_below_horizon + other.marks_below_horizon,
            self.refreshes + other.refreshes,
            self.is_held_off or other.is_held_off,
        )


@dataclass
class _Hour:
    """What was read about an hour."""

    hour: datetime
    marks: list[StaleHour] = field(default_factory=list)
    open_rows: list[OpenHour] = field(default_factory=list)

    @property
    def window(self) -> Window:
        return Window(self.hour, self.hour + HOUR)


def refresh_stale(
    connection: Connection,
    scheduled_at: datetime,
    *,
    most_marks: int | None = None,
    has_time: Callable[[], bool],
    within: Window | None = None,
    piece_minutes: int = REFRESH_PIECE_MINUTES,
) -> StaleReport:
    """Take the marks of changed rows, the newest hours first; refresh the whole buckets over them, bottom up.

    A bucket that is open, or whose last minute the live processor has had no time for, is not materialized: it is
    computed when read. Its mark is taken all the same, and its hour kept, to be refreshed once more when it has closed.
    Rows that change meanwhile leave marks of their own. A run that dies leaves its marks. So does one that finds
    another refresh at work, which may have taken up what changed and not have committed it yet.
    Each data set is refreshed by itself, in the order of their list: one that is held off holds up no other.

    Args:
        connection: in autocommit mode.
        scheduled_at: the run's identity and only clock, aware.
        most_marks: marks of each data set to take, at most; None: all.
        within: whose marks; of all time where absent.
        has_time: asked before each piece, of some days, whether another one fits.
        piece_minutes: minutes that one refresh may fold, about.

    Raises:
        Retryable, Permanent: from the database; the pieces done so far stay done.
    """
    report = StaleReport()
    for dataset in declared.rolled_up():
        report += _refresh(connection, dataset, scheduled_at, most_marks, has_time, within, piece_minutes)
    return report


def _refresh(
    connection: Connection,
    dataset: Dataset,
    at: datetime,
    most_marks: int | None,
    has_time: Callable[[], bool],
    within: Window | None,
    piece_minutes: int,
) -> StaleReport:
    refresher = Refresher(connection, at)
    taken = dropped = 0
    held_off = False
    hours = _read_hours(connection, dataset, at, most_marks, within)
    for piece in _pieces(hours, piece_length(connection, piece_minutes)):
        if not has_time():
            break
        if not all(refresher.refresh(rollup, [each.window for each in piece]) for rollup in dataset.rollups):
            held_off = True
            break
        marks = _take(connection, dataset, piece, refresher)
        taken += len(marks)
        dropped += sum(each.starts <= mark.hour < each.ends for mark in marks for each in refresher.dropped)
    left = derived.count_stale(connection, dataset, at)
    return StaleReport(taken, left, dropped, refresher.refreshes, held_off)


class Refresher:
    """Refreshes whole closed buckets whose rows are kept, as of a moment; counts its calls, and those in vain."""

    def __init__(
        self, connection: Connection, at: datetime, patience: timedelta | None = None, place: Place = Place.IN_USE
    ) -> None:
        self.refreshes = self.fresh = 0
        self.dropped: Sequence[Window] = ()  # as of the last refresh
        self._connection = connection
        self._patience = patience
        self.place = place
        self.settled = at - MINUTE

    def closed_to(self, rollup: Rollup) -> datetime:
        """Where the first bucket starts that may not be materialized yet."""
        return rollup.timeframe.floor_bucket(self.settled)

    def refresh(self, rollup: Rollup, touched: Sequence[Window]) -> bool:
        """Refresh the buckets that windows touch, where they are closed and all of their rows are kept.

        Returns:
            Whether all that changed there is materialized, and committed; not where another refresh is at work.
        """
        self.dropped = derived.list_dropped(self._connection, rollup.table)
        for kept in kept_stretches(self.dropped, self.closed_to(rollup)):
            for window in rollup.timeframe.whole_buckets(touched, kept):
                outcome = refreshes.refresh(
                    self._connection, rollup.relation + self.place, window, patience=self._patience
                )
                if outcome is Outcome.BUSY:
                    return False
                self.fresh += outcome is Outcome.FRESH
                self.refreshes += 1
        return True


def kept_stretches(dropped: Sequence[Window], ends: datetime) -> Iterator[Window]:
    """The stretches before a moment that lie between those that have been dropped."""
    starts = _EPOCH
    for each in dropped:
        if starts < min(each.starts, ends):
            yield Window(starts, min(each.starts, ends))
        starts = max(starts, each.ends)
    if starts < ends:
        yield Window(starts, ends)


def piece_length(connection: Connection, minutes: int = REFRESH_PIECE_MINUTES) -> timedelta:
    """Whole days that one refresh can do.

    By default some ten seconds of a server, well inside the statement timeout.
    """
    return min(max(minutes // (instruments.count(connection) * 1440 or 1), 1), _LONGEST_PIECE) * DAY


def _read_hours(
    connection: Connection, dataset: Dataset, at: datetime, most_marks: int | None, within: Window | None
) -> Sequence[_Hour]:
    hours: dict[datetime, _Hour] = {}
    since, until = (within.starts, min(at, within.ends)) if within else (None, at)
    for mark in derived.list_stale_hours(connection, dataset, until, most_marks, since):
        hours.setdefault(mark.hour, _Hour(mark.hour)).marks.append(mark)
    for row in derived.list_open_hours(connection, dataset, at):
        hours.setdefault(row.hour, _Hour(row.hour)).open_rows.append(row)
    return sorted(hours.values(), key=lambda each: each.hour, reverse=True)


def _pieces(hours: Sequence[_Hour], length: timedelta) -> Sequence[Sequence[_Hour]]:
    return [list(piece) for _, piece in groupby(hours, lambda each: (each.hour - _EPOCH) // length)]


def _take(
    connection: Connection, dataset: Dataset, piece: Sequence[_Hour], refresher: Refresher
) -> Sequence[StaleHour]:
    """Take the marks of a piece that has been refreshed."""
    watermarks = derived.list_watermarks(connection)
    ready = [each for each in piece if not _hidden(dataset, each.window, watermarks, refresher)]
    marks = [mark for each in ready for mark in each.marks]
    still_open = [each.hour for each in ready if _open_over(dataset, each.window, refresher.settled)]
    # One row an hour, written where it is needed: a mark was taken, several runs left one each, a bucket has closed.
    changing = [
        each for each in ready if each.marks or len(each.open_rows) > 1 or _has_closed(dataset, each, refresher.settled)
    ]
    if changing:
        changed = {each.hour for each in changing}
        rows = [row for each in changing for row in each.open_rows]
        hours = [hour for hour in still_open if hour in changed]
        derived.take_marks(connection, dataset, marks, rows, hours, refresher.settled)
    return marks


def _open_over(dataset: Dataset, hour: Window, settled: datetime) -> Sequence[datetime]:
    """The buckets over an hour that are open at a moment, by the first of each timeframe."""
    timeframes = [rollup.timeframe for rollup in dataset.rollups]
    starts = [max(timeframe.floor_bucket(moment) for moment in (hour.starts, settled)) for timeframe in timeframes]
    return [start for start in starts if start < hour.ends]


def _has_closed(dataset: Dataset, hour: _Hour, settled: datetime) -> bool:
    """Whether a bucket over an hour has closed since its row was written."""
    earlier = [row.settled for row in hour.open_rows if row.settled is None or row.settled < settled]
    now_open = _open_over(dataset, hour.window, settled)
    return any(moment is None or _open_over(dataset, hour.window, moment) != now_open for moment in earlier)


def _hidden(dataset: Dataset, hour: Window, watermarks: Mapping[str, datetime | None], refresher: Refresher) -> bool:
    """Whether an aggregate has materialized buckets over an hour that this run, scheduled earlier, may not refresh."""
    for rollup in dataset.rollups:
        materialized_to = watermarks.get(rollup.relation)
        stale_from = max(rollup.timeframe.floor_bucket(hour.starts), refresher.closed_to(rollup))
        if materialized_to is not None and stale_from < min(materialized_to, hour.ends):
            return True
    return False
