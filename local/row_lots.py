"""Arrow batches of a data set's file as lots the database takes."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import WriteOptions, write_csv

from chandlery.importing.store.rows import Lot
from local.lots import made_ahead


def row_lots(batches: Iterator[pa.RecordBatch], columns: Sequence[str], read: Callable[[], None]) -> Iterator[Lot]:
    """One lot a batch; `read` is called after each, for a progress bar; `columns` are those that the file has."""
    return made_ahead(batches, partial(row_lot, columns), read)


def named_row_lots(
    batches: Iterator[pa.RecordBatch], columns: Sequence[str], known: Mapping[str, int], read: Callable[[], None]
) -> Iterator[Lot]:
    """The same of rows that name their instruments, as `known` has them."""
    return made_ahead(batches, partial(_named_row_lot, columns, known), read)


def _named_row_lot(columns: Sequence[str], known: Mapping[str, int], batch: pa.RecordBatch) -> Lot:
    coded = batch.column("instrument").dictionary_encode()
    named = [known[key] for key in coded.dictionary.to_pylist()]
    return replace(row_lot(columns, batch, pc.add(coded.indices, 1)), instrument_ids=named)


def row_lot(columns: Sequence[str], batch: pa.RecordBatch, places: pa.Array | None = None) -> Lot:
    """A batch as a lot; `places` are those of the rows' instruments, from 1 on, where there are several."""
    times = pc.min_max(batch.column("time")).as_py()
    said = batch.select([*columns, "line"]).rename_columns([*columns, "#line"])
    places = pa.repeat(1, batch.num_rows) if places is None else places
    return Lot(
        batch.num_rows,
        times["min"],
        times["max"],
        pc.unique(pc.floor_temporal(batch.column("time"), unit="hour")).to_pylist(),
        columns,
        partial(_lines, said, places),
        partial(_text, said, places),
    )


def _lines(said: pa.RecordBatch, places: pa.Array, instrument_ids: Sequence[int]) -> bytes:
    ids = pa.array(instrument_ids, pa.int32()).take(pc.subtract(places, 1))
    written = pa.BufferOutputStream()
    # Texts in quotes, and null as nothing.
    write_csv(said.add_column(0, "instrument_id", ids), written, WriteOptions(include_header=False))
    return bytes(written.getvalue())


def _text(said: pa.RecordBatch, places: pa.Array) -> str:
    # Times and dates in ISO 8601, which str() of them nearly is.
    return json.dumps(said.append_column("instrument_id", places).to_pylist(), default=str)
