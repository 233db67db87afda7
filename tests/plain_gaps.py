"""What a scan of a window must find, minute by minute, in the plainest Python.

It is the reference of queries that look at sixty minutes at a time.

A minute is expected when it starts in its calendar's open hours, breaks left out, and in the life of its instrument:
from its listing or else its first candle on, and of these times since its feed is live, or, before that, on the days
(UTC) of what was imported, with what lies between two of them that are a week apart or less. A feed is live since the
first hour in which one of its instruments has a candle that no import brought, or since a listing before. A feed
without any data is expected to send since the listing.

An expected minute without a complete candle is missing, unless a vendor has said that nothing was traded in it:

- `unaggregated` where ticks wait for it;
- `feed_down` where no instrument of the feed has a candle or waiting ticks, or its own candle is partial;
- quiet otherwise: the feed lived.

Quiet minutes that follow each other among the expected ones are a run, however long the market was closed in between.
A run is plausible, and no gap, unless it makes us expect more than -ln 0.001 trades: the sum over its pieces, one for
each clock hour and stretch of open hours it reaches into, of minutes times trade rate. The rate of a piece is that of
the same hour of the day (UTC) over the window, if its watched minutes (expected, the feed lived) are 180 at least with
the run left out; else that of all hours of the day, with the run left out. Where the window has no trade at all, the
rate is the one that an open row of the ledger over this silence was found by.

- Where all candles count their trades: trades / watched minutes. Trades are counted by whole clock hours that touch the
  window, as they are stored, so minutes outside the session count too.
- Where one does not: -ln(1 - present / watched minutes), the rate at which that share of the minutes has any trade;
  present are the watched minutes that are neither quiet nor explained by a vendor.
- Sixty minutes at least count as watched.

An implausible run is `instrument_silent`. A quiet run that begins with the first expected minute of the window, or
ends with the last, is judged as long as it is together with the minutes beyond that an open row of the ledger joins it
to: half a silence looks more plausible than the whole. A run inside an open row that is `unhealable` stays so.

A window is judged for an instrument, as far as it was alive, unless it was quiet and did not trade at all (the rate of
all hours is 0): then only what a vendor explained is judged. An open minute is missing, judged silence is explained.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby

from psycopg import Connection

from chandlery.reference.domain.session import Break, Session
from chandlery.words.window import DAY, HOUR, MINUTE, WEEK, Window, floor_hour

IMPLAUSIBLE = -math.log(0.001)
ENOUGH_MINUTES, LEAST_MINUTES = 180, 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Candle:
    """As much of a candle as a scan asks for."""

    partial: bool = False
    trades: int | None = None


@dataclass(frozen=True)
class Row:
    """An open row of the ledger."""

    starts: datetime
    ends: datetime
    reason: str
    rate: float | None = None


@dataclass
class Instrument:
    """All that is known of an instrument; `since` is its listing or else its first candle, null: neither.

    Inside that, candles are expected in its `stretches` alone; null: always.
    """

    feed: str
    sessions: Sequence[Session]
    since: datetime | None
    until: datetime | None = None
    candles: Mapping[datetime, Candle] = field(default_factory=dict)
    waiting: AbstractSet[datetime] = frozenset()
    explained: AbstractSet[datetime] = frozenset()
    open: Sequence[Row] = ()
    stretches: Sequence[Window] | None = None

    def lives(self, minute: datetime) -> bool:
        """Whether a candle is expected then, if the market is open."""
        if self.since is None or minute < self.since or (self.until is not None and minute >= self.until):
            return False
        return self.stretches is None or any(each.starts <= minute < each.ends for each in self.stretches)

    def expected(self, window: Window) -> list[datetime]:
        """The minutes of a window in which candles are expected, in order."""
        return [minute for minute in open_minutes(self.sessions, window) if self.lives(minute)]


def open_minutes(sessions: Iterable[Session], window: Window) -> list[datetime]:
    """The minutes of a window that start in open hours, breaks left out, in order."""
    minutes = []
    for session in sorted(sessions, key=lambda each: each.opens_at):
        minute = _ceil(max(session.opens_at, window.starts))
        while minute < min(session.closes_at, window.ends):
            if not in_break(session, minute):
                minutes.append(minute)
            minute += MINUTE
    return minutes


def in_break(session: Session, moment: datetime) -> bool:
    """Whether a session pauses then."""
    return any(rest.starts_at <= moment < rest.ends_at for rest in session.breaks)


def find(instruments: Mapping[int, Instrument], window: Window) -> dict[int, dict[datetime, str]]:
    """The minutes of a window that must be open, with their reasons, by instrument."""
    alive = {feed: _alive(instruments, feed) for feed in {instrument.feed for instrument in instruments.values()}}
    return {number: _find(instrument, window, alive[instrument.feed]) for number, instrument in instruments.items()}


def judge(instruments: Mapping[int, Instrument], window: Window) -> dict[int, set[datetime]]:
    """The expected minutes of a window that a scan of it judges, by instrument."""
    judged = {}
    for number, instrument in instruments.items():
        alive = _alive(instruments, instrument.feed)
        expected = instrument.expected(window)
        watched = [minute for minute in expected if minute in alive]
        quiet = {minute for minute in watched if _kind(instrument, alive, minute) == "quiet"}
        measured = not quiet or _Rates(instrument, window, expected, watched, quiet).measured
        judged[number] = set(expected) if measured else set(expected) & instrument.explained
    return judged


def _alive(instruments: Mapping[int, Instrument], feed: str) -> set[datetime]:
    """The minutes in which a feed lived."""
    return {
        minute
        for instrument in instruments.values()
        if instrument.feed == feed
        for minute in (*instrument.candles, *instrument.waiting)
    }


def runs(minutes: Sequence[datetime], kind: Callable[[datetime], str | None]) -> Iterator[tuple[str, list[datetime]]]:
    """Minutes of one kind that follow each other; those without a kind are left out."""
    for name, run in groupby(minutes, kind):
        if name is not None:
            yield name, list(run)


def _find(instrument: Instrument, window: Window, alive: AbstractSet[datetime]) -> dict[datetime, str]:
    expected = instrument.expected(window)
    # Before and after its life nothing is expected of it, and nothing can join it.
    edges = open_minutes(instrument.sessions, window)
    found = {}
    watched = [minute for minute in expected if minute in alive]
    quiet = {m for m in watched if m not in instrument.candles and m not in instrument.waiting}
    rates = _Rates(instrument, window, expected, watched, quiet)
    for name, run in runs(expected, lambda minute: _kind(instrument, alive, minute)):
        reason = name
        if name == "quiet":
            expected_trades = rates.trades_expected(run)
            known = [row for row in _silent(instrument.open) if row.starts <= run[-1] + MINUTE and row.ends >= run[0]]
            if expected_trades == 0:
                expected_trades = len(run) * max((row.rate for row in known if row.rate is not None), default=0.0)
            beyond = _minutes_beyond(instrument, window, edges, run, known)
            if expected_trades / len(run) * (len(run) + beyond) <= IMPLAUSIBLE:
                continue
            reason = "instrument_silent"
        for row in instrument.open:
            if row.reason == "unhealable" and row.starts <= run[0] and run[-1] + MINUTE <= row.ends:
                reason = "unhealable"
        found.update(dict.fromkeys(run, reason))
    return found


def _kind(instrument: Instrument, alive: AbstractSet[datetime], minute: datetime) -> str | None:
    candle = instrument.candles.get(minute)
    if (candle is not None and not candle.partial) or minute in instrument.explained:
        return None
    if minute in instrument.waiting:
        return "unaggregated"
    return "quiet" if candle is None and minute in alive else "feed_down"


@dataclass(frozen=True)
class _Watched:
    minutes: int
    present: int
    trades: int | None


class _Rates:
    """Trades a minute, with some minutes left out."""

    def __init__(
        self,
        instrument: Instrument,
        window: Window,
        expected: Sequence[datetime],
        watched: Sequence[datetime],
        quiet: AbstractSet[datetime],
    ) -> None:
        # Whole clock hours that touch the window.
        starts, ends = floor_hour(window.starts), _ceil(window.ends, HOUR)
        told = [(minute, candle.trades) for minute, candle in instrument.candles.items() if starts <= minute < ends]
        by_hour = {
            hour: _Watched(
                minutes=sum(minute.hour == hour for minute in watched),
                present=sum(minute.hour == hour and minute not in quiet for minute in watched),
                trades=_sum(trades for minute, trades in told if minute.hour == hour),
            )
            for hour in {minute.hour for minute in expected}
        }
        self._at_hour = by_hour
        self._overall = _Watched(
            minutes=sum(each.minutes for each in by_hour.values()),
            present=sum(each.present for each in by_hour.values()),
            trades=_sum(each.trades for each in by_hour.values()),
        )

    @property
    def measured(self) -> bool:
        """Whether anything was traded at all."""
        overall = self._overall
        return bool(overall.present if overall.trades is None else overall.trades)

    def trades_expected(self, run: Sequence[datetime]) -> float:
        """How many trades that silence makes us expect."""
        own = Counter(minute.hour for minute in run)
        return sum(count * self._rate(hour, count, len(run)) for hour, count in own.items())

    def _rate(self, hour: int, own_at_hour: int, own: int) -> float:
        left_out = own_at_hour
        watched = self._at_hour[hour]
        if watched.minutes - left_out < ENOUGH_MINUTES:
            watched, left_out = self._overall, own
        minutes = max(watched.minutes - left_out, LEAST_MINUTES)
        if watched.trades is not None:
            return watched.trades / minutes
        return math.inf if watched.present >= minutes else -math.log(1 - watched.present / minutes)


def _sum(numbers: Iterable[int | None]) -> int | None:
    total = 0
    for number in numbers:
        if number is None:
            return None
        total += number
    return total


def _silent(rows: Sequence[Row]) -> Sequence[Row]:
    return [row for row in rows if row.reason in ("instrument_silent", "unhealable")]


def _minutes_beyond(
    instrument: Instrument, window: Window, edges: Sequence[datetime], run: Sequence[datetime], known: Sequence[Row]
) -> int:
    minutes = 0
    for row in known:
        if run[0] == edges[0] and row.starts < window.starts:
            minutes += len(open_minutes(instrument.sessions, Window(row.starts, window.starts)))
        if run[-1] == edges[-1] and row.ends > window.ends:
            minutes += len(open_minutes(instrument.sessions, Window(window.ends, row.ends)))
    return minutes


def _ceil(moment: datetime, unit: timedelta = MINUTE) -> datetime:
    return _EPOCH + -(-(moment - _EPOCH) // unit) * unit


def insert_candles(connection: Connection, instrument_id: int, candles: Mapping[datetime, Candle]) -> None:
    """Store candles as Chandlery's writers do; a stored one is replaced."""
    with connection.transaction():
        connection.execute("SELECT set_config('chandlery.writing', 'on', true)")
        connection.execute(
            "INSERT INTO market.candles (instrument_id, time, open, high, low, close, volume, turnover, trades,"
            " partial, session_date, extended, source, version)"
            " SELECT %s, c.time, 1, 1, 1, 1, 1, 1, c.trades, c.partial, c.time::date, false, 'live_aggregated', 1"
            " FROM unnest(%s::timestamptz[], %s::bigint[], %s::boolean[]) AS c (time, trades, partial)"
            " ON CONFLICT (instrument_id, time) DO UPDATE SET trades = excluded.trades, partial = excluded.partial",
            [
                instrument_id,
                list(candles),
                [candle.trades for candle in candles.values()],
                [candle.partial for candle in candles.values()],
            ],
        )


