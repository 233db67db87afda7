"""Scenes of faults, and the lines that tell what was proven."""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import psycopg
import pytest
from alembic import command
from psycopg import Connection

from chandlery.settings import Settings
from chandlery.store.connection import connect
from chandlery.store.migrations import alembic_config
from tests.faults import desk
from tests.faults.components import COMPONENTS, fire
from tests.faults.scene import Scene, leave_to_us
from tests.faults.steps import BOMB
from tests.faults.trial import in_child
from tests.faults.vendor import vendor_process
from tests.faults.works import NOW, WELL

Tell = Callable[[str], None]
_TOLD = "proven"


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Say a line about what was proven, at the end of all tests."""
    return lambda line: record_property(_TOLD, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was proven, by whichever process."""
    reports = [report for each in terminalreporter.stats.values() for report in each]
    lines = {line for report in reports for name, line in getattr(report, "user_properties", []) if name == _TOLD}
    if lines:
        terminalreporter.section("what was proven")
        for line in sorted(lines):
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def every(request: pytest.FixtureRequest) -> int:
    """Each how many-th step is disturbed."""
    return 1 if request.config.getoption("--faults") else 9


@pytest.fixture(scope="session")
def fault_settings() -> Iterator[None]:
    """Small pieces, so that a run has several; and a vendor in a process of its own."""
    with vendor_process() as url, pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "LIVE_PIECE_CANDLES": "200",
            "GAP_SHARE_INSTRUMENTS": "2",
            "GAP_VERIFY_BUCKETS": "100",
            "INDICATOR_PIECE_HOURS": "600",
            "DATABASE_LOCK_TIMEOUT_SECONDS": "10",
            "VENDOR": "polygon",
            "VENDOR_URL": url,
            "VENDOR_API_KEY": "the-vendors-own-key",
        }.items():
            environment.setenv(name, value)
        yield


def create_database(server_url: str, name: str) -> str:
    """A migrated database of its own on the server, left alone by the server's scheduler; its URL."""
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    url = f"{server_url.rpartition('/')[0]}/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        leave_to_us(connection)
    command.upgrade(alembic_config(url), "head")
    return url


def drop_database(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


_ALL_WELL = ("live_processor", "live_gap_monitor", "historical_processor")


def set_up(connection: Connection, url: str, ran: Sequence[str] = _ALL_WELL) -> None:
    """A desk at which all was well, as these have run, and where work has come in since then."""
    desk.open_desk(connection, history=True)
    desk.write_history(connection)
    connection.execute("INSERT INTO market.tickers VALUES (2, 'polygon', 'B')")
    desk.write_first(connection, "(d < 10 OR m < 10)")
    for name in ran:
        run(url, name, WELL)
    # Late ticks, and all that changes otherwise.
    desk.write_first(connection, "(d = 10 AND m < 20)")
    for change in desk.CHANGES:
        change(connection)
    connection.execute("DELETE FROM market.ticks WHERE time >= %s", [NOW])
    # Another hand than ours.
    connection.execute("DELETE FROM market.candles WHERE date_part('minute', time) = 7 AND time > %s", [desk.OPENS])
    connection.execute("UPDATE market.candles SET high = high + 1 WHERE date_part('minute', time) = 8 AND volume < 5")


def run(url: str, name: str, at: datetime) -> None:
    """One run of a component, in a process of its own."""

    def work() -> None:
        os.environ["DATABASE_URL"] = url
        fire(COMPONENTS[name], at)

    ended = in_child(work)
    assert (ended.how, ended.said) == ("succeeded", "")


@pytest.fixture(scope="session")
def faults_url(server_url: str, fault_settings: None) -> Iterator[str]:
    """A desk's database on the server."""
    name = f"chandlery_faults_{os.getpid()}"
    url = create_database(server_url, name)
    with connect(Settings(database_url=url), "test") as connection:
        connection.execute(BOMB)
        set_up(connection, url)
    yield url
    drop_database(server_url, name)


@pytest.fixture(scope="session")
def scenes(faults_url: str) -> Iterator[dict[str, Scene]]:
    """By name: `waiting`, where ticks wait for the processors; `aggregated`, where derived candles wait for theirs."""
    found = {"waiting": Scene(faults_url, "waiting")}
    for name in ("live_processor", "live_gap_monitor", "historical_gap_monitor"):
        run(faults_url, name, NOW)
    found["aggregated"] = Scene(faults_url, "aggregated")
    yield found
    for each in found.values():
        each.close()
