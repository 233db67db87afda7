"""List signals, a page at a time: the newest first, or the latest of each instrument."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.platform.asked import check_limit, check_order
from chandlery.platform.errors import NotFound, Refused
from chandlery.reading.domain.cursor import BROKEN, Value, write_cursor
from chandlery.reading.position import read_after, read_place
from chandlery.reference.store import instruments
from chandlery.signals.store import signals
from chandlery.signals.store.signals import Choice, Signal, WholeSignal
from chandlery.words.timeframe import Timeframe


@dataclass(frozen=True)
class SignalPage:
    """Signals; `next_cursor` leads on, null at the end."""

    signals: Sequence[Signal]
    next_cursor: str | None


def list_signals(
    connection: Connection,
    *,
    key: str | None = None,
    strategy: str | None = None,
    timeframe: Timeframe | None = None,
    active_only: bool = False,
    starts: datetime | None = None,
    ends: datetime | None = None,
    limit: int = 1000,
    cursor: str | None = None,
) -> SignalPage:
    """Signals of buckets that start in [starts, ends), the newest first.

    Args:
        connection: in autocommit mode; nothing is written.
        key: of one instrument.
        strategy: of one strategy, of whichever version.
        timeframe: of one timeframe.
        active_only: without those that have ended.
        starts: since ever where absent; aware.
        ends: without end where absent; aware.
        limit: 1 … 10,000.
        cursor: `next_cursor` of a page of the same question.

    Raises:
        NotFound: there is no such instrument.
        Refused: a value is wrong.
        Retryable, Permanent: from the database.
    """
    check_limit(limit)
    check_order(starts, ends)
    asked = {
        "key": key,
        "strategy": strategy,
        "timeframe": timeframe and str(timeframe),
        "active": active_only,
        "from": starts.isoformat() if starts else None,
        "to": ends.isoformat() if ends else None,
    }
    before = _before(cursor, asked)
    instrument_id = instruments.find(connection, key).instrument_id if key else None
    choice = Choice(instrument_id, strategy, timeframe and str(timeframe), active_only, starts, ends)
    found = signals.list_page(connection, choice, before, limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    return SignalPage(
        found[:limit], write_cursor({**asked, "time": last.time.isoformat(), "id": last.id}) if last else None
    )


def list_latest_signals(
    connection: Connection,
    *,
    strategy: str | None = None,
    timeframe: Timeframe | None = None,
    limit: int = 1000,
    cursor: str | None = None,
) -> SignalPage:
    """The latest signal of each instrument that has any, by key.

    Args:
        connection: in autocommit mode; nothing is written.
        strategy: of one strategy, of whichever version.
        timeframe: of one timeframe.
        limit: 1 … 10,000.
        cursor: `next_cursor` of a page of the same question.

    Raises:
        Refused: a value is wrong.
        Retryable, Permanent: from the database.
    """
    check_limit(limit)
    asked: Mapping[str, Value] = {"strategy": strategy, "timeframe": timeframe and str(timeframe), "latest": True}
    after = read_after(cursor or None, asked)
    choice = Choice(strategy=strategy, timeframe=timeframe and str(timeframe))
    found = signals.list_latest(connection, choice, after, limit + 1)
    more = write_cursor({**asked, "after": found[limit - 1].instrument_key}) if len(found) > limit else None
    return SignalPage(found[:limit], more)


def find_signal(connection: Connection, number: int) -> WholeSignal:
    """A signal with all that is known of it.

    Raises:
        NotFound: there is none of that id.
        Retryable, Permanent: from the database.
    """
    found = signals.find(connection, number)
    if found is None:
        raise NotFound(f"no signal {number}")
    return found


def _before(cursor: str | None, asked: Mapping[str, Value]) -> tuple[datetime, int] | None:
    if cursor is None:
        return None
    said = read_place(cursor, asked, {"time": str, "id": int})
    try:
        time = datetime.fromisoformat(str(said["time"]))
    except ValueError:
        raise Refused("cursor", BROKEN) from None
    if time.tzinfo is None:
        raise Refused("cursor", BROKEN)
    return time, int(said["id"] or 0)
