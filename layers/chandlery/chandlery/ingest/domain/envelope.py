"""The envelope of rows that are sent: who sends rows of which data set, and the rows as JSON, one a line."""

import base64
import binascii
import gzip
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NoReturn

SCHEMA_VERSION = 1
MOST_ROWS = 10_000
MOST_BYTES = 4 * 2**20  # of a record, unpacked
_GZIP = b"\x1f\x8b"
_GZIP_IN_BASE64 = b"H4sI"  # how a queue, which takes text alone, has it
_WORD = re.compile(r"[!-~][ -~]{0,99}")
_SHOWN = 60


class Unreadable(ValueError):
    """Nothing can be read of a record; `line` says where, if it is at a line."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True)
class Header:
    """What a record says of itself.

    Attributes:
        data_set: whose rows it holds.
        feed: where they come from.
        producer: the program that sent them.
        batch_id: the producer's own name for the record.
    """

    data_set: str
    feed: str
    producer: str
    batch_id: str


MEMBERS = ("schema_version", *(each.name for each in fields(Header)))


@dataclass(frozen=True)
class Envelope:
    """A record, opened: its header, and its lines, of which the first has the number `first`."""

    header: Header
    first: int
    lines: Sequence[bytes]


class Constant(str):
    """NaN or Infinity, which JSON does not know, though many programs write them."""

    __slots__ = ()


def _object(members: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        twice = next(name for name, count in Counter(name for name, _ in members).items() if count > 1)
        raise ValueError(f"has {shown(twice)} more than once")
    return found


_read = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=Constant, object_pairs_hook=_object).raw_decode


def read_json(text: str) -> Any:
    """What a line of JSON says: numbers in their own digits, as texts.

    Raises:
        ValueError: it is not JSON; says where.
    """
    try:
        found, end = _read(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg.removesuffix(' at')} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if end != len(text):
        raise ValueError(f"is not JSON: more follows at character {end + 1}")
    return found


def shown(value: object) -> str:
    """A value of JSON as it stood there, cut if long."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:  # it could just be read, at a lower depth
        text = "what is nested too deeply"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def open_envelope(body: bytes, attributes: Mapping[str, str]) -> Envelope:
    """Open a record.

    Args:
        body: lines of JSON, plain, packed with gzip, or that in base64; the first is the header.
        attributes: what travels with it; where they have `data_set`, they are the header, and all lines are rows.

    Raises:
        Unreadable: it has no sound header, too many rows or bytes, or cannot be unpacked.
    """
    lines = _unpack(body).split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if "data_set" in attributes:
        header, first = header_of({name: attributes[name] for name in MEMBERS if name in attributes}), 1
    else:
        header, first = _header_line(lines), 2
        lines = lines[1:]
    if len(lines) > MOST_ROWS:
        raise Unreadable(f"holds {len(lines):,} rows; {MOST_ROWS:,} are the most")
    return Envelope(header, first, lines)


def _header_line(lines: Sequence[bytes]) -> Header:
    if not lines:
        raise Unreadable("is empty")
    try:
        said = read_json(lines[0].decode().strip())
    except ValueError as error:
        reason = "is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise Unreadable(f"the header {reason}", 1) from None
    if not isinstance(said, dict):
        raise Unreadable("the header is not a JSON object", 1)
    return header_of(said, 1)


def header_of(said: Mapping[str, Any], line: int | None = None) -> Header:
    """The header of what is said.

    Raises:
        Unreadable: a member is missing, unknown, or wrong.
    """

    def refuse(reason: str) -> NoReturn:
        raise Unreadable(f"the header {reason}", line)

    if lacking := [name for name in MEMBERS if name not in said]:
        refuse(f"lacks {', '.join(lacking)}")
    if unknown := [name for name in said if name not in MEMBERS]:
        refuse(f"has a member that nobody knows: {shown(unknown[0])}; there are {', '.join(MEMBERS)}")
    if said["schema_version"] != str(SCHEMA_VERSION):
        refuse(f"has schema_version {shown(said['schema_version'])}; this reads {SCHEMA_VERSION}")
    for name in MEMBERS[1:]:
        value = said[name]
        if type(value) is not str or not _WORD.fullmatch(value):
            refuse(f"has a {name} that is not 1 to 100 characters of ASCII: {shown(value)}")
    return Header(**{each.name: said[each.name] for each in fields(Header)})


def _unpack(body: bytes) -> bytes:
    if body.startswith(_GZIP_IN_BASE64):
        try:
            body = base64.b64decode(body, validate=True)
        except binascii.Error:
            raise Unreadable("begins as gzip in base64, and is not") from None
    if body.startswith(_GZIP):
        body = _gunzip(body)
    if len(body) > MOST_BYTES:
        raise Unreadable(f"has more than {MOST_BYTES:,} bytes, unpacked")
    return body


def _gunzip(packed: bytes) -> bytes:
    # Reads ahead in small pieces: a body of many members, each of a few bytes, is not copied once for each.
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
        try:
            return stream.read(MOST_BYTES + 1)
        except EOFError:
            raise Unreadable("is gzip that ends too early") from None
        except (zlib.error, gzip.BadGzipFile):
            raise Unreadable("begins as gzip, and is not") from None
