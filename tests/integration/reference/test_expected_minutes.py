"""When candles are expected: against exchange_calendars itself, over half days, breaks, midnight and summer time."""

import warnings
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import exchange_calendars
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.gaps.find_gaps import count_hours
from chandlery.gaps.store import hours, scans
from chandlery.platform.connection import connect
from chandlery.platform.errors import ChandleryError
from chandlery.platform.settings import Settings
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import instruments, sessions
from chandlery.words.window import DAY, MINUTE, WEEK, Window, floor_hour
from local import calendars
from tests.conftest import SERVER_URL
from tests.integration.gaps.test_gap_ledger import run_historical, run_live
from tests.integration.gaps.test_gap_reasons import CALENDARS, EMPTY, MONDAY, WHOLE, add, at, days_of, fill, settle
from tests.plain_gaps import Candle, insert_candles, open_minutes, read_instruments, read_open

DATABASE = settings(
    max_examples=4 if SERVER_URL else 2,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.generate],
)
# Weeks in which something is unlike other weeks, and how many minutes they have by hand.
WEEKS = [
    pytest.param("XNYS", date(2013, 7, 1), 3 * 390 + 210, id="3 July is a half day, 4 July is none"),
    pytest.param("XNYS", date(2013, 11, 25), 3 * 390 + 210, id="Thanksgiving, and half a day after it"),
    pytest.param("XNYS", date(2013, 12, 23), 3 * 390 + 210, id="Christmas, and half a day before it"),
    pytest.param("XNYS", date(2013, 3, 7), 5 * 390, id="New York goes to summer time"),
    pytest.param("XNYS", date(2013, 10, 31), 5 * 390, id="New York goes to winter time"),
    pytest.param("XBOM", date(2019, 1, 1), 5 * 375, id="NSE, by the days of XBOM"),
    pytest.param("CMES", date(2024, 3, 7), 5 * 1380, id="sessions over midnight, to summer time"),
    pytest.param("CMES", date(2024, 10, 31), 5 * 1380, id="sessions over midnight, to winter time"),
    pytest.param("XTKS", date(2019, 1, 3), 4 * 300, id="Tokyo breaks at half past"),
    pytest.param("XHKG", date(2019, 12, 23), 2 * 330 + 150, id="Hong Kong breaks, but on half days"),
    pytest.param("24/7", date(2016, 10, 28), 7 * 1440, id="around the clock"),
]


