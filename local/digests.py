"""A file's SHA-256, kept beside it as `sha256sum -c` reads it: desk.backup.sha256 beside desk.backup."""

import hashlib
import re
from pathlib import Path

from chandlery.platform.errors import Permanent

# The name in it is not looked at: both may have been renamed together.
_LINE = re.compile(r"\\?([0-9a-fA-F]{64})( [ *].+)?\n?")
_MOST_BYTES = 10_000  # of a file that should be one line


def digest_path(path: Path) -> Path:
    """Where a file's digest is kept."""
    return path.with_name(f"{path.name}.sha256")


def digest_line(given: Path, path: Path) -> str:
    """What to keep for a file that is to be named `path`.

    Raises:
        OSError: it cannot be read.
    """
    return f"{_digest(given)}  {path.name}\n"


def check_digest(path: Path) -> bool:
    """Hold a file against the digest beside it; returns whether there is one.

    Raises:
        Permanent: the file has another digest, or one of the two cannot be read.
    """
    kept = digest_path(path)
    try:
        with kept.open(errors="replace") as file:
            line = _LINE.fullmatch(file.read(_MOST_BYTES))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Permanent(f"{kept} cannot be read: {error.strerror}") from None
    if line is None:
        raise Permanent(f"{kept} is not the one line that sha256sum writes: copy it again from where {path} comes from")
    try:
        found = _digest(path)
    except OSError as error:
        raise Permanent(f"{path} cannot be read: {error.strerror}") from None
    if found != line[1].lower():
        raise Permanent(
            f"{path} is damaged, or {kept} is another file's: the SHA-256 is {found}, and should be {line[1].lower()};"
            " copy both again from where they come from"
        )
    return True


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
