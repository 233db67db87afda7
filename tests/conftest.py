"""Fixtures of every test: one migrated TimescaleDB a session, emptied before each test that asks for it."""

import contextlib
import fcntl
import gc
import os
import shutil
import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from alembic import command
from hypothesis import settings
from psycopg import Connection

from chandlery.datasets import declared
from chandlery.platform.connection import connect
from chandlery.platform.migrations import alembic_config
from chandlery.platform.settings import Settings
from local.embedded import EmbeddedDatabase
from local.emulation import building
from local.emulation.aws import INTERPRETER, Emulator

# A hook, and here: under xdist the process that reports reads no other conftest.
from tests.proven import pytest_terminal_summary as pytest_terminal_summary

REPO = Path(__file__).resolve().parents[1]
REAL_DATA = REPO.parent / "shared" / "data"
SERVER_URL = os.environ.get("CHANDLERY_TEST_DATABASE_URL")
# Passwords and keys of the scenes: whatever a test lets out, none of them may be in it.
SECRET_MARKER = "s3cret-w0rd"
SECRETS = (SECRET_MARKER, "s3cret-word", "k3y-word", "the-vendors-own-key")

_ROLLED_UP = tuple(rollup.relation for rollup in reversed(declared.rollups()))
_HYPERTABLES = tuple(dataset.name for dataset in declared.DATASETS)
# What refers to another comes before it.
_TABLES = (
    "dirty", "marks", "feeds", "feed_minutes", "gaps", "scans", "tickers", "judged", "known_data", "runs",
    "alert_firings", "alerts", "watchlist_items", "watchlists", "users", "watched_instruments", "alert_minutes",
    "indicator_states", "stored_indicators", "newest_strikes", "newest_strikes_5m", "option_contracts",
    "option_expiries", "cadences", "rates", "signals", "instruments", "sessions", "calendars", "open_hours", "upkeep",
    "unindicated_hours", "indicator_set", "horizons", "imports", "retentions", "releases", "drops", "hour_versions",
    "reaches", "outbox", "unpublished_changes", "signal_rules", "signal_marks",
)  # fmt: skip
# Rows are deleted: to truncate a table is to make its files again, and makes every session plan again what reads it.
# Chunks are dropped, which is a third of truncating what has them.
_EMPTY = f"""
DO $$
BEGIN
    PERFORM drop_chunks(('market.' || name)::regclass, older_than => 'infinity'::timestamptz)
    FROM unnest('{{{",".join(_HYPERTABLES + _ROLLED_UP)}}}'::text[]) AS name
    WHERE EXISTS (SELECT FROM show_chunks(('market.' || name)::regclass));
    {"".join(f"DELETE FROM market.{name};" for name in _TABLES)}
    -- New chunks are as the migrations leave them, whatever policies made of them.
    PERFORM set_chunk_time_interval('market.ticks', INTERVAL '6 hours') FROM timescaledb_information.dimensions
    WHERE hypertable_schema = 'market' AND hypertable_name = 'ticks' AND time_interval <> INTERVAL '6 hours';
    PERFORM setval(format('market.%I', sequencename)::regclass, 1, false)
    FROM pg_sequences WHERE schemaname = 'market' AND last_value IS NOT NULL;
END
$$
"""  # noqa: S608  # our own words


# No test asserts a time, and each run must try the same examples.
settings.register_profile("chandlery", deadline=None, derandomize=True)
settings.load_profile("chandlery")


