"""Put into messages what changed of each data set, for whoever asked to be told."""

from collections.abc import Callable
from datetime import datetime

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.outbox.store import changes
from chandlery.platform.connection import transaction

# An event of EventBridge has 256 KB at most: so it stays below, whatever the keys of instruments are like.
MOST_NAMED, MOST_KEY_BYTES = 1_000, 200_000
# Counted once a change: some seconds of a server.
_MOST_INSTRUMENTS = 1_000_000


def publish_changes(connection: Connection, at: datetime, *, has_time: Callable[[], bool] = lambda: True) -> int:
    """Write what changed since the last time, one message a data set; more where very much did.

    A change is taken in the transaction that writes its message: none is lost, and none is told twice.

    Args:
        connection: in autocommit mode.
        at: the run's scheduled time.
        has_time: asked before each piece whether another one fits.

    Returns:
        How many messages.

    Raises:
        Retryable, Permanent: from the database; what was written before stays.
    """
    told = 0
    while has_time():
        with transaction(connection):
            written = changes.write_changes(
                connection,
                declared.DATASETS,
                at,
                most=_MOST_INSTRUMENTS,
                most_named=MOST_NAMED,
                most_bytes=MOST_KEY_BYTES,
            )
        told += written
        if not written:
            break
    return told
