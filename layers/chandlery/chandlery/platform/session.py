"""What a session with the database is set to, whatever its server, database, role or pooler would set."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Self

from psycopg import Connection, Cursor, Transaction, sql
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from chandlery.platform.errors import Permanent

# What results, or their text, depend on. An operator's guard against writes (default_transaction_read_only) is none.
PINNED: Mapping[str, str] = {
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "search_path": "public",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "array_nulls": "on",
    "quote_all_identifiers": "off",
    "lc_numeric": "C",
    "lc_time": "C",
    # What a refresh found to do is told as a notice.
    "client_min_messages": "notice",
}


def as_options(settings: Mapping[str, str]) -> str:
    """The settings as libpq's `options`."""
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())


def as_statement(settings: Mapping[str, str]) -> sql.Composed:
    """Statements that put the settings in force for one transaction. They take no snapshot, which may follow."""
    return sql.SQL("; ").join(
        sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(*name.split(".")), _value(name, value))
        for name, value in settings.items()
    )


def _value(name: str, value: str) -> sql.Composable:
    # A list, whose parts a single literal would make one.
    return sql.SQL(", ").join(map(sql.Literal, value.split(", "))) if name == "datestyle" else sql.Literal(value)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


class SharedCursor(Cursor[TupleRow]):
    """A cursor of a session that is shared: no statement runs outside a transaction, which is what sets it."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:  # noqa: D102  # psycopg's
        with self._set():
            return super().execute(query, params, **options)

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:  # noqa: D102  # psycopg's
        with self._set():
            super().executemany(query, params_seq, **options)

    def _set(self) -> AbstractContextManager[object]:
        is_idle = self.connection.info.transaction_status == TransactionStatus.IDLE
        return self.connection.transaction() if is_idle else nullcontext()


class SessionConnection(Connection[TupleRow]):
    """A connection that knows whether the session behind it is its own.

    A pooler in transaction mode gives each transaction another session, with whatever some client left set there: so
    each transaction begins with what must be set.
    """

    in_each_transaction: sql.Composed | None = None

    @property
    def is_shared(self) -> bool:
        """Whether a pooler is between: what is set, or locked, for the session is lost or somebody else's."""
        return self.in_each_transaction is not None

    def share(self, settings: Mapping[str, str]) -> None:
        """Set these in each transaction from now on."""
        # Nobody may set when no transaction is begun.
        kept = {name: value for name, value in settings.items() if name != "default_transaction_read_only"}
        self.in_each_transaction = sql.SQL("{}; SHOW session_replication_role").format(as_statement(kept))
        self.read_only = settings.get("default_transaction_read_only") == "on" or None
        self.cursor_factory = SharedCursor

    @contextmanager
    def transaction(self, savepoint_name: str | None = None, force_rollback: bool = False) -> Iterator[Transaction]:
        """As psycopg's; the outermost one sets what must be set."""
        begins = self.info.transaction_status == TransactionStatus.IDLE
        with super().transaction(savepoint_name, force_rollback) as transaction:
            if begins and self.in_each_transaction is not None:
                self._set(self.in_each_transaction)
            yield transaction

    def _set(self, statement: sql.Composed) -> None:
        cursor = Cursor(self).execute(statement)
        while cursor.nextset():
            pass
        (role,) = cursor.fetchone() or (None,)
        refuse_role(role)


def refuse_role(role: object) -> None:
    """Refuse a session in which no trigger fires.

    Raises:
        Permanent: it is one.
    """
    if role == "replica":
        raise Permanent(
            "session_replication_role is replica in a session of the pooler: triggers do not fire, writes would leave"
            " no marks; end what set it; the pooler's RECONNECT closes the session"
        )


def require_own(connection: Connection, what: str) -> None:
    """Refuse a session that a pooler may give to others: a lock held for it would be nobody's, or stay for ever.

    Raises:
        Permanent: it is one; `what` needs its own.
    """
    if isinstance(connection, SessionConnection) and connection.is_shared:
        raise Permanent(
            f"{what} needs a session of its own, which a pooler does not give: name the database itself, in"
            " DATABASE_URL or in the secret of OwnerSecretId"
        )
