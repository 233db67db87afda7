"""Never stale: whatever changes, whatever refreshes, a reader with a cache sees what a reader without one sees."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from psycopg import Connection
from psycopg.sql import SQL

from chandlery.datasets.candles import CANDLES
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.minutes.store.candles import write_vendor
from chandlery.reading.store import fingerprints
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import instruments, sessions
from chandlery.refresh.store import refreshes
from chandlery.refresh.verify_candles import verify_candles
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, HOUR, MINUTE, Window
from tests.integration.cached_reading import assert_never_stale, cached, new_cache, plain
from tests.integration.derived_scene import refresh, write
from tests.integration.market import around_the_clock, insert, live
from tests.integration.policy_scene import drop
from tests.plain_derived import Minute
from tests.plain_fold import Tick

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
LATE = NOON + 3 * DAY
SEEDS = 3
WINDOWS = [Window(NOON - 8 * HOUR, NOON), Window(NOON - 2 * HOUR, NOON + 2 * HOUR), Window(FIRST, FIRST + 3 * DAY)]


def candle(time: datetime, price: int) -> Minute:
    value = Decimal(price)
    return Minute(
        time, value, value + 1, value - 1, value, Decimal(10), value * 10, 5, True, False, "vendor_historical"
    )


def told(connection: Connection, instrument: int, timeframe: Timeframe, window: Window) -> str:
    return fingerprints.find_candles(connection, instrument, timeframe, window).value


def delete(connection: Connection, instrument: int, time: datetime) -> None:
    connection.execute("DELETE FROM market.candles WHERE instrument_id = %s AND time = %s", [instrument, time])


def correct_calendar(connection: Connection, hours_open: int) -> None:
    """Days that open late: earlier minutes are extended from now on."""
    days = [date(2026, 3, day) for day in range(1, 5)]
    ends = [datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY for day in days]
    hours = tuple(Session(day, end - hours_open * HOUR, end) for day, end in zip(days, ends, strict=True))
    sessions.replace(connection, Calendar("24/7", "UTC", days[0], days[-1], hours))


@pytest.fixture
def today(connection: Connection) -> list[int]:
    """Two instruments with minutes up to 13:03, all of them materialized as far as buckets have closed by 13:15."""
    pair = around_the_clock(connection, "X@A@EQ", "X@B@EQ")
    for instrument in pair:
        write(connection, instrument, [candle(NOON + n * 7 * MINUTE, 100 + n) for n in range(-60, 10)])
    refresh(connection, NOON + 75 * MINUTE)
    return pair


@pytest.fixture
def pair(connection: Connection, today: list[int]) -> list[int]:
    """The same, days later."""
    refresh(connection, LATE)
    return today


def insert_one(connection: Connection, instrument: int) -> None:
    write(connection, instrument, [candle(NOON - 3 * MINUTE, 500)])


def update_one(connection: Connection, instrument: int) -> None:
    write(connection, instrument, [candle(NOON - 7 * MINUTE, 500)])


def delete_one(connection: Connection, instrument: int) -> None:
    delete(connection, instrument, NOON - 7 * MINUTE)


def heal_one(connection: Connection, instrument: int) -> None:
    price = ["7"]
    columns = CandleColumns([NOON - 5 * MINUTE], price, price, price, price, price, [None], [None])
    write_vendor(connection, instrument, columns)


def late_tick(connection: Connection, instrument: int) -> None:
    insert(connection, instrument, [Tick(NOON - 5 * MINUTE, 1, Decimal(70), Decimal(3))])
    live(connection, NOON + MINUTE)


def correct(connection: Connection, instrument: int) -> None:
    correct_calendar(connection, 20)


def list_later(connection: Connection, instrument: int) -> None:
    instruments.add(connection, "X@A@EQ", "24/7", "test", listed_at=NOON - HOUR)


def earlier_first(connection: Connection, instrument: int) -> None:
    """Expected minutes begin with it, far outside of the windows."""
    write(connection, instrument, [candle(FIRST - 2 * DAY, 1)])


@pytest.mark.sampled(every=8)
@pytest.mark.parametrize(
    "change",
    [insert_one, update_one, delete_one, heal_one, late_tick, correct, list_later, earlier_first],
    ids=lambda change: change.__name__,
)
def test_a_change_shows_at_once(
    connection: Connection, pair: list[int], change: Callable[[Connection, int], None]
) -> None:
    cache = new_cache()
    assert_never_stale(cache, connection, pair[0], WINDOWS)
    before = told(connection, pair[0], Timeframe.M1, WINDOWS[1])
    change(connection, pair[0])
    if change is not earlier_first or connection.execute("SELECT count(data_from) FROM market.instruments") == (0,):
        assert told(connection, pair[0], Timeframe.M1, WINDOWS[1]) != before
    assert_never_stale(cache, connection, pair[0], WINDOWS)
    for rollup in CANDLES.rollups:
        floored = rollup.timeframe.floor_bucket
        refreshes.refresh(connection, rollup.relation, Window(floored(NOON - DAY), floored(NOON) + rollup.width))
        assert_never_stale(cache, connection, pair[0], WINDOWS[:1])
    refresh(connection, LATE)
    assert_never_stale(cache, connection, pair[0], WINDOWS)
    assert all(
        fingerprints.find_candles(connection, pair[0], timeframe, window).settled_to == window.ends
        for timeframe in Timeframe
        for window in WINDOWS
    )


def test_what_changes_elsewhere_leaves_a_fingerprint_as_it_is(connection: Connection, pair: list[int]) -> None:
    before = {timeframe: told(connection, pair[0], timeframe, WINDOWS[0]) for timeframe in Timeframe}
    write(connection, pair[0], [candle(NOON + HOUR, 5)])
    write(connection, pair[1], [candle(NOON + 30 * HOUR, 5), candle(NOON - HOUR, 5)])
    after = {timeframe: told(connection, pair[0], timeframe, WINDOWS[0]) for timeframe in Timeframe}
    same = {timeframe for timeframe in Timeframe if before[timeframe] == after[timeframe]}
    assert same >= {each for each in Timeframe if not each.by_session}


def test_candles_deleted_one_by_one_count_their_hour_once(connection: Connection, pair: list[int]) -> None:
    counted = "SELECT sum(version) FROM market.hour_versions WHERE hour = %s AND share = %s"
    before = connection.execute(counted, [NOON - HOUR, pair[0] % 64]).fetchone()
    connection.execute("DELETE FROM market.candles WHERE time >= %s AND time < %s", [NOON - HOUR, NOON])
    after = connection.execute(counted, [NOON - HOUR, pair[0] % 64]).fetchone()
    assert before is not None
    assert after == (before[0] + 1,)


def test_what_is_rolled_back_counts_nothing(connection: Connection, pair: list[int]) -> None:
    before = told(connection, pair[0], Timeframe.M1, WINDOWS[0])
    with connection.transaction(force_rollback=True):
        insert_one(connection, pair[0])
    assert told(connection, pair[0], Timeframe.M1, WINDOWS[0]) == before
    with connection.transaction():
        with connection.transaction(force_rollback=True):
            insert_one(connection, pair[0])
        insert_one(connection, pair[0])
    assert told(connection, pair[0], Timeframe.M1, WINDOWS[0]) != before


def test_retention_shows_at_once(connection: Connection, pair: list[int]) -> None:
    cache = new_cache()
    old = Window(FIRST - 21 * DAY, FIRST)
    write(connection, pair[0], [candle(FIRST - 20 * DAY + n * HOUR, 50 + n) for n in range(240)])
    refresh(connection, LATE)
    assert_never_stale(cache, connection, pair[0], [old])
    assert len(plain(connection, pair[0], Timeframe.M1, old)) == 240
    assert drop(connection, "candles", FIRST - 7 * DAY)[1] is None
    assert len(plain(connection, pair[0], Timeframe.M1, old)) < 240
    assert_never_stale(cache, connection, pair[0], [old, *WINDOWS])


def test_a_repair_shows_once_it_is_done(connection: Connection, pair: list[int]) -> None:
    windows = [(Timeframe.M5, WINDOWS[0]), (Timeframe.H1, WINDOWS[0])]
    connection.execute(
        SQL("UPDATE {} SET volume = volume + 1 WHERE instrument_id = %s AND time >= %s AND time < %s").format(
            SQL(connection.execute("SELECT market.policy_relation('candles_5m')::text").fetchall()[0][0])
        ),
        [pair[0], NOON - HOUR, NOON],
    )
    of_wrong_buckets = [told(connection, pair[0], *each) for each in windows]
    assert verify_candles(connection, None, repair=True, progress=lambda *_: None).repaired > 0
    refresh(connection, LATE + HOUR)
    for kept, each in zip(of_wrong_buckets, windows, strict=True):
        assert fingerprints.find_candles(connection, pair[0], *each).settled_to == each[1].ends
        assert told(connection, pair[0], *each) != kept


def test_nothing_is_settled_while_a_rebuild_is_not(connection: Connection, pair: list[int]) -> None:
    window = WINDOWS[0]
    connection.execute("INSERT INTO market.rebuilds VALUES ('candles_15m', 'swapped')")
    try:
        part = {each: fingerprints.find_candles(connection, pair[0], each, window).settled_to for each in Timeframe}
    finally:
        connection.execute("TRUNCATE market.rebuilds")
    assert {each for each in Timeframe if part[each] == window.starts} == {
        Timeframe.M15,
        Timeframe.M30,
        Timeframe.H1,
        Timeframe.H4,
    }


def test_a_bucket_in_doubt_ends_what_is_settled(connection: Connection, pair: list[int]) -> None:
    window = Window(NOON - 5 * HOUR, NOON)
    write(connection, pair[0], [candle(NOON - 150 * MINUTE, 7)])

    def settled_to(timeframe: Timeframe, instrument: int) -> datetime:
        return fingerprints.find_candles(connection, instrument, timeframe, window).settled_to

    assert settled_to(Timeframe.M1, pair[0]) == NOON
    assert settled_to(Timeframe.M5, pair[0]) == NOON - 3 * HOUR
    assert settled_to(Timeframe.H4, pair[0]) == NOON - 4 * HOUR
    assert settled_to(Timeframe.D1, pair[0]) == window.ends  # no day begins in the window
    assert settled_to(Timeframe.M5, pair[1]) == NOON


def test_a_bucket_passed_over_between_fingerprint_and_reading_is_not_found_later(
    connection: Connection, pair: list[int]
) -> None:
    """In no doubt before and after: the watermark moved in between, and shows it."""
    cache = new_cache()
    window = Window(NOON + 2 * HOUR, NOON + 3 * HOUR)
    write(connection, pair[0], [candle(window.starts + n * MINUTE, 7) for n in (2, 12)])

    def pass_over() -> None:
        later = window.starts + 10 * MINUTE
        refreshes.refresh(connection, "candles_5m", Window(later, later + 5 * MINUTE))

    part, answer = cached(cache, connection, pair[0], Timeframe.M5, window, pass_over)
    assert (part, len(answer)) == (window, 1)
    assert cached(cache, connection, pair[0], Timeframe.M5, window)[0] is None
    refresh(connection, LATE)
    part, answer = cached(cache, connection, pair[0], Timeframe.M5, window)
    assert (part, len(answer)) == (window, 2)


def test_a_bucket_passed_over_once_its_mark_was_taken_is_in_doubt(connection: Connection, today: list[int]) -> None:
    cache = new_cache()
    starts = NOON + 2 * HOUR
    window = Window(starts, starts + HOUR)
    write(connection, today[0], [candle(starts + 2 * MINUTE, 7)])
    refresh(connection, starts + 3 * MINUTE)
    part, answer = cached(cache, connection, today[0], Timeframe.M5, window)
    assert (part, len(answer)) == (window, 1)
    write(connection, today[1], [candle(starts + 7 * MINUTE, 7)])
    refreshes.refresh(connection, "candles_5m", Window(starts + 5 * MINUTE, starts + 10 * MINUTE))
    assert plain(connection, today[0], Timeframe.M5, window) == []
    assert cached(cache, connection, today[0], Timeframe.M5, window)[0] is None
    refresh(connection, starts + 11 * MINUTE)
    part, answer = cached(cache, connection, today[0], Timeframe.M5, window)
    assert (part, len(answer)) == (window, 1)


def test_closed_buckets_of_today_are_settled(connection: Connection, today: list[int]) -> None:
    """Marks of these hours were taken while the day was open: neither its buckets nor theirs were passed over."""
    starts = NOON + 2 * HOUR
    for hours in range(3):
        write(connection, today[0], [candle(starts + hours * HOUR + n * MINUTE, 7 + n) for n in range(60)])
        for minutes in (33, 63):
            refresh(connection, starts + hours * HOUR + minutes * MINUTE)
    assert connection.execute("SELECT count(*) FROM market.open_hours").fetchone() != (0,)
    window = Window(starts - 8 * HOUR, starts + 3 * HOUR)
    for rollup in CANDLES.rollups:
        found = fingerprints.find_candles(connection, today[0], rollup.timeframe, window)
        assert found.settled_to == window.ends
    assert_never_stale(new_cache(), connection, today[0], [window])


def test_a_change_shows_though_other_hours_changed_oftener(connection: Connection, pair: list[int]) -> None:
    for number in range(5):
        write(connection, pair[0], [candle(NOON - 7 * MINUTE, 20 + number)])
    before = told(connection, pair[0], Timeframe.M1, WINDOWS[0])
    write(connection, pair[0], [candle(NOON - 3 * HOUR, 5)])
    assert told(connection, pair[0], Timeframe.M1, WINDOWS[0]) != before


class Desk:
    """What happens at random, reproducibly."""

    def __init__(self, connection: Connection, pair: list[int], seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = NOON + HOUR
        self._connection = connection
        self._pair = pair

    def act(self) -> None:
        """Any of them."""
        actions = [self.change] * 4 + [self.run_job] * 4 + [self.maintain] * 2 + [self.wait] * 2 + [self.correct]
        self.chance.choice(actions)()

    def change(self) -> None:
        """A candle comes, changes or goes."""
        instrument = self.chance.choice(self._pair)
        time = self.now - self.chance.choice([1, 2, 5, 20, 60, 300, 600, 1500]) * MINUTE
        if self.chance.random() < 0.2:
            delete(self._connection, instrument, time)
        else:
            write(self._connection, instrument, [candle(time, self.chance.randint(10, 999))])

    def run_job(self) -> None:
        """As TimescaleDB's does: whole closed buckets of a stretch, which need not join the ones before."""
        rollup = self.chance.choice(CANDLES.rollups)
        ends = rollup.timeframe.floor_bucket(self.now - MINUTE) - self.chance.choice([0, 0, 1]) * rollup.width
        refreshes.refresh(
            self._connection, rollup.relation, Window(ends - self.chance.choice([1, 2, 8]) * rollup.width, ends)
        )

    def maintain(self) -> None:
        """A run of Chandlery, which takes some marks or all."""
        refresh(self._connection, self.now, self.chance.choice([1, 3, 1000]))

    def wait(self) -> None:
        """Buckets close."""
        self.now = min(self.now + self.chance.choice([1, 4, 17, 70, 400]) * MINUTE, LATE - DAY)

    def correct(self) -> None:
        """Minutes become extended, or regular again."""
        correct_calendar(self._connection, self.chance.choice([24, 20, 13]))


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_never_stale_whatever_is_interleaved(connection: Connection, pair: list[int], seed: int) -> None:
    """Changes, own and TimescaleDB refreshes, marks taken: in any order, also between fingerprint and reading."""
    cache = new_cache()
    desk = Desk(connection, pair, seed)
    windows = [Window(NOON - 10 * HOUR, NOON - 2 * HOUR), Window(NOON - 2 * HOUR, LATE - DAY), WINDOWS[2]]
    for _ in range(20):
        desk.act()
        for timeframe in desk.chance.sample(list(Timeframe), 2):
            cached(cache, connection, pair[0], timeframe, desk.chance.choice(windows), desk.act)
        for timeframe in Timeframe:
            part, answer = cached(cache, connection, pair[0], timeframe, desk.chance.choice(windows))
            if part is not None:
                assert answer == plain(connection, pair[0], timeframe, part), (timeframe, part)
    assert cache.statistics.hits_l1 > 10
