"""Files of options on their way in, a few rows a lot; each names contracts that are stored and one that is not."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.datasets.open_interest import OPEN_INTEREST
from chandlery.datasets.option_quotes import OPTION_QUOTES
from chandlery.datasets.ticks import TICKS
from chandlery.gaps.import_candles import import_contract_candles
from chandlery.importing.import_contracts import import_contracts
from chandlery.importing.import_rates import import_rates
from chandlery.importing.import_rows import import_contract_rows
from chandlery.importing.store.rates import RateColumns
from chandlery.importing.store.rows import list_cells
from chandlery.reference.store import instruments
from chandlery.words.window import DAY, HOUR, MINUTE
from local.contract_lots import contract_candles, contract_row_lots, read_contracts
from local.lots import checked_lots
from local.market_file.columns import candle_columns, tick_columns
from local.market_file.contract_columns import contract_columns, rate_columns, term_columns
from local.market_file.row_columns import open_row_file, row_columns, written_columns
from tests.faults import desk

# The key of the underlying, and its symbol.
KEY, SYMBOL = "X@C@EQ", "C"
_DAY = desk.OPENS + 10 * DAY
_LATEST = _DAY + DAY
# Strikes of the desk's first expiry; each import makes the contracts of one of its own.
_EXPIRY = (desk.OPENS + 21 * DAY).date()
_LOT = 8


@contextmanager
def _file(header: str, lines: Sequence[str]) -> Iterator[Path]:
    """A file that is gone with the process, however that ends."""
    descriptor = os.memfd_create("options.csv")
    try:
        os.write(descriptor, "\n".join([header, *lines, ""]).encode())
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _lines(strike: int, told: Callable[[int], str], minutes: int = 6) -> Sequence[str]:
    """Rows of a strike that is stored and of one that is not, both sides."""
    return [
        f"{(_DAY + minute * MINUTE).isoformat()},{_EXPIRY},{each},{right},{told(minute)}"
        for minute in range(minutes)
        for each in (104, strike)
        for right in ("C", "P")
    ]


def _import_rows(dataset: Dataset, header: str, lines: Sequence[str], connection: Connection) -> object:
    columns = (
        tick_columns(_LATEST) if dataset is TICKS else row_columns(dataset, list_cells(connection, dataset), _LATEST)
    )
    with (
        _file(f"time,expiry,strike,right,{header}", lines) as path,
        open_row_file(path, [*contract_columns(), *columns], batch_rows=_LOT) as reader,
    ):
        told = written_columns(columns, reader.known_columns, dataset.key)
        lots = contract_row_lots(reader, SYMBOL, told, lambda: None)
        return import_contract_rows(connection, dataset, instruments.find(connection, KEY), lots)


def _import_minutes(connection: Connection) -> object:
    lines = _lines(101, lambda minute: f"{minute + 1},{minute + 3},{minute + 1},{minute + 2},5")
    with _file("time,expiry,strike,right,open,high,low,close,volume", lines) as path:
        opened = partial(open_row_file, path, [*contract_columns(), *candle_columns(_LATEST)])
        made = partial(contract_candles, SYMBOL)
        with checked_lots(opened, path, made, None, lambda *_: None, lambda _: None, lot_candles=_LOT) as lots:
            return import_contract_candles(connection, instruments.find(connection, KEY), lots)


def _import_contracts(connection: Connection) -> object:
    lines = [f"{_EXPIRY},{strike},{right},10" for strike in (103, 104) for right in ("C", "P")]
    with (
        _file("expiry,strike,right,multiplier", lines) as path,
        open_row_file(path, [*contract_columns(), *term_columns()]) as reader,
    ):
        underlying = instruments.find(connection, KEY)
        return import_contracts(connection, underlying, *read_contracts(reader, underlying, lambda *_: None))


def _import_rates(connection: Connection) -> object:
    lines = [f"{(_DAY - HOUR).isoformat()},USD,{days},0.0{days}" for days in range(1, 7)]
    read = RateColumns([], [], [], [], [])
    with _file("time,currency,days,rate", lines) as path, open_row_file(path, rate_columns()) as reader:
        for batch in reader:
            for values, name in zip(vars(read).values(), ("currency", "time", "days", "rate", "line"), strict=True):
                values.extend(batch.column(name).to_pylist())
    return import_rates(connection, read)


IMPORTS: Mapping[str, Callable[[Connection], object]] = {
    "contracts": _import_contracts,
    "rates": _import_rates,
    "open interest": partial(
        _import_rows, OPEN_INTEREST, "open_interest", _lines(105, lambda minute: str(70 + minute), 3)
    ),
    "option quotes": partial(
        _import_rows, OPTION_QUOTES, "bid,ask,seq", _lines(106, lambda minute: f"{minute + 1},{minute + 2},9")
    ),
    "option trades": partial(
        _import_rows, TICKS, "price,size,seq", _lines(107, lambda minute: f"{minute + 1},2,{minute}", 3)
    ),
    "option trades by the minute": _import_minutes,
}


def import_all(connection: Connection) -> None:
    """One after the other."""
    for bring_in in IMPORTS.values():
        bring_in(connection)


def import_beside_others(connection: Connection) -> None:
    """All but rates: what was computed before they came stays, so that it matters which was first."""
    for name, bring_in in IMPORTS.items():
        if name != "rates":
            bring_in(connection)


def number_again(connection: Connection) -> None:
    """Give numbers of instruments again that were rolled back, so that states compare."""
    connection.execute(
        "SELECT setval(pg_get_serial_sequence('market.instruments', 'instrument_id'), max(instrument_id))"
        " FROM market.instruments"
    )
