"""Interest rates of a file on their way into their table."""

from dataclasses import asdict, dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.importing.store.rows import NAMED, RowConflict, RowsWritten
from chandlery.platform.statements import run


@dataclass(frozen=True)
class RateColumns:
    """Rates as lists of equal length; `lines` are their places in the file."""

    currencies: list[str]
    times: list[datetime]
    days: list[int]
    rates: list[str]
    lines: list[int]


def write(connection: Connection, columns: RateColumns, *, replace: bool) -> RowsWritten:
    """Write rates inside the caller's transaction; one that is stored otherwise changes only with `replace`."""
    run(connection, "write_rates:create_said_rates", **asdict(columns))
    new = run(connection, "write_rates:insert_rates").rowcount
    found = run(connection, "write_rates:list_rate_conflicts", most=NAMED).fetchall()
    if not found:
        return RowsWritten(new)
    replaced = run(connection, "write_rates:replace_rates").rowcount if replace else 0
    conflicts = [RowConflict(*row[:-1]) for row in found]
    return RowsWritten(new, replaced=replaced, conflicting=found[0][-1], conflicts=conflicts)
