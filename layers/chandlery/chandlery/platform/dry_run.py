"""A dry run: the whole work is done inside one transaction, then undone."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from psycopg import Connection

from chandlery.platform.errors import psycopg_errors_translated
from chandlery.platform.session import SessionConnection


class DeskConnection(SessionConnection):
    """A connection that knows whether it runs dry, and whether a piece of the work is under way then."""

    is_dry = False
    in_piece = False


@contextmanager
def dry_running(connection: Connection) -> Iterator[None]:
    """Do what follows in one transaction, and roll it back: each transaction inside becomes a savepoint of it.

    So a later piece of work finds what an earlier one wrote, as in a run that counts, and nobody else ever does. Locks
    are kept to the end: whoever writes candles or the ledger has to wait.

    Args:
        connection: one that `connect` opened, in autocommit mode.

    Raises:
        Retryable: the connection was lost; the server has undone all of it.
    """
    if not isinstance(connection, DeskConnection):
        raise TypeError("a dry run needs a connection that connect() opened")
    try:
        with psycopg_errors_translated(), connection.transaction(force_rollback=True):
            connection.is_dry = True
            yield
    finally:
        connection.is_dry = connection.in_piece = False


def runs_dry(connection: Connection) -> bool:
    """Whether all that is done will be undone."""
    return isinstance(connection, DeskConnection) and connection.is_dry


def alone(connection: Connection) -> AbstractContextManager[object]:
    """Around a statement: in a dry run one that belongs to no piece may fail, as otherwise, by itself."""
    if isinstance(connection, DeskConnection) and connection.is_dry and not connection.in_piece:
        return connection.transaction()
    return nullcontext()
