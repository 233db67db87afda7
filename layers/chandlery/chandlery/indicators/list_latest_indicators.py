"""List the newest stored value of each indicator of each instrument, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import Connection

from chandlery.indicators.store import latest_indicators
from chandlery.indicators.store.latest_indicators import IndicatorChoice, LatestIndicator
from chandlery.platform.asked import check_limit
from chandlery.platform.errors import Refused
from chandlery.reading.domain.cursor import BROKEN, Value, write_cursor
from chandlery.reading.position import read_place
from chandlery.reference.store import instruments
from chandlery.words.timeframe import Timeframe

_MOST_NUMBER = 2**31 - 1


@dataclass(frozen=True)
class LatestPage:
    """Newest values; `next_cursor` leads on, null at the end."""

    indicators: Sequence[LatestIndicator]
    next_cursor: str | None


def list_latest_indicators(
    connection: Connection,
    *,
    key: str | None = None,
    timeframe: Timeframe | None = None,
    name: str | None = None,
    limit: int = 1000,
    cursor: str | None = None,
) -> LatestPage:
    """The newest stored value of each indicator, by instrument, in the order in which these were added.

    Args:
        connection: in autocommit mode; nothing is written.
        key: of one instrument.
        timeframe: of one timeframe.
        name: of indicators of this name, in either case, whatever their parameters.
        limit: 1 … 10,000.
        cursor: `next_cursor` of a page of the same question.

    Raises:
        NotFound: there is no such instrument.
        Refused: a value is wrong.
        Retryable, Permanent: from the database.
    """
    check_limit(limit)
    name = name and name.lower()
    asked: Mapping[str, Value] = {"key": key, "timeframe": timeframe and str(timeframe), "name": name}
    after = _after(cursor, asked) if cursor else (0, 0)
    instrument_id = instruments.find(connection, key).instrument_id if key else None
    choice = IndicatorChoice(instrument_id, timeframe and str(timeframe), name)
    found = latest_indicators.list_page(connection, choice, after, limit + 1)
    if len(found) <= limit:
        return LatestPage(found, None)
    last = found[limit - 1]
    place = {"instrument": last.instrument_id, "indicator": last.indicator_id}
    return LatestPage(found[:limit], write_cursor({**asked, **place}))


def _after(cursor: str, asked: Mapping[str, Value]) -> tuple[int, int]:
    said = read_place(cursor, asked, {"instrument": int, "indicator": int})
    after = int(said["instrument"] or 0), int(said["indicator"] or 0)
    if not all(0 <= number <= _MOST_NUMBER for number in after):
        raise Refused("cursor", BROKEN)
    return after
