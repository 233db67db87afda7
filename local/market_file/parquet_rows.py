"""Parquet files as rows of text, times excepted."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from local.market_file.columns import Column, Header, match_header
from local.market_file.dialect import Numbered
from local.market_file.errors import RowWord, UnreadableFile
from local.market_file.rows import Rows, cells_at
from local.market_file.source import explained

_BUFFER = 1 << 20
# Bytes of a value, and of a whole row, that no price, time or condition comes to.
_LONGEST_VALUE = 4_096
_LONGEST_ROW = 4 * _LONGEST_VALUE
_LEAST_GROUP = 64 << 20
_SAMPLED_ROWS = 200
_SHOWN = 64
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
_FITTING = {
    "time": (pa.types.is_integer,),
    "date": (pa.types.is_date,),
    "number": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
    "integer": (pa.types.is_integer, pa.types.is_floating),
    "flag": (pa.types.is_boolean, pa.types.is_integer),
    "text": (pa.types.is_integer,),
}
_WANTED = {
    "time": "ISO 8601 text or timestamps with a time zone",
    "date": "dates or text",
    "number": "numbers or text",
    "integer": "integers or text",
    "flag": "booleans or text",
    "text": "text",
}


class ParquetRows:
    """A Parquet file; a row's line is its number, counted from 1.

    Doubles become their shortest decimal text that reads back the same, decimals and integers their own.

    Raises:
        UnreadableFile: when made, or while rows are read.
    """

    word: RowWord = "row"

    def __init__(self, path: Path, columns: Sequence[Column], extra: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._size = path.stat().st_size
        self._done = 0
        with explained(path):
            self._file = _open_parquet(path)
        try:
            _refuse_huge(self._file.metadata, path.name)
            schema = self._file.schema_arrow
            self.header: Header = match_header(schema.names, columns, path.name, extra)
            for column in columns:
                for place in self.header.positions.get(column.name, ()):
                    _check_type(column, schema.field(place).type, path.name)
        except BaseException:
            self._file.close()
            raise

    def rows(self, most: int) -> Iterator[Rows]:
        """The rows in order, at most `most` at a time; once only."""
        places = sorted({place for at in self.header.positions.values() for place in at})
        names = [self._file.schema_arrow.names[place] for place in places]
        self._done = 0
        with explained(self._path):
            for batch in self._file.iter_batches(batch_size=most, columns=names):
                cells = {
                    at: _text(batch.column(name), name, self._path.name) for at, name in zip(places, names, strict=True)
                }
                columns = {name: cells_at(cells, at) for name, at in self.header.positions.items()}
                first = self._done + 1
                self._done += batch.num_rows
                yield Rows(columns, pa.arange(first, self._done + 1), list(cells.values()))

    def position(self) -> int:
        """The share of the file's bytes that the rows read so far make up."""
        rows: int = self._file.metadata.num_rows
        return self._size * self._done // max(rows, 1)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_parquet_head(path: Path) -> tuple[Sequence[str], Numbered]:
    """The names of a file's columns, and its first rows as text, of which nested values are left empty."""
    with explained(path), _open_parquet(path) as file:
        _refuse_huge(file.metadata, path.name)
        names = file.schema_arrow.names
        times = Counter(names)
        read = [
            field.name for field in file.schema_arrow if times[field.name] == 1 and not pa.types.is_nested(field.type)
        ]
        batch = next(file.iter_batches(batch_size=_SAMPLED_ROWS, columns=read), None)
        if batch is None:
            return names, ()
        cells = {name: _shown(batch.column(name)) for name in read}
        rows = zip(*(cells.get(name, [""] * len(batch)) for name in names), strict=True)
        return names, list(enumerate(rows, 1))


def _shown(values: pa.Array) -> list[str]:
    """The values as text, long ones cut: of a dictionary before they are written out for each row."""
    if pa.types.is_dictionary(values.type):
        return _shown(pa.array(_shown(values.dictionary), pa.string()).take(values.indices))
    try:
        texts = pc.fill_null(values.cast(pa.string()), "")
        texts.validate(full=True)
    except pa.ArrowException:
        # No text: found when it is read, if it is.
        return [""] * len(values)
    shown: list[str] = pc.utf8_slice_codeunits(texts, 0, _SHOWN).to_pylist()
    return shown


def _check_type(column: Column, type_: pa.DataType, file: str) -> None:
    """Raises `UnreadableFile` if no value of this type can be one of this column."""
    bare = type_.value_type if pa.types.is_dictionary(type_) else type_
    if column.kind == "time" and pa.types.is_timestamp(bare):
        if bare.tz is None and not column.may_be_naive:
            raise UnreadableFile(file, f"column {column.name}: {bare} has no time zone; write an offset or Z")
        return
    if any(fits(bare) for fits in (*_TEXT, *_FITTING[column.kind])):
        return
    raise UnreadableFile(file, f"column {column.name}: cannot be of type {bare}; write {_WANTED[column.kind]}")


def _open_parquet(path: Path) -> pq.ParquetFile:
    """The file, read in small pieces; texts are kept once each, since one long text may stand for many rows."""
    schema = pq.read_schema(path)
    texts = [field.name for field in schema if any(is_text(field.type) for is_text in _TEXT[:2])]
    return pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER, read_dictionary=texts)


def _refuse_huge(metadata: pq.FileMetaData, file: str) -> None:
    """Raises `UnreadableFile` where rows are too long, by the file's own account.

    A group's columns are not asked: of a damaged file, that may end the interpreter.
    """
    for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
        if group.total_byte_size > max(_LEAST_GROUP, group.num_rows * _LONGEST_ROW):
            raise UnreadableFile(
                file, f"holds rows of more than {_LONGEST_ROW:,} bytes; write it again with the columns that are needed"
            )


def _too_long(file: str, column: str) -> UnreadableFile:
    return UnreadableFile(file, f"column {column}: holds values of more than {_LONGEST_VALUE:,} bytes; leave it out")


def _text(values: pa.Array, column: str, file: str) -> pa.Array:
    """The values as text, empty where null; timestamps stay what they are."""
    if pa.types.is_dictionary(values.type):
        if pa.types.is_string(values.type.value_type):
            longest = pc.max(pc.binary_length(values.dictionary)).as_py()
            if longest and longest > _LONGEST_VALUE:
                raise _too_long(file, column)
        values = values.dictionary_decode()
    if pa.types.is_timestamp(values.type):
        return values
    texts = pc.fill_null(values.cast(pa.string()), "")
    texts.validate(full=True)  # Arrow trusts Parquet's text to be UTF-8; PostgreSQL does not
    return texts
