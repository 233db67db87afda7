"""Why a minute is missing: what a scan finds against the plain reference, on random scenes and on real candles."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.gaps.find_gaps import count_hours, find_gaps
from chandlery.gaps.import_candles import import_candles
from chandlery.gaps.store import scans
from chandlery.gaps.watch_live_gaps import LiveGapReport, watch_live_gaps
from chandlery.platform import statements
from chandlery.reference.domain.session import Break, Calendar, Session
from chandlery.reference.store import instruments, sessions
from chandlery.words.window import DAY, HOUR, MINUTE, WEEK, Window
from local import calendars
from local.lots import checked_candle_lots
from tests.conftest import SERVER_URL
from tests.integration.market import always
from tests.plain_gaps import (
    Candle,
    delete_candles,
    find,
    insert_candles,
    open_by_minute,
    open_minutes,
    read_instruments,
)

DATABASE = settings(
    max_examples=5 if SERVER_URL else 2,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    # A scene is made from a seed: a smaller one shows no more.
    phases=[Phase.generate],
)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
BITCOIN = Window(datetime(2016, 10, 7, tzinfo=UTC), datetime(2016, 10, 10, tzinfo=UTC))
WHOLE = Window(MONDAY, MONDAY + WEEK)
LEDGER = (
    "SELECT instrument_id, starts, ends, minutes, reason, evidence, found_at, healed_at, healed_from FROM market.gaps"
    " ORDER BY instrument_id, starts, gap_id"
)
EMPTY = (
    "TRUNCATE market.candles, market.candle_hours, market.marks, market.dirty, market.gaps, market.scans,"
    " market.judged, market.reaches, market.known_data, market.newest_strikes, market.newest_strikes_5m,"
    " market.instruments, market.sessions, market.calendars RESTART IDENTITY CASCADE"
)


def at(day: int, clock: float) -> datetime:
    return MONDAY + day * DAY + clock * HOUR


def days_of(*hours: float, days: int = 3, seconds: float = 0) -> tuple[Session, ...]:
    """The same session on N days: open, close and, if given, the break, in hours of the day."""
    opens, closes, *pause = hours
    shift = timedelta(seconds=seconds)
    return tuple(
        Session(
            at(day, 0).date(),
            at(day, opens) + shift,
            at(day, closes) + shift,
            (Break(*(at(day, hour) for hour in pause)),) if pause else (),
        )
        for day in range(days)
    )


CALENDARS = {
    "around the clock": days_of(0, 24, days=2),
    "a few hours": days_of(13.5, 17, days=4),
    "a break inside an hour": days_of(9, 12.25, 10 + 10 / 60, 10 + 40 / 60),
    "a break over hours": days_of(1, 6, 2.5, 3.5),
    "over midnight": days_of(22, 26.5),
    "odd": days_of(9 + 47 / 60, 13, seconds=30.5),
}

# The bounds of a run of one monitor or the other: full hours, or any minute.
WINDOWS = st.sampled_from(
    [WHOLE, WHOLE, Window(at(0, 2), at(2, 10 + 23 / 60)), Window(at(0, 10.25), at(1, 11)), Window(at(1, 0), at(2, 0))]
)


class Habit(NamedTuple):
    """How an instrument trades: the chance of a trade in a minute, how much is known of it, how it fails."""

    chance: float
    told: str
    lost_runs: int
    longest: int
    partial: float
    waiting: float
    since: int


HABITS = st.builds(
    Habit,
    chance=st.sampled_from([0.01, 0.03, 0.1, 0.3, 0.7, 1]),
    told=st.sampled_from(["all", "none", "some"]),
    lost_runs=st.integers(0, 4),
    longest=st.sampled_from([3, 12, 40, 150, 400]),
    partial=st.sampled_from([0, 0, 0.02]),
    waiting=st.sampled_from([0, 0, 0.01]),
    since=st.sampled_from([0, 0, 1, 60]),
)


def settle(connection: Connection, window: Window, component: str = "test", share: int = 20) -> None:
    """Count, scan."""
    assert count_hours(connection, lambda: True) == 0
    shares = scans.plan_shares(connection, share)
    find_gaps(connection, component, window, window.ends, shares=shares, has_time=always)


def add(connection: Connection, key: str, calendar: str, feed: str = "feed") -> int:
    instruments.add(connection, key, calendar, feed)
    return instruments.find(connection, key).instrument_id


def fill(connection: Connection, name: str, open_hours: Sequence[Session]) -> None:
    days = [session.session_date for session in open_hours]
    sessions.replace(connection, Calendar(name, "UTC", min(days), max(days), tuple(open_hours)))


def trade(connection: Connection, number: int, minutes: Sequence[datetime], habit: Habit, chance: Random) -> None:
    """Store what an instrument of such a habit leaves behind."""
    lost: set[datetime] = set()
    for _ in range(habit.lost_runs):
        first = chance.randrange(len(minutes))
        lost.update(minutes[first : first + chance.randint(1, habit.longest)])
    told = {"all": 1.0, "none": 0.0, "some": 0.98}[habit.told]
    candles = {
        minute: Candle(chance.random() < habit.partial, chance.randint(1, 4) if chance.random() < told else None)
        for place, minute in enumerate(minutes)
        if minute not in lost and place >= habit.since and chance.random() < habit.chance
    }
    insert_candles(connection, number, candles)
    waiting = [minute for minute in minutes if chance.random() < habit.waiting]
    for minute in waiting:
        connection.execute("INSERT INTO market.dirty VALUES (%s, ARRAY[%s], ARRAY[1])", [minute, number])


def expect_the_reference(connection: Connection, window: Window) -> int:
    """Scan, and compare the ledger with the reference; returns the open minutes."""
    assert count_hours(connection, lambda: True) == 0
    known = read_instruments(connection)
    settle(connection, window)
    shall = find(known, window)
    for number, instrument in known.items():
        assert open_by_minute(connection, instrument, number) == shall[number], number
    return sum(map(len, shall.values()))


class Group(NamedTuple):
    """A feed of its own: instruments of one calendar, and how often another one trades next to them, if any does."""

    calendar: str
    habits: Sequence[Habit]
    accompanied: float


GROUPS = st.builds(
    Group,
    calendar=st.sampled_from(sorted(CALENDARS)),
    habits=st.lists(HABITS, min_size=1, max_size=3),
    accompanied=st.sampled_from([1, 1, 0.9, 0]),
)


@pytest.mark.sampled(every=1)
@DATABASE
@given(groups=st.lists(GROUPS, min_size=8, max_size=8), seed=st.integers(0, 2**32), window=WINDOWS)
def test_what_is_open_and_why_is_what_the_reference_says(
    connection: Connection, groups: list[Group], seed: int, window: Window
) -> None:
    connection.execute(EMPTY)
    chance = Random(seed)
    for name, open_hours in CALENDARS.items():
        fill(connection, name, open_hours)
    for feed, group in enumerate(groups):
        minutes = open_minutes(CALENDARS[group.calendar], WHOLE)
        beside = [Habit(group.accompanied, "all", 1, 60, 0, 0, 0)] if group.accompanied else []
        for place, habit in enumerate([*beside, *group.habits]):
            number = add(connection, f"X@{feed}_{place}@EQ", group.calendar, str(feed))
            trade(connection, number, minutes, habit, chance)
    expect_the_reference(connection, window)


@pytest.mark.sampled(every=6)
@pytest.mark.parametrize("seed", range(6))
def test_busy_instruments_are_looked_at_as_closely_as_others(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """No silence of theirs is plausible, or it just is: six to eight trades a minute are on either side of that."""
    chance = Random(seed)
    names = ["around the clock", "a break inside an hour", "odd", "over midnight"]
    for name in names:
        fill(connection, name, CALENDARS[name])
    minutes = {name: open_minutes(CALENDARS[name], WHOLE) for name in names}
    kinds = dict[int, str]()
    for place in range(16):
        name = names[place % 4]
        number = add(connection, f"X@{place}@EQ", name, feed=name)
        kinds[number] = name
        insert_candles(connection, number, dict.fromkeys(minutes[name], Candle(trades=(100, 7, 8)[place // 4 % 3])))
    connection.execute("UPDATE market.instruments SET listed_at = %s", [MONDAY])
    left = []
    usual = statements.run

    def run(connection: Connection, name: str, **values: Any) -> Any:
        done = usual(connection, name, **values)
        if name == "scan_gaps:create_steady_instruments":
            left.append(done.rowcount)
        return done

    monkeypatch.setattr(scans, "run", run)
    expect_the_reference(connection, WHOLE)
    for _ in range(3):
        for number, name in kinds.items():
            if number > 4:  # one of each calendar lives throughout
                change(connection, number, minutes[name], chance)
        expect_the_reference(connection, WHOLE)
        written = connection.execute(LEDGER).fetchall()
        expect_the_reference(connection, WHOLE)
        assert connection.execute(LEDGER).fetchall() == written
    assert any(left)
    assert not all(left)


def change(connection: Connection, number: int, minutes: Sequence[datetime], chance: Random) -> None:
    """Take away some single minutes, some in a row, some at the edges of hours; bring some back."""
    if chance.random() < 0.3:
        return
    gone = chance.sample(minutes, 3)
    first = chance.randrange(len(minutes))
    gone += minutes[first : first + chance.choice([0, 2, 70])]
    gone += chance.sample([minute for minute in minutes if minute.minute in {0, 59}] or minutes, 2)
    delete_candles(connection, number, gone)
    back = chance.sample(minutes, len(minutes) // 3)
    insert_candles(connection, number, {minute: Candle(trades=chance.choice([6, 7, 8])) for minute in back})


def bring_in(connection: Connection, number: int, path: Path) -> set[datetime]:
    """Import a file; returns its minutes."""
    with checked_candle_lots(path, latest=MONDAY) as lots:
        import_candles(connection, number, lots)
    rows = connection.execute("SELECT time FROM market.candles WHERE instrument_id = %s", [number]).fetchall()
    return {time for (time,) in rows}


def monitor(connection: Connection, now: datetime) -> LiveGapReport:
    return watch_live_gaps(
        connection, now, piece_candles=20_000, verify_buckets=0, share_instruments=100, has_time=always
    )


@pytest.fixture
def bitcoin(connection: Connection, real_data: Path) -> tuple[int, Sequence[datetime]]:
    """BTCUSD's minutes of three days, and the 104 of them in which nobody traded it."""
    sessions.replace(connection, calendars.from_library("24/7", date(2016, 10, 1), date(2016, 11, 30)))
    number = add(connection, "BITSTAMP@BTCUSD@SPOT", "24/7", "bitstamp")
    there = bring_in(connection, number, real_data / "crypto-candles" / "BTCUSD-1m.csv.gz")
    every = [BITCOIN.starts + minute * MINUTE for minute in range((BITCOIN.ends - BITCOIN.starts) // MINUTE)]
    missing = [minute for minute in every if minute not in there]
    assert (len(there), len(missing)) == (4216, 104)
    return number, missing


def test_alone_on_its_feed_every_missing_minute_is_open(
    connection: Connection, bitcoin: tuple[int, Sequence[datetime]]
) -> None:
    number, missing = bitcoin
    report = monitor(connection, BITCOIN.ends + MINUTE)
    instrument = read_instruments(connection)[number]
    assert open_by_minute(connection, instrument, number) == dict.fromkeys(missing, "feed_down")
    assert (report.minutes_open, report.coverage_7d) == (104, 4216 / 4320)


def test_with_another_instrument_only_implausible_silences_are_open(
    connection: Connection, bitcoin: tuple[int, Sequence[datetime]]
) -> None:
    number, missing = bitcoin
    other = add(connection, "BITSTAMP@ETHUSD@SPOT", "24/7", "bitstamp")
    every = [BITCOIN.starts + minute * MINUTE for minute in range(4320)]
    insert_candles(connection, other, dict.fromkeys(every, Candle(trades=5)))
    report = monitor(connection, BITCOIN.ends + MINUTE)
    known = read_instruments(connection)
    found = open_by_minute(connection, known[number], number)
    assert found == find(known, Window(BITCOIN.ends - WEEK, BITCOIN.ends))[number]
    assert set(found.values()) == {"instrument_silent"}
    # At 3.7 trades a minute one quiet minute is likely; two in a row are not.
    singles = {m for m in missing if m - MINUTE not in missing and m + MINUTE not in missing}
    assert set(missing) - found.keys() == singles
    assert 0 < len(found) < len(missing)
    assert report.coverage_7d == (8640 - len(found)) / 8640
    assert open_by_minute(connection, known[other], other) == {}


def test_an_index_lacks_what_its_file_lacks_in_its_sessions(connection: Connection, real_data: Path) -> None:
    sessions.replace(connection, calendars.from_library("XBOM", date(2018, 12, 1), date(2019, 2, 28)))
    number = add(connection, "NSE@NIFTY50@INDEX", "XBOM", "nse")
    there = bring_in(connection, number, real_data / "in-candles-1m" / "NIFTY50.csv.gz")
    lacking = [
        minute
        for day in (1, 2, 3, 4, 7)
        for opens in [datetime(2019, 1, day, 3, 45, tzinfo=UTC)]
        for minute in [opens + place * MINUTE for place in range(375)]
        if minute not in there
    ]
    report = monitor(connection, datetime(2019, 1, 7, 12, tzinfo=UTC))
    instrument = read_instruments(connection)[number]
    assert open_by_minute(connection, instrument, number) == dict.fromkeys(lacking, "feed_down")
    assert report.coverage_7d == 1 - len(lacking) / 1875


def test_a_vendors_silence_does_not_count_as_trading(connection: Connection) -> None:
    """Where candles count no trades, the minutes with candles give the rate: explained ones have none."""
    fill(connection, "around the clock", CALENDARS["around the clock"])
    minutes = open_minutes(CALENDARS["around the clock"], WHOLE)
    number, other = (add(connection, key, "around the clock") for key in ("X@A@EQ", "X@B@EQ"))
    insert_candles(connection, other, dict.fromkeys(minutes, Candle(trades=1)))
    # A candle every other minute, but a day without any, of which a vendor said that nothing was traded.
    insert_candles(connection, number, {m: Candle() for m in minutes[::2] if m.day == MONDAY.day or m.hour == 0})
    connection.execute(
        "INSERT INTO market.gaps (instrument_id, starts, ends, minutes, reason, found_at, healed_at, healed_from)"
        " VALUES (%s, %s, %s, 1380, 'no_trades', %s, %s, 'no_trades')",
        [number, at(1, 1), at(2, 0), at(2, 0), at(2, 0)],
    )
    delete_candles(connection, number, [at(0, 12) + minute * MINUTE for minute in range(12)])
    expect_the_reference(connection, WHOLE)
    assert scans.sum_open(connection, [CANDLES], WHOLE.ends) == {"candles": []}


def test_a_feed_that_was_down_does_not_hide_a_silence(connection: Connection) -> None:
    """What is missing because the feed was down says nothing about how often an instrument trades."""
    fill(connection, "around the clock", CALENDARS["around the clock"])
    minutes = open_minutes(CALENDARS["around the clock"], WHOLE)
    down = minutes[600:2500]
    number, other = (add(connection, key, "around the clock") for key in ("X@A@EQ", "X@B@EQ"))
    for each in (number, other):
        insert_candles(connection, each, {minute: Candle() for minute in minutes if minute not in down})
    delete_candles(connection, number, minutes[100:102])
    expect_the_reference(connection, WHOLE)
    instrument = read_instruments(connection)[number]
    found = open_by_minute(connection, instrument, number)
    assert [minute for minute, reason in found.items() if reason == "instrument_silent"] == minutes[100:102]


def test_one_candle_right_after_a_listing_says_little(connection: Connection) -> None:
    fill(connection, "around the clock", CALENDARS["around the clock"])
    minutes = open_minutes(CALENDARS["around the clock"], WHOLE)
    other, *young = (add(connection, f"X@{key}@EQ", "around the clock") for key in "ABC")
    insert_candles(connection, other, dict.fromkeys(minutes[:30], Candle(trades=1)))
    for number, trades in zip(young, [None, 1], strict=True):
        insert_candles(connection, number, {minutes[20]: Candle(trades=trades)})
    expect_the_reference(connection, Window(MONDAY, minutes[30]))
    assert scans.sum_open(connection, [CANDLES], WHOLE.ends) == {"candles": []}


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("edge", [*range(2, 12), 12.5])
def test_a_silence_is_not_explained_away_at_the_edge_of_a_window(connection: Connection, edge: float) -> None:
    """Both monitors look at parts of it while the edge between them moves over it."""
    fill(connection, "around the clock", CALENDARS["around the clock"])
    minutes = open_minutes(CALENDARS["around the clock"], WHOLE)
    number, other = (add(connection, key, "around the clock") for key in ("X@A@EQ", "X@B@EQ"))
    insert_candles(connection, other, dict.fromkeys(minutes, Candle(trades=1)))
    # One trade in twelve minutes; silent for ten hours.
    insert_candles(connection, number, {m: Candle(trades=1) for m in minutes[::12] if not at(0, 3) <= m < at(0, 13)})
    settle(connection, WHOLE)
    row = connection.execute("SELECT * FROM market.gaps").fetchall()
    assert len(row) == 1
    between = at(0, edge)
    settle(connection, Window(between, MONDAY + WEEK), "live")
    assert connection.execute("SELECT * FROM market.gaps").fetchall() == row
    settle(connection, Window(MONDAY, between), "historical")
    assert connection.execute("SELECT * FROM market.gaps").fetchall() == row


@pytest.mark.long
def test_rare_traders_do_not_flood_the_ledger(connection: Connection) -> None:
    """Where the rule explains all but one silence in a thousand, about as many open, from chance alone."""
    traders, hours_watched, mean = 500, 7 * 24, 30.0
    open_hours = days_of(0, 24, days=7)
    fill(connection, "24/7", open_hours)
    connection.execute(
        "INSERT INTO market.instruments (instrument_key, calendar, feed, listed_at)"
        " SELECT format('X@%%s@EQ', i), '24/7', 'feed', %s FROM generate_series(1, %s) AS i",
        [MONDAY, traders],
    )
    chance, silences = Random(5), 0
    numbers: list[int] = []
    bits: list[int] = []
    trades: list[int] = []
    for number in range(1, traders + 1):
        complete, traded = [0] * hours_watched, [0] * hours_watched
        moment = chance.expovariate(1 / mean)
        while moment < hours_watched * 60:
            hour, minute = divmod(int(moment), 60)
            complete[hour] |= 1 << (59 - minute)
            traded[hour] += 1
            silences += 1
            moment += chance.expovariate(1 / mean)
        numbers += [number] * hours_watched
        bits += complete
        trades += traded
    connection.execute(
        "INSERT INTO market.candle_hours (instrument_id, hour, complete, partial, trades)"
        " SELECT number, %s::timestamptz + (place - 1) %% %s * INTERVAL '1 hour', complete::bit(60), 0::bit(60), trades"
        " FROM unnest(%s::integer[], %s::bigint[], %s::bigint[]) WITH ORDINALITY"
        " AS h (number, complete, trades, place)",
        [MONDAY, hours_watched, numbers, bits, trades],
    )
    settle(connection, WHOLE, share=1000)
    (opened,) = scans.sum_open(connection, [CANDLES], WHOLE.ends)["candles"]
    assert silences / 1000 < opened.gaps < 3 * silences / 1000
