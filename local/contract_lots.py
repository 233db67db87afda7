"""Arrow batches of files of options as lots the database takes: each row knows its contract."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from chandlery.gaps.import_candles import ContractCandles
from chandlery.importing.store.rows import Lot
from chandlery.reference.domain.contract import Named, Said, root_of, symbol_of
from chandlery.reference.domain.instrument import Instrument
from local.lots import candle_columns, made_ahead
from local.market_file import BadRow, MarketFileReader
from local.market_file.values import EPOCH
from local.row_lots import row_lot

# No name has them: they are control characters.
_BETWEEN, _NONE = "\x1f", "\x1e"


def contract_row_lots(
    reader: MarketFileReader, symbol: str, columns: Sequence[str], read: Callable[[], None]
) -> Iterator[Lot]:
    """One lot a batch of an underlying's options.

    Args:
        reader: of rows with the columns of contracts.
        symbol: of the underlying.
        columns: those that rows are written with.
        read: called after each lot, for a progress bar.
    """
    return made_ahead(iter(reader), partial(_row_lot, _Names(symbol, reader), columns), read)


def contract_candles(symbol: str, reader: MarketFileReader) -> Callable[[pa.RecordBatch], ContractCandles]:
    """What makes a lot of a batch of candles."""
    return partial(_candle_lot, _Names(symbol, reader))


class _Names:
    """Reads the names of contracts. Where a file has a column of them, an empty one is a name too."""

    def __init__(self, symbol: str, reader: MarketFileReader) -> None:
        self._symbol = symbol
        self._unnamed = "" if "contract" in reader.known_columns else _NONE

    def read(self, batch: pa.RecordBatch) -> tuple[Sequence[Named], pa.Array]:
        """The contracts that rows name, each once, and for each row the place of its own, from 0 on."""
        texts = [batch.column(name).cast(pa.string()) for name in ("expiry", "strike", "right")]
        texts.append(pc.fill_null(batch.column("contract"), self._unnamed))
        texts.append(pc.fill_null(batch.column("expires_at").cast(pa.int64()).cast(pa.string()), ""))
        coded = pc.binary_join_element_wise(*texts, _BETWEEN).dictionary_encode()
        return [self._named(*text.split(_BETWEEN)) for text in coded.dictionary.to_pylist()], coded.indices

    def _named(self, expiry: str, strike: str, side: str, contract: str, expires_at: str) -> Named:
        return Named(
            date.fromisoformat(expiry),
            strike,
            side,
            None if contract == _NONE else root_of(contract, self._symbol),
            EPOCH + timedelta(microseconds=int(expires_at)) if expires_at else None,
        )


def _row_lot(names: _Names, columns: Sequence[str], batch: pa.RecordBatch) -> Lot:
    named, places = names.read(batch)
    return replace(row_lot(columns, batch, pc.add(places, 1)), named=named)


def _candle_lot(names: _Names, batch: pa.RecordBatch) -> ContractCandles:
    named, places = names.read(batch)
    return ContractCandles(candle_columns(batch), named, places.to_pylist())


def read_contracts(
    reader: MarketFileReader, underlying: Instrument, progress: Callable[[int, int], None]
) -> tuple[Sequence[Named], Sequence[Said]]:
    """The contracts of a file, and what it says of their terms.

    Raises:
        BadRow: it says two things of one contract.
    """
    names = _Names(symbol_of(underlying.key), reader)
    found: dict[Named, tuple[Said, int]] = {}
    for batch in reader:
        named, places = names.read(batch)
        terms = zip(*(batch.column(each).to_pylist() for each in Said.__dataclass_fields__), strict=True)
        for place, said, line in zip(places.to_pylist(), terms, batch.column("line").to_pylist(), strict=True):
            stored, first = found.setdefault(named[place], (Said(*said), line))
            if stored != Said(*said):
                raise BadRow(
                    reader.path.name, line, None, f"says other terms than {reader.word} {first}", word=reader.word
                )
        progress(reader.bytes_read, reader.total_bytes)
    return list(found), [said for said, _ in found.values()]
