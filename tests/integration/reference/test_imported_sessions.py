"""What an operator says about a calendar outranks the library until it is taken back; what a session may look like."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from psycopg import Connection

from chandlery.gaps.import_candles import import_candles
from chandlery.platform.errors import NotFound, Permanent
from chandlery.platform.migrations import alembic_config
from chandlery.reading.store import minute
from chandlery.reference.domain.session import Break, Calendar, Origin, Session
from chandlery.reference.store import instruments, sessions
from chandlery.words.window import HOUR, Window
from functions.migrate import handler
from local import calendars
from local.command_line import instruments as instrument_commands
from local.command_line import reference
from local.lots import checked_candle_lots
from tests.integration.derived_scene import refresh
from tests.integration.market import MINUTE
from tests.integration.platform.test_migrate import Context

DAY = date(2020, 8, 19)
# Hong Kong closed for the morning: a typhoon.
HALF = "session_date,opens_at,closes_at\n2020-08-19,2020-08-19T13:30:00,2020-08-19T16:00:00\n"
WHOLE, AFTERNOON = ("01:30", "08:00"), ("05:30", "08:00")


@pytest.fixture
def by_command(connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Commands go to this database, in which Hong Kong's August of 2020 is filled."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    sessions.replace(connection, calendars.from_library("XHKG", date(2020, 8, 1), date(2020, 8, 31)))
    instruments.add(connection, "XHKG@700@EQ", "XHKG", "hk")
    return connection


@pytest.fixture
def corrected(by_command: Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Connection:
    path = tmp_path / "hk.csv"
    path.write_text(HALF)
    reference.import_sessions(path, "XHKG", "Asia/Hong_Kong")
    assert capsys.readouterr().out == ("XHKG: 1 session imported, known from 2020-08-01 to 2020-08-31; 1 day changed\n")
    return by_command


def hours(connection: Connection, day: date = DAY) -> tuple[str, str] | None:
    row = connection.execute(
        "SELECT to_char(opens_at, 'HH24:MI'), to_char(closes_at, 'HH24:MI') FROM market.sessions"
        " WHERE calendar = 'XHKG' AND session_date = %s",
        [day],
    ).fetchone()
    return row and (row[0], row[1])


def test_a_sync_leaves_what_was_imported_until_it_is_taken_back(
    corrected: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hours(corrected) == AFTERNOON
    reference.sync(date(2020, 8, 1), date(2020, 9, 30), None)
    assert "as imported stays 2020-08-19" in capsys.readouterr().out
    assert (hours(corrected), hours(corrected, date(2020, 9, 1))) == (AFTERNOON, WHOLE)
    (listed,) = sessions.list_calendars(corrected)
    assert (listed.imported, listed.known_from, listed.known_to) == ("2020-08-19", date(2020, 8, 1), date(2020, 9, 30))
    reference.remove("XHKG", DAY, DAY)
    assert capsys.readouterr().out == "XHKG: the library's sessions again: 2020-08-19; 1 day changed\n"
    assert hours(corrected) == WHOLE
    (listed,) = sessions.list_calendars(corrected)
    assert listed.imported is None


def test_the_function_that_syncs_leaves_it_too(corrected: Connection) -> None:
    sent = calendars.as_event([calendars.from_library("XHKG", date(2020, 8, 18), date(2020, 8, 20))])
    (synced,) = handler(sent, Context())["calendars"]
    assert synced["kept"] == [["2020-08-19", "2020-08-19"]]
    assert hours(corrected) == AFTERNOON


def test_a_day_that_was_imported_as_closed_stays_closed(by_command: Connection) -> None:
    wednesday, friday = (Session(day, _at(day, 2), _at(day, 8)) for day in (DAY, DAY + timedelta(days=2)))
    imported = Calendar("XHKG", "Asia/Hong_Kong", DAY, friday.session_date, (wednesday, friday), Origin.OPERATOR)
    sessions.replace(by_command, imported)
    done = sessions.replace(by_command, calendars.from_library("XHKG", date(2020, 8, 1), date(2020, 8, 31)))
    assert done.kept == [(DAY, DAY + timedelta(days=2))]
    assert hours(by_command, DAY + timedelta(days=1)) is None


def test_the_time_zone_stays_with_what_was_imported(
    by_command: Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hk.csv"
    path.write_text(HALF.replace(":00,", ":00+08:00,").replace(":00\n", ":00+08:00\n"))
    reference.import_sessions(path, "XHKG", "Asia/Macau")
    assert "time zone Asia/Macau instead of Asia/Hong_Kong" in capsys.readouterr().out
    reference.sync(date(2020, 8, 1), date(2020, 8, 31), None)
    assert "time zone stays Asia/Macau, as imported" in capsys.readouterr().out
    reference.remove("XHKG", None, None)
    assert "time zone Asia/Hong_Kong instead of Asia/Macau" in capsys.readouterr().out


def test_days_beyond_the_library_are_removed(by_command: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    first, last = date(2026, 12, 30), date(2027, 1, 4)
    own = Session(last, _at(last, 4), _at(last, 10))
    sessions.replace(by_command, calendars.from_library("XBOM", first - timedelta(days=9), last))
    sessions.replace(by_command, Calendar("XBOM", "Asia/Kolkata", first, last, (own,), Origin.OPERATOR))
    reference.remove("XBOM", first, last)
    assert capsys.readouterr().out.splitlines() == [
        "XBOM: the library's sessions again: 2026-12-30 to 2026-12-31; 2 days changed",
        "XBOM: sessions removed: 2027-01-01 to 2027-01-04, known from 2026-12-21 to 2026-12-31; 1 day changed",
    ]


def test_a_calendar_of_ones_own_is_removed_and_no_sync_touches_it(
    by_command: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    own = Session(DAY, _at(DAY, 4), _at(DAY, 10))
    sessions.replace(by_command, Calendar("DESK", "UTC", DAY, DAY, (own,), Origin.OPERATOR))
    instruments.change(by_command, "XHKG@700@EQ", calendar="DESK")
    reference.sync(None, None, None)
    assert capsys.readouterr().out == "DESK is not in the library; its sessions stay\n"
    reference.remove("DESK", None, None)
    assert capsys.readouterr().out == "DESK: sessions removed: 2020-08-19, no day is known; 1 day changed\n"
    with pytest.raises(NotFound, match="knows no day"):
        reference.remove("DESK", None, None)
    with pytest.raises(NotFound, match="no calendar NOPE is stored"):
        reference.remove("NOPE", None, None)


def test_a_calendar_fx_from_before_there_was_one_is_an_operators_own(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    config, first, last = alembic_config(database_url), date(2026, 11, 2), date(2026, 11, 6)
    own = tuple(Session(day, _at(day, 0), _at(day, 21)) for day in (first + timedelta(days=n) for n in range(5)))
    before = ScriptDirectory.from_config(config).get_revision("0029").down_revision
    told = []
    for known in (calendars.from_library("FX", first, last), Calendar("FX", "UTC", first, last, own)):
        command.downgrade(config, str(before))
        # As the code of that time stored it.
        connection.execute("DELETE FROM market.sessions; DELETE FROM market.calendars")
        connection.execute("INSERT INTO market.calendars VALUES ('FX', %s, %s, %s)", [known.time_zone, first, last])
        connection.execute(
            "INSERT INTO market.sessions (calendar, session_date, opens_at, closes_at)"
            " SELECT 'FX', * FROM unnest(%s::date[], %s::timestamptz[], %s::timestamptz[])",
            [[getattr(each, name) for each in known.sessions] for name in ("session_date", "opens_at", "closes_at")],
        )
        command.upgrade(config, "head")
        capsys.readouterr()
        reference.sync(first, last, ["FX"])
        told.append(capsys.readouterr().out.removeprefix("FX: 5 sessions known from 2026-11-02 to 2026-11-06"))
    assert told == ["\n", "; as imported stays 2026-11-02 to 2026-11-06; time zone stays UTC, as imported\n"]


def test_a_session_that_would_overlap_its_neighbour_is_refused(by_command: Connection) -> None:
    long = Session(DAY, _at(DAY, 1), _at(DAY + timedelta(days=1), 2))
    with pytest.raises(Permanent, match="sessions 2020-08-19 and 2020-08-20 would overlap"):
        sessions.replace(by_command, Calendar("XHKG", "Asia/Hong_Kong", DAY, DAY, (long,), Origin.OPERATOR))
    assert hours(by_command) == WHOLE


def test_other_names_are_taken_and_reported(by_command: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    instrument_commands.add("HK@5@EQ", calendar="HKEX")
    assert capsys.readouterr().out.splitlines() == [
        "HKEX is the calendar XHKG",
        "HK@5@EQ: calendar XHKG, feed HK",
    ]
    instrument_commands.add("HK@5@EQ", calendar="HKEX")
    assert capsys.readouterr().out.splitlines()[-1] == "HK@5@EQ: nothing changed"
    # A calendar that somebody keeps under the name goes first.
    own = Session(DAY, _at(DAY, 4), _at(DAY, 10))
    sessions.replace(by_command, Calendar("NSE", "Asia/Kolkata", DAY, DAY, (own,), Origin.OPERATOR))
    instrument_commands.add("NSE@A@EQ", calendar="NSE")
    assert capsys.readouterr().out == "NSE@A@EQ: calendar NSE, feed NSE\n"


SHANGHAI = """session_date,opens_at,closes_at
2026-03-03,2026-03-02T21:00,2026-03-02T23:00
2026-03-03,2026-03-03T10:30,2026-03-03T11:30
2026-03-03,2026-03-03T09:00,2026-03-03T10:15
2026-03-03,2026-03-03T13:30,2026-03-03T15:00
"""


def test_a_session_may_have_several_breaks(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "shfe.csv"
    path.write_text(SHANGHAI)
    known = calendars.from_file(path, "SHFE", "Asia/Shanghai")
    (session,) = known.sessions
    edges = [datetime(2026, 3, 2, 13, tzinfo=UTC), *(datetime(2026, 3, day, hour, at, tzinfo=UTC) for day, hour, at in (
        (2, 15, 0), (3, 1, 0), (3, 2, 15), (3, 2, 30), (3, 3, 30), (3, 5, 30), (3, 7, 0)
    ))]  # fmt: skip
    opens, *rests, closes = edges
    pairs = zip(rests[::2], rests[1::2], strict=True)
    assert session == Session(date(2026, 3, 3), opens, closes, tuple(Break(*pair) for pair in pairs))
    assert sessions.replace(connection, known).changed == 1
    assert sessions.replace(connection, known).changed == 0
    instruments.add(connection, "SHFE@CU@FUT", "SHFE", "shfe", listed_at=edges[0] - HOUR)
    (row,) = connection.execute(
        "SELECT sum(bit_count(expected)) FROM market.hour_coverage(%s, %s)", [opens - HOUR, closes + HOUR]
    ).fetchall()
    assert row == (120 + 75 + 60 + 90,)
    for number, edge in enumerate(edges):
        is_open = number % 2 == 0
        stamps = [
            connection.execute("SELECT * FROM market.session_stamp('SHFE', %s)", [at]).fetchone()
            for at in (edge - MINUTE, edge)
        ]
        expected = [
            connection.execute("SELECT market.is_expected('SHFE', %s)", [at]).fetchone() for at in (edge - MINUTE, edge)
        ]
        assert expected == [(not is_open,), (is_open,)]
        # The minute of the closing auction is regular.
        assert [stamp and stamp[1] for stamp in stamps] == [is_open, not is_open and number < 7]
    found = minute.describe(connection, instruments.find(connection, "SHFE@CU@FUT").instrument_id, edges[3])
    assert (list(found.breaks_start), list(found.breaks_end)) == (rests[::2], rests[1::2])


@pytest.mark.parametrize(
    "breaks",
    ["{[2026-03-02 01:00Z,2026-03-02 02:00Z)}", "{[2026-03-02 05:00Z,2026-03-02 06:00Z)}", "{(,2026-03-02 03:00Z)}"],
)
def test_a_break_lies_inside_its_session(connection: Connection, breaks: str) -> None:
    connection.execute("INSERT INTO market.calendars (calendar, time_zone) VALUES ('C', 'UTC')")
    with pytest.raises(psycopg.errors.CheckViolation, match="sessions_breaks_check"):
        connection.execute(
            "INSERT INTO market.sessions (calendar, session_date, opens_at, closes_at, breaks)"
            " VALUES ('C', '2026-03-02', '2026-03-02 01:00Z', '2026-03-02 06:00Z', %s)",
            [breaks],
        )


FX = """time,open,high,low,close,volume
2026-11-20T21:58:00Z,1.0500,1.0510,1.0490,1.0505,12.5
2026-11-21T10:00:00Z,1.0505,1.0505,1.0505,1.0505,0
2026-11-22T22:05:00Z,1.0600,1.0650,1.0590,1.0640,33
2026-11-23T00:01:00Z,1.0640,1.0645,1.0635,1.0641,10
"""


def test_the_week_of_fx_opens_on_sunday_evening(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "fx.csv"
    path.write_text(FX)
    sessions.replace(connection, calendars.from_library("FX", date(2026, 11, 1), date(2026, 11, 30)))
    instruments.add(connection, "OANDA@EURUSD@FX", "FX", "oanda")
    number = instruments.find(connection, "OANDA@EURUSD@FX").instrument_id
    with checked_candle_lots(path, latest=datetime(2026, 11, 24, tzinfo=UTC)) as lots:
        import_candles(connection, number, lots)
    refresh(connection, datetime(2026, 12, 1, tzinfo=UTC))
    weeks = connection.execute(
        "SELECT time::date::text, open::text, close::text, volume FROM market.candles_1w ORDER BY time"
    ).fetchall()
    assert [week[:3] for week in weeks] == [("2026-11-16", "1.0500", "1.0505"), ("2026-11-23", "1.0600", "1.0641")]
    assert connection.execute("SELECT session_date::text FROM market.candles ORDER BY time").fetchall() == [
        ("2026-11-20",), ("2026-11-21",), ("2026-11-23",), ("2026-11-23",),
    ]  # fmt: skip


def test_cme_s_halt_is_no_gap(connection: Connection) -> None:
    sessions.replace(connection, calendars.from_library("CMES", date(2026, 11, 23), date(2026, 11, 25)))
    instruments.add(connection, "CME@ES@FUT", "CMES", "cme", listed_at=datetime(2026, 11, 22, tzinfo=UTC))
    rows = connection.execute(
        "SELECT session_date::text, sum(bit_count(expected)) FROM market.hour_coverage(%s, %s) GROUP BY 1 ORDER BY 1",
        [datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 25, 23, tzinfo=UTC)],
    ).fetchall()
    assert rows == [(f"2026-11-{day}", 1380) for day in (23, 24, 25)]
    halt = Window(datetime(2026, 11, 23, 22, tzinfo=UTC), datetime(2026, 11, 23, 23, tzinfo=UTC))
    assert (
        connection.execute("SELECT * FROM market.expected_stretches(%s, %s)", [halt.starts, halt.ends]).fetchall() == []
    )


def _at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
