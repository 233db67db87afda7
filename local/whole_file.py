"""A file that is written beside its place, and gets its name when it is whole."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from chandlery.platform.errors import Permanent
from local.digests import digest_line, digest_path


@dataclass(frozen=True)
class UnfinishedFile:
    """The file while it is written: another name in the same folder, and a descriptor that holds its lock."""

    path: Path
    descriptor: int

    def opened(self) -> BinaryIO:
        """The file, empty, to be written by this process; closed, the descriptor stays."""
        os.ftruncate(self.descriptor, 0)
        return open(self.descriptor, "wb", closefd=False)


@contextmanager
def written_beside(path: Path, *, overwrite: bool) -> Iterator[UnfinishedFile]:
    """Give a file its name only if all goes well inside; whatever an interrupted one left is written over.

    Its digest is kept beside it; only its owner may read it. Whoever holds the descriptor keeps others from writing the
    same file.

    Raises:
        Permanent: there is a file of that name already, the folder cannot be written to, another writes it now, or the
            disk is full.
    """
    _refuse_existing(path, overwrite=overwrite)
    beside = path.with_name(f"{path.name}.unfinished")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Permanent(f"{beside} cannot be written: {error.strerror}") from None
    try:
        _lock(descriptor, path)
        try:
            yield UnfinishedFile(beside, descriptor)
            os.fsync(descriptor)
            _refuse_existing(path, overwrite=overwrite)
            _give_name(beside, path)
        except OSError as error:  # of a database or a program there are other ones
            beside.unlink(missing_ok=True)
            raise Permanent(f"{path} cannot be written: {error.strerror or error}") from None
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    finally:
        os.close(descriptor)


def _give_name(beside: Path, path: Path) -> None:
    """In this order: killed in between, a whole file, former or new, has no digest, and never another's."""
    kept = digest_path(path)
    unfinished = kept.with_name(f"{kept.name}.unfinished")
    try:
        with unfinished.open("w") as file:
            file.write(digest_line(beside, path))
            file.flush()
            os.fsync(file.fileno())
        kept.unlink(missing_ok=True)
        beside.replace(path)
        unfinished.replace(kept)
    except OSError as error:
        raise Permanent(f"{path} or its digest {kept} cannot be written: {error.strerror}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _refuse_existing(path: Path, *, overwrite: bool) -> None:
    if path.is_dir():
        raise Permanent(f"{path} is a folder; give the name of a file in it")
    for each in (path, digest_path(path)):
        if each.exists() and not overwrite:
            raise Permanent(f"{each} is there already; give another name, or --overwrite")


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Permanent(f"another backup is being written to {path}") from None
