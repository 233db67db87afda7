"""A database that is stopped in the middle of a run, stays away for a while, and comes back."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from tests.faults.conftest import Tell
from tests.faults.databases import Templates, create_database, run, set_up
from tests.faults.proof import Proof
from tests.faults.scene import CopiedScene, Scene
from tests.faults.works import NOW, SUBJECTS, component

COMPONENTS = ("live processor", "live gap monitor", "historical gap monitor", "historical processor")


class Cluster:
    """A private PostgreSQL with TimescaleDB, in a folder that goes away."""

    def __init__(self, home: Path, programs: Path) -> None:
        self._home, self._programs = home, programs
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def create(self) -> None:
        self._run("initdb", "-D", str(self._home), "-U", "postgres", "-A", "trust", "--no-sync")
        with (self._home / "postgresql.conf").open("a") as file:
            file.write(
                f"port = {self._port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
                "shared_buffers = 64MB\nshared_preload_libraries = 'timescaledb'\ntimescaledb.telemetry_level = off\n"
            )

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-D", str(self._home), "-l", str(self._home / "log"))

    def stop(self) -> None:
        """As if the power had gone: recovered from the log when it starts."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self._home))

    def _run(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root.
        user = "postgres" if os.geteuid() == 0 else None
        done = subprocess.run(
            [self._programs / program, *arguments],
            user=user, group=user, extra_groups=[] if user else None, capture_output=program != "pg_ctl", cwd="/",
            stdout=subprocess.DEVNULL if program == "pg_ctl" else None,
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(f"{program}: {done.stderr!r}")


def programs() -> Path | None:
    """Where initdb and pg_ctl are, of a PostgreSQL that has TimescaleDB: where pg_config says, or on the PATH."""
    config = shutil.which("pg_config")
    initdb = shutil.which("initdb")
    places = [Path(_ask(Path(config), "--bindir"))] if config else []
    places += [Path(initdb).resolve().parent] if initdb else []
    for place in places:
        if (place / "initdb").exists() and (place / "pg_config").exists():
            libraries = Path(_ask(place / "pg_config", "--pkglibdir"))
            if (libraries / "timescaledb.so").exists():
                return place
    return None


def _ask(config: Path, what: str) -> str:
    return subprocess.run([config, what], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def cluster(server_url: str) -> Iterator[Cluster]:
    where = programs()
    if where is None:
        pytest.skip("needs initdb and TimescaleDB, next to pg_config or on the PATH, for a server that may be stopped")
    if os.geteuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("as root it needs the user postgres, to start a server of its own")
    # Not pytest's folder, which nobody but its owner may enter.
    with tempfile.TemporaryDirectory(prefix="chandlery-cluster-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        own = Cluster(Path(folder), where)
        own.create()
        own.start()
        yield own
        own.stop()


@pytest.fixture(scope="module")
def own_scenes(cluster: Cluster, fault_settings: None) -> Iterator[dict[str, Scene]]:
    url = create_database(cluster.url, "desk")
    with connect(Settings(database_url=url), "test") as connection:
        set_up(connection, url)
    found = {"waiting": Scene(url, "waiting")}
    for name in ("live_processor", "live_gap_monitor"):
        run(url, name, NOW)
    found["aggregated"] = Scene(url, "aggregated")
    yield found
    for each in found.values():
        each.close()


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_database_that_stops_and_comes_back(
    name: str, cluster: Cluster, own_scenes: dict[str, Scene], tell: Tell
) -> None:
    scene = own_scenes[SUBJECTS[name].scene]
    scene.reconnect()
    scene.put_back()
    tell_of_two_stops(name, Proof(scene, SUBJECTS[name]), cluster, tell)


def test_a_database_that_stops_amid_policy_maintenance(cluster: Cluster, fault_settings: None, tell: Tell) -> None:
    scene = CopiedScene(cluster.url, Templates(cluster.url).name("kept"))
    work = component("policy_maintenance", "kept")
    try:
        tell_of_two_stops("policy maintenance", Proof(scene, work), cluster, tell)
    finally:
        scene.close()


def tell_of_two_stops(name: str, proof: Proof, cluster: Cluster, tell: Tell) -> None:
    proof.undisturbed()
    wrong = []
    # Early, and when the most is under way.
    for at in (proof.steps // 4, proof.steps * 3 // 4):
        proof.scene.put_back()
        # Or else the sequences of a database copied since the last one begin again where they were in its template.
        proof.scene.connection.execute("CHECKPOINT")

        def stop_first(connection: object, exchange: object) -> object:
            cluster.stop()
            return connection.wait(exchange)  # type: ignore[attr-defined]

        ended = proof.run(at, stop_first)
        assert ended.how == "Retryable", ended
        away = proof.run()
        assert (away.how, "cannot be reached" in away.said) == ("Retryable", True), away
        cluster.start()
        proof.scene.reconnect()
        back = proof.run()
        assert back.how == "succeeded", back
        wrong += proof.differing()
    tell(f"{name}: the database stopped in its middle and came back, twice", 2, wrong)
