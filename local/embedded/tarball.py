"""Packing a stopped data directory into one file, and making a new directory from such a file."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

from local.embedded.errors import EmbeddedDatabaseError


def pack(data: Path, tarball: Path) -> None:
    """Writes a data directory that nobody serves to an uncompressed tarball."""
    unfinished = tarball.with_name(f"{tarball.name}.new")
    tarball.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(unfinished, "w") as archive:
        archive.add(data, arcname=".")
    unfinished.replace(tarball)


def unpack(tarball: Path, data: Path) -> None:
    """Makes a data directory from a tarball: under another name first, so that it is whole or absent."""
    unfinished = data.with_name(f"{data.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        with tarfile.open(tarball) as archive:
            archive.extractall(unfinished, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise EmbeddedDatabaseError(f"cannot read the database tarball {tarball}: {error}") from error
    if not (unfinished / "PG_VERSION").is_file():
        shutil.rmtree(unfinished, ignore_errors=True)
        raise EmbeddedDatabaseError(f"{tarball} is no tarball of an embedded database: it has no PG_VERSION")
    unfinished.chmod(0o700)
    unfinished.replace(data)
