"""Bring somebody else's one-minute candles into the database, in short transactions."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from psycopg import Connection

from chandlery.gaps.find_gaps import count_hours
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.minutes.store.candles import Written, write_vendor_of
from chandlery.reference.domain.contract import Named
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store.contracts import Contracts


@dataclass(frozen=True)
class CandleImport:
    """What an import did, in candles; `contracts` is how many option contracts were made along with theirs."""

    read: int
    written: int
    revised: int
    contracts: int = 0

    @property
    def unchanged(self) -> int:
        """Candles that are stored already, or that a better source has made."""
        return self.read - self.written - self.revised


def import_candles(connection: Connection, instrument_id: int, lots: Iterable[CandleColumns]) -> CandleImport:
    """Write lots of candles, each in a transaction of its own: other writers of candles wait for one lot at most.

    What stops it leaves the lots before it written. The same import again writes the rest, and those lots not twice.

    Args:
        connection: in autocommit mode.
        instrument_id: whose candles they are.
        lots: candles that were found good; no minute twice.

    Raises:
        Retryable, Permanent: from the database.
    """
    return _import(connection, ((partial(_same, instrument_id, lot), lot) for lot in lots))


@dataclass(frozen=True)
class ContractCandles:
    """Candles of option contracts; `places` names that of each candle among `named`, from 0 on."""

    columns: CandleColumns
    named: Sequence[Named]
    places: Sequence[int]


def import_contract_candles(
    connection: Connection, underlying: Instrument, lots: Iterable[ContractCandles]
) -> CandleImport:
    """The same of option contracts; those that are not stored are made in the transaction of their candles.

    Raises:
        Permanent: a contract cannot be told from others.
        Retryable, Permanent: from the database.
    """
    contracts = Contracts(connection, underlying)

    def whose(lot: ContractCandles) -> list[int]:
        found = contracts.identify(lot.named)
        return [found[place] for place in lot.places]

    done = _import(connection, ((partial(whose, lot), lot.columns) for lot in lots))
    return replace(done, contracts=len(contracts.made))


def _same(instrument_id: int, lot: CandleColumns) -> list[int]:
    return [instrument_id] * len(lot)


def _import(connection: Connection, lots: Iterable[tuple[Callable[[], list[int]], CandleColumns]]) -> CandleImport:
    read, done = 0, Written()
    for whose, columns in lots:
        done += write_vendor_of(connection, whose, columns, imported=True)
        read += len(columns)
    # From when on candles are expected: readers of derived candles need not wait for a gap monitor to tell.
    count_hours(connection, lambda: True)
    return CandleImport(read, done.written, done.revised)
