"""Bring somebody else's one-minute candles into the database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from psycopg import Connection

from chandlery.gaps.find_gaps import count_hours
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.minutes.store.candles import VendorLot, Written, write_vendor, write_vendor_lots
from chandlery.platform.errors import Permanent
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
    read, done = 0, Written()
    for lot in lots:
        done += write_vendor(connection, instrument_id, lot, imported=True)
        read += len(lot)
    _count(connection)
    return CandleImport(read, done.written, done.revised)


@dataclass(frozen=True)
class ContractCandles:
    """Candles of option contracts; `places` names that of each candle among `named`, from 0 on."""

    columns: CandleColumns
    named: Sequence[Named]
    places: Sequence[int]


def import_contract_candles(
    connection: Connection, underlying: Instrument, lots: Iterable[ContractCandles]
) -> CandleImport:
    """Write lots of candles of option contracts in one transaction; whatever stops it leaves nothing behind.

    Contracts that are not stored are made in it. Other writers of candles wait for all of it.

    Args:
        connection: in autocommit mode.
        underlying: whose options they are.
        lots: read as they are written; an error it raises rolls everything back.

    Raises:
        Permanent: a contract cannot be told from others, or has a minute twice.
        Retryable, Permanent: from the database.
    """
    minutes = _Minutes(Contracts(connection, underlying))
    vendor_lots = (VendorLot(lot.columns, partial(minutes.whose, lot)) for lot in lots)
    done = write_vendor_lots(connection, vendor_lots, imported=True)
    _count(connection)
    return CandleImport(len(minutes.seen), done.written, done.revised, len(minutes.contracts.made))


@dataclass
class _Minutes:
    """Finds the contracts of candles, each minute of which may come once, whatever a file calls the contract."""

    contracts: Contracts
    seen: set[tuple[int, datetime]] = field(default_factory=set)

    def whose(self, lot: ContractCandles) -> list[int]:
        found = self.contracts.identify(lot.named)
        for place, time in zip(lot.places, lot.columns.times, strict=True):
            if (found[place], time) in self.seen:
                raise Permanent(
                    f"the {lot.named[place]} has the minute {time:%Y-%m-%dT%H:%MZ} twice, by different names;"
                    " leave one of them out"
                )
            self.seen.add((found[place], time))
        return [found[place] for place in lot.places]


def _count(connection: Connection) -> None:
    # From when on candles are expected: readers of derived candles need not wait for a gap monitor to tell.
    count_hours(connection, lambda: True)
