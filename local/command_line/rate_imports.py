"""How files of interest rates come in. Reading them is imported late: it loads pyarrow."""

from decimal import Decimal

from psycopg import Connection

from chandlery.importing.import_rates import import_rates
from chandlery.importing.import_rows import RowImport
from chandlery.importing.store.rates import RateColumns
from chandlery.minutes.import_lots import OnConflict
from chandlery.platform.errors import Permanent
from local.command_line.conflicts import describe_conflicts, report_row_conflicts, spell_counts
from local.command_line.incoming_files import Counts, File
from local.command_line.output import err

_KEY = ("currency", "time", "days")


def import_rate_file(connection: Connection, file: File, *, on_conflict: OnConflict) -> Counts:
    """Bring in rates."""
    from local.market_file.contract_columns import rate_columns
    from local.market_file.row_columns import open_row_file

    read = RateColumns([], [], [], [], [])
    with open_row_file(file.path, rate_columns(), on_bad=file.set_aside) as reader:
        file.describe(reader)
        for batch in reader:
            for values, name in zip(vars(read).values(), ("currency", "time", "days", "rate", "line"), strict=True):
                values.extend(batch.column(name).to_pylist())
            file.progress(reader.bytes_read, reader.total_bytes)
    _warn_of_percents(file, read)
    try:
        result = import_rates(connection, read, on_conflict)
    except Permanent as error:
        if isinstance(error.report, RowImport):
            report_row_conflicts(file.path, reader.word, error.report, _KEY, on_conflict)
        raise
    report_row_conflicts(file.path, reader.word, result, _KEY, on_conflict)
    return {**vars(result), "known": result.known, "conflicts": describe_conflicts(result.conflicts)}


def _warn_of_percents(file: File, read: RateColumns) -> None:
    first = next((place for place, rate in enumerate(read.rates) if abs(Decimal(rate)) > 1), None)
    if first is not None:
        rate, where = read.rates[first], f"{file.path.name} line {read.lines[first]}"
        said = f"{where}: {rate} is {Decimal(rate):.0%} a year; rates are fractions: 0.05 is 5 %"
        err.print(said, style="yellow", markup=False, soft_wrap=True)


def spell_rates(counts: Counts) -> str:
    """What an import did, in words."""
    return spell_counts(counts, "new rate", "replaced")
