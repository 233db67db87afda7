"""Read what was told of changes, from a cursor on."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Connection

from chandlery.outbox.store import changes
from chandlery.outbox.store.changes import Told
from chandlery.platform.connection import snapshot


@dataclass(frozen=True)
class ChangePage:
    """Changes in the order in which they became visible; `kept_from` is the first cursor that is kept, of any."""

    changes: Sequence[Told]
    kept_from: int | None


def read_changes(connection: Connection, after: int, *, dataset: str | None = None, most: int) -> ChangePage:
    """What was told after a cursor, of a data set or of all, at most so much.

    Raises:
        Retryable, Permanent: from the database.
    """
    with snapshot(connection):
        return ChangePage(changes.list_told(connection, after, dataset, most), changes.find_first_told(connection))
