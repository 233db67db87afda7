"""Packing a stopped data directory into one file, and making a new directory from such a file."""

from __future__ import annotations

import gzip
import shutil
import struct
import tarfile
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from local.embedded.errors import EmbeddedDatabaseError

_PIECE = 1024 * 1024
Opened = Callable[[], AbstractContextManager[BufferedReader]]
# DBState in PostgreSQL's pg_control.h, behind the system's identifier and two versions; and those of a shutdown.
_STATE_AT = 16
_SHUT_DOWN = (1, 2)


def pack(data: Path, tarball: Path) -> None:
    """Writes a data directory that nobody serves to an uncompressed tarball."""
    unfinished = tarball.with_name(f"{tarball.name}.new")
    tarball.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(unfinished, "w") as archive:
        archive.add(data, arcname=".")
    unfinished.replace(tarball)


def compress(data: Path, file: BinaryIO) -> None:
    """Writes a data directory that nobody serves as a compressed tarball, whose checksum tells whether it is whole."""
    with (
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as compressed,
        tarfile.open(fileobj=compressed, mode="w|") as archive,
    ):
        archive.add(data, arcname=".")


def unpack(tarball: Path, data: Path, opened: Opened | None = None) -> None:
    """Makes a data directory from a tarball, in the place of the one there: whole, or as it was.

    `opened` gives its content, once, where that is not what the file holds.
    """
    unfinished = data.with_name(f"{data.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        _extract(tarball, unfinished, opened or (lambda: _opened(tarball)))
        _require_database(unfinished, tarball)
        unfinished.chmod(0o700)
        if data.exists():
            data.replace(_former(data))
        unfinished.replace(data)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    shutil.rmtree(_former(data), ignore_errors=True)


def _extract(tarball: Path, to: Path, opened: Opened) -> None:
    """Reads all of it: gzip's checksum stands behind the last file."""
    with opened() as file:
        try:
            is_compressed = file.peek(2)[:2] == b"\x1f\x8b"
            with gzip.GzipFile(fileobj=file) if is_compressed else file as content:
                with tarfile.open(fileobj=content, mode="r|") as archive:
                    archive.extractall(to, filter="data")
                while content.read(_PIECE):
                    pass
        except (gzip.BadGzipFile, EOFError, zlib.error, tarfile.TarError) as error:
            raise _unreadable(tarball, error) from error


def _require_database(data: Path, tarball: Path) -> None:
    if not (data / "PG_VERSION").is_file():
        raise EmbeddedDatabaseError(f"{tarball} is no tarball of an embedded database: it has no PG_VERSION")


def _opened(tarball: Path) -> BufferedReader:
    try:
        return tarball.open("rb")
    except OSError as error:
        raise EmbeddedDatabaseError(f"{tarball} cannot be read: {error.strerror}") from error


def check_readable(tarball: Path) -> None:
    """Refuses a tarball that cannot be opened, before anything is done for it."""
    _opened(tarball).close()


def _unreadable(tarball: Path, error: Exception) -> EmbeddedDatabaseError:
    said = str(error).partition("\n")[0].removesuffix(":")
    return EmbeddedDatabaseError(f"cannot read the database tarball {tarball}: {said}")


def was_stopped(data: Path) -> bool:
    """Tells whether the database was shut down before its process ended, by the state in its control file."""
    with (data / "global" / "pg_control").open("rb") as file:
        (state,) = struct.unpack_from("i", file.read(_STATE_AT + 4), _STATE_AT)
    return state in _SHUT_DOWN


def put_back(data: Path) -> None:
    """Puts the former data directory back, where an exchange was interrupted between its two renames."""
    if _former(data).exists() and not data.exists():
        _former(data).replace(data)


def _former(data: Path) -> Path:
    return data.with_name(f"{data.name}.former")
