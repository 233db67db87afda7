"""Feeds that fall silent: partial candles against a plain reference, what wins, and what runs say about feeds."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.gaps.watch_live_gaps import LiveGapReport, watch_live_gaps
from chandlery.minutes.domain.source import Source
from chandlery.minutes.store import candles, marks
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.minutes.store.marks import Piece
from chandlery.reference.domain.session import Break, Calendar, Session
from chandlery.reference.store import feeds, instruments, sessions
from chandlery.words.window import HOUR, Window
from tests.conftest import SERVER_URL
from tests.integration.market import MINUTE, NOON, always, around_the_clock, insert, live, row_versions
from tests.plain_fold import Folded, Tick, fell_silent, fold

SECOND = timedelta(seconds=1)
# Each example is a history in a database: shrinking one would take minutes.
EXAMPLES = 20 if SERVER_URL else 10
DATABASE = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
# The calendar SHORT opens every ten minutes, for minutes 1 to 5, with a break in minute 3; minute 6 is the closing
# auction, the others are extended hours. Each such stretch is a room for a history of its own.
ROOM = 10 * MINUTE
ROOMS = 400
IN_SHORT_SESSION = (1, 2, 4, 5)
FIRST_DAY = date(2026, 3, 1)


@dataclass(frozen=True)
class Traded:
    """What the reference knows of an instrument."""

    key: str
    calendar: str
    feed: str


DESK = [
    Traded("X@A@EQ", "SHORT", "one"),
    Traded("X@B@EQ", "SHORT", "one"),
    Traded("X@C@EQ", "24/7", "one"),
    Traded("X@D@EQ", "SHORT", "two"),
    Traded("X@E@EQ", "24/7", "two"),
    Traded("X@F@EQ", "24/7", "never silent"),
]
LIMITS = {"one": 20, "two": 41, "never silent": 60}


@pytest.fixture
def desk(connection: Connection) -> Sequence[int]:
    """Three feeds, instruments of two calendars: ids in the order of DESK."""
    days = [FIRST_DAY + timedelta(days=number) for number in range(ROOMS)]
    short = tuple(
        Session(day, at + MINUTE, at + 6 * MINUTE, (Break(at + 3 * MINUTE, at + 4 * MINUTE),))
        for day, at in ((day, NOON + number * ROOM) for number, day in enumerate(days))
    )
    sessions.replace(connection, Calendar("SHORT", "UTC", days[0], days[-1], short))
    midnights = [datetime(2026, 3, day, tzinfo=UTC) for day in range(1, 10)]
    always = tuple(Session(each.date(), each, each + timedelta(days=1)) for each in midnights)
    sessions.replace(connection, Calendar("24/7", "UTC", always[0].session_date, always[-1].session_date, always))
    for feed, limit in LIMITS.items():
        if limit != 20:
            feeds.set_limit(connection, feed, limit)
    for each in DESK:
        instruments.add(connection, each.key, each.calendar, each.feed)
    return [instruments.find(connection, each.key).instrument_id for each in DESK]


def is_expected(calendar: str, minute: datetime) -> bool:
    return calendar == "24/7" or (minute - NOON) % ROOM // MINUTE in IN_SHORT_SESSION


Book = dict[int, list[Tick]]  # by place in DESK
Kept = dict[tuple[int, datetime], tuple[Folded, bool]]


def reference(book: Book) -> Kept:
    """Every candle, and whether it is partial."""
    kept: Kept = {}
    for place, ticks in book.items():
        for minute, folded in fold(ticks).items():
            silent = is_silent(book, DESK[place].feed, minute)
            kept[place, minute] = (folded, silent and is_expected(DESK[place].calendar, minute))
    return kept


def is_silent(book: Book, feed: str, minute: datetime) -> bool:
    moments = [
        tick.time
        for place, ticks in book.items()
        if DESK[place].feed == feed
        for tick in ticks
        if minute <= tick.time < minute + MINUTE and not tick.cancelled
    ]
    return fell_silent(moments, LIMITS[feed])


def stored(connection: Connection, ids: Sequence[int], room: Window) -> Kept:
    rows = connection.execute(
        "SELECT instrument_id, time, partial, open, high, low, close, volume, turnover, trades, price_eligible"
        " FROM market.candles WHERE time >= %s AND time < %s",
        [room.starts, room.ends],
    ).fetchall()
    return {(ids.index(row[0]), row[1]): (Folded(*row[3:]), row[2]) for row in rows}


def grades(connection: Connection, room: Window) -> dict[tuple[str, datetime], bool]:
    """Whether the seconds that are kept of each feed minute say silent, where any calendar of the feed is open."""
    rows = connection.execute(
        "SELECT feed, bucket, seconds::text FROM market.feed_minutes WHERE bucket >= %s AND bucket < %s",
        [room.starts, room.ends],
    ).fetchall()
    return {
        (feed, bucket): fell_silent(
            [bucket + second * SECOND for second, bit in enumerate(seconds) if bit == "1"], LIMITS[feed]
        )
        for feed, bucket, seconds in rows
        if any(is_expected(each.calendar, bucket) for each in DESK if each.feed == feed)
    }


# Around the limits: 20 and 40 on the second, and one short of them.
SECONDS = st.sampled_from([0.0, 18.999, 19.0, 20.0, 39.0, 39.999, 40.0, 59.0, 59.999])
MINUTES = st.sampled_from([0, 1, 1, 2, 2, 2, 3, 5, 6, 7])
PLACES = st.integers(0, len(DESK) - 1)
MOMENTS = st.builds(lambda minute, second: NOON + minute * MINUTE + second * SECOND, MINUTES, SECONDS)
TICKS = st.builds(
    Tick,
    time=MOMENTS,
    seq=st.integers(0, 10**6),
    price=st.integers(1, 3).map(Decimal),
    size=st.integers(0, 3).map(Decimal),
    updates_ohlc=st.booleans(),
    cancelled=st.sampled_from([False, False, False, True]),
)
LOTS = st.dictionaries(PLACES, st.lists(TICKS, min_size=1, max_size=8), min_size=1, max_size=3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), LOTS),
        st.tuples(st.just("insert"), LOTS),
        st.tuples(st.sampled_from(["cancel", "uncancel", "delete", "correct"]), st.integers(0, 10**6), MOMENTS, PLACES),
        st.tuples(st.just("run"), st.booleans()),
    ),
    min_size=3,
    max_size=10,
)


@dataclass
class History:
    """The same done to the database and to a book, in one room."""

    connection: Connection
    ids: Sequence[int]
    room: Window
    book: Book

    def take(self, step: tuple[Any, ...]) -> None:
        if step[0] == "run":
            self.run(dense=step[1])
        elif step[0] == "insert":
            for place, ticks in step[1].items():
                self.insert(place, [replace(tick, time=self.moved(tick.time)) for tick in ticks])
        else:
            kind, number, moment, elsewhere = step
            everything = [(place, tick) for place, ticks in self.book.items() for tick in ticks]
            if everything:
                place, tick = everything[number % len(everything)]
                self.change(kind, place, tick, self.moved(moment), elsewhere)

    def moved(self, moment: datetime) -> datetime:
        return moment - NOON + self.room.starts

    def insert(self, place: int, ticks: Iterable[Tick]) -> None:
        """A tick that is known already changes nothing."""
        new = list(ticks)
        for tick in new:
            if (tick.time, tick.seq) not in {(known.time, known.seq) for known in self.book[place]}:
                self.book[place].append(tick)
        insert(self.connection, self.ids[place], new)

    def change(self, kind: str, place: int, tick: Tick, moment: datetime, elsewhere: int) -> None:
        where = "WHERE instrument_id = %s AND time = %s AND seq = %s"
        at = [self.ids[place], tick.time, tick.seq]
        self.book[place].remove(tick)
        if kind == "delete":
            self.connection.execute(f"DELETE FROM market.ticks {where}", at)  # noqa: S608  # our own words
        elif kind == "correct":
            seq = 1 + max((known.seq for known in self.book[elsewhere]), default=0)
            self.book[elsewhere].append(replace(tick, time=moment, seq=seq))
            self.connection.execute(
                f"UPDATE market.ticks SET instrument_id = %s, time = %s, seq = %s {where}",  # noqa: S608  # our own words
                [self.ids[elsewhere], moment, seq, *at],
            )
        else:
            self.book[place].append(replace(tick, cancelled=kind == "cancel"))
            self.connection.execute(
                f"UPDATE market.ticks SET cancelled = %s {where}",  # noqa: S608  # our own words
                [kind == "cancel", *at],
            )

    def run(self, *, dense: bool) -> None:
        """Write every mark's candles: in whole pieces, or minute by minute as dense ones."""
        for piece in marks.plan_pieces(self.connection, CANDLES, self.room, 100):
            if not dense:
                candles.write_from_marks(self.connection, piece)
                continue
            starts = piece.starts
            while starts < piece.ends:
                candles.write_from_marks(self.connection, Piece(starts, starts + MINUTE, True))
                starts += MINUTE


