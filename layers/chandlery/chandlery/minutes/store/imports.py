"""What somebody imported on purpose: retention keeps the chunks that hold it until the operator releases them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from psycopg import Connection

from chandlery.platform.statements import run
from chandlery.words.window import stretches_of

# The shortest chunks there are by the shipped policies: between two stretches there may be one without an imported row.
_APART = timedelta(hours=6)


def record(connection: Connection, table: str, instrument_ids: Sequence[int], hours: Iterable[datetime]) -> None:
    """Remember the hours of imported rows, given by their starts, in the transaction that imports them."""
    stretches = stretches_of(hours, _APART)
    run(
        connection,
        "record_import",
        table_name=table,
        instrument_ids=list(instrument_ids),
        starts=[each.starts for each in stretches],
        ends=[each.ends for each in stretches],
    )
