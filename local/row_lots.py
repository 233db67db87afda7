"""Arrow batches of a data set's file as lots the database takes."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from chandlery.importing.store.rows import Lot
from local.lots import made_ahead


def row_lots(
    batches: Iterator[pa.RecordBatch], instrument_id: int, columns: Sequence[str], read: Callable[[], None]
) -> Iterator[Lot]:
    """One lot a batch; `read` is called after each, for a progress bar; `columns` are those that the file has."""
    return made_ahead(batches, partial(_lot, instrument_id, columns), read)


def _lot(instrument_id: int, columns: Sequence[str], batch: pa.RecordBatch) -> Lot:
    times = pc.min_max(batch.column("time")).as_py()
    said = batch.select([*columns, "line"]).rename_columns([*columns, "#line"])
    # Times and dates in ISO 8601, which str() of them nearly is.
    rows = [{"instrument_id": instrument_id, **row} for row in said.to_pylist()]
    return Lot(
        batch.num_rows,
        times["min"],
        times["max"],
        pc.unique(pc.floor_temporal(batch.column("time"), unit="hour")).to_pylist(),
        columns,
        json.dumps(rows, default=str),
    )
