"""What keeps the embedded database from working, in a line that says what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from local.embedded.errors import EmbeddedDatabaseError

_KEPT = "what was committed is kept"
_MEMORY = f"there is not enough memory, of which it takes some 500 MB: free some, and start it again; {_KEPT}"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM)
# What Node, its WASM instance and PostgreSQL in it say.
_NO_MEMORY = re.compile(r"out of memory|(could ?not|cannot) allocate memory|ENOMEM|allocation failed", re.IGNORECASE)
_NO_ROOM = re.compile(r"ENOSPC|EDQUOT|no space left|disk quota exceeded", re.IGNORECASE)
_TOO_LARGE = re.compile(r"EFBIG|file too large", re.IGNORECASE)
_READ_ONLY = re.compile(r"EROFS|read-only file system", re.IGNORECASE)
_NO_RIGHTS = re.compile(r"EACCES|EPERM|permission denied", re.IGNORECASE)
# Below this a database cannot even be opened: its write-ahead log grows by files of 16 MB.
_LEAST_BYTES = 20 * 1024 * 1024
# PostgreSQL's files grow up to this.
_LARGEST_BYTES = 1024 * 1024 * 1024


@contextlib.contextmanager
def in_one_line(place: Path) -> Iterator[None]:
    """Says of any failure to read or write what it means, and what to do."""
    try:
        yield
    except OSError as error:
        at = error.filename or place
        raise EmbeddedDatabaseError(_of_errno(error.errno, error.strerror or str(error), at)) from error


def why_it_ended(code: int, said: Sequence[str], place: Path) -> str | None:
    """Why a Node process ended, where that is the machine's doing."""
    text = "\n".join(said)
    if code == -signal.SIGKILL:
        return f"it was killed, by hand or by the system: {_MEMORY}"
    if _NO_MEMORY.search(text):
        return _MEMORY
    if _is_limited() or _TOO_LARGE.search(text):
        return _of_errno(errno.EFBIG, "", place)
    if _NO_ROOM.search(text) or _bytes_left(place) < _LEAST_BYTES:
        return _of_errno(errno.ENOSPC, "", place)
    if _READ_ONLY.search(text):
        return _of_errno(errno.EROFS, "", place)
    if _NO_RIGHTS.search(text):
        return _of_errno(errno.EACCES, "", place)
    return None


def require_room(place: Path, least: int) -> None:
    """Raises a clear error where the disk has less room than that."""
    left = _bytes_left(place)
    if left < least:
        raise EmbeddedDatabaseError(
            f"a new embedded database needs {least // 2**20} MB, and the disk of {place} has {left // 2**20} MB left:"
            " free some, or set CHANDLERY_HOME to another"
        )


def _bytes_left(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def _is_limited() -> bool:
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return limit != resource.RLIM_INFINITY and limit < _LARGEST_BYTES


def _of_errno(number: int | None, said: str, place: Path | str) -> str:
    if number in _FULL:
        return f"the disk of {place} is full: free some room, and do the same again; {_KEPT}"
    if number == errno.EFBIG:
        return f"a file in {place} may not grow any more (ulimit -f): raise the limit, and do the same again; {_KEPT}"
    if number == errno.EROFS:
        return f"{place} is on a disk that is read-only: have it writable, or set CHANDLERY_HOME to another folder"
    if number in _FORBIDDEN:
        return f"this user may not read or write {place}: grant it, or set CHANDLERY_HOME to another folder"
    if number == errno.ENOMEM:
        return _MEMORY
    return f"{place} cannot be used: {said}"
