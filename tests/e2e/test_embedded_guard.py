"""One process serves the embedded database's data, whatever is deleted; a start leaves no process behind."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from local.embedded import EmbeddedDatabase, EmbeddedDatabaseError
from tests.e2e.commands import ENVIRONMENT
from tests.waiting import wait_until


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home of the test's own; what serves it is stopped at the end."""
    yield tmp_path / "home"
    EmbeddedDatabase(tmp_path / "home").stop()


def other_process(code: str, home: Path) -> "subprocess.Popen[str]":
    """Another program, to which E is the embedded database, H the home, and Path what it is."""
    program = (
        f"from local.embedded import EmbeddedDatabase as E; from pathlib import Path; H = Path({str(home)!r}); {code}"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_no_deleted_file_lets_a_second_process_in(home: Path, migrated_tarball: Path) -> None:
    database = EmbeddedDatabase(home, tarball=migrated_tarball)
    url = database.start()
    (home / "embedded.lock").touch()
    for path in [*home.iterdir(), home / "data" / "postmaster.pid"]:
        if path.is_file():
            path.unlink()
    execute(url, "CREATE TABLE kept (a int)")
    with other_process("print(E(H).start())", home) as other:
        said, failed = other.communicate()
    assert (said.strip(), failed) == (url, "")
    with pytest.raises(EmbeddedDatabaseError, match="is running: stop it first"):
        database.back_up(home / "backup", overwrite=False)
    database.stop()
    assert execute(database.start(), "SELECT count(*) FROM kept") == [(0,)]


def test_data_led_to_from_two_homes_is_served_once(home: Path, migrated_tarball: Path, tmp_path: Path) -> None:
    EmbeddedDatabase(home, tarball=migrated_tarball).start()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "data").symlink_to(home / "data")
    with pytest.raises(EmbeddedDatabaseError, match="data is served from another CHANDLERY_HOME"):
        EmbeddedDatabase(tmp_path / "other").start()


def test_what_an_earlier_version_serves_is_served(home: Path) -> None:
    home.mkdir()
    with (home / "embedded.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (home / "embedded.json").write_text(json.dumps({"pid": os.getpid(), "port": 1}))
        database = EmbeddedDatabase(home)
        assert (database.status().running, database.status().port) == (True, 1)
        with pytest.raises(EmbeddedDatabaseError, match="is running: stop it first"):
            database.dump(home / "dump")
    assert not database.status().running


@contextmanager
def making(home: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Another program in the midst of making a new database, and the process that makes it."""
    database = EmbeddedDatabase(home)
    code = "import signal; signal.signal(signal.SIGTERM, signal.default_int_handler); E(H).start()"
    with other_process(code, home) as starter:
        try:
            wait_until(lambda: starter.poll() is not None or (home / "data.new").exists(), "a database is being made")
            wait_until(lambda: starter.poll() is not None or database.status().pid is not None, "its process is known")
            pid = database.status().pid
            assert pid is not None
            yield starter, pid
        finally:
            starter.kill()


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_start_cut_off_leaves_no_process(home: Path, number: signal.Signals) -> None:
    with making(home) as (starter, pid):
        starter.send_signal(number)
        starter.communicate()
        wait_until(lambda: not is_alive(pid), "the process that makes it ends")
    # Its last thread lets go of the lock a moment after its first one is gone.
    wait_until(lambda: not EmbeddedDatabase(home).status().running, "nobody holds the lock")
    assert not (home / "data").exists()


def test_a_start_whose_process_is_killed_says_so_and_quotes_no_earlier_one(home: Path, migrated_tarball: Path) -> None:
    home.mkdir()
    (home / "embedded.log").write_text("what an earlier start said\n")
    with making(home) as (starter, pid):
        os.kill(pid, signal.SIGKILL)
        _, said = starter.communicate()
    assert "could not be made: it was killed, by hand or by the system" in said
    assert "earlier" not in said
    # And nothing is in the way of the next.
    assert execute(EmbeddedDatabase(home, tarball=migrated_tarball).start(), "SELECT 1") == [(1,)]


def test_a_tied_database_ends_with_its_owner(home: Path, migrated_tarball: Path) -> None:
    code = f"print(E(H, tarball=Path({str(migrated_tarball)!r}), tied=True).start(), flush=True); input()"
    with other_process(code, home) as owner:
        assert owner.stdout is not None
        url = owner.stdout.readline().strip()
        execute(url, "CREATE TABLE kept (a int)")
        owner.kill()
    database = EmbeddedDatabase(home)
    wait_until(lambda: not database.status().running, "the database ends with its owner")
    # It stopped in good order.
    assert execute(database.start(), "SELECT count(*) FROM kept") == [(0,)]
    assert not database.recovers


def is_alive(pid: int) -> bool:
    """Whether there is such a process; a zombie does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc/self").exists()