def rooms() -> Iterator[Window]:
    for number in range(ROOMS):
        # A room may lie across the end of a chunk, where no tick can be moved.
        starts = NOON + number * ROOM
        if starts.hour % 6 != 5 or starts.minute != 50:
            yield Window(starts, starts + ROOM)


@pytest.mark.sampled(every=1)
def test_partial_is_a_function_of_the_ticks_alone(connection: Connection, desk: Sequence[int]) -> None:
    free = rooms()
    seen: Counter[bool] = Counter()

    @DATABASE
    @given(steps=STEPS, dense=st.booleans())
    def hold(steps: list[Any], dense: bool) -> None:
        history = History(connection, desk, next(free), {place: [] for place in range(len(DESK))})
        for step in steps:
            history.take(step)
        history.run(dense=dense)
        expected = reference(history.book)
        assert stored(connection, desk, history.room) == expected
        graded = grades(connection, history.room)
        assert graded == {(feed, minute): is_silent(history.book, feed, minute) for feed, minute in graded}
        seen.update(partial for _, partial in expected.values())

    hold()
    # The histories were worth looking at.
    assert min(seen[True], seen[False]) > EXAMPLES


def at(second: float, minute: datetime = NOON + MINUTE, seq: int = 0) -> Tick:
    return Tick(minute + second * SECOND, seq, Decimal(10), Decimal(1))


