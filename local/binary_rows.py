"""Columns of Arrow as the rows of PostgreSQL's binary COPY, made all at once: the server parses no text of them.

A field is its length and its bytes, big-endian. Fields whose width all rows share are laid side by side; texts, whose
widths differ, come behind them.
"""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
# PostgreSQL counts from 2000, Arrow from 1970.
_EPOCH_MICROSECONDS = 946_684_800_000_000
_NEGATIVE = 0x4000
_POINT, _MINUS, _PLUS = b".-+"
# numeric keeps four digits at a time.
_GROUP = 4


def copied(fixed: Sequence[Bytes], texts: Sequence[pa.Array]) -> bytes:
    """Rows of fields as binary COPY wants them: `fixed` ones, as made below, then `texts`, which may be null."""
    rows = len(fixed[0])
    fields = np.full((rows, 1), len(fixed) + len(texts), ">i2").view(np.uint8)
    begin = np.hstack([fields, *fixed])
    ends = [_TextField(each) for each in texts]
    widths = begin.shape[1] + sum((end.widths for end in ends), np.zeros(rows, np.int64))
    places = np.cumsum(widths) - widths
    out = np.empty(int(widths.sum()), np.uint8)
    _place(out, places, begin)
    places += begin.shape[1]
    for end in ends:
        end.place(out, places)
        places += end.widths
    return b"".join((_HEADER, out.tobytes(), _TRAILER))


def integers(values: pa.Array, width: int) -> Bytes:
    """Fields of whole numbers of so many bytes."""
    return _fields(values.to_numpy(zero_copy_only=False).astype(f">i{width}"))


def constant(value: int, width: int, rows: int) -> Bytes:
    """The field of one whole number, for so many rows."""
    return _fields(np.full(rows, value, f">i{width}"))


def flags(values: pa.Array) -> Bytes:
    """Fields of booleans."""
    return _fields(values.to_numpy(zero_copy_only=False).astype(np.uint8))


def times(values: pa.Array) -> Bytes:
    """Fields of timestamps in microseconds."""
    return _fields((values.cast(pa.int64()).to_numpy() - _EPOCH_MICROSECONDS).astype(">i8"))


def numbers(texts: pa.Array) -> Bytes:
    """Fields of numeric, digit for digit as the texts have them, and with as many decimal places."""
    written_out = _written_out(texts)
    characters, starts, ends = _characters(written_out)
    signs = characters[np.minimum(starts, len(characters) - 1)]
    starts = starts + np.isin(signs, (_MINUS, _PLUS))
    points = _points(characters, starts, ends)
    places = np.maximum(ends - points - 1, 0)
    before, behind = (-(-int(count.max(initial=0)) // _GROUP) for count in (points - starts, places))
    groups = np.zeros((len(starts), before + behind), np.int16)
    for at in range(before * _GROUP):
        group, power = divmod(at, _GROUP)
        groups[:, before - 1 - group] += _digits(characters, points - 1 - at, points - 1 - at >= starts) * 10**power
    for at in range(behind * _GROUP):
        group, power = divmod(at, _GROUP)
        groups[:, before + group] += _digits(characters, points + 1 + at, points + 1 + at < ends) * 10 ** (3 - power)
    head = np.empty((len(starts), 4), np.int16)
    head[:, 0], head[:, 1], head[:, 3] = groups.shape[1], before - 1, places
    head[:, 2] = np.where(signs == _MINUS, _NEGATIVE, 0)
    # Leading and trailing zeros cost the server nothing: it strips them.
    return _fields(np.hstack([head, groups]).astype(">i2"))


class _TextField:
    """A field of UTF-8, or of null, for each row."""

    def __init__(self, texts: pa.Array) -> None:
        self._characters, starts, ends = _characters(pc.fill_null(texts, ""))
        self._lengths = ends - starts
        told = np.where(texts.is_null().to_numpy(zero_copy_only=False), -1, self._lengths)
        self._told = told.astype(">i4").reshape(-1, 1).view(np.uint8)
        self.widths: Places = self._lengths + 4

    def place(self, out: Bytes, places: Places) -> None:
        """Write it where each row has it."""
        _place(out, places, self._told)
        before = np.cumsum(self._lengths) - self._lengths
        out[np.repeat(places + 4 - before, self._lengths) + np.arange(len(self._characters))] = self._characters


def _place(out: Bytes, places: Places, blocks: Bytes) -> None:
    """Write a block of bytes at each place."""
    if len(blocks):
        np.lib.stride_tricks.sliding_window_view(out, blocks.shape[1], writeable=True)[places] = blocks


def _fields(values: NDArray[np.generic]) -> Bytes:
    """Each row's bytes, with their count before them."""
    rows = np.ascontiguousarray(values if values.ndim > 1 else values[:, None]).view(np.uint8)
    return np.hstack([np.full((len(rows), 1), rows.shape[1], ">i4").view(np.uint8), rows])


def _characters(texts: pa.Array) -> tuple[Bytes, Places, Places]:
    """The bytes of all texts, one behind the other, and where each begins and ends in them."""
    wide = texts.cast(pa.large_string())
    _, offsets, data = wide.buffers()
    # Of no texts at all there need not be a bound.
    bounds = (
        np.frombuffer(offsets, np.int64)[wide.offset : wide.offset + len(wide) + 1] if wide else np.zeros(1, np.int64)
    )
    found = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    bounds = bounds - bounds[0]
    return found, bounds[:-1], bounds[1:]


def _points(characters: Bytes, starts: Places, ends: Places) -> Places:
    """Where each number's decimal point is; where it has none, its end."""
    found = ends.copy()
    points = np.flatnonzero(characters == _POINT)
    found[np.searchsorted(starts, points, side="right") - 1] = points
    return found


def _digits(characters: Bytes, places: Places, there: NDArray[np.bool_]) -> NDArray[np.int16]:
    """The digit at each place, 0 where the number has none there."""
    found: NDArray[np.int16] = characters[np.where(there, places, 0)].astype(np.int16) - ord("0")
    found[~there] = 0
    return found


def _written_out(texts: pa.Array) -> pa.Array:
    """The same without exponents."""
    powers = pc.match_substring(texts, "e", ignore_case=True)
    if not pc.any(powers, min_count=0).as_py():
        return texts
    return pc.replace_with_mask(
        texts, powers, pa.array([f"{Decimal(text):f}" for text in texts.filter(powers).to_pylist()], pa.string())
    )
