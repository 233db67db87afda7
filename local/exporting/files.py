"""Lines of CSV into files: as they are, or as Parquet. A file has its name only once it is whole."""

import csv
import fcntl
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Value
from chandlery.platform.errors import Permanent
from local.exporting.selection import DIGITS, KEY, PLACES

# Rows that are in memory at a time, and that a row group of Parquet has at most.
_ROWS = 65_536
_TYPES: Mapping[Kind, pa.DataType] = {
    Kind.INTEGER: pa.int32(),
    Kind.BIGINT: pa.int64(),
    Kind.DECIMAL: pa.decimal128(DIGITS, PLACES),
    Kind.REAL: pa.float64(),
    Kind.FLAG: pa.bool_(),
    Kind.TIME: pa.timestamp("us", "UTC"),
    Kind.DATE: pa.date32(),
}
_QUOTED = pcsv.ParseOptions(newlines_in_values=True)


class Layout(ABC):
    """How rows are written: their columns, the instrument's key first."""

    suffix: str

    @abstractmethod
    def write(self, file: BinaryIO, lines: Iterable[bytes]) -> Iterator[int]:
        """Write lines of CSV to a file; yields how many, some at a time."""


class Csv(Layout):
    """CSV with a header, the lines as the database writes them."""

    suffix = ".csv"

    def __init__(self, values: Sequence[Value]) -> None:
        self._names = [KEY, *(value.name for value in values)]

    def write(self, file: BinaryIO, lines: Iterable[bytes]) -> Iterator[int]:
        """The same: memory holds some rows at a time."""
        header = io.StringIO()
        csv.writer(header, lineterminator="\n").writerow(self._names)
        file.write(header.getvalue().encode())
        for some in _lots(lines):
            file.write(b"".join(some))
            yield len(some)


class Parquet(Layout):
    """Parquet, each column of a type that holds its values exactly.

    A number is a decimal of 38 digits, 18 of them places; a column that has one beyond is text.
    """

    suffix = ".parquet"

    def __init__(self, values: Sequence[Value], as_text: Iterable[str] = ()) -> None:
        text = set(as_text)
        types = {
            value.name: pa.string() if value.name in text else _TYPES.get(value.kind, pa.string()) for value in values
        }
        self.schema = pa.schema({KEY: pa.string()} | types)

    def write(self, file: BinaryIO, lines: Iterable[bytes]) -> Iterator[int]:
        """The same: a row group at a time."""
        convert = pcsv.ConvertOptions(
            column_types=self.schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        )
        named = pcsv.ReadOptions(column_names=self.schema.names, use_threads=False)
        with pq.ParquetWriter(file, self.schema, compression="zstd") as writer:
            for some in _lots(lines):
                content = pa.py_buffer(b"".join(some))
                writer.write_table(pcsv.read_csv(pa.BufferReader(content), named, _QUOTED, convert))
                yield len(some)


def _lots(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    left = iter(lines)
    while some := list(islice(left, _ROWS)):
        yield some


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name, and the place of a former one, once all went well inside.

    What an interrupted one left is written over.

    Raises:
        Permanent: it cannot be written, or another process writes it now.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("ab") as file:
            _claim(file, unfinished, path)
            try:
                file.truncate(0)
                yield file
                file.flush()
                os.fsync(file.fileno())
                unfinished.replace(path)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise Permanent(f"{path} cannot be written: {error.strerror or error}") from None


def _claim(file: BinaryIO, unfinished: Path, path: Path) -> None:
    """Lock the file: until then another process may have renamed it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_ino == unfinished.stat().st_ino:
            return
    except (BlockingIOError, FileNotFoundError):
        pass
    raise Permanent(f"another process writes {path} now; wait for it, or give another --out")