def delete_candles(connection: Connection, instrument_id: int, minutes: Iterable[datetime]) -> None:
    """Delete candles as Chandlery's writers do."""
    with connection.transaction():
        connection.execute("SELECT set_config('chandlery.writing', 'on', true)")
        connection.execute(
            "DELETE FROM market.candles WHERE instrument_id = %s AND time = ANY (%s)", [instrument_id, list(minutes)]
        )


def read_instruments(connection: Connection) -> dict[int, Instrument]:
    """What the database knows now: its candles, not its candle hours."""
    found = {}
    for number, feed, calendar, since, until in connection.execute(
        "SELECT instrument_id, feed, calendar, coalesce(listed_at, data_from), delisted_at FROM market.instruments"
    ).fetchall():
        sessions = connection.execute(
            "SELECT session_date, opens_at, closes_at, breaks FROM market.sessions"
            " WHERE calendar = %s ORDER BY opens_at",
            [calendar],
        ).fetchall()
        candles = connection.execute(
            "SELECT time, partial, trades FROM market.candles WHERE instrument_id = %s", [number]
        ).fetchall()
        waiting = connection.execute(
            "SELECT DISTINCT bucket FROM market.dirty"
            " CROSS JOIN unnest(instrument_ids, ticks) AS m (instrument_id, ticks)"
            " WHERE m.instrument_id = %s AND m.ticks > 0",
            [number],
        ).fetchall()
        explained = connection.execute(
            "SELECT generate_series(starts, ends - INTERVAL '1 minute', '1 minute') FROM market.gaps"
            " WHERE instrument_id = %s AND reason = 'no_trades'",
            [number],
        ).fetchall()
        found[number] = Instrument(
            feed=feed,
            sessions=[
                Session(day, opens, closes, tuple(Break(rest.lower, rest.upper) for rest in breaks))
                for day, opens, closes, breaks in sessions
            ],
            since=since,
            until=until,
            candles={time: Candle(partial, trades) for time, partial, trades in candles},
            waiting={minute for (minute,) in waiting},
            explained={minute for (minute,) in explained},
            open=[Row(*row) for row in connection.execute(_OPEN, [number]).fetchall()],
            stretches=_stretches(connection, number, feed),
        )
    return found