# Gaps of 19 seconds at most.
ALIVE = (0, 20, 40, 59)


def alive(minute: datetime = NOON + MINUTE) -> list[Tick]:
    return [at(second, minute) for second in ALIVE]


def states(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT n.instrument_key, c.partial, c.revision, c.source::text FROM market.candles AS c"
        " JOIN market.instruments AS n USING (instrument_id) ORDER BY 1, c.time"
    ).fetchall()


def feed_rows(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT feed, bucket, xmin, xmax FROM market.feed_minutes ORDER BY 1, 2").fetchall()


LIVE = "live_aggregated"


def test_another_instruments_tick_completes_a_minute_and_its_loss_undoes_that(
    connection: Connection, desk: Sequence[int]
) -> None:
    one, other, *_ = desk
    insert(connection, one, [at(second) for second in (0, 20, 59)])
    insert(connection, other, [at(0)])
    live(connection, NOON + 2 * MINUTE)
    assert states(connection) == [("X@A@EQ", True, 0, LIVE), ("X@B@EQ", True, 0, LIVE)]
    insert(connection, other, [at(40)])
    report = live(connection, NOON + 3 * MINUTE)
    assert (report.candles_revised, report.late_ticks) == (2, 1)
    assert states(connection) == [("X@A@EQ", False, 1, LIVE), ("X@B@EQ", False, 1, LIVE)]
    for number, change in enumerate(
        ["cancelled = true", "cancelled = false", "time = time + INTERVAL '4 minutes'"], start=2
    ):
        connection.execute(
            f"UPDATE market.ticks SET {change} WHERE instrument_id = %s AND time = %s",  # noqa: S608  # our own words
            [other, at(40).time],
        )
        live(connection, NOON + 9 * MINUTE)
        assert [state for state in states(connection) if state[0] == "X@A@EQ"] == [
            ("X@A@EQ", number != 3, number, LIVE)
        ]
    before = row_versions(connection), connection.execute("SELECT xmin, xmax FROM market.feed_minutes").fetchall()
    connection.execute("UPDATE market.ticks SET venue = 'elsewhere'")
    assert not live(connection, NOON + 9 * MINUTE).changed
    assert (
        row_versions(connection),
        connection.execute("SELECT xmin, xmax FROM market.feed_minutes").fetchall(),
    ) == before


def test_a_feeds_own_limit_holds_for_it_alone(connection: Connection, desk: Sequence[int]) -> None:
    for place in (2, 4, 5):  # limits of 20, 41 and never
        insert(connection, desk[place], [at(0), at(30)])
        insert(connection, desk[place], [at(0, NOON + 2 * MINUTE), at(42, NOON + 2 * MINUTE)])
        insert(connection, desk[place], [at(59, NOON + 4 * MINUTE)])
    live(connection, NOON + 5 * MINUTE)
    partial = [[state[1] for state in states(connection) if state[0] == DESK[place].key] for place in (2, 4, 5)]
    assert partial == [[True, True, True], [False, True, True], [False, False, False]]


def test_a_closed_market_has_no_partial_candle(connection: Connection, desk: Sequence[int]) -> None:
    holiday = NOON + ROOMS * ROOM + 2 * MINUTE
    closed = [NOON + minute * MINUTE for minute in (0, 3, 6, 7)]
    for minute in [*closed, holiday, NOON + 2 * MINUTE]:
        insert(connection, desk[0], [at(5, minute)])
    live(connection, NOON + 10 * MINUTE)
    live(connection, holiday + MINUTE)
    rows = connection.execute("SELECT time, partial FROM market.candles ORDER BY time").fetchall()
    assert rows == [(minute, minute == NOON + 2 * MINUTE) for minute in sorted([*closed, holiday, NOON + 2 * MINUTE])]


@pytest.mark.parametrize(("count", "dense"), [(30, False), (600, True)])
def test_a_feed_that_lives_by_its_quietest_instruments_lives(connection: Connection, count: int, dense: bool) -> None:
    ids = around_the_clock(connection, *(f"X@S{number:03}@EQ" for number in range(count)))
    feeds.set_limit(connection, "test", 20)
    # Many ticks of many instruments in two seconds; what shows the feed alive are single ticks of four others.
    connection.execute(
        "INSERT INTO market.ticks (instrument_id, time, seq, price, size)"
        " SELECT i, %s::timestamptz + s * INTERVAL '1 second', n, 10, 1"
        " FROM unnest(%s::integer[]) i, generate_series(0, 1) s, generate_series(1, 2) n",
        [NOON, ids[:-4]],
    )
    quiet = dict(zip(ids[-4:], (20, 39, 40, 59), strict=True))
    for instrument, second in quiet.items():
        insert(connection, instrument, [at(second, NOON)])
    pieces = marks.plan_pieces(connection, CANDLES, Window(NOON, NOON + MINUTE), 20_000)
    assert [piece.dense for piece in pieces] == [dense]

    def partial_and_revised() -> list[tuple[bool, int, int]]:
        return connection.execute(
            "SELECT partial, revision, count(*) FROM market.candles GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()

    live(connection, NOON + MINUTE)
    assert partial_and_revised() == [(False, 0, count)]
    connection.execute("UPDATE market.ticks SET cancelled = true WHERE time = %s", [at(20, NOON).time])
    live(connection, NOON + MINUTE)
    assert partial_and_revised() == [(True, 1, count - 1)]
    insert(connection, ids[-1], [at(21, NOON)])
    live(connection, NOON + MINUTE)
    assert partial_and_revised() == [(False, 2, count - 1)]
    # The last tick is known to the second, though none of the busiest made it.
    assert live(connection, NOON + MINUTE).feeds == [feeds.FeedSilence("test", 1.0)]


def test_the_last_tick_is_known_to_the_second_whatever_made_it(connection: Connection) -> None:
    ids = around_the_clock(connection, *(f"X@S{number:03}@EQ" for number in range(30)))
    feeds.set_limit(connection, "test", 20)
    for instrument in ids[1:]:
        insert(connection, instrument, [at(second, NOON) for second in (0, 15, 30, 45)])
    insert(connection, ids[0], [at(57.5, NOON)])
    assert silence(connection, NOON + MINUTE) == {"test": 3}


def test_many_runs_in_any_order_end_as_one(connection: Connection, desk: Sequence[int]) -> None:
    random = Random(20260302)
    every = [
        (place, at(random.choice([0, 7, 19, 20, 21, 39, 41, 59]), NOON + random.randrange(8) * MINUTE, seq))
        for seq in range(80)
        for place in [random.randrange(len(desk))]
    ]
    book: Book = {place: [tick for where, tick in every if where == place] for place in range(len(desk))}
    for room in (Window(NOON + number * ROOM, NOON + (number + 1) * ROOM) for number in range(2)):
        history = History(connection, desk, room, {place: [] for place in book})
        random.shuffle(every)
        for place, tick in every:
            history.insert(place, [replace(tick, time=history.moved(tick.time))])
            if random.random() < 0.1:
                history.run(dense=random.random() < 0.5)
        history.run(dense=False)
        expected = reference(history.book)
        assert len(expected) == len(reference(book))
        assert stored(connection, desk, room) == expected


def vendor(connection: Connection, instrument: int, price: int = 99) -> None:
    money: list[Decimal] = [Decimal(price)]
    columns = CandleColumns([NOON + MINUTE], money, money, money, money, money, [None], [None])
    candles.write_vendor(connection, instrument, columns)


def gap_fill(connection: Connection, instrument: int, source: Source = Source.LIVE_GAP_FILLED) -> None:
    minute = NOON + MINUTE
    candles.write_from_ticks(connection, Window(minute, minute + MINUTE), [instrument], [minute], source)


PARTIAL = [at(0), at(59)]


def test_a_vendors_candle_replaces_a_partial_one_until_the_minute_is_whole(
    connection: Connection, desk: Sequence[int]
) -> None:
    insert(connection, desk[0], PARTIAL)
    live(connection, NOON + 2 * MINUTE)
    vendor(connection, desk[0])
    assert states(connection) == [("X@A@EQ", False, 1, "vendor_historical")]
    # Without a new tick, half a minute does not come back, whatever computes it.
    connection.execute("UPDATE market.ticks SET size = 2 WHERE instrument_id = %s", [desk[0]])
    live(connection, NOON + 2 * MINUTE)
    for source in (Source.LIVE_GAP_FILLED, Source.HISTORICAL_AGGREGATED, Source.LIVE_AGGREGATED):
        gap_fill(connection, desk[0], source)
        candles.verify(connection, Window(NOON, NOON + 2 * MINUTE), source)
    assert states(connection) == [("X@A@EQ", False, 1, "vendor_historical")]
    # Another instrument's tick makes the minute whole; then Chandlery's candle is better.
    insert(connection, desk[1], [at(20), at(40)])
    live(connection, NOON + 2 * MINUTE)
    candles.verify(connection, Window(NOON, NOON + 2 * MINUTE), Source.LIVE_GAP_FILLED)
    assert states(connection)[0] == ("X@A@EQ", False, 2, "live_gap_filled")


def test_a_higher_version_replaces_a_vendors_candle_as_it_is(connection: Connection, desk: Sequence[int]) -> None:
    vendor(connection, desk[0])
    insert(connection, desk[0], PARTIAL)
    live(connection, NOON + 2 * MINUTE)
    assert states(connection) == [("X@A@EQ", True, 1, LIVE)]


@pytest.mark.parametrize("source", [each for each in Source if each != Source.VENDOR_HISTORICAL])
def test_any_source_of_ticks_replaces_a_vendors_and_keeps_its_own(
    connection: Connection, desk: Sequence[int], source: Source
) -> None:
    vendor(connection, desk[0])
    insert(connection, desk[0], alive())
    connection.execute("DELETE FROM market.dirty")
    # A run with nothing but a lost candle to go by calls what it makes gap filled.
    gap_fill(connection, desk[0], source)
    made = "live_gap_filled" if source == Source.LIVE_AGGREGATED else source.value
    assert states(connection) == [("X@A@EQ", False, 1, made)]
    vendor(connection, desk[0], price=98)
    assert states(connection) == [("X@A@EQ", False, 1, made)]


def test_a_whole_live_candle_is_never_replaced_by_a_lower_one(connection: Connection, desk: Sequence[int]) -> None:
    insert(connection, desk[0], alive())
    live(connection, NOON + 2 * MINUTE)
    before = row_versions(connection)
    vendor(connection, desk[0])
    for source in Source:
        if source != Source.VENDOR_HISTORICAL:
            gap_fill(connection, desk[0], source)
    assert row_versions(connection) == before


@pytest.mark.parametrize("first", [Source.HISTORICAL_AGGREGATED, Source.LIVE_GAP_FILLED, Source.LIVE_AGGREGATED])
def test_a_whole_candle_of_ticks_replaces_a_partial_one_and_keeps_its_source(
    connection: Connection, desk: Sequence[int], first: Source
) -> None:
    insert(connection, desk[0], PARTIAL)
    (piece,) = marks.plan_pieces(connection, CANDLES, Window(NOON, NOON + 5 * MINUTE), 100)
    candles.write_from_marks(connection, piece, first)
    assert states(connection) == [("X@A@EQ", True, 0, first.value)]
    insert(connection, desk[0], [at(20), at(40)])
    connection.execute("DELETE FROM market.dirty")
    gap_fill(connection, desk[0], Source.HISTORICAL_AGGREGATED)
    assert states(connection) == [("X@A@EQ", False, 1, first.value)]


def silence(connection: Connection, moment: datetime) -> dict[str, float]:
    return {each.feed: each.silent_seconds for each in live(connection, moment).feeds}


def test_silence_is_reported_in_session_by_the_ticks_own_times(connection: Connection, desk: Sequence[int]) -> None:
    # Before any tick: from the opening on, and of feeds with an open calendar only.
    connection.execute("UPDATE market.instruments SET calendar = 'SHORT' WHERE calendar = '24/7'")
    assert silence(connection, NOON) == {}
    assert silence(connection, NOON + MINUTE) == {"one": 0, "two": 0, "never silent": 0}
    assert silence(connection, NOON + 2 * MINUTE) == {"one": 60, "two": 60, "never silent": 60}
    insert(connection, desk[0], [at(12.9), at(47.2)])
    insert(connection, desk[1], [replace(at(58), cancelled=True), at(30)])
    # A tick before the opening says nothing about the session.
    insert(connection, desk[3], [at(50, NOON)])
    assert silence(connection, NOON + 2 * MINUTE) == {"one": 13, "two": 60, "never silent": 60}
    assert silence(connection, NOON + 2.9 * MINUTE) == {"one": 13, "two": 60, "never silent": 60}
    # Later ticks that are stored already are not yet known to a run of that time.
    insert(connection, desk[3], [at(1, NOON + 5 * MINUTE)])
    live(connection, NOON + 6 * MINUTE)
    assert silence(connection, NOON + 2 * MINUTE)["two"] == 60
    # None in the break; after it, from its end on.
    assert silence(connection, NOON + 3 * MINUTE) == {}
    assert silence(connection, NOON + 4 * MINUTE) == {"one": 0, "two": 0, "never silent": 0}
    assert silence(connection, NOON + 5 * MINUTE)["one"] == 60
    # None from the close on, and none on a holiday.
    assert silence(connection, NOON + 6 * MINUTE) == {}
    assert silence(connection, NOON + ROOMS * ROOM + 2 * MINUTE) == {}


def test_a_feed_of_two_calendars_is_reported_while_either_is_open(connection: Connection, desk: Sequence[int]) -> None:
    insert(connection, desk[0], [at(30)])
    midnight = NOON.replace(hour=0)
    assert silence(connection, NOON + MINUTE)["one"] == (NOON + MINUTE - midnight).total_seconds()
    assert silence(connection, NOON + 3 * MINUTE)["one"] == 90
    assert silence(connection, NOON + 8 * MINUTE)["one"] == 390


def watch(connection: Connection, moment: datetime) -> LiveGapReport:
    return watch_live_gaps(
        connection, moment, piece_candles=20_000, verify_buckets=0, share_instruments=1_000, has_time=always
    )


def test_a_silent_instrument_of_a_living_feed_is_named_by_the_second_run(connection: Connection) -> None:
    keys = ["X@LOUD@EQ", "X@LOST@EQ", "X@RARE@EQ"]
    loud, lost, rare = around_the_clock(connection, *keys)
    feeds.set_limit(connection, "test", 20)
    starts = NOON - 3 * HOUR
    falls_silent = NOON + 2 * MINUTE

    def trade(instrument: int, begins: datetime, ends: datetime, every: timedelta) -> None:
        connection.execute(
            "INSERT INTO market.ticks (instrument_id, time, seq, price, size)"
            " SELECT %s, t, 0, 10, 1 FROM generate_series(%s::timestamptz, %s::timestamptz, %s) t WHERE t < %s",
            [instrument, begins, ends, every, ends],
        )

    trade(loud, starts, NOON + 20 * MINUTE, 10 * SECOND)
    trade(lost, starts, falls_silent, 15 * SECOND)
    trade(rare, starts, falls_silent, 25 * MINUTE)
    live(connection, NOON)
    assert watch(connection, NOON).silent_instruments == []
    named = []
    for minute in range(1, 13):
        live(connection, NOON + minute * MINUTE)
        if minute % 5 == 0:
            named.append(list(watch(connection, NOON + minute * MINUTE).silent_instruments))
    assert named[1] == ["X@LOST@EQ"]
    report = watch(connection, NOON + 12 * MINUTE)
    (feed,) = report.feeds
    # One of three instruments is missed since it fell silent, but for the minute that is not due yet.
    assert (feed.gaps_open, feed.minutes_open, report.gaps_open) == (1, 9, 1)
    assert feed.oldest_gap_hours == pytest.approx(10 / 60)
    expected = 3 * (3 * 60 + 11)
    assert feed.coverage_7d == feed.coverage_24h == pytest.approx((expected - 9) / expected)
    assert feed.silent_seconds == 10
    # It comes back: nobody is named, and the gap stays in view.
    trade(lost, NOON + 12 * MINUTE, NOON + 20 * MINUTE, 15 * SECOND)
    live(connection, NOON + 15 * MINUTE)
    report = watch(connection, NOON + 15 * MINUTE)
    assert (report.silent_instruments, report.gaps_open, report.minutes_open) == ([], 1, 10)
