"""The databases of a server: what is there, one made beside another, and the exchange of the two.

Databases are made, renamed and dropped here and nowhere else. None of that can be a named query: their names are not
values to SQL.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString

from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import ObjectInUse
from pydantic import SecretStr

from chandlery.platform.connection import connect, transaction
from chandlery.platform.errors import Permanent, Retryable, psycopg_errors_translated
from chandlery.platform.session import require_own
from chandlery.platform.settings import Settings
from chandlery.platform.statements import read_rows, run

# Of some other restore's leftovers or of anybody's own database nothing may be dropped: ours has this comment.
UNFINISHED = "chandlery restore: unfinished, and dropped by the next one"
LONGEST_SECONDS = 7 * 24 * 3600  # an ANALYZE of years of candles takes its time
_RENAMES = 5  # each waits five seconds for sessions to end
# What is set as a list has been quoted, member by member, already.
_LISTS = ("search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries")


@dataclass(frozen=True)
class Server:
    """What a server can do for us."""

    is_superuser: bool
    owner_is_locked_out: bool  # our schema's owner is there, and may not log in
    timescaledb_versions: list[str]


@dataclass(frozen=True)
class ServerDatabase:
    """A database that is there."""

    owner: str
    encoding: str
    collate: str
    ctype: str
    size: str
    comment: str | None


@dataclass(frozen=True)
class Contents:
    """What a schema holds that is no extension's."""

    schema: str
    tables: int
    objects: int


@dataclass(frozen=True)
class _Setting:
    role: str | None
    name: str
    value: str


@dataclass(frozen=True)
class _Right:
    role: str | None
    privilege: str
    is_grantable: bool


def name_in(settings: Settings) -> str:
    """The name of the database that `database_url` names.

    Raises:
        Permanent: it names none, or is malformed.
    """
    with psycopg_errors_translated():
        name = conninfo_to_dict(url_of(settings)).get("dbname")
    if not name:
        raise Permanent("DATABASE_URL names no database; write postgresql://user:password@host:5432/dbname")
    return str(name)


def for_database(settings: Settings, name: str) -> Settings:
    """The same server, another of its databases."""
    return settings.model_copy(update={"database_url": SecretStr(make_conninfo(url_of(settings), dbname=name))})


def open_database(settings: Settings, name: str) -> Connection:
    """A connection to one of the server's databases, for statements that may take long.

    Raises:
        Retryable, Permanent: as `connect` does.
    """
    return connect(for_database(settings, name), "restore", timeout_seconds=LONGEST_SECONDS)


def open_beside(settings: Settings, name: str) -> Connection:
    """A connection to another database than the one to be exchanged, which no session may be in.

    Raises:
        Retryable, Permanent: as `connect` does.
    """
    return open_database(settings, "postgres" if name != "postgres" else "template1")


@contextmanager
def alone(connection: Connection, name: str) -> Iterator[None]:
    """Keep other restores into the same database away meanwhile.

    Raises:
        Retryable: one is under way.
    """
    require_own(connection, "a restore")
    row = run(connection, "lock_restore", database=name).fetchone()
    if row is None or not row[0]:
        raise Retryable(f"another restore into the database {name} is under way")
    yield  # the lock ends with the session


def describe(connection: Connection) -> Server:
    """What the server can do."""
    return read_rows(connection, Server, "describe_server")[0]


def find(connection: Connection, name: str) -> ServerDatabase | None:
    """A database, if it is there."""
    return next(iter(read_rows(connection, ServerDatabase, "find_server_database", database=name)), None)


def contents(settings: Settings, name: str) -> Sequence[Contents]:
    """What a database holds, by schema."""
    with open_database(settings, name) as connection:
        return read_rows(connection, Contents, "list_database_contents")


# As the migration makes them that creates these roles.
_MEMBERS = {"chandlery_desk": ("chandlery_owner",), "chandlery_alerts": ("chandlery_owner", "chandlery_writer")}


