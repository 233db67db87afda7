"""Sessions from the library and from a file, and the stamps that candles get of them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from psycopg import Connection

from chandlery.minutes.store import candles, marks
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.platform.errors import Permanent
from chandlery.reference.domain.session import Break, Calendar, Session
from chandlery.reference.store import feeds, instruments, sessions
from chandlery.words.window import DAY
from local import calendars
from tests.integration.market import MINUTE, NOON, around_the_clock, insert, live
from tests.plain_fold import Tick

HEADER = "session_date,opens_at,closes_at\n"
SECOND = "2019-01-02,2019-01-02T09:00,2019-01-02T11:00\n"


def hours(connection: Connection, calendar: str, day: date) -> tuple[str, str] | None:
    row = connection.execute(
        "SELECT to_char(opens_at, 'HH24:MI'), to_char(closes_at, 'HH24:MI') FROM market.sessions"
        " WHERE calendar = %s AND session_date = %s",
        [calendar, day],
    ).fetchone()
    return row and (row[0], row[1])


def test_the_library_knows_half_days_holidays_and_summer_time(connection: Connection) -> None:
    sessions.replace(connection, calendars.from_library("XNYS", date(2005, 1, 1), date(2027, 12, 31)))
    assert hours(connection, "XNYS", date(2013, 10, 7)) == ("13:30", "20:00")
    assert hours(connection, "XNYS", date(2013, 11, 29)) == ("14:30", "18:00")
    assert hours(connection, "XNYS", date(2013, 11, 28)) is None
    assert hours(connection, "XNYS", date(2013, 10, 12)) is None


def test_a_calendar_that_ends_is_cut_and_says_so(connection: Connection) -> None:
    bombay = calendars.from_library("XBOM", date(2019, 1, 1), date(2040, 1, 1))
    assert bombay.known_to == date(2026, 12, 31)
    sessions.replace(connection, bombay)
    assert hours(connection, "XBOM", date(2019, 1, 1)) == ("03:45", "10:00")
    with pytest.raises(Permanent, match="knows XBOM from 1997-01-01 to 2026-12-31 only"):
        calendars.from_library("XBOM", date(2027, 1, 1), date(2028, 1, 1))


def test_a_session_may_cross_midnight_and_the_day_may_be_whole(connection: Connection) -> None:
    futures = calendars.from_library("CMES", date(2024, 1, 3), date(2024, 1, 3))
    (session,) = futures.sessions
    assert session.opens_at < datetime(2024, 1, 3, tzinfo=UTC) < session.closes_at
    (crypto,) = calendars.from_library("24/7", date(2016, 10, 7), date(2016, 10, 7)).sessions
    assert crypto.closes_at - crypto.opens_at == timedelta(days=1)


def test_an_unknown_calendar_is_reported() -> None:
    with pytest.raises(Permanent, match=r"no calendar NSE .*sessions import FILE --calendar NAME"):
        calendars.from_library("NSE", date(2019, 1, 1), date(2020, 1, 1))


def test_a_file_in_local_time_fills_a_calendar(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "nse.csv"
    path.write_text(
        "session_date,opens_at,closes_at,break_starts_at,break_ends_at\n"
        "2019-01-01,2019-01-01T09:15,2019-01-01T15:30,2019-01-01T12:00,2019-01-01T13:00\n"
        "2019-01-02,2019-01-02T03:45Z,2019-01-02T10:00Z,,\n"
    )
    sessions.replace(connection, calendars.from_file(path, "NSE", "Asia/Kolkata"))
    assert hours(connection, "NSE", date(2019, 1, 1)) == ("03:45", "10:00")
    assert hours(connection, "NSE", date(2019, 1, 2)) == ("03:45", "10:00")


HEADER = "session_date,opens_at,closes_at\n"
SECOND = "2019-01-02,2019-01-02T09:00,2019-01-02T11:00\n"


@pytest.mark.parametrize(
    ("text", "zone", "message"),
    [
        ("session_date,opens_at\n", "UTC", "no column closes_at"),
        (HEADER, "UTC", "has no sessions"),
        (HEADER + "2019-01-01,10:00,11:00\n", "UTC", "line 2: "),
        (HEADER + "2019-01-01,2019-01-01T11:00,2019-01-01T10:00\n", "UTC", "not in order"),
        (HEADER + "2019-01-01,2019-01-01T09:00,2019-01-01T10:00\n", "Mars/Base", "no time zone"),
        (HEADER + "2019-01-01,2019-01-01T09:00,2019-01-02T10:00\n" + SECOND, "UTC", "overlap"),
    ],
)
def test_a_wrong_file_is_reported(tmp_path: Path, text: str, zone: str, message: str) -> None:
    path = tmp_path / "own.csv"
    path.write_text(text)
    with pytest.raises(Permanent, match=message):
        calendars.from_file(path, "OWN", zone)


def stamps(connection: Connection) -> list[tuple[str, str, bool]]:
    return connection.execute(
        "SELECT to_char(time, 'DD HH24:MI'), session_date::text, extended FROM market.candles"
        " ORDER BY time, instrument_id"
    ).fetchall()


def one_day(opens: int, closes: int, *breaks: Break) -> Calendar:
    day = NOON.date()
    return Calendar(
        "24/7",
        "America/New_York",
        day,
        day,
        (Session(day, NOON.replace(hour=opens), NOON.replace(hour=closes), breaks),),
    )


def test_candles_are_stamped_and_a_corrected_calendar_stamps_them_again(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    sessions.replace(connection, one_day(11, 14, Break(NOON, NOON + timedelta(minutes=30))))
    moments = [NOON + timedelta(minutes=minutes) for minutes in (-61, -60, 0, 30, 119, 120, 121)]
    insert(connection, instrument, [Tick(at, 0, at.minute + 1, 1) for at in moments])  # type: ignore[arg-type]  # ints are exact
    live(connection, NOON + timedelta(hours=3))
    # The break is extended; the minute that starts at the close is the closing auction's, and regular.
    assert [extended for _, _, extended in stamps(connection)] == [True, False, True, False, False, False, True]
    assert {day for _, day, _ in stamps(connection)} == {"2026-03-02"}
    assert sessions.replace(connection, one_day(12, 13)).restamped == 4
    assert [extended for _, _, extended in stamps(connection)] == [True, True, False, False, True, True, True]
    assert sessions.replace(connection, one_day(12, 13)).restamped == 0
    assert connection.execute("SELECT max(revision) FROM market.candles").fetchone() == (0,)


def test_an_instrument_that_gets_another_calendar_gets_its_session_dates(connection: Connection) -> None:
    moved, other = around_the_clock(connection, "X@A@EQ", "X@B@EQ")
    sessions.replace(connection, one_day(11, 14))
    evening = Session(NOON.date() + DAY, NOON, NOON + timedelta(hours=20), ())
    sessions.replace(connection, Calendar("WEEK", "UTC", evening.session_date, evening.session_date, (evening,)))
    for instrument in (moved, other):
        insert(connection, instrument, [Tick(NOON, 0, Decimal(1), Decimal(1))])
    live(connection, NOON + timedelta(hours=3))
    connection.execute("DELETE FROM market.marks")
    assert instruments.change(connection, "X@A@EQ", calendar="WEEK") == 1
    assert stamps(connection) == [("02 12:00", "2026-03-03", False), ("02 12:00", "2026-03-02", False)]
    assert connection.execute("SELECT DISTINCT hour FROM market.marks WHERE work = 'refresh'").fetchall() == [(NOON,)]
    assert instruments.change(connection, "X@A@EQ", calendar="WEEK") == 0


def grades(connection: Connection) -> list[tuple[str, bool, int]]:
    return connection.execute(
        "SELECT to_char(time, 'DD HH24:MI') || ' ' || instrument_id, partial, revision FROM market.candles"
        " ORDER BY time, instrument_id"
    ).fetchall()


CLOSED_AT_NOON, OPEN_AT_NOON = one_day(14, 15), one_day(11, 14)
# Silent for longer than 20 seconds, and never.
SILENT, ALIVE = (0, 1, 59), (0, 20, 40, 59)


def trade(connection: Connection, instrument: int, seconds: Sequence[int], minute: datetime = NOON) -> None:
    insert(connection, instrument, [Tick(minute + timedelta(seconds=s), 0, Decimal(9), Decimal(1)) for s in seconds])


def test_a_corrected_calendar_grades_candles_again(connection: Connection) -> None:
    ours, vendors = around_the_clock(connection, "X@A@EQ", "X@B@EQ")
    feeds.set_limit(connection, "test", 20)
    trade(connection, ours, SILENT)
    trade(connection, ours, ALIVE, NOON + MINUTE)
    prices = [Decimal(9)]
    columns = CandleColumns([NOON], prices, prices, prices, prices, prices, [None], [None])
    candles.write_vendor(connection, vendors, columns)
    live(connection, NOON + 2 * MINUTE)
    others = [("02 12:00 2", False, 0), ("02 12:01 1", False, 0)]
    assert grades(connection) == [("02 12:00 1", True, 0), *others]
    # Where nothing is expected, nothing is partial: whatever the ticks, no run need look at them.
    assert sessions.replace(connection, CLOSED_AT_NOON).restamped == 3
    assert grades(connection) == [("02 12:00 1", False, 1), *others]
    assert marks.count_waiting(connection, NOON + DAY) == (0, None)
    assert sessions.replace(connection, OPEN_AT_NOON).restamped == 3
    assert grades(connection) == [("02 12:00 1", True, 2), *others]
    assert connection.execute("SELECT DISTINCT hour FROM market.marks WHERE work = 'count'").fetchall() == [(NOON,)]
    # Its ticks say the same.
    assert marks.count_waiting(connection, NOON + DAY) == (1, NOON)
    assert not live(connection, NOON + 2 * MINUTE).changed
    assert marks.count_waiting(connection, NOON + DAY) == (0, None)
    assert sessions.replace(connection, OPEN_AT_NOON).restamped == 0


def test_candles_are_graded_again_though_their_ticks_are_gone(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    feeds.set_limit(connection, "test", 20)
    sessions.replace(connection, CLOSED_AT_NOON)
    trade(connection, instrument, SILENT)
    live(connection, NOON + MINUTE)
    connection.execute("SELECT drop_chunks('market.ticks', older_than => %s::timestamptz)", [NOON + DAY])
    assert grades(connection) == [("02 12:00 1", False, 0)]
    for _ in range(2):
        sessions.replace(connection, OPEN_AT_NOON)
        live(connection, NOON + MINUTE)
        assert grades(connection) == [("02 12:00 1", True, 1)]
    sessions.replace(connection, CLOSED_AT_NOON)
    assert grades(connection) == [("02 12:00 1", False, 2)]


def test_a_minute_that_is_expected_only_now_is_read_whole(connection: Connection) -> None:
    """Out of session a feed is judged by its busiest instruments: the quiet ones may show that it lived."""
    ids = around_the_clock(connection, *(f"X@S{number:02}@EQ" for number in range(25)))
    feeds.set_limit(connection, "test", 20)
    sessions.replace(connection, CLOSED_AT_NOON)
    for busy in ids[1:]:
        trade(connection, busy, (0, 1, 2, 3, 4))
    trade(connection, ids[0], ALIVE)
    live(connection, NOON + MINUTE)
    sessions.replace(connection, OPEN_AT_NOON)
    live(connection, NOON + MINUTE)
    assert {partial for _, partial, _ in grades(connection)} == {False}


def test_what_a_correction_does_not_touch_keeps_its_grade(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    for days in (0, 1):
        trade(connection, instrument, SILENT, NOON + days * DAY)
        live(connection, NOON + days * DAY + MINUTE)
    # Graded under a limit that no silence reaches.
    feeds.set_limit(connection, "test", 20)
    sessions.replace(connection, OPEN_AT_NOON)
    assert grades(connection) == [("02 12:00 1", True, 1), ("03 12:00 1", False, 0)]


def test_a_candle_whose_feed_nobody_watched_is_partial_only_while_expected(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    feeds.set_limit(connection, "test", 20)
    trade(connection, instrument, SILENT)
    live(connection, NOON + MINUTE)
    connection.execute("DELETE FROM market.feed_minutes")
    sessions.replace(connection, OPEN_AT_NOON)
    assert grades(connection) == [("02 12:00 1", True, 0)]
    sessions.replace(connection, CLOSED_AT_NOON)
    assert grades(connection) == [("02 12:00 1", False, 1)]


def test_an_extended_minute_belongs_to_its_day_in_the_calendars_time_zone(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    sessions.replace(connection, one_day(14, 21))
    late_evening = NOON.replace(day=3, hour=1)
    insert(connection, instrument, [Tick(late_evening, 0, 1, 1)])  # type: ignore[arg-type]  # ints are exact
    connection.execute("DELETE FROM market.sessions WHERE session_date <> %s", [NOON.date()])
    live(connection, late_evening + timedelta(minutes=1))
    assert stamps(connection) == [("03 01:00", "2026-03-02", True)]
