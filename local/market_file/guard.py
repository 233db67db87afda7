"""What no file of ticks or candles holds, however small it is compressed: said early, before it fills the memory."""

import codecs
import re
from collections.abc import Iterator
from functools import cache
from io import BufferedReader

import numpy as np
from numpy.typing import NDArray

from local.market_file.errors import UnreadableFile

BLOCK = 1 << 21
# Rows on end that are no rows, and lines before the header.
MOST_MISSHAPEN = 100_000
MOST_LEADING_LINES = 10_000
_MOST = "2 MiB"
_QUOTE = ord('"')
_NOTHING = b' \t\r\n,;|"'


@cache
def _rows(delimiter: bytes) -> re.Pattern[bytes]:
    """As many whole rows as there are."""
    # Quotes count at the start of a value alone, as Arrow has it. A line end at the very end may be half of one.
    between = re.escape(delimiter)
    value = rb'(?:"(?:[^"]|"")*+"[^%b\r\n]*+|[^"%b\r\n][^%b\r\n]*+|)' % (between, between, between)
    return re.compile(rb"(?:" + value + rb"(?:" + between + value + rb")*+(?:\r?\n|\r(?=[^\n])))*+")


def blocks(stream: BufferedReader, file: str, delimiter: str = ",") -> Iterator[bytes]:
    """The bytes of a CSV file in blocks of whole rows, all of them UTF-8.

    Raises:
        UnreadableFile: there is more of nothing, or a longer row, than a block holds.
        UnicodeDecodeError: it is not UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest = b""
    while chunk := stream.read(BLOCK):
        decoder.decode(chunk)
        if len(chunk) >= BLOCK and not chunk.strip(_NOTHING):
            raise UnreadableFile(file, f"holds {_MOST} of nothing but blank lines; write it again")
        rest += chunk
        cut = _last_row_end(rest, delimiter.encode())
        if cut:
            yield rest[:cut]
            rest = rest[cut:]
        elif len(rest) > BLOCK:
            raise UnreadableFile(file, f"has a row of more than {_MOST}; {_guess(rest)}")
    decoder.decode(b"", final=True)
    if rest:
        yield rest


def _last_row_end(text: bytes, delimiter: bytes) -> int:
    """Where the last whole row ends; 0 where none does."""
    end = _last_line_end(text, len(text))
    quotes = np.flatnonzero(np.frombuffer(text, np.uint8) == _QUOTE)
    if not len(quotes):
        return end
    if not _all_opened(text, quotes[::2], delimiter):
        rows = _rows(delimiter).match(text)
        return rows.end() if rows else 0
    before = int(np.searchsorted(quotes, end))
    return end if before % 2 == 0 else _last_line_end(text, int(quotes[before - 1]))


def _last_line_end(text: bytes, before: int) -> int:
    return max(text.rfind(b"\n", 0, before), text.rfind(b"\r", 0, min(before, len(text) - 1))) + 1


def _all_opened(text: bytes, opening: NDArray[np.intp], delimiter: bytes) -> bool:
    """Whether every other quote begins a value, or is the second of two in one: then quotes can be counted."""
    inner = opening[opening > 0]
    before = np.frombuffer(delimiter + b'\r\n"', np.uint8)
    return bool(np.isin(np.frombuffer(text, np.uint8)[inner - 1], before).all())


def _guess(row: bytes) -> str:
    return "look for a quote that is never closed" if b'"' in row else "it must be CSV, with a row on each line"