def _stretches(connection: Connection, number: int, feed: str) -> Sequence[Window] | None:
    """From the columns that counting fills; `imported_days` finds those of imported candles by itself."""
    (live_since, has_history), (history, listed_at) = (
        connection.execute(query, [value]).fetchall()[0]
        for query, value in (
            ("SELECT min(live_since), bool_or(history <> '{}') FROM market.instruments WHERE feed = %s", feed),
            ("SELECT history, listed_at FROM market.instruments WHERE instrument_id = %s", number),
        )
    )
    if live_since is None and not has_history:
        return None
    days = [Window(part.lower, part.upper) for part in history]
    if live_since is None:
        return days
    return [*days, Window(min(live_since, listed_at or live_since), datetime.max.replace(tzinfo=UTC))]


def imported_days(minutes: Iterable[datetime]) -> Sequence[Window]:
    """The days of some minutes, UTC, with what lies between two of them that are a week apart or less."""
    found: list[Window] = []
    for day in sorted({_EPOCH + (minute - _EPOCH) // DAY * DAY for minute in minutes}):
        if found and day - found[-1].ends <= WEEK:
            found[-1] = Window(found[-1].starts, day + DAY)
        else:
            found.append(Window(day, day + DAY))
    return found


_OPEN = (
    "SELECT starts, ends, reason::text, (evidence ->> 'trades_a_minute')::float FROM market.gaps"
    " WHERE instrument_id = %s AND healed_at IS NULL ORDER BY starts"
)


def read_open(connection: Connection, instrument_id: int) -> Sequence[tuple[datetime, datetime, str]]:
    """The open rows of the ledger, in order."""
    return connection.execute(
        "SELECT starts, ends, reason::text FROM market.gaps WHERE instrument_id = %s AND healed_at IS NULL"
        " ORDER BY starts",
        [instrument_id],
    ).fetchall()


def open_by_minute(connection: Connection, instrument: Instrument, instrument_id: int) -> dict[datetime, str]:
    """The ledger's open minutes with their reasons; an expected minute in two rows is an error."""
    found: dict[datetime, str] = {}
    for starts, ends, reason in read_open(connection, instrument_id):
        minutes = instrument.expected(Window(starts, ends))
        assert found.keys().isdisjoint(minutes)
        found |= dict.fromkeys(minutes, reason)
    return found
