"""Arrow batches of a market file as lots the database takes."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pyarrow as pa
import pyarrow.csv as pacsv

from chandlery.store.ticks import COLUMNS, Lot

_HEADERLESS = pacsv.WriteOptions(include_header=False)


def tick_lots(batches: Iterator[pa.RecordBatch], instrument_id: int, read: Callable[[], None]) -> Iterator[Lot]:
    """One lot a batch; `read` is called after each, for a progress bar.

    The next lot is made ready in a thread while the database takes the last one in.
    """
    with ThreadPoolExecutor(max_workers=1) as ahead:
        upcoming = ahead.submit(_next_lot, batches, instrument_id)
        while (lot := upcoming.result()) is not None:
            upcoming = ahead.submit(_next_lot, batches, instrument_id)
            yield lot
            read()


def _next_lot(batches: Iterator[pa.RecordBatch], instrument_id: int) -> Lot | None:
    batch = next(batches, None)
    return None if batch is None else Lot(batch.num_rows, _csv(batch, instrument_id), partial(_columns, batch))


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