def pytest_configure() -> None:
    """Let what tests start be interrupted, even where a shell that runs them in the background has Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--benchmarks", action="store_true", help="run the benchmarks, which print and never fail on time")
    parser.addoption("--faults", action="store_true", help="disturb every step, where some of them are a sample else")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from scanning what is loaded, which stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        room = item.path.relative_to(REPO).parts[1]
        if room == "faults":
            item.add_marker(pytest.mark.faults)
        if room == "benchmarks" and not config.getoption("--benchmarks"):
            item.add_marker(pytest.mark.skip(reason="a benchmark: run make bench"))
    if not config.getoption("--faults"):
        left_out = _beyond_the_sample(items)
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


def _beyond_the_sample(items: Sequence[pytest.Item]) -> set[pytest.Item]:
    """The tests that only `make faults` runs: those marked long, and most parameters of those marked sampled."""
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    found = {item for item in items if item.get_closest_marker("long")}
    for matrix in tests.values():
        if sampled := matrix[0].get_closest_marker("sampled"):
            found |= set(matrix) - set(matrix[:: sampled.kwargs["every"]])
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what has printed or logged a secret."""
    report = yield
    told = [name for name, text in report.sections if any(secret in text for secret in SECRETS)]
    if told and report.passed:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} let out a secret: {', '.join(told)}"
    return report


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real market data next to the repository."""
    if not REAL_DATA.is_dir():
        pytest.skip("real market data is not at hand: no ../shared/data next to the repository")
    return REAL_DATA


@pytest.fixture(scope="session")
def server_url() -> str:
    """A TimescaleDB server, for what the embedded database cannot show."""
    if SERVER_URL is None:
        pytest.skip("needs a TimescaleDB server: set CHANDLERY_TEST_DATABASE_URL")
    return SERVER_URL


@contextmanager
def made_once(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """A path that all workers share; the first one makes what belongs there, the others wait."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield shared / name


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `sam build` makes for the interpreter at hand; nobody may change it."""
    with made_once(tmp_path_factory, "sam") as folder:
        if not (folder / "build" / "template.yaml").exists():
            folder.mkdir(exist_ok=True)
            building.build(folder / "build")
    return folder / "build"


@pytest.fixture(scope="session")
def migrated_tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What embedded databases may begin from."""
    with made_once(tmp_path_factory, "migrated.tar") as tarball:
        if not tarball.exists():
            home = tmp_path_factory.mktemp("embedded")
            embedded = EmbeddedDatabase(home, tied=True)
            told: list[str] = []
            command.upgrade(alembic_config(embedded.start(told.append)), "head")
            assert "making a new database" in told
            embedded.stop()
            embedded.dump(tarball)
            shutil.rmtree(home)
    return tarball


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    """An AWS with nothing in it."""
    if not INTERPRETER.exists():
        pytest.skip("the AWS emulator is not installed: make .venv/emulator/installed")
    with Emulator(tmp_path) as started:
        yield started


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory, migrated_tarball: Path) -> Iterator[EmbeddedDatabase]:
    """A running embedded TimescaleDB, migrated, one for each process, where a desk in the folder above finds it."""
    folder = tmp_path_factory.mktemp("desk")
    database = EmbeddedDatabase(folder / ".chandlery", tarball=migrated_tarball, tied=True)
    database.start()
    yield database
    database.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def migrated_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A running TimescaleDB, migrated: a database of its own on the server, or an embedded one."""
    if SERVER_URL is None:
        yield request.getfixturevalue("embedded").start()
        return
    name = f"chandlery_test_{os.getpid()}"
    with psycopg.connect(SERVER_URL, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        url = str(SERVER_URL.rpartition("/")[0] + "/" + name)
        command.upgrade(alembic_config(url), "head")
        yield url
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(migrated_url: str, connection: Connection) -> str:
    """The same, emptied for this test."""
    return migrated_url


def empty(connection: Connection) -> None:
    """Leave no row of the test's."""
    connection.execute(_EMPTY)


def skip_where_trusted(url: str) -> None:
    """Skip a test of a login that is refused, where the server lets anybody in."""
    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect(url).close()
        pytest.skip("this server trusts every login, whatever its password")


@pytest.fixture
def connection(migrated_url: str) -> Iterator[Connection]:
    """A connection as the functions have it, to an empty database."""
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        yield connection
