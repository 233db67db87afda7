"""Starts, finds and stops the process that serves one embedded TimescaleDB directory."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from local.backup_file import open_source
from local.digests import check_digest
from local.embedded import tarball as tarballs
from local.embedded.errors import EmbeddedDatabaseError
from local.embedded.installation import CREATOR, SERVER, require_installed
from local.embedded.processes import SAY_NOTHING, SILENT_SECONDS, NodeProcess, Patience, Say
from local.embedded.serving import Claim, ServingFiles
from local.embedded.trouble import in_one_line, require_room, why_it_ended
from local.encryption import Identity, Recipient, encrypting
from local.whole_file import written_beside

_POLL = 0.02
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_EXIT_PORT_TAKEN = 98
# Until it says that it stops; it may be at a long statement, of which nothing is lost that was committed.
_HEEDING_SECONDS = 60.0
_NEW_BYTES = 100 * 1024 * 1024


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
        port: the port to serve on; None takes the former one where it is free, or else any.
        transaction_wait: how many seconds a client waits for another's transaction before 55P03.
        tarball: what dump() wrote; a home that has no data yet starts as a copy of it.
        tied: whether the process that is started here ends with this one, however this one ends.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        transaction_wait: float = 30.0,
        tarball: Path | None = None,
        tied: bool = False,
    ) -> None:
        self.home = home.resolve()
        self.data_directory = self.home / "data"
        self.log_file = self.home / "embedded.log"
        self.recovers = False  # whether the last start here found that the one before had not been stopped
        self._port = port
        self._transaction_wait = transaction_wait
        self._tarball = tarball
        self._tied = tied
        self._files = ServingFiles(self.home, self.data_directory)

    def start(self, tell: Say = SAY_NOTHING) -> str:
        """Returns the URL of the database once it answers; starts it unless a process serves it already.

        It waits for as long as the process shows that it works. Interrupted, it leaves no process behind.

        Args:
            tell: takes what is being done, whenever that changes.
        """
        with in_one_line(self.home):
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            patience = Patience(tell)
            while True:
                with self._files.claim() as claim:
                    process = None if claim is None else self._launch(claim, patience)
                url = self._wait_until_answering(process, patience)
                if url is not None:
                    return url

    def stop(self, tell: Say = SAY_NOTHING) -> bool:
        """Ends the serving process, by force where it does not heed; returns whether there was one."""
        with in_one_line(self.home):
            if not self._files.is_held():
                return False
            if not self._end(signal.SIGTERM, tell) and not self._end(signal.SIGKILL, tell):
                raise EmbeddedDatabaseError(f"the embedded database in {self.home} cannot be stopped, not even killed")
        return True

    def url(self) -> str | None:
        """Returns the URL of the running database, or None when none is running."""
        return self.status().url

    def status(self) -> EmbeddedStatus:
        """Tells whether a process serves this home, and where; one still starting has no URL yet."""
        with in_one_line(self.home):
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

    def back_up(self, file: Path, *, overwrite: bool, recipients: Sequence[Recipient] = ()) -> None:
        """Writes the stopped database to a compressed tarball, encrypted for recipients; whole, it gets its name."""
        with self._stopped():
            self._require_data()
            with (
                written_beside(file, overwrite=overwrite) as unfinished,
                in_one_line(file.absolute().parent),
                unfinished.opened() as written,
                encrypting(written, recipients) as plain,
            ):
                tarballs.compress(self.data_directory, plain)

    def restore(self, file: Path, *, over_existing: bool, identities: Sequence[Identity] = ()) -> bool:
        """Makes the stopped database what back_up() wrote; until that is whole, the former one stays as it was.

        Returns whether a digest was beside the file, which it was held against. Identities open an encrypted one.
        """
        tarballs.check_readable(file)
        with in_one_line(self.home):
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._stopped():
            if self.has_data() and not over_existing:
                raise EmbeddedDatabaseError(
                    f"{self.home} holds an embedded database already; to drop it, with all its rows, for what"
                    f" {file} holds: --over-existing"
                )
            verified = check_digest(file)
            source = open_source(file, identities)
            tarballs.unpack(file, self.data_directory, source.opened)
        return verified

    @contextlib.contextmanager
    def _stopped(self) -> Iterator[None]:
        """Nobody serves the directory meanwhile, nor begins to."""
        self._require_home()
        with in_one_line(self.home), self._files.claim() as claim:
            if claim is None:
                raise EmbeddedDatabaseError(
                    f"the embedded database in {self.home} is running: stop it first: chandlery db stop"
                )
            tarballs.put_back(self.data_directory)
            yield

    def has_data(self) -> bool:
        """Tells whether there is a database in this home, running or not."""
        return (self.data_directory / "PG_VERSION").is_file()

    def _require_data(self) -> None:
        if not self.has_data():
            raise EmbeddedDatabaseError(f"nothing to dump: {self.home} holds no embedded database yet")

    def _require_home(self) -> None:
        if not self.home.is_dir():
            raise EmbeddedDatabaseError(f"nothing to dump: {self.home} holds no embedded database yet")

    def _end(self, number: signal.Signals, tell: Say) -> bool:
        patience, began, signalled, seen = Patience(tell), time.monotonic(), None, None
        while self._files.is_held():
            serving = self._files.serving()
            # Seen twice: for an instant, a starter that has just locked has not yet removed its predecessor's.
            if serving is not None and seen is not None and serving.pid == seen.pid != signalled:
                with contextlib.suppress(ProcessLookupError):  # ended in between, as was wanted
                    os.kill(serving.pid, number)
                signalled = serving.pid
            seen = serving
            heeds = number == signal.SIGKILL or (serving is not None and serving.doing == "stopping")
            if patience.is_over(serving) or (not heeds and time.monotonic() - began > _HEEDING_SECONDS):
                return False
            time.sleep(_POLL)
        return True

    def _launch(self, claim: Claim, patience: Patience) -> NodeProcess:
        require_installed()
        former = self._files.last_written()
        self._files.forget()
        tarballs.put_back(self.data_directory)
        if self._tarball is not None and not self.data_directory.exists():
            patience.say("unpacking the database")
            tarballs.unpack(self._tarball, self.data_directory)
        if not self.has_data():
            self._create(claim, patience)
        claim.take_data()
        self.recovers = not tarballs.was_stopped(self.data_directory)
        options = ["--data", self.data_directory, "--state", self._files.state_file]
        options += ["--port", self._port or 0, "--former-port", (former and former.listens) or 0]
        return NodeProcess(SERVER, [*options, "--transaction-wait", self._transaction_wait], claim, self.log_file)

    def _create(self, claim: Claim, patience: Patience) -> None:
        """Makes a new data directory beside its place and renames it: an interrupted start leaves no half of one."""
        if self.data_directory.exists() and any(self.data_directory.iterdir()):
            raise EmbeddedDatabaseError(f"{self.data_directory} is not empty and holds no database; move it away")
        require_room(self.home, _NEW_BYTES)
        unfinished = self.home / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        options = ["--data", unfinished, "--state", self._files.state_file]
        process = NodeProcess(CREATOR, options, claim, self.log_file)
        with self._killed_unless_done(process):
            while (code := process.ended()) is None:
                if patience.is_over(self._files.serving()):
                    raise self._standstill()
                time.sleep(_POLL)
            if code != 0:
                raise self._failure(process, code, "made")
        if self.data_directory.exists():
            self.data_directory.rmdir()
        unfinished.replace(self.data_directory)

    def _wait_until_answering(self, process: NodeProcess | None, patience: Patience) -> str | None:
        """Returns the URL, or None when the process of another starter went away: then it is our turn."""
        with self._killed_unless_done(process):
            while True:
                held = self._files.is_held()
                url = self.url()
                if url is not None and (_answers(url) if process else _is_alive(url)):
                    break
                if process is not None and (code := process.ended()) is not None:
                    raise self._failure(process, code, "started")
                if process is None and not held:
                    return None
                if patience.is_over(self._files.serving()):
                    raise self._standstill()
                time.sleep(_POLL)
        if process is not None and not self._tied:
            process.let_go()
        return url

    @contextlib.contextmanager
    def _killed_unless_done(self, process: NodeProcess | None) -> Iterator[None]:
        try:
            yield
        except BaseException:
            if process is not None:
                process.kill()
            raise

    def _failure(self, process: NodeProcess, code: int, what: str) -> EmbeddedDatabaseError:
        if code == _EXIT_PORT_TAKEN:
            return EmbeddedDatabaseError(
                f"port {self._port} on 127.0.0.1 is taken by another program: "
                "choose another port, or none to have one picked"
            )
        said = process.said()
        why = why_it_ended(code, said, self.home)
        if why is None:
            last = said[-1].partition(" | ")[0] if said else "nothing"
            why = f"exit {code}; {self.log_file} has more, and says last: {last}"
        return EmbeddedDatabaseError(f"the embedded database in {self.home} could not be {what}: {why}")

    def _standstill(self) -> EmbeddedDatabaseError:
        return EmbeddedDatabaseError(
            f"the embedded database in {self.home} has shown no sign of work for {SILENT_SECONDS / 60:.0f} minutes, and"
            f" does not answer; what it said: {self.log_file}; to try again: chandlery db stop, then the same command"
        )


def _url(port: int) -> str:
    return f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres"


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=60, autocommit=True, prepare_threshold=None) as connection:
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