def by_the_library(calendar: str, first: date) -> list[datetime]:
    """The library's own minutes of a week, the minute of the close left out, and CME's daily halt, which it lacks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = exchange_calendars.get_calendar(calendar, start=first - WEEK, end=first + WEEK, side="left")
        minutes = [minute.to_pydatetime() for minute in known.minutes]
        if calendar == "CMES":
            minutes = [minute for minute in minutes if minute.astimezone(known.tz).hour != 16]
        days = {stamp.date() for stamp in known.sessions if first <= stamp.date() < first + WEEK}
        return [m for m in minutes if known.minute_to_session(m).date() in days]


def sync(connection: Connection, calendar: str, first: date) -> Sequence[Session]:
    known = calendars.from_library(calendar, first, first + WEEK - DAY)
    sessions.replace(connection, known)
    return known.sessions


def expected_minutes(connection: Connection, starts: datetime, ends: datetime, number: int = 1) -> list[datetime]:
    """As market.hour_coverage has them."""
    rows = connection.execute(
        "SELECT hour, expected::bigint FROM market.hour_coverage(%s, %s) WHERE instrument_id = %s",
        [starts, ends, number],
    ).fetchall()
    found = [hour + place * MINUTE for hour, bits in rows for place in range(60) if bits >> (59 - place) & 1]
    assert len(found) == len(set(found))
    return sorted(found)


def expected_of_a_scan(connection: Connection, window: Window) -> int:
    """As the scan counts them, over all instruments."""
    with scans.scanning(
        connection, CANDLES, window, window.ends, week_starts=window.starts, day_starts=window.starts
    ) as scan:
        return sum(
            feed.expected_week for share in scans.plan_shares(connection, 100) for feed in scan.look(share).feeds
        )


def whole(minutes: Sequence[datetime]) -> Window:
    return Window(minutes[0] - 3 * DAY, minutes[-1] + 3 * DAY)


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize(("calendar", "first", "minutes"), WEEKS)
def test_a_week_of_complete_candles_has_no_gaps(
    connection: Connection, calendar: str, first: date, minutes: int
) -> None:
    expected = by_the_library(calendar, first)
    assert len(expected) == minutes
    sync(connection, calendar, first)
    number = add(connection, "X@A@EQ", calendar)
    # Candles before the opening, of closing auctions and at night are welcome, and not expected.
    besides = [m - 7 * MINUTE for m in expected if m - MINUTE not in expected]
    besides += [m + MINUTE for m in expected if m + MINUTE not in expected]
    insert_candles(connection, number, dict.fromkeys([*expected, *besides], Candle(trades=3)))
    count_hours(connection, lambda: True)
    assert expected_minutes(connection, whole(expected).starts, whole(expected).ends) == expected
    assert expected_of_a_scan(connection, whole(expected)) == minutes
    for now in (expected[len(expected) // 2] + 7 * MINUTE, expected[-1] + 2 * MINUTE):
        report = run_live(connection, now)
        assert (report.gaps_open, report.coverage_7d, report.coverage_24h) == (0, 1.0, 1.0)
        assert [feed.coverage_7d for feed in report.feeds] == [1.0]
    run_historical(connection, expected[-1] + WEEK + DAY)
    assert connection.execute("SELECT count(*) FROM market.gaps").fetchone() == (0,)
    days = connection.execute("SELECT expected, present, missing, coverage FROM market.coverage").fetchall()
    assert sum(day[0] for day in days) == minutes
    assert {(day[0] - day[1], day[2], day[3]) for day in days} == {(0, 0, 1)}


LIVES = [(0, None), (1, 10), (-50, 30.5), (9.8, 9.9), (26, 26.01), (13 + 1 / 7, 40 + 1 / 7), (60, None), (-9, 400_000)]


@pytest.mark.sampled(every=1)
@DATABASE
@given(seed=st.integers(0, 2**32))
def test_windows_and_lives_cut_hours(connection: Connection, seed: int) -> None:
    connection.execute(EMPTY)
    chance = Random(seed)
    for name, open_hours in CALENDARS.items():
        fill(connection, name, open_hours)
        for place, (listed, delisted) in enumerate(LIVES):
            key = f"X@{name.replace(' ', '_')}{place}@EQ"
            until = None if delisted is None else at(0, delisted)
            instruments.add(connection, key, name, "feed", listed_at=at(0, listed), delisted_at=until)
    known = read_instruments(connection)
    for seconds in (1, 60, 3600):
        starts = at(0, 0) + chance.randrange(80 * 3600 // seconds) * timedelta(seconds=seconds)
        window = Window(starts, starts + chance.choice([1, 2, 17, 60, 400]) * timedelta(seconds=seconds))
        shall = {number: instrument.expected(window) for number, instrument in known.items()}
        rows = connection.execute(
            "SELECT instrument_id, hour, expected::text FROM market.hour_coverage(%s, %s)", [window.starts, window.ends]
        ).fetchall()
        found: dict[int, list[datetime]] = {number: [] for number in known}
        for number, hour, bits in sorted(rows):
            found[number] += [hour + place * MINUTE for place, bit in enumerate(bits) if bit == "1"]
        assert {number: sorted(minutes) for number, minutes in found.items()} == shall
        assert expected_of_a_scan(connection, window) == sum(map(len, shall.values()))


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("name", CALENDARS)
def test_no_stretch_of_a_window_is_upside_down(connection: Connection, name: str) -> None:
    """A window may begin, end or lie in a break: what is summed by stretch must not come out less."""
    fill(connection, name, CALENDARS[name])
    edges = [at(1, 0) + place * 10 * MINUTE for place in range(6 * 20)]
    for starts in edges[::7]:
        for ends in edges[::5]:
            (minutes,) = connection.execute(
                "SELECT coalesce(sum(market.minute_of(hour, ends) - market.minute_of(hour, starts)), 0)"
                " FROM market.expected_stretches(%s, %s)",
                [starts, ends],
            ).fetchone() or (None,)
            assert minutes == (len(open_minutes(CALENDARS[name], Window(starts, ends))) if starts < ends else 0)


def test_a_session_from_a_file_may_open_at_any_moment(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(
        "session_date,opens_at,closes_at\n"
        "2026-03-02,2026-03-02T09:47:00,2026-03-02T10:03:00\n"
        "2026-03-03,2026-03-03T09:47:00.5,2026-03-03T10:02:30\n"
        "2026-03-04,2026-03-04T09:47:00.5,2026-03-04T09:47:59\n"
    )
    sessions.replace(connection, calendars.from_file(path, "ODD", "UTC"))
    instruments.add(connection, "X@A@EQ", "ODD", "feed", listed_at=MONDAY)
    shall = [at(0, 9) + place * MINUTE for place in range(47, 63)] + [
        at(1, 9) + place * MINUTE for place in range(48, 63)
    ]
    assert expected_minutes(connection, WHOLE.starts, WHOLE.ends) == shall
    assert expected_of_a_scan(connection, WHOLE) == 31
    settle(connection, WHOLE)
    assert [row[:2] for row in read_open(connection, 1)] == [(shall[0], shall[-1] + MINUTE)]
    # The third day has a session, but no minute starts in it.
    days = connection.execute("SELECT session_date, expected, coverage FROM market.coverage ORDER BY 1").fetchall()
    assert days == [(date(2026, 3, 2), 16, 0), (date(2026, 3, 3), 15, 0)]


def test_data_that_begin_in_the_last_minute_of_a_day(connection: Connection) -> None:
    """Nothing is expected of that day then: there is no coverage to report."""
    fill(connection, "day", days_of(9, 10))
    instruments.add(connection, "X@A@EQ", "day", "feed", listed_at=at(0, 10) - timedelta(seconds=30))
    settle(connection, WHOLE)
    days = connection.execute("SELECT session_date, expected FROM market.coverage ORDER BY 1").fetchall()
    assert days == [(date(2026, 3, 3), 60), (date(2026, 3, 4), 60)]


def test_candles_are_expected_from_the_first_that_ever_was(connection: Connection) -> None:
    fill(connection, "day", days_of(9, 12))
    number = add(connection, "X@A@EQ", "day")
    settle(connection, WHOLE)
    assert read_open(connection, number) == []
    insert_candles(connection, number, {at(0, 10.5): Candle(), at(0, 11): Candle()})
    settle(connection, Window(MONDAY, at(0, 12)))
    assert [row[:2] for row in read_open(connection, number)] == [
        (at(0, 10.5) + MINUTE, at(0, 11)),
        (at(0, 11) + MINUTE, at(0, 12)),
    ]
    connection.execute("DELETE FROM market.candles WHERE time = %s", [at(0, 10.5)])
    settle(connection, Window(MONDAY, at(0, 12)))
    assert read_open(connection, number)[0][0] == at(0, 10.5)
    instruments.add(connection, "X@A@EQ", "day", "feed", listed_at=at(0, 9.5), delisted_at=at(0, 11.5))
    settle(connection, Window(MONDAY, at(0, 12)))
    assert [row[:2] for row in read_open(connection, number)] == [
        (at(0, 9.5), at(0, 11)),
        (at(0, 11) + MINUTE, at(0, 11.5)),
    ]


def test_a_calendar_corrected_later_opens_and_closes_gaps(connection: Connection) -> None:
    fill(connection, "day", days_of(9, 12, days=1))
    number = add(connection, "X@A@EQ", "day")
    insert_candles(connection, number, {at(0, 9) + place * MINUTE: Candle(trades=2) for place in range(180)})

    def rows() -> Sequence[tuple[Any, ...]]:
        settle(connection, WHOLE)
        return connection.execute(
            "SELECT starts, ends, minutes, healed_from FROM market.gaps ORDER BY gap_id"
        ).fetchall()

    assert rows() == []
    fill(connection, "day", days_of(9, 14, days=1))
    assert rows() == [(at(0, 12), at(0, 14), 120, None)]
    fill(connection, "day", days_of(9, 14, 12.5, 13, days=1))
    assert rows() == [(at(0, 12), at(0, 14), 90, None)]
    fill(connection, "day", days_of(9, 13, days=1))
    assert rows() == [(at(0, 12), at(0, 13), 60, None)]
    fill(connection, "day", days_of(9, 12, days=1))
    assert rows() == [(at(0, 12), at(0, 13), 60, "not_expected")]
    # A whole day that turns out to be a holiday.
    fill(connection, "day", days_of(9, 12, days=2))
    assert rows()[1:] == [(at(1, 9), at(1, 12), 180, None)]
    sessions.replace(connection, Calendar("day", "UTC", MONDAY.date(), at(1, 0).date(), days_of(9, 12, days=1)))
    assert rows()[1:] == [(at(1, 9), at(1, 12), 180, "not_expected")]


def test_gaps_of_a_delisted_instrument_are_not_expected(connection: Connection) -> None:
    fill(connection, "day", days_of(9, 12))
    number = add(connection, "X@A@EQ", "day")
    insert_candles(connection, number, {at(0, 9): Candle()})
    settle(connection, WHOLE)
    instruments.add(connection, "X@A@EQ", "day", "feed", delisted_at=at(0, 9) + MINUTE)
    settle(connection, WHOLE)
    assert connection.execute("SELECT minutes, healed_from FROM market.gaps").fetchall() == [(539, "not_expected")]


@pytest.mark.parametrize("end", [datetime(9999, 12, 31, 23, 59, tzinfo=UTC), datetime(6500, 1, 1, tzinfo=UTC)])
def test_a_life_may_end_as_late_as_can_be(connection: Connection, end: datetime) -> None:
    fill(connection, "day", days_of(9, 12))
    long_ago = datetime(1, 1, 1, tzinfo=UTC)
    instruments.add(connection, "X@A@EQ", "day", "feed", listed_at=at(0, 10), delisted_at=end)
    instruments.add(connection, "X@B@EQ", "day", "feed", listed_at=long_ago, delisted_at=at(0, 10))
    settle(connection, WHOLE)
    assert expected_minutes(connection, WHOLE.starts, WHOLE.ends) == open_minutes(
        days_of(9, 12), Window(at(0, 10), WHOLE.ends)
    )
    assert [row[:2] for row in read_open(connection, 2)] == [(at(0, 9), at(0, 10))]


NOW = at(5, 12)


def test_an_empty_database_has_nothing_to_report(connection: Connection) -> None:
    live, historical = run_live(connection, NOW), run_historical(connection, NOW)
    assert (live.coverage_7d, live.gaps_open, live.feeds, live.ending_calendars) == (1.0, 0, [], [])
    assert (historical.gaps_open, historical.weeks_left, historical.changed, live.changed) == (0, 0, False, False)


def test_calendars_without_sessions_and_with_few_are_named(connection: Connection) -> None:
    sessions.replace(connection, Calendar("none", "UTC", MONDAY.date(), MONDAY.date(), ()))
    sessions.replace(connection, Calendar("unused", "UTC", MONDAY.date(), MONDAY.date(), ()))
    for name, days in (("soon", 35), ("later", 37)):
        fill(connection, name, days_of(9, 12, days=days))
    for name in ("none", "soon", "later"):
        number = add(connection, f"X@{name}@EQ", name)
        insert_candles(connection, number, {at(1, 9): Candle()})
    assert run_live(connection, at(5, 12) - MINUTE).ending_calendars == ["none", "soon"]
    report = run_live(connection, at(5, 12))
    assert report.ending_calendars == ["none", "soon"]
    # Without sessions nothing is expected, and nothing is missed.
    keys = connection.execute("SELECT DISTINCT instrument_key FROM market.open_gaps ORDER BY 1").fetchall()
    assert keys == [("X@later@EQ",), ("X@soon@EQ",)]
    run_historical(connection, at(20, 2))


def test_an_instrument_without_data_is_expected_from_its_listing_or_not_at_all(connection: Connection) -> None:
    fill(connection, "day", days_of(9, 12))
    unlisted, listed = (add(connection, key, "day") for key in ("X@A@EQ", "X@B@EQ"))
    instruments.add(connection, "X@B@EQ", "day", "feed", listed_at=at(1, 10))
    report = run_live(connection, NOW)
    assert (read_open(connection, unlisted), [row[0] for row in read_open(connection, listed)]) == ([], [at(1, 10)])
    assert (report.minutes_open, report.coverage_7d) == (300, 0.0)
    assert run_historical(connection, at(14, 2)).weeks_left == 0


@pytest.mark.parametrize("now", [datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 7, 1, tzinfo=UTC)])
def test_a_run_of_another_age_changes_nothing(connection: Connection, now: datetime) -> None:
    fill(connection, "day", days_of(9, 12))
    number = add(connection, "X@A@EQ", "day")
    insert_candles(connection, number, {at(0, 9): Candle()})
    run_live(connection, NOW)
    rows = connection.execute("SELECT * FROM market.gaps").fetchall()
    report = run_live(connection, now)
    assert (report.coverage_7d, report.coverage_24h, report.gaps_open) == (1.0, 1.0, int(now > NOW))
    assert report.ending_calendars == ([] if now.year < 2000 else ["day"])
    assert connection.execute("SELECT * FROM market.gaps").fetchall() == rows
    run_live(connection, NOW)
    assert connection.execute("SELECT * FROM market.gaps").fetchall() == rows


# How candles change, by Chandlery or by others; of few instruments and hours, so that they meet.
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["insert", "update", "move", "delete", "delete hour", "upsert", "count"]),
        st.integers(1, 3),
        st.integers(0, 200),
        st.sampled_from([None, 1, 7]),
        st.booleans(),
        st.booleans(),
    ),
    min_size=15,
    max_size=60,
)
STATEMENTS = {
    "insert": "INSERT INTO market.candles VALUES (%(row)s) ON CONFLICT DO NOTHING",
    "upsert": "INSERT INTO market.candles VALUES (%(row)s) ON CONFLICT (instrument_id, time) DO UPDATE"
    " SET partial = excluded.partial, trades = excluded.trades",
    "update": "UPDATE market.candles SET partial = %(partial)s, trades = %(trades)s WHERE instrument_id = %(number)s"
    " AND time >= %(time)s AND time < %(time)s + INTERVAL '5 minutes'",
    "move": "UPDATE market.candles AS c SET instrument_id = %(number)s %% 3 + 1 WHERE instrument_id = %(number)s"
    " AND time = %(time)s AND NOT EXISTS (SELECT FROM market.candles AS o WHERE o.instrument_id = %(number)s %% 3 + 1"
    " AND o.time = c.time)",
    "delete": "DELETE FROM market.candles WHERE instrument_id = %(number)s AND time = %(time)s",
    "delete hour": "DELETE FROM market.candles WHERE date_trunc('hour', time) = date_trunc('hour', %(time)s)",
}
ROW = "%(number)s, %(time)s, 1, 1, 1, 1, 1, 1, %(trades)s, true, %(partial)s, '2026-03-02', false, 'live_aggregated', 1"


def change(connection: Connection, how: str, number: int, minute: int, trades: int | None, partial: bool) -> None:
    values = {"number": number, "time": at(0, 22.5) + minute * MINUTE, "trades": trades, "partial": partial}
    connection.execute(STATEMENTS[how].replace("%(row)s", ROW).encode(), values)


def counted(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT instrument_id, hour, complete::text, partial::text, trades FROM market.candle_hours"
        " WHERE bit_count(complete | partial) > 0 ORDER BY 1, 2"
    ).fetchall()


def told_by_candles(connection: Connection) -> list[tuple[Any, ...]]:
    told: dict[tuple[int, datetime], tuple[list[str], list[str], list[int | None]]] = {}
    for number, time, partial, trades in connection.execute(
        "SELECT instrument_id, time, partial, trades FROM market.candles"
    ).fetchall():
        complete_bits, partial_bits, sums = told.setdefault((number, floor_hour(time)), (["0"] * 60, ["0"] * 60, []))
        (partial_bits if partial else complete_bits)[time.minute] = "1"
        sums.append(trades)
    return [
        (*key, "".join(complete), "".join(partial), None if None in sums else sum(filter(None, sums)))
        for key, (complete, partial, sums) in sorted(told.items())
    ]


@pytest.mark.sampled(every=1)
@DATABASE
@given(changes=CHANGES)
def test_candle_hours_say_what_candles_say(connection: Connection, changes: Iterable[tuple[Any, ...]]) -> None:
    connection.execute(
        "TRUNCATE market.candles, market.candle_hours, market.marks, market.instruments RESTART IDENTITY CASCADE"
    )
    fill(connection, "day", days_of(0, 24))
    for key in "ABC":
        add(connection, f"X@{key}@EQ", "day")
    earliest: dict[int, datetime] = {}
    for how, number, minute, trades, partial, by_us in changes:
        if how == "count":
            assert count_hours(connection, lambda: True) == 0
            assert counted(connection) == told_by_candles(connection)
            for each, time in connection.execute("SELECT instrument_id, min(time) FROM market.candles GROUP BY 1"):
                earliest[each] = min(earliest.get(each, time), time)
        else:
            with connection.transaction():
                connection.execute("SELECT set_config('chandlery.writing', %s, true)", ["on" if by_us else "off"])
                change(connection, how, number, minute, trades, partial)
    count_hours(connection, lambda: True)
    assert counted(connection) == told_by_candles(connection)
    assert connection.execute("SELECT count(*) FROM market.marks WHERE work = 'count'").fetchone() == (0,)
    for each, time in connection.execute("SELECT instrument_id, min(time) FROM market.candles GROUP BY 1"):
        earliest[each] = min(earliest.get(each, time), time)
    since = connection.execute("SELECT instrument_id, data_from FROM market.instruments WHERE data_from IS NOT NULL")
    assert dict(since.fetchall()) == earliest


def test_candle_hours_are_counted_alike_in_any_time_zone(connection: Connection) -> None:
    """A query runs in psql unchanged, whatever PGTZ says."""
    fill(connection, "day", days_of(0, 24))
    number = add(connection, "X@A@EQ", "day")
    insert_candles(connection, number, {at(0, 9.1): Candle(trades=1)})
    connection.execute("SET timezone = 'Asia/Kolkata'")
    try:
        count_hours(connection, lambda: True)
    finally:
        connection.execute("SET timezone = 'UTC'")
    assert counted(connection) == told_by_candles(connection)


def test_two_counters_and_a_writer_end_with_what_is_stored(
    connection: Connection, server_url: str, database_url: str
) -> None:
    fill(connection, "day", days_of(0, 24))
    for key in "ABC":
        add(connection, f"X@{key}@EQ", "day")
    failures: list[ChandleryError] = []

    def count() -> None:
        with connect(Settings(database_url=database_url), "counter") as mine:
            try:
                for _ in range(60):
                    for window in hours.plan_uncounted(mine, CANDLES, 2):
                        hours.count(mine, CANDLES, window)
            except ChandleryError as error:
                failures.append(error)

    counters = [Thread(target=count) for _ in range(2)]
    for counter in counters:
        counter.start()
    chance = Random(3)
    for _ in range(300):
        how = chance.choice(["insert", "upsert", "update", "move", "delete"])
        change(
            connection,
            how,
            chance.randint(1, 3),
            chance.randint(0, 200),
            chance.choice([None, 1, 7]),
            chance.random() < 0.5,
        )
    for counter in counters:
        counter.join()
    assert failures == []
    count_hours(connection, lambda: True)
    assert counted(connection) == told_by_candles(connection)
