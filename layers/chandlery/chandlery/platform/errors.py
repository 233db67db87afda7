"""Every error Chandlery raises on purpose, typed by whether a retry helps; and the one seam for psycopg's."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg


class ChandleryError(Exception):
    """An error whose message says what was wrong, where, and what to do.

    `report` is the use case's, where it fails after it has done all else; its row in market.runs tells of that as well.
    """

    report: object | None = None


class Retryable(ChandleryError):
    """The same call may succeed later, unchanged."""


class Permanent(ChandleryError):
    """The same call will fail again until somebody changes something."""


class WrongSchema(Permanent):
    """The database has no schema, or one of a revision that this code does not work on."""


class NotFound(Permanent):
    """What was asked for is not there."""


class Conflicting(Permanent):
    """What is asked for contradicts what is there."""


class Outdated(Permanent):
    """What is to be changed is not any more what the caller has read."""


class Forbidden(Permanent):
    """Who asks may not."""


class Refused(Permanent):
    """A value somebody gave is wrong; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class RowsRefused(Permanent):
    """The database refuses rows for what is in them: a type, a constraint or a trigger does not take it."""


class LoginRefused(Permanent):
    """The database does not let the login in; another password may."""


class UnknownTicker(Permanent):
    """The vendor does not know an instrument's ticker."""


def describe(error: Exception) -> str:
    """What a log may say of an error. One that was not raised on purpose may hold a secret: its kind is enough."""
    return str(error) if isinstance(error, ChandleryError) else f"unexpected {type(error).__name__}"


# What the server says about itself and its load, rather than about our statement: worth another try.
_RETRYABLE = (
    pg.LockNotAvailable,
    pg.DeadlockDetected,
    pg.SerializationFailure,
    pg.QueryCanceled,
    pg.AdminShutdown,
    pg.CrashShutdown,
    pg.CannotConnectNow,
    pg.TooManyConnections,
    pg.DiskFull,
    pg.OutOfMemory,
    # What is written stands nowhere, as far as was seen: another hand wrote the same key meanwhile.
    pg.UniqueViolation,
)

# What is said of values, by types, constraints and triggers; somebody else's trigger may raise without a code.
# A limit that is exceeded is one of size: a text too long for an index.
_ABOUT_ROWS = (psycopg.DataError, psycopg.IntegrityError, pg.RaiseException, pg.ProgramLimitExceeded)

# While connecting, psycopg knows the server's words but not its code; and libpq's own words on TLS.
_NO_DATABASE = re.compile(r'database ".*" does not exist')
_NO_LOGIN = re.compile(r'password|no pg_hba.conf entry|role ".*" does not exist|not permitted to log in')
_TAKEN_APART = re.compile(
    r"""host (name )?["'][^"']*@|invalid integer value|invalid port number|Servname not supported"""
)
_NO_TRUST = re.compile(r"certificate|does not support SSL|SSL connection is required", re.IGNORECASE)

_MISSING_SCHEMA = (
    pg.UndefinedTable,
    pg.UndefinedColumn,
    pg.UndefinedFunction,
    pg.UndefinedObject,
    pg.InvalidSchemaName,
)


MALFORMED_URL = (
    "DATABASE_URL is malformed; write postgresql://user:password@host:5432/dbname, and in a password / as %2F, @ as"
    " %40, ? as %3F, % as %25"
)


@contextmanager
def psycopg_errors_translated() -> Iterator[None]:
    """Turn psycopg's errors into Chandlery's, so that nobody else need know them.

    Raises:
        Retryable: the connection was lost or the server was busy.
        Permanent: the server refused what was asked.
    """
    try:
        yield
    except psycopg.Error as error:
        if _is_malformed(error):
            # libpq quotes a part of the string, which may be the password's.
            raise Permanent(MALFORMED_URL) from None
        raise _translate(error) from error
    except UnicodeError as error:
        if "idna" in str(error):  # a host that no name can be
            raise Permanent(MALFORMED_URL) from None
        raise


def _is_malformed(error: psycopg.Error) -> bool:
    """Whether it is no string to connect by, or one that was taken apart at the wrong place."""
    if error.sqlstate is not None:
        return False
    return isinstance(error, psycopg.ProgrammingError) or bool(_TAKEN_APART.search(str(error)))


def _translate(error: psycopg.Error) -> ChandleryError:
    said = _said_by_server(error)
    if isinstance(error, _RETRYABLE):
        return Retryable(f"the database could not do it now: {said}")
    connecting = error.sqlstate is None and isinstance(error, psycopg.OperationalError)
    if connecting and _NO_TRUST.search(said):
        return Permanent(
            f"the database cannot be trusted: {said}; correct host, sslmode or ca of DATABASE_URL or the secret, or the"
            " server's certificate"
        )
    if isinstance(error, (pg.InvalidPassword, pg.InvalidAuthorizationSpecification)) or (
        connecting and _NO_LOGIN.search(said)
    ):
        return LoginRefused(
            f"the database refused the login: {said}; check the user and password of DATABASE_URL or the secret"
        )
    if isinstance(error, pg.InvalidCatalogName) or _NO_DATABASE.search(said):
        return Permanent(f"{said}; create the database, or correct the name in DATABASE_URL or the secret")
    if isinstance(error, _MISSING_SCHEMA) and "timescaledb" in said:
        return Permanent(f"TimescaleDB has not what this code asks of it: {said}; use a version that README names")
    if isinstance(error, _MISSING_SCHEMA):
        return WrongSchema(f"the schema is incomplete: {said}; run: chandlery migrate upgrade head, and migrate check")
    if isinstance(error, pg.InsufficientPrivilege):
        return Permanent(
            f"the database role lacks a right: {said}; grant it, or connect as the role that owns the schema"
        )
    if connecting:
        return Retryable(f"the database cannot be reached: {said}; check host, port and network")
    if isinstance(error, psycopg.OperationalError) and not isinstance(error, _ABOUT_ROWS):
        return Retryable(f"the database failed: {said}")
    kind = RowsRefused if isinstance(error, _ABOUT_ROWS) else Permanent
    return kind(f"the database refused: {said}")


def _said_by_server(error: psycopg.Error) -> str:
    """One line: the server's message and hint, never the statement.

    Where others have built on what was to be dropped, what they are instead: the hint is to drop that as well. Of a row
    that a CHECK refuses, its values.
    """
    is_detailed = isinstance(error, pg.DependentObjectsStillExist | pg.CheckViolation)
    parts = (error.diag.message_primary, error.diag.message_detail if is_detailed else error.diag.message_hint)
    line = " ".join(("; ".join(part for part in parts if part) or str(error)).split())
    return line.removesuffix(".")
