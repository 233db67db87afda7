"""How files of options come in: rows that name contracts of an underlying. Reading them is imported late."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.ticks import TICKS
from chandlery.gaps.import_candles import import_contract_candles
from chandlery.importing.import_rows import RowImport, import_contract_rows
from chandlery.importing.store.rows import list_cells
from chandlery.minutes.import_lots import OnConflict
from chandlery.platform.errors import Permanent
from chandlery.reference.domain.contract import symbol_of
from chandlery.reference.store.sessions import time_zone_of
from chandlery.words.counting import spell
from chandlery.words.window import CLOCK_ALLOWANCE, MINUTE
from local.command_line.conflicts import describe_conflicts, report_row_conflicts, spell_counts
from local.command_line.incoming_files import Counts, File, watched
from local.command_line.output import err

if TYPE_CHECKING:
    from local.market_file.candle_checks import Check
    from local.market_file.columns import Column
    from local.market_file.contract_columns import DoubtfulQuotes

Underlying = Annotated[str, typer.Option(metavar="KEY", help="instrument whose options the rows are of")]
NAMED = "expiry, strike, right (C, P, call, put, CE, PE) and, optionally, contract and expires_at name the contract"
_PRICES = ("open", "high", "low", "close")


def import_option_rows(connection: Connection, file: File, *, dataset: Dataset, on_conflict: OnConflict) -> Counts:
    """Bring in rows of a data set that is of contracts."""
    from local.market_file.contract_columns import DoubtfulQuotes
    from local.market_file.row_columns import row_columns

    columns = row_columns(dataset, list_cells(connection, dataset), datetime.now(UTC) + CLOCK_ALLOWANCE)
    doubtful = DoubtfulQuotes() if {"bid", "ask"} <= dataset.columns.keys() else None
    counts = _import_rows(connection, file, dataset, columns, on_conflict, [doubtful] if doubtful else [])
    return {**counts, **_report_doubtful(file.path, doubtful)} if doubtful else counts


def import_trades(connection: Connection, file: File, *, on_conflict: OnConflict) -> Counts:
    """Bring in trades of contracts: ticks, or one-minute candles where the file has these."""
    from local.market_file.columns import tick_columns
    from local.market_file.contract_columns import contract_columns
    from local.market_file.row_columns import open_row_file

    with open_row_file(file.path, contract_columns()) as reader:
        has_candles = {name.lower() for name in reader.ignored_columns}.issuperset(_PRICES)
    if has_candles:
        return _import_candles(connection, file)
    columns = tick_columns(datetime.now(UTC) + CLOCK_ALLOWANCE, allow_negative=False)
    return _import_rows(connection, file, TICKS, columns, on_conflict, [])


def spell_option_counts(counts: Counts) -> str:
    """What an import did, in words."""
    if "written" in counts:
        told = f"{spell(counts['written'], 'candle')} written, {counts['revised']:,} revised,"
        told = f"{told} {counts['unchanged']:,} unchanged"
    else:
        told = spell_counts(counts, "new row", "cancelled", "replaced")
    return f"{told}; {spell(counts['contracts'], 'contract')} made" if counts["contracts"] else told


def _import_rows(
    connection: Connection,
    file: File,
    dataset: Dataset,
    columns: "Sequence[Column]",
    on_conflict: OnConflict,
    checks: "Sequence[Check]",
) -> Counts:
    from local.contract_lots import contract_row_lots
    from local.market_file.contract_columns import Expiries, contract_columns
    from local.market_file.row_columns import open_row_file, written_columns

    named = contract_columns()
    key = ("instrument", *dataset.order())
    checks = [Expiries(time_zone_of(connection, file.instrument.calendar)), *checks]
    with open_row_file(file.path, [*named, *columns], on_bad=file.set_aside, checks=checks) as reader:
        file.describe(reader)
        lots = contract_row_lots(
            reader,
            symbol_of(file.instrument.key),
            written_columns(columns, reader.known_columns, dataset.key),
            lambda: file.progress(reader.bytes_read, reader.total_bytes),
        )
        kept = watched(lots, dataset.name, file, lambda lot: (lot.starts, lot.ends))
        try:
            result = import_contract_rows(connection, dataset, file.instrument, kept, on_conflict)
        except Permanent as error:
            if isinstance(error.report, RowImport):
                report_row_conflicts(file.path, reader.word, error.report, key, on_conflict)
            raise
    report_row_conflicts(file.path, reader.word, result, key, on_conflict)
    return {**vars(result), "known": result.known, "conflicts": describe_conflicts(result.conflicts)}


def _import_candles(connection: Connection, file: File) -> Counts:
    from local.contract_lots import contract_candles
    from local.lots import checked_lots
    from local.market_file.candle_checks import contradicting_prices
    from local.market_file.columns import candle_columns
    from local.market_file.contract_columns import Expiries, SeenContractMinutes, contract_columns
    from local.market_file.row_columns import open_row_file

    last_closed = datetime.now(UTC) - MINUTE
    columns = [*contract_columns(), *candle_columns(last_closed)]
    expiries = Expiries(time_zone_of(connection, file.instrument.calendar))

    def opened(**options: Any) -> Any:
        checks = (contradicting_prices, SeenContractMinutes(), expiries)
        return open_row_file(file.path, columns, checks=checks, **options)

    made = partial(contract_candles, symbol_of(file.instrument.key))
    with checked_lots(opened, file.path, made, file.set_aside, file.progress, file.describe) as lots:
        kept = watched(lots, CANDLES.name, file, lambda lot: (min(lot.columns.times), max(lot.columns.times)))
        result = import_contract_candles(connection, file.instrument, kept)
    return {**vars(result), "unchanged": result.unchanged}


def _report_doubtful(path: Path, doubtful: "DoubtfulQuotes") -> Counts:
    for told in doubtful.named:
        err.print(f"{path.name} {told}", markup=False, soft_wrap=True)
    if doubtful.count:
        err.print(
            f"{path.name}: {spell(doubtful.count, 'quote')} negative or crossed, and stored as they are",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    return {"doubtful": doubtful.count, "doubtful_quotes": doubtful.named}
