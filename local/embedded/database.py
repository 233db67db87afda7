"""Starts, finds and stops the process that serves one embedded TimescaleDB directory."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from local.digests import check_digest
from local.embedded import tarball as tarballs
from local.embedded.errors import EmbeddedDatabaseError
from local.embedded.installation import SERVER, node_executable, require_installed
from local.embedded.serving import ServingFiles
from local.unfinished import written_beside

_POLL = 0.02
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_EXIT_PORT_TAKEN = 98


@dataclass(frozen=True)
class EmbeddedStatus:
    """What is known of one embedded database now."""

    running: bool
    pid: int | None
    port: int | None
    url: str | None
    data_directory: Path
    log_file: Path


class EmbeddedDatabase:
    """A TimescaleDB in a directory, served on 127.0.0.1 by a process of its own.

    Args:
        home: where everything is kept; one process at a time serves it, whoever asks.
        port: the port to serve on; None lets the system pick one at every start.
        transaction_wait: how many seconds a client waits for another's transaction before 55P03.
        tarball: what dump() wrote; a home that has no data yet starts as a copy of it.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        transaction_wait: float = 30.0,
        tarball: Path | None = None,
    ) -> None:
        self.home = home.resolve()
        self.data_directory = self.home / "data"
        self.log_file = self.home / "embedded.log"
        self._port = port
        self._transaction_wait = transaction_wait
        self._tarball = tarball
        self._files = ServingFiles(self.home)

    def start(self, timeout: float = 60.0) -> str:
        """Returns the URL of the database once it answers; starts it unless a process serves it already."""
        deadline = time.monotonic() + timeout
        self._make_home()
        while True:
            with self._files.claim() as descriptor:
                process = None if descriptor is None else self._launch(descriptor)
            url = self._wait_until_answering(process, deadline)
            if url is not None:
                return url

    def stop(self, timeout: float = 15.0) -> bool:
        """Ends the serving process, by force after the timeout; returns whether there was one."""
        if not self._files.is_held():
            return False
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._end(number, time.monotonic() + timeout):
                return True
        raise self._error(f"the embedded database in {self.home} cannot be stopped")

    def url(self) -> str | None:
        """Returns the URL of the running database, or None when none is running."""
        return self.status().url

    def status(self) -> EmbeddedStatus:
        """Tells whether a process serves this home, and where; one still starting has no URL yet."""
        serving = self._files.serving()
        port = serving.port if serving else None
        return EmbeddedStatus(
            running=serving is not None,
            pid=serving.pid if serving else None,
            port=port,
            url=None if port is None else _url(port),
            data_directory=self.data_directory,
            log_file=self.log_file,
        )

    def dump(self, tarball: Path) -> None:
        """Writes the stopped database to a tarball that another home can start from."""
        with self._stopped():
            self._require_data()
            tarballs.pack(self.data_directory, tarball)

    def back_up(self, file: Path, *, overwrite: bool) -> None:
        """Writes the stopped database to a compressed tarball, which has its name only once it is whole."""
        with self._stopped():
            self._require_data()
            with written_beside(file, overwrite=overwrite) as unfinished:
                tarballs.compress(self.data_directory, unfinished.path)

    def restore(self, file: Path, *, over_existing: bool) -> bool:
        """Makes the stopped database what back_up() wrote; until that is whole, the former one stays as it was.

        Returns whether a digest was beside the file, which it was held against.
        """
        self._make_home()
        with self._stopped():
            if self._has_data() and not over_existing:
                raise EmbeddedDatabaseError(
                    f"{self.home} holds an embedded database already; to drop it, with all its rows, for what"
                    f" {file} holds: --over-existing"
                )
            verified = check_digest(file)
            tarballs.unpack(file, self.data_directory)
        return verified

    @contextlib.contextmanager
    def _stopped(self) -> Iterator[None]:
        """Nobody serves the directory meanwhile, nor begins to."""
        self._require_home()
        with self._files.claim() as descriptor:
            if descriptor is None:
                raise EmbeddedDatabaseError(
                    f"the embedded database in {self.home} is running: stop it first: chandlery db stop"
                )
            tarballs.put_back(self.data_directory)
            yield

    def _has_data(self) -> bool:
        return (self.data_directory / "PG_VERSION").is_file()

    def _require_data(self) -> None:
        if not self._has_data():
            raise EmbeddedDatabaseError(f"nothing to dump: {self.home} holds no embedded database yet")

    def _require_home(self) -> None:
        if not self.home.is_dir():
            raise EmbeddedDatabaseError(f"nothing to dump: {self.home} holds no embedded database yet")

    def _end(self, number: signal.Signals, deadline: float) -> bool:
        signalled = False
        seen = None
        while self._files.is_held():
            if time.monotonic() > deadline:
                return False
            serving = self._files.serving()
            # Seen twice: for an instant, a starter that has just locked has not yet removed its predecessor's.
            if serving is not None and serving == seen and not signalled:
                with contextlib.suppress(ProcessLookupError):  # ended in between, as was wanted
                    os.kill(serving.pid, number)
                signalled = True
            seen = serving
            time.sleep(_POLL)
        return True

    def _make_home(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EmbeddedDatabaseError(f"cannot make the directory {self.home}: {error.strerror}") from error

    def _launch(self, lock: int) -> subprocess.Popen[bytes]:
        require_installed()
        self._files.forget()
        tarballs.put_back(self.data_directory)
        if self._tarball is not None and not self.data_directory.exists():
            tarballs.unpack(self._tarball, self.data_directory)
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                [str(word) for word in self._command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                start_new_session=True,  # Ctrl-C in the terminal is not for the database
                pass_fds=[lock],  # the process holds the lock for as long as it lives
            )
        # Takes the exit code whenever that comes, so that no zombie stays behind in a long-lived caller.
        threading.Thread(target=process.wait, name="embedded-database-reaper", daemon=True).start()
        return process

    def _command(self) -> list[object]:
        return [
            node_executable(),
            SERVER,
            "--data",
            self.data_directory,
            "--state",
            self._files.state_file,
            "--port",
            self._port or 0,
            "--transaction-wait",
            self._transaction_wait,
        ]

    def _wait_until_answering(self, process: subprocess.Popen[bytes] | None, deadline: float) -> str | None:
        """Returns the URL, or None when the process of another starter went away: then it is our turn."""
        while time.monotonic() < deadline:
            held = self._files.is_held()
            url = self.url()
            if url is not None and (_answers(url) if process else _is_alive(url)):
                return url
            if process is not None and process.poll() is not None:
                raise self._failure(process.returncode)
            if process is None and not held:
                return None
            time.sleep(_POLL)
        if process is not None:
            process.kill()
        raise self._error(f"the embedded database in {self.home} did not answer in time")

    def _failure(self, code: int) -> EmbeddedDatabaseError:
        if code == _EXIT_PORT_TAKEN:
            return EmbeddedDatabaseError(
                f"port {self._port} on 127.0.0.1 is taken by another program: "
                "choose another port, or none to have one picked"
            )
        return self._error(f"the embedded database in {self.home} did not start (exit {code})")

    def _error(self, what: str) -> EmbeddedDatabaseError:
        return EmbeddedDatabaseError(f"{what}; last line of {self.log_file}: {_last_line(self.log_file)}")


def _url(port: int) -> str:
    return f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres"


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=5, autocommit=True, prepare_threshold=None) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def _is_alive(url: str) -> bool:
    """Tells a process that serves, however busy, from one that is being killed."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(_SSL_REQUEST)
            return connection.recv(1) == b"N"
    except TimeoutError:
        return True
    except OSError:
        return False


def _last_line(log_file: Path) -> str:
    try:
        lines = log_file.read_text(errors="replace").split("\n")
    except FileNotFoundError:
        return "(there is none)"
    return next((line for line in reversed(lines) if line.strip()), "(it is empty)")
