"""Arrays of numbers to and from the database, in its own binary form: a list would cost an object for each number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection, Cursor
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format

_INT8, _INT8_ARRAY, _FLOAT8, _FLOAT8_ARRAY = 20, 1016, 701, 1022
# Each element is preceded by its length in bytes; everything is big-endian.
_ELEMENTS = {
    _INT8: np.dtype([("length", ">i4"), ("value", ">i8")]),
    _FLOAT8: np.dtype([("length", ">i4"), ("value", ">f8")]),
}
# Dimensions, whether any is null, the elements' type, and of one dimension its length and lower bound.
_HEADER = np.dtype([("dimensions", ">i4"), ("nulls", ">i4"), ("type", ">u4"), ("length", ">i4"), ("lower", ">i4")])


class Whole:
    """An array of whole numbers, as a parameter: bigint[]."""

    element, array = _INT8, _INT8_ARRAY

    def __init__(self, values: NDArray[Any]) -> None:
        self.values = values


class Real(Whole):
    """An array of floating-point numbers, as a parameter: double precision[]."""

    element, array = _FLOAT8, _FLOAT8_ARRAY


class _WholeDumper(Dumper):
    format = Format.BINARY
    oid = _INT8_ARRAY

    def dump(self, obj: Whole) -> Buffer:
        elements = np.empty(len(obj.values), _ELEMENTS[obj.element])
        elements["length"], elements["value"] = 8, obj.values
        header = np.array([(1, 0, obj.element, len(elements), 1)], _HEADER)
        return header.tobytes() + elements.tobytes()


class _RealDumper(_WholeDumper):
    oid = _FLOAT8_ARRAY


class _Loader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> NDArray[Any]:
        # One dimension, or none where it is empty, and no nulls: the queries see to that.
        kind = int(np.frombuffer(data, ">u4", count=1, offset=8)[0])
        if len(data) < _HEADER.itemsize:
            return np.empty(0, np.int64 if kind == _INT8 else np.float64)
        values = np.frombuffer(data, _ELEMENTS[kind], offset=_HEADER.itemsize)["value"]
        return values.astype(np.int64 if kind == _INT8 else np.float64)


def number_cursor(connection: Connection) -> Cursor[Any]:
    """A cursor that takes `Whole` and `Real` and gives arrays of numbers as numpy's."""
    cursor = connection.cursor(binary=True)
    cursor.adapters.register_dumper(Whole, _WholeDumper)
    cursor.adapters.register_dumper(Real, _RealDumper)
    for oid in (_INT8_ARRAY, _FLOAT8_ARRAY):
        cursor.adapters.register_loader(oid, _Loader)
    return cursor
