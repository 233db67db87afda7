"""Where instruments' ticks end."""

from collections.abc import Collection, Mapping
from datetime import datetime

from psycopg import Connection

from chandlery.platform.statements import run


def find_newest_ticks(connection: Connection, keys: Collection[str]) -> Mapping[str, tuple[datetime, int]]:
    """Time and seq of the newest tick of each instrument; those that have none are left out.

    Raises:
        Retryable, Permanent: from the database.
    """
    found = run(connection, "find_newest_ticks", keys=list(keys)).fetchall()
    return {key: (time, seq) for key, time, seq in found}
