"""The function that migrates: the real migrations and real calendars, through its handler."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg import Connection

from chandlery.platform import schema
from chandlery.platform.errors import Permanent, Retryable
from chandlery.platform.migrations import alembic_config
from functions.migrate import handler
from local.command_line.reference import export_sessions
from tests.integration.api_scene import minute
from tests.integration.derived_scene import write
from tests.integration.market import MINUTE, NOON, around_the_clock

EVENTS = Path(__file__).resolve().parents[3] / "events"
HEAD = schema.REVISION


class Context:
    """As much of Lambda's context as an invocation needs."""

    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture(autouse=True)
def reached(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function's variable."""
    monkeypatch.setenv("DATABASE_URL", database_url)


@pytest.fixture
def behind(connection: Connection, database_url: str) -> Iterator[str]:
    """A database one revision behind; its revision."""
    command.downgrade(alembic_config(database_url), "-1")
    yield revision(connection)
    command.upgrade(alembic_config(database_url), "head")


def revision(connection: Connection) -> str:
    ((found,),) = connection.execute("SELECT version_num FROM market.schema_revision").fetchall()
    return str(found)


def event(name: str) -> Any:
    return json.loads((EVENTS / f"migrate_{name}.json").read_text())


def test_it_shows_the_revision_and_brings_it_up(
    behind: str, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert handler(event("current"), Context()) == {"before": behind, "revision": behind, "wanted": HEAD}
    assert handler(event("upgrade"), Context()) == {"before": behind, "revision": HEAD, "wanted": HEAD}
    assert revision(connection) == HEAD
    # Again, there is nothing to do.
    assert handler(event("upgrade"), Context()) == {"before": HEAD, "revision": HEAD, "wanted": HEAD}
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [(line["service"], line["Runs"], line["Failures"]) for line in metrics] == [("migrate", [1.0], [0.0])] * 3


def test_a_revision_may_be_named(behind: str) -> None:
    assert handler({"do": "upgrade", "revision": behind}, Context())["revision"] == behind
    with pytest.raises(Permanent, match="alembic: Can't locate revision identified by '9999'"):
        handler({"do": "upgrade", "revision": "9999"}, Context())


@pytest.mark.parametrize(
    "held",
    [
        "LOCK TABLE market.schema_revision IN ACCESS EXCLUSIVE MODE",
        "SELECT pg_advisory_lock(hashtext('chandlery migrate'))",
    ],
)
def test_a_migration_waits_for_a_lock_no_longer_than_a_writer(
    held: str, behind: str, connection: Connection, server_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_LOCK_TIMEOUT_SECONDS", "1")
    with psycopg.connect(database_url) as other:
        other.execute(held.encode())
        with pytest.raises(Retryable, match="lock timeout"):
            handler(event("upgrade"), Context())
    assert revision(connection) == behind


def test_sessions_of_the_event_replace_those_that_stood(connection: Connection) -> None:
    report = handler(event("sync_sessions"), Context())
    told = {"calendar": "XTKS", "sessions": 2, "known_from": "2026-01-29", "known_to": "2026-01-30"}
    assert report == {"calendars": [told | {"kept": [], "restamped": 0}]}
    rows = connection.execute(
        "SELECT session_date::text, to_char(opens_at, 'HH24:MI'), to_char(closes_at, 'HH24:MI'),"
        " to_char(lower(breaks), 'HH24:MI') FROM market.sessions WHERE calendar = 'XTKS' ORDER BY 1"
    ).fetchall()
    assert rows == [("2026-01-29", "00:00", "06:30", "02:30"), ("2026-01-30", "00:00", "06:30", None)]


def test_what_the_command_line_exports_is_what_the_function_takes(
    connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    first = NOON.date()
    export_sessions(["XNYS", "XTKS"], first, first)
    sent = json.loads(capsys.readouterr().out)
    report = handler(sent, Context())
    assert [(each["calendar"], each["sessions"]) for each in report["calendars"]] == [("XNYS", 1), ("XTKS", 1)]
    capsys.readouterr()
    # A stored candle is stamped again when its calendar turns out to be another.
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    write(connection, instrument, [minute(NOON + number * MINUTE, number) for number in range(3)])
    closed = {"name": "24/7", "time_zone": "UTC", "known_from": str(first), "known_to": str(first), "sessions": []}
    (synced,) = handler({"do": "sync-sessions", "calendars": [closed]}, Context())["calendars"]
    assert synced["restamped"] == 3


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({}, "event: 'do' is missing"),
        ({"do": "downgrade"}, "event: 'do' must be one of 'upgrade', 'current', 'check', 'sync-sessions'; send"),
        ({"do": "current", "revision": "0001"}, "current.revision: is unknown: remove it, or correct its name"),
        ({"do": "sync-sessions", "calendars": []}, "sync-sessions.calendars: must have a length of 1 or more"),
        (
            {"do": "sync-sessions", "calendars": [{"name": "A", "time_zone": "UTC", "known_from": "soon"}]},
            "sync-sessions.calendars.0.known_from: must be a date in ISO 8601",
        ),
    ],
)
def test_a_malformed_event_is_reported(sent: Any, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Permanent, match=f"^the event is malformed: {message}"):
        handler(sent, Context())
    assert '"Failures":[1.0]' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("session", "message"),
    [
        ({"opens_at": "2026-01-30T09:00:00Z"}, "session 2026-01-29: open, breaks and close are not in order"),
        ({"opens_at": "2026-01-29T00:00:00"}, "session 2026-01-29: a time has no time zone"),
        # As older code exported it: a break that nobody would read.
        ({"break_starts_at": "2026-01-29T02:30:00Z"}, "break_starts_at: Unexpected keyword argument"),
        ({"session_date": "2026-02-01"}, "session 2026-02-01 is not within 2026-01-29 to 2026-01-30"),
    ],
)
def test_a_calendar_that_cannot_be_is_refused(session: Any, message: str, connection: Connection) -> None:
    sent = event("sync_sessions")
    sent["calendars"][0]["sessions"] = [sent["calendars"][0]["sessions"][0] | session]
    with pytest.raises(Permanent, match=message):
        handler(sent, Context())
    assert connection.execute("SELECT count(*) FROM market.sessions").fetchone() == (0,)
