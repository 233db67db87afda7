"""Who serves a directory: locks that die with the process, and the state file the process writes.

The locks are `flock`s on the home directory and on the data directory in it: on the directories themselves, which no
deleted file undoes, and on the data wherever it is led to from. The Node processes inherit the descriptors, so the
locks last exactly as long as those live: a crash or SIGKILL frees them, and a process number used again by another
program cannot be mistaken for the database. The state file means something only while the home is locked.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.embedded.errors import EmbeddedDatabaseError


@dataclass(frozen=True)
class Serving:
    """What the process says of itself: where it listens, and what it does before and after, and how long it worked."""

    pid: int
    listens: int | None
    doing: str | None
    worked: int | None

    @property
    def port(self) -> int | None:
        """Where it answers; nowhere while it starts or stops."""
        return self.listens if self.doing is None else None


class Claim:
    """A home that nobody else serves, for as long as the descriptors are open, here or in a process that has them."""

    def __init__(self, home: int, data: Path) -> None:
        self.descriptors = [home]
        self._data = data

    def take_data(self) -> None:
        """Locks the data directory as well, once there is one.

        Raises:
            EmbeddedDatabaseError: a process serves it, which knows it by another home.
        """
        if len(self.descriptors) > 1:
            return
        descriptor = _open_directory(self._data)
        self.descriptors.append(descriptor)
        if not _lock(descriptor, fcntl.LOCK_EX):
            raise EmbeddedDatabaseError(f"{self._data} is served from another CHANDLERY_HOME: use that one")


class ServingFiles:
    """The locks and the state file of one home directory."""

    def __init__(self, home: Path, data: Path) -> None:
        self.state_file = home / "embedded.json"
        self._home = home
        self._data = data
        # What earlier versions lock.
        self._former_lock = home / "embedded.lock"

    @contextlib.contextmanager
    def claim(self) -> Iterator[Claim | None]:
        """Yields the locked directories, whose descriptors go to the server, or None while another holds them."""
        claim = Claim(_open_directory(self._home), self._data)
        try:
            locked = _lock(claim.descriptors[0], fcntl.LOCK_EX)
            while not locked and not self.is_held():  # it was only somebody looking, see is_held()
                locked = _lock(claim.descriptors[0], fcntl.LOCK_EX)
            if not locked or _is_locked(self._former_lock):
                yield None
                return
            if self._former_lock.exists():
                self._former_lock.unlink()
            if self._data.is_dir():
                claim.take_data()
            yield claim
        finally:
            for descriptor in claim.descriptors:
                os.close(descriptor)

    def is_held(self) -> bool:
        """Tells whether a process serves, or is starting to serve, this home."""
        return _is_locked(self._home) or _is_locked(self._former_lock)

    def serving(self) -> Serving | None:
        """Returns what the serving process wrote, or None when none is alive or it has not written yet."""
        return self.last_written() if self.is_held() else None

    def last_written(self) -> Serving | None:
        """Returns what a process wrote last, alive or not."""
        try:
            state = json.loads(self.state_file.read_text())
            return Serving(int(state["pid"]), state["port"], state.get("doing"), state.get("worked"))
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None  # nothing yet, or nothing of ours: a process that is alive writes it again

    def forget(self) -> None:
        """Removes the state file of a process that is gone; call it with the home claimed."""
        self.state_file.unlink(missing_ok=True)


def _open_directory(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
