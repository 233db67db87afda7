"""The ledger through random histories: after each scan it holds what the reference finds, and remembers."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import namedtuple_row

from chandlery.datasets.candles import CANDLES
from chandlery.gaps import look_back
from chandlery.gaps import watch_historical_gaps as historical
from chandlery.gaps import watch_live_gaps as live
from chandlery.gaps.find_gaps import Found, find_gaps
from chandlery.words.window import DAY, HOUR, MINUTE, WEEK, Window
from tests.conftest import SERVER_URL
from tests.integration.gaps.test_gap_reasons import EMPTY, MONDAY, add, at, days_of, fill
from tests.integration.market import always
from tests.plain_gaps import (
    Candle,
    Instrument,
    delete_candles,
    find,
    insert_candles,
    open_by_minute,
    open_minutes,
    read_instruments,
)

DATABASE = settings(
    max_examples=2 if SERVER_URL else 1,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    # A history is made from a seed: a smaller one shows no more.
    phases=[Phase.generate],
)
ALWAYS = Window(MONDAY - WEEK, MONDAY + 4 * WEEK)
DAYS = 16
OPEN_HOURS = {"afternoon": days_of(13.5, 15.5, days=DAYS), "midnight": days_of(22.5, 25.5, days=DAYS)}
FULL = {name: open_minutes(open_hours, ALWAYS) for name, open_hours in OPEN_HOURS.items()}


def ledger(connection: Connection, number: int | None = None) -> Sequence[Any]:
    """Every row, or those of one instrument."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(
            "SELECT * FROM market.gaps WHERE instrument_id = coalesce(%s, instrument_id) ORDER BY starts, gap_id",
            [number],
        ).fetchall()


def row_versions(connection: Connection) -> Sequence[tuple[Any, ...]]:
    """A rewritten row has another xmin, a locked one another xmax."""
    return connection.execute(
        "SELECT 'gap', gap_id::text, starts, ctid::text, xmin::text, xmax::text FROM market.gaps"
        " UNION ALL SELECT 'hour', instrument_id::text, hour, ctid::text, xmin::text, xmax::text"
        " FROM market.candle_hours"
        " UNION ALL SELECT 'scan', component, starts, ctid::text, xmin::text, xmax::text FROM market.scans"
        " ORDER BY 1, 2, 3"
    ).fetchall()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[Window]:
    """From now on each scan of candles is compared with the reference; returns the windows of those there were."""
    windows: list[Window] = []

    def checked(connection: Connection, component: str, window: Window, at: datetime, **how: Any) -> Found:
        if how.get("dataset", CANDLES) is not CANDLES:
            return find_gaps(connection, component, window, at, **how)
        known = read_instruments(connection)
        before = ledger(connection)
        found = find_gaps(connection, component, window, at, **how)
        windows.append(window)
        shall = find(known, window)
        for number, instrument in known.items():
            rows = [row for row in before if row.instrument_id == number]
            _check(connection, number, instrument, window, at, shall[number], rows)
        return found

    monkeypatch.setattr(live, "find_gaps", checked)
    monkeypatch.setattr(look_back, "find_gaps", checked)
    return windows


def _check(
    connection: Connection,
    number: int,
    instrument: Instrument,
    window: Window,
    at: datetime,
    found: Mapping[datetime, str],
    before: Sequence[Any],
) -> None:
    after = ledger(connection, number)
    expected = instrument.expected(ALWAYS)
    was_open = {minute: row for row in before if row.healed_at is None for minute in _inside(expected, row)}
    elsewhere = {m: row.reason for m, row in was_open.items() if not window.starts <= m < window.ends}
    is_open = open_by_minute(connection, instrument, number)
    assert is_open == elsewhere | dict(found)
    _check_open_rows(expected, window, at, before, [row for row in after if row.healed_at is None])
    # History stays as it is, and has each minute that is open no longer, once.
    old, new = _history(before), _history(after)
    assert {key: new.get(key) for key in old} == old
    healed = [row for row in new.values() if row.gap_id not in old]
    gone = [minute for minute in was_open if minute not in is_open]
    told = [minute for row in healed for minute in _inside(expected, row)]
    assert sorted(told) == sorted(gone)
    for row in healed:
        minutes = _inside(expected, row)
        assert (row.minutes, row.healed_at, row.next_attempt_at) == (len(minutes), at, None)
        assert row.found_at == was_open[minutes[0]].found_at
        stands = [m in instrument.candles and not instrument.candles[m].partial for m in minutes]
        assert row.healed_from == ", ".join(["live_aggregated"] * any(stands) + ["no_trades"] * (not all(stands)))


def _check_open_rows(
    expected: Sequence[datetime], window: Window, at: datetime, before: Sequence[Any], rows: Sequence[Any]
) -> None:
    place = {minute: number for number, minute in enumerate(expected)}
    for row in rows:
        assert row.minutes == place[row.ends - MINUTE] - place[row.starts] + 1
        continued = [b for b in before if b.healed_at is None and b.starts < row.ends and b.ends > row.starts]
        assert row.found_at == min((b.found_at for b in continued), default=at)
        assert row.attempts in ({b.attempts for b in continued} or {0})
    for earlier, later in pairwise(rows):
        assert earlier.ends <= later.starts
        # Those that touch the window, though the market was closed in between, are one.
        touches = place[later.starts] >= bisect_left(expected, window.starts)
        touches &= place[earlier.ends - MINUTE] < bisect_left(expected, window.ends)
        if touches and earlier.reason == later.reason:
            assert place[later.starts] > place[earlier.ends - MINUTE] + 1


