"""Read what was told of changes, from a cursor on."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Connection

from chandlery.outbox.store import changes
from chandlery.outbox.store.changes import PublishedChange
from chandlery.platform.connection import snapshot


@dataclass(frozen=True)
class ChangePage:
    """Changes in the order in which they became visible; `kept_from` and `newest` are the outermost cursors kept."""

    changes: Sequence[PublishedChange]
    kept_from: int | None
    newest: int | None


def read_changes(
    connection: Connection, after: int, *, dataset: str | None = None, keys: Sequence[str] = (), most: int
) -> ChangePage:
    """What changed after a cursor, of a data set or of all, at most N changes.

    With `keys`, changes that name one of these instruments, or that concern more instruments than they name.

    Raises:
        Retryable, Permanent: from the database.
    """
    with snapshot(connection):
        found = changes.list_published(connection, after, dataset, keys, most)
        return ChangePage(found, *changes.find_outermost(connection))
