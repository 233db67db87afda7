"""Packing a stopped data directory into one file, and making a new directory from such a file."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from pathlib import Path

from local.embedded.errors import EmbeddedDatabaseError


def pack(data: Path, tarball: Path) -> None:
    """Writes a data directory that nobody serves to an uncompressed tarball."""
    unfinished = tarball.with_name(f"{tarball.name}.new")
    tarball.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(unfinished, "w") as archive:
        archive.add(data, arcname=".")
    unfinished.replace(tarball)


def compress(data: Path, tarball: Path) -> None:
    """Writes a data directory that nobody serves to a compressed tarball, whose checksum tells whether it is whole."""
    with tarfile.open(tarball, "w:gz", compresslevel=1) as archive:
        archive.add(data, arcname=".")


def unpack(tarball: Path, data: Path) -> None:
    """Makes a data directory from a tarball, in the place of the one there: whole, or as it was."""
    unfinished = data.with_name(f"{data.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        with tarfile.open(tarball) as archive:
            archive.extractall(unfinished, filter="data")
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        said = str(error).partition("\n")[0].removesuffix(":")
        raise EmbeddedDatabaseError(f"cannot read the database tarball {tarball}: {said}") from error
    if not (unfinished / "PG_VERSION").is_file():
        shutil.rmtree(unfinished, ignore_errors=True)
        raise EmbeddedDatabaseError(f"{tarball} is no tarball of an embedded database: it has no PG_VERSION")
    unfinished.chmod(0o700)
    if data.exists():
        data.replace(_former(data))
    unfinished.replace(data)
    shutil.rmtree(_former(data), ignore_errors=True)


def put_back(data: Path) -> None:
    """Puts the former data directory back, where an exchange was interrupted between its two renames."""
    if _former(data).exists() and not data.exists():
        _former(data).replace(data)


def _former(data: Path) -> Path:
    return data.with_name(f"{data.name}.former")
