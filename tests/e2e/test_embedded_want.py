"""The embedded database where the machine lacks something: one line that says what to do, and a start afterwards."""

import itertools
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from local.embedded import EmbeddedDatabase, EmbeddedDatabaseError
from tests.e2e.commands import ENVIRONMENT, start
from tests.e2e.test_embedded_guard import execute

_MEGABYTE = 1024 * 1024
_NOBODY = 65534


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home of the test's own; what serves it is stopped at the end."""
    yield tmp_path / "home"
    EmbeddedDatabase(tmp_path / "home").stop()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of the test's own."""
    path = tmp_path / "disk"
    path.mkdir()
    if os.geteuid() != 0 or not mount(path, "size=120m", "-t", "tmpfs", "tmpfs"):
        pytest.skip("root alone can make a small disk, where mount is allowed")
    yield path
    EmbeddedDatabase(path / "home").stop()
    subprocess.run(["umount", "--lazy", path], check=True)


def mount(path: Path, options: str, *more: str) -> bool:
    """Mount, or mount differently."""
    command = ["mount", "-o", options, *more, str(path)]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def refused(home: Path, *command: str) -> str:
    """The one line of a command that fails."""
    done = start(command, ENVIRONMENT | {"CHANDLERY_HOME": str(home)}, home.parent)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("chandlery: ")
    assert len(done.stderr.splitlines()) == 1
    assert "wasm" not in done.stderr
    return done.stderr


def test_a_full_disk_is_reported_and_all_is_there_once_there_is_room(disk: Path, migrated_tarball: Path) -> None:
    home = disk / "home"
    database = EmbeddedDatabase(home, tarball=migrated_tarball)
    with psycopg.connect(database.start(), autocommit=True, prepare_threshold=None) as connection:
        connection.execute("CREATE TABLE filling (a text)")
        kept = fill(connection)
    database.stop()
    fill_up(disk / "filler")
    told = f"the disk of {home} is full: free some room, and do the same again; what was committed is kept\n"
    assert refused(home, "db", "start").endswith(told)
    assert refused(home, "status").endswith(told)
    assert refused(home, "backup", str(disk / "backup")).startswith(f"chandlery: the disk of {disk} is full: ")
    (disk / "filler").unlink()
    mount(disk, "remount,size=200m")
    assert execute(database.start(), "SELECT count(*) FROM filling") == [(kept,)]


def fill(connection: "psycopg.Connection[object]") -> int:
    """Insert until the database finds no room; returns how many rows it acknowledged."""
    for count in itertools.count(0, 2000):
        try:
            connection.execute("INSERT INTO filling SELECT repeat('x', 700) FROM generate_series(1, 2000)")
        except psycopg.OperationalError:
            return count
    raise AssertionError


def fill_up(file: Path) -> None:
    """Take all the room that is left."""
    with (
        Path("/dev/zero").open("rb") as zeros,
        file.open("wb", buffering=0) as filler,
        pytest.raises(OSError, match="No space left"),
    ):
        shutil.copyfileobj(zeros, filler)


def test_a_new_database_is_not_begun_where_there_is_no_room(disk: Path) -> None:
    mount(disk, "remount,size=20m")
    said = refused(disk / "home", "db", "start")
    assert "a new embedded database needs 100 MB, and the disk of" in said
    assert "has 20 MB left" in said


def test_a_read_only_disk_is_reported(disk: Path, migrated_tarball: Path, tmp_path: Path) -> None:
    home = disk / "home"
    database = EmbeddedDatabase(home, tarball=migrated_tarball)
    database.start()
    database.stop()
    mount(disk, "remount,ro")
    assert "is on a disk that is read-only: have it writable, or set CHANDLERY_HOME" in refused(home, "db", "start")
    assert "is on a disk that is read-only" in refused(home, "status")
    # What only reads continues.
    assert not database.status().running
    assert not database.stop()
    database.back_up(tmp_path / "backup", overwrite=False)
    mount(disk, "remount,rw")
    assert execute(database.start(), "SELECT 1") == [(1,)]


@contextmanager
def without_rights(home: Path) -> Iterator[None]:
    """As a user who may not enter the folder."""
    home.chmod(0o000)
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        home.chmod(0o700)


def test_a_folder_that_may_not_be_entered_is_reported(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    database = EmbeddedDatabase(home)
    told = rf"^this user may not read or write {home}.*: grant it, or set CHANDLERY_HOME to another folder$"
    for each in (database.start, database.status, database.stop):
        with without_rights(home), pytest.raises(EmbeddedDatabaseError, match=told):
            each()


def limited(home: Path, limit: str, most: int, tarball: Path) -> str:
    """What a start says that has to do with less; `limit` is one of the module resource."""
    program = (
        f"import resource; resource.setrlimit(resource.{limit}, ({most}, {most}));"
        "from pathlib import Path; from local.embedded import EmbeddedDatabase, EmbeddedDatabaseError\n"
        f"try: EmbeddedDatabase(Path({str(home)!r}), tarball=Path({str(tarball)!r})).start()\n"
        "except EmbeddedDatabaseError as error: print(error)"
    )
    environment = ENVIRONMENT
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "wasm" not in done.stdout
    return done.stdout


@pytest.mark.long
def test_too_little_memory_is_reported(home: Path, migrated_tarball: Path) -> None:
    said = limited(home, "RLIMIT_AS", 2048 * _MEGABYTE, migrated_tarball)
    assert "could not be started: there is not enough memory, of which it takes some 500 MB: free some" in said
    assert len(said.splitlines()) == 1
    assert execute(EmbeddedDatabase(home).start(), "SELECT 1") == [(1,)]


@pytest.mark.long
@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY, reason="limited already")
def test_files_that_may_not_grow_are_reported(home: Path, migrated_tarball: Path) -> None:
    said = limited(home, "RLIMIT_FSIZE", _MEGABYTE // 2, migrated_tarball)
    assert said == (
        f"a file in {home} may not grow any more (ulimit -f): raise the limit, and do the same again; what was"
        " committed is kept\n"
    )
    assert execute(EmbeddedDatabase(home, tarball=migrated_tarball).start(), "SELECT 1") == [(1,)]
