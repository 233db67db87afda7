"""Arrow batches of a market file as lots the database takes."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.csv as pacsv

from chandlery.store.ticks import COLUMNS, Lot

_HEADERLESS = pacsv.WriteOptions(include_header=False)


def tick_lots(batches: Iterator[pa.RecordBatch], instrument_id: int, read: Callable[[], None]) -> Iterator[Lot]:
    """One lot a batch; `read` is called after each, for a progress bar."""
    for batch in batches:
        yield Lot(batch.num_rows, partial(_csv, batch, instrument_id), partial(_columns, batch))
        read()


def _csv(batch: pa.RecordBatch, instrument_id: int) -> bytes:
    identity = pa.repeat(pa.scalar(instrument_id, pa.int32()), batch.num_rows)
    with_identity = batch.append_column("instrument_id", identity)
    out = io.BytesIO()
    pacsv.write_csv(with_identity.select(list(COLUMNS)), out, _HEADERLESS)
    return out.getvalue()


def _columns(batch: pa.RecordBatch) -> Mapping[str, Sequence[object]]:
    names = {"time": "times", "seq": "seqs", "price": "prices", "size": "sizes", "venue": "venues"}
    return {
        names.get(column, column): batch.column(column).to_pylist() for column in COLUMNS if column != "instrument_id"
    }