def create_roles(connection: Connection, owners: Iterable[str], readers: Iterable[str]) -> Sequence[str]:
    """Create those roles that are missing, without a password, nor members but our own; returns their names.

    Owners may log in: TimescaleDB runs no job of a role that may not.
    """
    owning = set(owners)
    missing = [name for (name,) in run(connection, "list_missing_roles", roles=sorted(owning.union(readers)))]
    for name in missing:
        login = sql.SQL("LOGIN" if name in owning else "NOLOGIN")
        _do(connection, "CREATE ROLE {} {}", sql.Identifier(name), login)
    for name in missing:
        for member in _MEMBERS.get(name, ()):
            _do(connection, "GRANT {} TO {}", sql.Identifier(name), sql.Identifier(member))
    return missing


def create(connection: Connection, name: str, like: ServerDatabase | None) -> None:
    """Create an empty database, marked as unfinished: like another, or by the server's defaults."""
    alike: sql.Composable = sql.SQL("")
    if like is not None:
        values = (like.encoding, like.collate, like.ctype)
        alike = sql.SQL(" OWNER {} ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
            sql.Identifier(like.owner), *map(sql.Literal, values)
        )
    _do(connection, "CREATE DATABASE {} TEMPLATE template0{}", sql.Identifier(name), alike)
    _do(connection, "COMMENT ON DATABASE {} IS {}", sql.Identifier(name), sql.Literal(UNFINISHED))


def install_timescaledb(settings: Settings, name: str, version: str) -> None:
    """Make an empty database ready for pg_restore: TimescaleDB of that version, in its state for restores."""
    with open_database(settings, name) as connection:
        _do(connection, "CREATE EXTENSION timescaledb VERSION {}", sql.Literal(version))
    # TimescaleDB loads the version's library when a session begins.
    with open_database(settings, name) as connection:
        run(connection, "prepare_restore")


def copy_settings(connection: Connection, given: str, taken: str) -> None:
    """Set for one database what is set for another, and let whoever may use that one use it."""
    database = sql.Identifier(taken)
    for setting in read_rows(connection, _Setting, "list_server_database_settings", database=given):
        whose = sql.SQL("ALTER ROLE {} IN").format(sql.Identifier(setting.role)) if setting.role else sql.SQL("ALTER")
        value = sql.SQL(setting.value) if setting.name in _LISTS else sql.Literal(setting.value)
        name = sql.Identifier(*setting.name.split("."))
        _do(connection, "{} DATABASE {} SET {} TO {}", whose, database, name, value)
    rights = read_rows(connection, _Right, "list_server_database_rights", database=given)
    if rights:
        _do(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
    for right in rights:
        role = sql.Identifier(right.role) if right.role else sql.SQL("PUBLIC")
        option = sql.SQL(" WITH GRANT OPTION" if right.is_grantable else "")
        _do(connection, "GRANT {} ON DATABASE {} TO {}{}", sql.SQL(right.privilege), database, role, option)


def drop_leftover(connection: Connection, name: str) -> bool:
    """Drop what an interrupted restore left; returns whether there was anything.

    Raises:
        Permanent: a database of that name is somebody else's.
    """
    found = find(connection, name)
    if found is None:
        return False
    if found.comment != UNFINISHED:
        raise Permanent(f"there is a database {name} that no restore made: rename or drop it first")
    drop(connection, name)
    return True


def drop(connection: Connection, name: str) -> None:
    """Drop a database, whoever is connected to it."""
    _do(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", sql.Identifier(name))


def take_name(connection: Connection, restored: str, name: str) -> None:
    """Give a finished database the name of another, which is dropped for it.

    Raises:
        Retryable: somebody stays connected to the finished one.
    """
    drop(connection, name)
    for left in reversed(range(_RENAMES)):
        run(connection, "end_sessions", database=restored)
        try:
            with transaction(connection):
                _do(connection, "COMMENT ON DATABASE {} IS NULL", sql.Identifier(restored))
                _do(connection, "ALTER DATABASE {} RENAME TO {}", sql.Identifier(restored), sql.Identifier(name))
        except Retryable as error:
            if not left or not isinstance(error.__cause__, ObjectInUse):
                raise
        else:
            return


def _do(connection: Connection, statement: LiteralString, *parts: sql.Composable) -> None:
    with psycopg_errors_translated():
        connection.execute(sql.SQL(statement).format(*parts))


def url_of(settings: Settings) -> str:
    """What `database_url` is, bare."""
    return settings.database_url.get_secret_value() if settings.database_url else ""
