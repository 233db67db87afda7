"""`chandlery backup` and `chandlery restore` of a server's database, and what their deaths leave."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from alembic import command
from psycopg import sql

from chandlery.platform.migrations import alembic_config
from chandlery.platform.schema import REVISION
from tests.e2e.commands import ENVIRONMENT, INTERRUPTED, PROGRAM, start
from tests.integration.backup_scene import (
    candles,
    database_name,
    databases,
    dropped_afterwards,
    have_programs,
    opened,
    url_of,
)
from tests.integration.policy_scene import MINUTE, NOON, keep, store_candles
from tests.waiting import wait_until

SOURCE, TARGET = database_name("command"), database_name("target")


@dataclass(frozen=True)
class Desk:
    """A server's database with an hour of candles, and how to run a command on any of the server's."""

    server_url: str
    url: str
    folder: Path

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return start(arguments, self.environment(name), self.folder)

    def begin(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            env=self.environment(name),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def environment(self, name: str) -> dict[str, str]:
        return ENVIRONMENT | {"DATABASE_URL": url_of(self.server_url, name), "PATH": os.environ["PATH"]}

    def sessions(self, name: str, program: str) -> int:
        """How many of a program are connected to a database."""
        with psycopg.connect(self.server_url) as server:
            row = server.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = %s", [name, program]
            ).fetchone()
        return row[0] if row else 0


@pytest.fixture(scope="module")
def desk(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        dropped_afterwards(server_url, SOURCE, TARGET),
        psycopg.connect(server_url, autocommit=True) as server,
    ):
        have_programs(server_url, monkeypatch)
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(SOURCE)))
        url = url_of(server_url, SOURCE)
        command.upgrade(alembic_config(url), "head")
        with opened(url) as connection:
            store_candles(connection, NOON - 60 * MINUTE, NOON)
            keep(connection)
        yield Desk(server_url, url, tmp_path_factory.mktemp("backups"))


@pytest.fixture(scope="module")
def file(desk: Desk) -> Path:
    """A backup of it."""
    done = desk.run(SOURCE, "backup", "desk.backup", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["file"], told["database"], told["revision"]) == ("desk.backup", SOURCE, REVISION)
    return desk.folder / "desk.backup"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_half_a_backup_has_no_name(desk: Desk, number: signal.Signals) -> None:
    name = f"{number.name}.backup"
    with psycopg.connect(desk.url) as connection:
        connection.execute("LOCK TABLE market.gaps")  # which pg_dump waits for
        process = desk.begin(SOURCE, "backup", name)
        wait_until(lambda: desk.sessions(SOURCE, "pg_dump"), "pg_dump runs")
        commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(process.pid)]
        assert any(b"pg_dump" in each for each in commands)
        assert not any(b"postgres:" in each for each in [*commands, Path(f"/proc/{process.pid}/cmdline").read_bytes()])
        another = desk.run(SOURCE, "backup", name)
        assert (another.returncode, another.stderr) == (1, f"chandlery: another backup is being written to {name}\n")
        process.send_signal(number)
        _, said = process.communicate()
    if number is signal.SIGINT:
        assert (process.returncode, said) == (130, INTERRUPTED)
        assert not (desk.folder / f"{name}.unfinished").exists()
    assert not (desk.folder / name).exists()
    # Nobody reads what pg_dump says any more: it ends, and with it its hold on the file.
    wait_until(lambda: not desk.sessions(SOURCE, "pg_dump"), "pg_dump ends")
    assert desk.run(SOURCE, "backup", name).returncode == 0
    assert (desk.folder / name).is_file()
    assert not (desk.folder / f"{name}.unfinished").exists()


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_restore_that_dies_leaves_what_was_in_use(desk: Desk, file: Path) -> None:
    absent = desk.run(TARGET, "status")
    assert (absent.returncode, TARGET in absent.stderr) == (1, True)
    assert desk.run(TARGET, "restore", file.name).returncode == 0
    with opened(url_of(desk.server_url, TARGET)) as connection:
        store_candles(connection, NOON, NOON + 5 * MINUTE)
    unfinished = f"{TARGET}_restoring"
    process = desk.begin(TARGET, "restore", file.name, "--over-existing")
    wait_until(lambda: desk.sessions(unfinished, "pg_restore"), "pg_restore runs")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert unfinished in databases(desk.server_url)
    assert candles(url_of(desk.server_url, TARGET)) == 65
    refused = desk.run(TARGET, "restore", file.name)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"chandlery: the database {TARGET} is not empty: it holds schema market (")

    again = desk.run(TARGET, "restore", file.name, "--over-existing")
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith(f"file {file.name}, database {TARGET}, made from {SOURCE}, replaced schema market (")
    assert again.stderr == "an earlier restore had not come to its end; what it left was dropped\n"
    assert unfinished not in databases(desk.server_url)
    assert candles(url_of(desk.server_url, TARGET)) == 60
    assert desk.run(TARGET, "status", "--exit-zero").returncode == 0


def test_a_damaged_backup_is_refused_and_one_without_its_digest_reported(desk: Desk, file: Path) -> None:
    whole, kept = file.read_bytes(), (desk.folder / "desk.backup.sha256").read_bytes()
    damaged = desk.folder / "damaged.backup"
    damaged.write_bytes(whole[:2_000] + bytes([whole[2_000] ^ 1]) + whole[2_001:])
    (desk.folder / "damaged.backup.sha256").write_bytes(kept)
    there = databases(desk.server_url)
    refused = desk.run(TARGET, "restore", damaged.name, "--over-existing")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("chandlery: damaged.backup is damaged, or damaged.backup.sha256 is another file's")
    assert databases(desk.server_url) == there

    (desk.folder / "alone.backup").write_bytes(whole)
    alone = desk.run(TARGET, "restore", "alone.backup", "--over-existing", "--json")
    assert json.loads(alone.stdout)["verified"] is False
    assert alone.stderr == "there is no alone.backup.sha256: a changed byte may have gone unnoticed\n"
    assert candles(url_of(desk.server_url, TARGET)) == 60


def test_jobs_are_held_if_asked_and_started_by_policies(desk: Desk, file: Path) -> None:
    held = desk.run(TARGET, "restore", file.name, "--over-existing", "--hold-jobs", "--json")
    told = json.loads(held.stdout)
    assert (told["database"], told["verified"], told["jobs_given"]) == (TARGET, True, [])
    assert held.stderr == "TimescaleDB's jobs are paused; start them: chandlery policies apply\n"
    assert len(held_jobs(url_of(desk.server_url, TARGET))) > 10
    assert desk.run(TARGET, "policies", "apply", "--allow-destructive").returncode == 0
    assert held_jobs(url_of(desk.server_url, TARGET)) == []


def held_jobs(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT job_id FROM timescaledb_information.jobs WHERE NOT scheduled")
        return [job_id for (job_id,) in found]
