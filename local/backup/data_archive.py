"""The file of a backup of data alone: a tar archive of COPY's text in compressed parts, readable without Chandlery.

`manifest.json` comes first, and says what the rows are of; `parts.json` comes last, with rows and digest of each part.
In between are the parts, in the order in which tables can be filled. All is written and read from beginning to end, a
part at a time, so that it may go through a pipe.
"""

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from pydantic import BaseModel, ConfigDict

from chandlery.platform.errors import Permanent

_MANIFEST, _PARTS = "manifest.json", "parts.json"
# Of both: the second has a line for each part of some megabytes.
_MOST_JSON_BYTES = 256 * 1024 * 1024
_USTAR_AT = 257  # where a tar archive says that it is one
_LEVEL = 1
_PIECE = 1024 * 1024

_Said = TypeVar("_Said", bound="_Json")


class _Json(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataTable(_Json):
    """A table, or an aggregate, whose rows are in the archive, and the columns of a row."""

    name: str
    columns: list[str]
    sequence: str | None = None
    next_value: int | None = None


class Manifest(_Json):
    """What the rows are of; derived candles beyond `materialized_to` were computed when read."""

    made_by: str
    database: str
    postgresql: int
    timescaledb: str
    revision: str
    tables: list[DataTable]
    aggregates: list[DataTable]
    materialized_to: datetime | None


class Part(_Json):
    """Some rows of a table, compressed; the digest is of the file in the archive."""

    name: str
    table: str
    rows: int
    sha256: str


class _Parts(_Json):
    manifest_sha256: str
    parts: list[Part]


def is_data_archive(begins: bytes) -> bool:
    """Whether a file that begins like this is such an archive."""
    return begins.startswith(_MANIFEST.encode() + b"\0") and begins[_USTAR_AT:].startswith(b"ustar")


class DataWriter:
    """Writes an archive."""

    def __init__(self, file: BinaryIO, manifest: Manifest) -> None:
        # A TarFile that is left behind writes what it still holds, to a file that is closed by then.
        self._file = file
        self._parts: list[Part] = []
        self._manifest = self._add(_MANIFEST, manifest.model_dump_json(indent=1).encode())

    def write(self, table: str, rows: int, content: bytes) -> None:
        """Add rows of a table, as COPY writes them."""
        name = f"{table}/{len(self._parts):08}.copy.gz"
        digest = self._add(name, gzip.compress(content, _LEVEL, mtime=0))
        self._parts.append(Part(name=name, table=table, rows=rows, sha256=digest))

    def finish(self) -> int:
        """End the archive, which is none before; returns how many rows are in it."""
        said = _Parts(manifest_sha256=self._manifest, parts=self._parts)
        self._add(_PARTS, said.model_dump_json(indent=1).encode())
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))
        return sum(part.rows for part in self._parts)

    def _add(self, name: str, content: bytes) -> str:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self._file.write(member.tobuf(tarfile.USTAR_FORMAT))
        self._file.write(content)
        self._file.write(bytes(-len(content) % tarfile.BLOCKSIZE))
        return hashlib.sha256(content).hexdigest()


class DataReader:
    """Reads an archive: the manifest, and then the parts, once."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        """From its plain content; the path is for messages.

        Raises:
            Permanent: it is damaged.
        """
        self._path, self._file = path, file
        with self._damage_reported():
            self._tar = tarfile.open(fileobj=file, mode="r|")  # noqa: SIM115  # the file's owner closes it
            name, content = self._next()
            self.manifest = _parse(Manifest, name, _MANIFEST, content)
        self._found: list[Part] = []
        self._manifest_digest = hashlib.sha256(content).hexdigest()

    def parts(self) -> Iterator[tuple[Part, bytes]]:
        """Each part with its rows, as COPY reads them; what was read is whole only if all of it was.

        Raises:
            Permanent: something is damaged or missing, or was added.
        """
        while True:
            with self._damage_reported():
                name, content = self._next()
                if name == _PARTS:
                    self._compare(_parse(_Parts, name, _PARTS, content))
                    return
                rows = gzip.decompress(content)
                digest = hashlib.sha256(content).hexdigest()
                part = Part(name=name, table=name.partition("/")[0], rows=rows.count(b"\n"), sha256=digest)
                self._found.append(part)
            yield part, rows

    def rows(self, table: str) -> int:
        """How many rows of a table have been read."""
        return sum(part.rows for part in self._found if part.table == table)

    def _next(self) -> tuple[str, bytes]:
        member = self._tar.next()
        if member is None:
            raise EOFError("it ends too early")
        content = self._tar.extractfile(member)
        if content is None:
            raise ValueError(f"{member.name} is no file")
        return member.name, content.read(member.size)

    def _compare(self, said: _Parts) -> None:
        if (said.manifest_sha256, said.parts) != (self._manifest_digest, self._found):
            wrong = next((one.name for one, other in zip(said.parts, self._found, strict=False) if one != other), "")
            raise ValueError(f"{wrong or 'its list of parts'} is not what {_PARTS} says")
        if self._tar.next() is not None:
            raise ValueError(f"something follows {_PARTS}")
        while self._file.read(_PIECE):  # only at its end an encrypted file proves to be whole
            pass

    @contextmanager
    def _damage_reported(self) -> Iterator[None]:
        try:
            yield
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
            said = str(error).partition("\n")[0]
            raise Permanent(
                f"{self._path} is damaged or cut short ({said}): copy it again from where it comes from"
            ) from None


def _parse(kind: type[_Said], name: str, wanted: str, content: bytes) -> _Said:
    if name != wanted or len(content) > _MOST_JSON_BYTES:
        raise ValueError(f"{name} is where {wanted} should be")
    return kind.model_validate_json(content)
