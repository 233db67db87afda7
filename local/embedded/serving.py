"""Who serves a directory: a lock that dies with the process, and the state file the process writes.

The lock is a `flock` on a file descriptor that the Node process inherits, so it lasts exactly as long as
that process: a crash or SIGKILL frees it, and a process number used again by another program cannot be
mistaken for the database. The state file means something only while the lock is held.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Serving:
    """What the serving process says of itself; it has no port until it answers connections."""

    pid: int
    port: int | None


class ServingFiles:
    """The lock and the state file of one home directory."""

    def __init__(self, home: Path) -> None:
        self.lock_file = home / "embedded.lock"
        self.state_file = home / "embedded.json"

    @contextlib.contextmanager
    def claim(self) -> Iterator[int | None]:
        """Yields the locked file descriptor to hand to the server, or None while another holds it."""
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            locked = _lock(descriptor, fcntl.LOCK_EX)
            while not locked and not self.is_held():  # it was only somebody looking, see is_held()
                locked = _lock(descriptor, fcntl.LOCK_EX)
            yield descriptor if locked else None
        finally:
            os.close(descriptor)

    def is_held(self) -> bool:
        """Tells whether a process serves, or is starting to serve, this home."""
        try:
            descriptor = os.open(self.lock_file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not _lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def serving(self) -> Serving | None:
        """Returns what the serving process wrote, or None when none is alive or it has not written yet."""
        if not self.is_held():
            return None
        try:
            state = json.loads(self.state_file.read_text())
        except FileNotFoundError:
            return None
        return Serving(pid=int(state["pid"]), port=state["port"])

    def forget(self) -> None:
        """Removes the state file of a process that is gone; call it with the lock claimed."""
        self.state_file.unlink(missing_ok=True)


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
