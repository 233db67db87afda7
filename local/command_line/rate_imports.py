"""How files of interest rates come in. Reading them is imported late: it loads pyarrow."""

from psycopg import Connection

from chandlery.importing.import_rates import import_rates
from chandlery.importing.import_rows import RowImport
from chandlery.importing.store.rates import RateColumns
from chandlery.minutes.import_lots import OnConflict
from chandlery.platform.errors import Permanent
from local.command_line.conflicts import describe_conflicts, spell_counts, tell_row_conflicts
from local.command_line.incoming_files import Counts, File

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
    try:
        result = import_rates(connection, read, on_conflict)
    except Permanent as error:
        if isinstance(error.report, RowImport):
            tell_row_conflicts(file.path, reader.word, error.report, _KEY, on_conflict)
        raise
    tell_row_conflicts(file.path, reader.word, result, _KEY, on_conflict)
    return {**vars(result), "known": result.known, "conflicts": describe_conflicts(result.conflicts)}


def spell_rates(counts: Counts) -> str:
    """What an import did, in words."""
    return spell_counts(counts, "new rate", "replaced")
