"""Map how complete a data set is: instruments by session days, the worst first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.gaps.store import coverage, heat_days
from chandlery.gaps.store.heat_days import HeatDay, WorstInstrument
from chandlery.platform.errors import Refused
from chandlery.reading.domain.cursor import Value, read_cursor, write_cursor
from chandlery.words.window import DAY, MINUTE, Window, floor_minute

# A session may begin half a day before its date in UTC, and end as much after it.
_AROUND = timedelta(hours=36)


@dataclass(frozen=True)
class HeatRow:
    """An instrument, and those of its session dates on which rows were expected."""

    instrument: WorstInstrument
    days: Sequence[HeatDay]


@dataclass(frozen=True)
class HeatMap:
    """Session dates, the oldest first, and a page of instruments, the most missing first."""

    dates: Sequence[date]
    rows: Sequence[HeatRow]
    next_cursor: str | None


def map_coverage(
    connection: Connection,
    at: datetime,
    *,
    days: int,
    last: date | None = None,
    feed: str | None = None,
    part: str = "",
    limit: int,
    cursor: str | None = None,
    dataset: Dataset = CANDLES,
) -> HeatMap:
    """How complete the rows are that were due at a moment.

    Args:
        connection: in autocommit mode.
        at: minutes that ended less than a minute before it are not due yet; aware.
        days: session dates, at most: the newest up to `last` that a gap monitor has looked at; where it has looked at
            none, the days up to `last`.
        last: the newest one there is where absent.
        feed: only its instruments; of any where absent.
        part: only instruments with it in their keys, in upper or lower case.
        limit: instruments a page.
        cursor: `next_cursor` of a page of the same question.
        dataset: whose rows; gaps are looked for in it.

    Raises:
        Refused: the cursor is wrong.
        Retryable, Permanent: from the database.
    """
    named = last.isoformat() if last else None
    asked: dict[str, Value] = {"dataset": dataset.name, "feed": feed, "part": part, "days": days, "last": named}
    after = _position(cursor, asked)
    due = floor_minute(at) - MINUTE
    dates = _choose_dates(connection, dataset, last, days, due)
    first, newest = dates[0], dates[-1]
    window = Window(_midnight(first) - _AROUND, min(due, _midnight(newest) + _AROUND))
    found = heat_days.list_worst(connection, dataset, window, feed=feed, part=part, after=after, most=limit + 1)
    chosen = found[:limit]
    ids = [each.instrument_id for each in chosen]
    by_key: dict[str, list[HeatDay]] = {each.key: [] for each in chosen}
    for day in _expected_days(
        connection, dataset, heat_days.list_days(connection, dataset, ids, window, first, newest)
    ):
        by_key[day.key].append(day)
    following = None
    if len(found) > limit:
        following = write_cursor({**asked, "missing": chosen[-1].missing, "key": chosen[-1].key})
    return HeatMap(dates, [HeatRow(each, by_key[each.key]) for each in chosen], following)


def _choose_dates(
    connection: Connection, dataset: Dataset, last: date | None, days: int, due: datetime
) -> Sequence[date]:
    judged = coverage.list_judged_days(connection, dataset, None, last, days)
    if judged:
        return sorted(each.session_date for each in judged)
    newest = last or due.date()
    return [newest - (days - 1 - number) * DAY for number in range(days)]


def _expected_days(connection: Connection, dataset: Dataset, days: Sequence[HeatDay]) -> Sequence[HeatDay]:
    """Without those on which nothing is missed: nobody imported them, and the feed was not live."""
    silent = [(day.key, day.session_date) for day in days if day.not_judged and not day.present]
    unawaited = coverage.list_unawaited(connection, dataset, silent) if silent else set()
    return [day for day in days if (day.key, day.session_date) not in unawaited]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _position(cursor: str | None, asked: Mapping[str, Value]) -> tuple[int, str]:
    if cursor is None:
        return 2**62, ""
    try:
        said = read_cursor(cursor, asked, {"missing": int, "key": str})
    except ValueError as error:
        raise Refused("cursor", str(error)) from None
    return int(said["missing"] or 0), str(said["key"])
