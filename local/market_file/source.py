"""A market file as bytes: its format, its decompressed stream, its identity, and what broke while reading."""

import gzip
import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, Any, Literal, cast

import pyarrow as pa

from local.market_file.errors import UnreadableFile
from local.market_file.guard import BLOCK, blocks

Format = Literal["text", "gzip", "zip", "zstd", "parquet"]

_BUFFER = 1 << 20
_PACKED: Mapping[bytes, Format] = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd"}
_FOREIGN = {
    b"\xfd7zXZ\x00": "is compressed with xz; decompress it, or use gzip",
    b"BZh": "is compressed with bzip2; decompress it, or use gzip",
    b"\xff\xfe": "is UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text; save it as UTF-8",
}


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns whatever breaks while the file is read into an `UnreadableFile` with one clear line."""
    try:
        yield
    except EOFError as error:
        raise UnreadableFile(path.name, "is cut short (its gzip data has no end); copy it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile(path.name, f"has corrupt gzip data ({error}); copy it again") from error
    except _Unpackable as error:
        raise UnreadableFile(path.name, str(error)) from error
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise UnreadableFile(
            path.name, f"is a zip archive that cannot be read ({error}); unpack it, or copy it again"
        ) from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(path.name, "is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise UnreadableFile(path.name, _explain_os_error(error)) from error
    except pa.ArrowException as error:
        raise UnreadableFile(path.name, _explain_arrow_error(error)) from error


def format_of(path: Path) -> Format:
    """The file's format, told by its first bytes; a name is only believed when it says Parquet.

    Raises:
        UnreadableFile: there is no such file, it is not a regular file, it is empty, or its format is one
            that is not read here.
    """
    with explained(path):
        if path.exists() and not path.is_file():
            what = "is a folder" if path.is_dir() else "is not a regular file"
            raise UnreadableFile(path.name, f"{what}; name one file of ticks or candles")
        with path.open("rb") as file:
            start = file.read(8)
    if not start:
        raise UnreadableFile(path.name, "is empty; it needs at least a header line")
    if start.startswith(b"PAR1"):
        return "parquet"
    if path.suffix.lower() in {".parquet", ".pq"}:
        raise UnreadableFile(path.name, "is not a Parquet file, whatever its name says; write it again")
    for magic, reason in _FOREIGN.items():
        if start.startswith(magic):
            raise UnreadableFile(path.name, reason)
    return next((format_ for magic, format_ in _PACKED.items() if start.startswith(magic)), "text")


def open_raw(path: Path) -> BufferedReader:
    """The file as it lies on disk."""
    return BufferedReader(path.open("rb", buffering=0), _BUFFER)


def decompressed(raw: BufferedReader, format_: Format) -> BufferedReader:
    """The content of `raw`: unpacked if it is packed, else `raw` itself."""
    match format_:
        case "gzip":
            return cast("BufferedReader", gzip.GzipFile(fileobj=raw, mode="rb"))
        case "zip":
            return BufferedReader(cast("RawIOBase", _only_member(raw)), _BUFFER)
        case "zstd":
            return BufferedReader(_Zstd(raw), _BUFFER)
        case _:
            return raw


class _Zstd(RawIOBase):
    """What zstd has packed; Arrow's own file has no lines."""

    def __init__(self, raw: BufferedReader) -> None:
        self._packed = pa.CompressedInputStream(raw, "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self._packed.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


def _only_member(raw: BufferedReader) -> IO[bytes]:
    archive = zipfile.ZipFile(raw)
    names = [each.filename for each in archive.infolist() if not each.is_dir() and "__MACOSX" not in each.filename]
    if "[Content_Types].xml" in names:
        raise _Unpackable("is a spreadsheet; save it as CSV")
    if len(names) != 1:
        raise _Unpackable(f"is a zip archive of {len(names):,} files; unpack it, and name those that are to be read")
    return archive.open(names[0])


class _Unpackable(Exception):
    """Why an archive cannot be read, in words of its own."""


def fingerprint(path: Path, format_: Format) -> int:
    """31 bits of the SHA-256 of the content, decompressed if gzip; takes one pass over the file."""
    digest = hashlib.sha256()
    with open_raw(path) as raw:
        content = (
            iter(partial(raw.read, BLOCK), b"")
            if format_ == "parquet"
            else blocks(decompressed(raw, format_), path.name)
        )
        for block in content:
            digest.update(block)
    return int.from_bytes(digest.digest()[:4], "big") & 0x7FFFFFFF


def _explain_os_error(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; check the path"
    # Arrow raises OSError too, for corrupt data, without an errno of the system.
    reason = os.strerror(error.errno) if error.errno else _first_sentence(error)
    return f"cannot be read ({reason})"


def _explain_arrow_error(error: Exception) -> str:
    message = str(error)
    if "UTF8" in message:
        return "is not UTF-8 text; save it as UTF-8"
    return f"cannot be read ({_first_sentence(error)}); copy or write it again"


def _first_sentence(error: Exception) -> str:
    return re.split(r"[.;\n]", str(error), maxsplit=1)[0].strip()
