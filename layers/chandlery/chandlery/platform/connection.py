"""Connections to the desk's database."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.pq import TransactionStatus

from chandlery.platform import schema
from chandlery.platform.database_server import connection_parameters
from chandlery.platform.dry_run import DeskConnection
from chandlery.platform.errors import LoginRefused, Retryable, psycopg_errors_translated
from chandlery.platform.session import PINNED, as_options
from chandlery.platform.settings import Settings
from chandlery.platform.statements import run

# Asked so often, a statement is prepared: the server parses it once, and plans it once or for each asking.
_PREPARED_FROM = 3


def connect(
    settings: Settings, component: str, *, read_only: bool = False, timeout_seconds: float | None = None
) -> Connection:
    """A connection in autocommit mode, in UTC, with timeouts, named after its component.

    Behind a pooler its transactions are set one by one (`session.py`). Where the login is refused, the secret is
    read once more: its password may have been changed since.

    Args:
        settings: who and where.
        component: the name it goes by.
        read_only: whether the server is to refuse every write, whatever the role may do.
        timeout_seconds: longest time one statement may take, where it is not the setting's.

    Raises:
        Retryable: the server cannot be reached now.
        Permanent: it refuses the login, or no database is named.
    """
    wanted = {
        **PINNED,
        "statement_timeout": f"{round((timeout_seconds or settings.database_statement_timeout_seconds) * 1000)}ms",
        "lock_timeout": f"{settings.database_lock_timeout_seconds}s",
        # Nobody is there any more to end the transaction of a run that died: its lock must not outlive it.
        "idle_in_transaction_session_timeout": f"{settings.database_idle_transaction_timeout_seconds}s",
        # Our statements are short: compiling them costs more than it gains, and data is mostly in memory.
        "jit": "off",
        "random_page_cost": "1.1",
        # Ten thousand groups of exact sums fit, so that a minute is hashed rather than sorted.
        "work_mem": f"{settings.database_work_memory_mb}MB",
    }
    if settings.changes_published:
        # Triggers note what changes.
        wanted["chandlery.changes"] = "on"
    if settings.database_parallel_workers is not None:
        wanted["max_parallel_workers_per_gather"] = str(settings.database_parallel_workers)
    if read_only:
        wanted["default_transaction_read_only"] = "on"
    named: dict[str, Any] = {
        "connect_timeout": settings.database_connect_timeout_seconds,
        "application_name": f"chandlery-{component}",
    }
    known = connection_parameters(settings)
    try:
        connection = open_session({**known, **named}, wanted)
    except LoginRefused:
        renewed = connection_parameters(settings, renewed=True)
        if renewed == known:
            raise
        connection = open_session({**renewed, **named}, wanted)
    if read_only and not connection.is_shared:
        # The same few questions come again and again. Behind a pooler the next one may meet another session.
        connection.prepare_threshold = _PREPARED_FROM
    # Each statement sees what was committed before it, whatever the server's default: writers of candles rely on it.
    connection.isolation_level = IsolationLevel.READ_COMMITTED
    return connection


def open_session(parameters: Mapping[str, Any], wanted: Mapping[str, str]) -> DeskConnection:
    """A connection in autocommit mode whose session is set to what is wanted, or else each of its transactions.

    Raises:
        Retryable: the server cannot be reached now.
        Permanent: it refuses the login, or the parameters are malformed.
    """
    mark = uuid4().hex
    options = as_options({**wanted, "chandlery.session": mark})

    def reach(**more: Any) -> DeskConnection:
        return DeskConnection.connect(
            **parameters,
            **more,
            autocommit=True,
            prepare_threshold=None,
            client_encoding="UTF8",
            # A server that is gone without a word is noticed within some ten seconds, not when TCP gives up.
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=10_000,
        )

    with psycopg_errors_translated():
        try:
            connection = reach(options=options)
        except psycopg.OperationalError as error:
            if "unsupported startup parameter" not in str(error):
                raise
            connection = reach()  # PgBouncer, which was not told to leave them out
    try:
        # A pooler's session was begun by somebody else: it has not our mark.
        if run(connection, "find_session_mark").fetchone() != (mark,):
            connection.share(wanted)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """One transaction; an error inside rolls all of it back. In a dry run, a savepoint that ends as one does."""
    with psycopg_errors_translated(), connection.transaction():
        if isinstance(connection, DeskConnection) and connection.is_dry and not connection.in_piece:
            with _dry_piece(connection):
                yield
        else:
            yield


@contextmanager
def _dry_piece(connection: DeskConnection) -> Iterator[None]:
    connection.in_piece = True
    try:
        run(connection, "lock_dry_run")
        yield
        # What a commit does: deferred constraints are held, temporary tables go.
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        connection.execute("SET CONSTRAINTS ALL DEFERRED")
        connection.execute("DISCARD TEMP")
    finally:
        connection.in_piece = False


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """One transaction that only reads, and sees the database as of one moment."""
    before = connection.isolation_level, connection.read_only
    with psycopg_errors_translated():
        # Said as it begins, not by a statement of its own.
        connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
        try:
            with connection.transaction():
                yield
        finally:
            # One that broke is not used again.
            if connection.info.transaction_status == TransactionStatus.IDLE:
                connection.isolation_level, connection.read_only = before


class SandboxConnection:
    """The one connection a Lambda sandbox keeps: checked on reuse, since a freeze may outlive it.

    `remarked` is told, once a connection, what to know of a database that works all the same.
    """

    def __init__(
        self, open_connection: Callable[[], Connection], remarked: Callable[[str], None] = lambda _: None
    ) -> None:
        self._open = open_connection
        self._remarked = remarked
        self._connection: Connection | None = None

    def get(self) -> Connection:
        """A connection that answered just now, to a database whose schema is the one this code knows.

        Raises:
            Retryable: the server cannot be reached now.
            Permanent: the login or the schema is not as it must be.
        """
        if self._connection is not None:
            try:
                schema.check(self._connection)
            except Retryable:
                self.close()
            else:
                return self._connection
        connection = self._open()
        if remark := schema.check(connection).remark:
            self._remarked(remark)
        self._connection = connection
        return connection

    def close(self) -> None:
        """Forget the connection."""
        if self._connection is not None:
            try:
                self._connection.close()
            except psycopg.Error as error:
                raise Retryable(f"the connection could not be closed: {error}") from error
            finally:
                self._connection = None