def _inside(expected: Sequence[datetime], row: Any) -> Sequence[datetime]:
    return expected[bisect_left(expected, row.starts) : bisect_left(expected, row.ends)]


def _history(rows: Sequence[Any]) -> dict[int, Any]:
    return {row.gap_id: row for row in rows if row.healed_at is not None}


def run_live(connection: Connection, now: datetime) -> live.LiveGapReport:
    return live.watch_live_gaps(
        connection, now, piece_candles=20_000, verify_buckets=0, share_instruments=100, has_time=always
    )


def run_historical(connection: Connection, now: datetime) -> historical.HistoricalGapReport:
    return historical.watch_historical_gaps(
        connection,
        now,
        open_vendor=lambda: None,
        piece_candles=20_000,
        verify_buckets=0,
        share_instruments=100,
        most_vendor_days=0,
        has_time=always,
    )


class Desk:
    """Four instruments of one feed, and what may happen to them."""

    def __init__(self, connection: Connection, chance: Random) -> None:
        self.connection, self.chance = connection, chance
        connection.execute(EMPTY)
        for name, open_hours in OPEN_HOURS.items():
            fill(connection, name, open_hours)
        self.calendar = {}
        for key, calendar, often in [
            ("X@A@EQ", "afternoon", 1.0),
            ("X@B@EQ", "afternoon", 0.4),
            ("X@C@EQ", "midnight", 1.0),
            ("X@D@EQ", "midnight", 0.1),
            # Keeps the feed alive.
            ("X@E@EQ", "midnight", 1.0),
            ("X@F@EQ", "afternoon", 1.0),
        ]:
            number = add(connection, key, calendar)
            minutes = [minute for minute in FULL[calendar] if chance.random() < often]
            insert_candles(connection, number, {minute: Candle(trades=chance.randint(1, 3)) for minute in minutes})
            self.calendar[number] = calendar
        self.now = at(7, 1) + chance.randrange(1440) * MINUTE

    def disturb(self) -> None:
        """Something happens to some minutes of an instrument, most often near the edges of the monitors' windows."""
        chance = self.chance
        number = chance.choice([1, 2, 3, 4])
        minutes = FULL[self.calendar[number]]
        around = self.now - chance.choice([WEEK, WEEK, DAY, HOUR]) + chance.randint(-600, 600) * MINUTE
        first = sum(minute < around for minute in minutes)
        stretch = minutes[first : first + chance.choice([1, 5, 20, 60, 150, 400])]
        actions: Sequence[Callable[[int, Sequence[datetime]], None]] = [
            self.lose,
            self.lose,
            self.lose,
            self.bring,
            self.cut_short,
            self.leave_waiting,
            self.ask,
            self.silence_feed,
        ]
        chance.choice(actions)(number, stretch)

    def lose(self, number: int, stretch: Sequence[datetime]) -> None:
        delete_candles(self.connection, number, stretch)

    def bring(self, number: int, stretch: Sequence[datetime]) -> None:
        insert_candles(self.connection, number, {minute: Candle(trades=2) for minute in stretch})

    def cut_short(self, number: int, stretch: Sequence[datetime]) -> None:
        insert_candles(self.connection, number, {minute: Candle(partial=True, trades=1) for minute in stretch[:10]})

    def silence_feed(self, number: int, stretch: Sequence[datetime]) -> None:
        for each in self.calendar:
            delete_candles(self.connection, each, stretch)

    def leave_waiting(self, number: int, stretch: Sequence[datetime]) -> None:
        if self.chance.random() < 0.3:
            self.connection.execute("DELETE FROM market.dirty")
        for minute in stretch[:30]:
            self.connection.execute("INSERT INTO market.dirty VALUES (%s, ARRAY[%s], ARRAY[1])", [minute, number])

    def ask(self, number: int, stretch: Sequence[datetime]) -> None:
        """A vendor could not answer for some gaps, and explained the first minutes of others."""
        self.connection.execute(
            "UPDATE market.gaps SET reason = 'unhealable', attempts = attempts + 1, next_attempt_at = %s"
            " WHERE healed_at IS NULL AND gap_id %% 3 = %s",
            [self.now, self.chance.randrange(3)],
        )
        self.connection.execute(
            "INSERT INTO market.gaps (instrument_id, starts, ends, minutes, reason, found_at, healed_at, healed_from)"
            " SELECT instrument_id, starts, starts + INTERVAL '2 minutes', 2, 'no_trades', found_at, %s, 'no_trades'"
            " FROM market.gaps WHERE healed_at IS NULL AND minutes > 20 AND gap_id %% 5 = %s",
            [self.now, self.chance.randrange(5)],
        )


@pytest.mark.long
@DATABASE
@given(seed=st.integers(0, 2**32))
def test_the_ledger_follows_what_is_missing(connection: Connection, watched: list[Window], seed: int) -> None:
    chance = Random(seed)
    desk = Desk(connection, chance)
    while desk.now < at(DAYS - 2, 0):
        run_live(connection, desk.now)
        before = row_versions(connection)
        run_live(connection, desk.now)
        assert row_versions(connection) == before
        if chance.random() < 0.4:
            run_historical(connection, desk.now)
        for _ in range(chance.randint(0, 3)):
            desk.disturb()
        desk.now += chance.choice([5 * MINUTE, 40 * MINUTE, 3 * HOUR, 11 * HOUR, DAY, 2 * DAY])
    assert len(watched) > 8
