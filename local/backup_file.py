"""The file that a restore reads: what kind it is, and its plain content, decrypted where it is encrypted."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from chandlery.platform.errors import Permanent
from local.encryption import BEGINS, Identity, decrypting

_GLANCE = 512  # bytes: a block of a tar archive


@dataclass(frozen=True)
class Source:
    """A backup's file, and the keys to read it with, where it is encrypted."""

    path: Path
    identities: Sequence[Identity] = ()

    def opened(self) -> AbstractContextManager[BufferedReader]:
        """Its plain content, once from beginning to end."""
        return decrypting(self.path, self.identities) if self.identities else _opened(self.path)

    def begins(self) -> bytes:
        """The first bytes of its plain content."""
        with self.opened() as file:
            return file.read(_GLANCE)

    @contextmanager
    def for_program(self) -> Iterator[tuple[str, list[int]]]:
        """A name by which another program reads it, once, and the file descriptors it has to inherit for that."""
        if not self.identities:
            yield str(self.path), []
            return
        with self.opened() as file:
            yield f"/dev/fd/{file.fileno()}", [file.fileno()]


def open_source(path: Path, identities: Sequence[Identity] = ()) -> Source:
    """A backup's file; it is encrypted exactly where keys are given.

    Raises:
        Permanent: it cannot be read, or is encrypted and no keys are given, or the other way round.
    """
    with _opened(path) as file:
        is_encrypted = file.read(len(BEGINS)) == BEGINS
    if is_encrypted and not identities:
        raise Permanent(f"{path} is encrypted: give the file with its secret key: --identity FILE")
    if identities and not is_encrypted:
        raise Permanent(f"{path} is not encrypted, as --identity says: see that it is yours, and leave --identity out")
    return Source(path, identities)


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    try:
        file = path.open("rb")
        file.peek(1)
    except OSError as error:
        raise Permanent(f"{path} cannot be read: {error.strerror}") from None
    with file:
        yield file
