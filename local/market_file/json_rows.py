"""Files of JSON objects, one a line (NDJSON), as rows of text that know their lines."""

import json
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

import pyarrow as pa

from local.market_file.columns import Column, Header, match_header
from local.market_file.dialect import Numbered
from local.market_file.errors import RowWord, UnreadableFile
from local.market_file.guard import BLOCK
from local.market_file.rows import Misshapen, Rows, cells_at
from local.market_file.source import Format, decompressed, explained, open_raw

_SAMPLED_LINES = 200
_KEYED_LINES = 1_000
_SHOWN = 300
_WORDS = {True: "true", False: "false", None: ""}

_Row = Mapping[str, str]


class JsonRows:
    """A file of JSON objects, one a line; a number's digits stay as they stand there. Blank lines are ignored.

    Its columns are the keys of its first thousand objects. An absent key, and null, are an empty cell.

    Raises:
        UnreadableFile: when made, or while rows are read.
    """

    word: RowWord = "line"

    def __init__(
        self, path: Path, format_: Format, columns: Sequence[Column], extra: Mapping[str, str] | None = None
    ) -> None:
        self._path = path
        self._position = 0
        self._line = 0
        with explained(path):
            self._raw = open_raw(path)
        try:
            with explained(path):
                self._stream = decompressed(self._raw, format_)
                self._blocks = _blocks(self._stream, path.name)
                self._first = next(self._blocks, [b""])
                self._first[0] = self._first[0].removeprefix(b"\xef\xbb\xbf")
            names = self._keys()
            self.header: Header = match_header(names, columns, path.name, extra)
            self._names = names
            self._titles = {column.title.lower() for column in columns} | {
                title.lower() for title in (extra or {}).values()
            }
        except BaseException:
            self._raw.close()
            raise

    def rows(self, most: int) -> Iterator[Rows]:
        """The rows in order, at most `most` at a time; once only."""
        with explained(self._path):
            lines: list[bytes] | None = self._first
            while lines is not None:
                self._position = self._raw.tell()
                for start in range(0, len(lines), most):
                    yield self._rows(lines[start : start + most])
                lines = next(self._blocks, None)

    def position(self) -> int:
        """How many bytes of the file are behind the rows so far: compressed ones, if it is compressed."""
        return self._position

    def close(self) -> None:
        """Closes the file."""
        self._raw.close()

    def _keys(self) -> Sequence[str]:
        objects, _ = self._parse(1, self._first[:_KEYED_LINES])
        if not objects:
            raise UnreadableFile(self._path.name, "does not begin with JSON objects, one a line; write it so")
        return list(dict.fromkeys(key for _, row in objects for key in row))

    def _rows(self, lines: Sequence[bytes]) -> Rows:
        first = self._line + 1
        objects, misshapen = self._parse(first, lines)
        self._line += len(lines)
        good = []
        for line, row in objects:
            if late := next(
                (key for key in row if key not in self._names and key.strip().lower() in self._titles), None
            ):
                reason = f"has the key {late}, which none of the file's first rows has; write it there too"
                misshapen.append(Misshapen(line, reason, _shown(lines[line - first])))
            else:
                good.append((line, row))
        cells = [pa.array([row.get(name, "") for _, row in good], pa.string()) for name in self._names]
        columns = {name: cells_at(cells, at) for name, at in self.header.positions.items()}
        return Rows(columns, pa.array([line for line, _ in good], pa.int64()), cells, sorted(misshapen, key=_line_of))

    def _parse(self, first: int, lines: Sequence[bytes]) -> tuple[list[tuple[int, _Row]], list[Misshapen]]:
        """The objects of some lines with these, and the lines that hold none."""
        objects: list[tuple[int, _Row]] = []
        misshapen = []
        for line, text in enumerate(lines, first):
            if not text.strip():
                continue
            try:
                objects.append((line, _object(text)))
            except (ValueError, RecursionError) as error:
                misshapen.append(Misshapen(line, _explain(error), _shown(text)))
        return objects, misshapen


def is_json(path: Path, format_: Format) -> bool:
    """Whether a file begins with a JSON object, or with an array."""
    with explained(path), open_raw(path) as raw:
        start = decompressed(raw, format_).read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        raise UnreadableFile(path.name, "is a JSON array; write an object on each line, as `jq -c '.[]'` does")
    return start.startswith(b"{")


def read_json_head(path: Path, format_: Format) -> tuple[Sequence[str], Numbered]:
    """The keys of the first objects, and these as rows."""
    reader = JsonRows(path, format_, ())
    try:
        objects, _ = reader._parse(1, reader._first[:_SAMPLED_LINES])  # its own
        return reader._names, [(line, [row.get(name, "") for name in reader._names]) for line, row in objects]
    finally:
        reader.close()


def _blocks(stream: BufferedReader, file: str) -> Iterator[list[bytes]]:
    """Whole lines of a block each."""
    rest = b""
    while chunk := stream.read(BLOCK):
        rest += chunk
        cut = rest.rfind(b"\n") + 1
        if cut:
            yield rest[: cut - 1].split(b"\n")
            rest = rest[cut:]
        elif len(rest) > BLOCK:
            raise UnreadableFile(file, "has a line of more than 2 MiB; write one object on each line")
    if rest:
        yield rest.split(b"\n")


def _object(text: bytes) -> _Row:
    """An object's values as text.

    Raises:
        ValueError: it is no JSON object of plain values; says why.
    """
    written = text.decode()
    found = _DECODER.decode(written)
    if not isinstance(found, dict):
        raise _NoObjectError("is no JSON object; write one on each line")
    if "\\u" in written:
        json.dumps(found, ensure_ascii=False).encode()
    return {key: value if isinstance(value, str) else _plain(key, value) for key, value in found.items()}


class _NoObjectError(ValueError):
    """Says why a line cannot be read, in words of its own."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _NoObjectError(f"has the key {next(key for key in keys if keys.count(key) > 1)} more than once")
    return found


def _refuse(constant: str) -> str:
    raise _NoObjectError(f"holds {constant}, which is no JSON; write null where there is no value")


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse, object_pairs_hook=_pairs)


def _plain(key: str, value: object) -> str:
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ",".join(value)
    raise _NoObjectError(f"has a value of {key} that is neither text, number, true, false nor null")


def _explain(error: Exception) -> str:
    if isinstance(error, _NoObjectError):
        return str(error)
    if isinstance(error, UnicodeError):
        return "is not UTF-8 text"
    return f"is not JSON ({str(error).replace(chr(10), ' ')})"


def _shown(text: bytes) -> str:
    return text.decode("utf-8", errors="replace").strip()[:_SHOWN]


def _line_of(row: Misshapen) -> int:
    return row.line
