"""The roles' migration on servers of all kinds: with and without the roles, by a superuser and by others."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from alembic import command

from chandlery.platform.migrations import alembic_config
from tests.conftest import SECRET_MARKER
from tests.private_server import PrivateServer, cluster_folder, find_binaries, has_timescaledb

ROLES = ("chandlery_owner", "chandlery_writer", "chandlery_reader", "chandlery_producer")


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    # Roles belong to a whole server: to have none, it must be one of its own.
    binaries = find_binaries()
    if binaries is None or not has_timescaledb(binaries):
        pytest.skip(
            "needs PostgreSQL's server binaries with TimescaleDB: none by pg_config, on PATH or where Debian has them"
        )
    with cluster_folder() as folder, PrivateServer(folder / "own", binaries, SECRET_MARKER, None) as server:
        server.run(f"CREATE ROLE desk LOGIN PASSWORD '{SECRET_MARKER}'")
        yield server


def migrate(server: PrivateServer, database: str, login: str = "postgres", to: str = "head") -> None:
    """Upgrade."""
    command.upgrade(alembic_config(server.url(database, login)), to)


def told(server: PrivateServer, database: str, query: str) -> list[Any]:
    """A column."""
    with psycopg.connect(server.url(database)) as connection:
        return [row[0] for row in connection.execute(query)]


OWNERS = """
SELECT DISTINCT relowner::regrole::text FROM pg_class
WHERE relnamespace = 'market'::regnamespace OR relname ~ '^_(hyper|materialized|compressed|direct|partial)_'
UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'market'::regnamespace
UNION SELECT typowner::regrole::text FROM pg_type WHERE typnamespace = 'market'::regnamespace
"""


HELD = """
SELECT DISTINCT r.rolname::text FROM pg_shdepend AS d
JOIN pg_database AS b ON b.oid = d.dbid AND b.datname = current_database()
JOIN pg_roles AS r ON r.oid = d.refobjid AND r.rolname LIKE 'chandlery%'
"""


def test_the_roles_come_go_and_serve_several_databases(server: PrivateServer) -> None:
    """In this order: a server has its roles once and for all."""
    # A login that migrated so far, and may not create roles: the error says what to run.
    server.run("CREATE DATABASE first OWNER desk")
    migrate(server, "first", "desk", "0014")
    insert = "INSERT INTO market.calendars (calendar, time_zone) VALUES ('C', 'UTC')"
    server.run(insert, "first")
    with pytest.raises(
        psycopg.Error, match="desk may not create roles, and there is none named chandlery_owner"
    ) as said:
        migrate(server, "first", "desk")
    assert "CREATE ROLE chandlery_owner LOGIN; CREATE ROLE chandlery_writer; CREATE ROLE chandlery_reader" in str(
        said.value
    )

    # As the error said.
    for role in ROLES:
        server.run(f"CREATE ROLE {role} {'LOGIN' if role == 'chandlery_owner' else ''}")
    with pytest.raises(psycopg.Error, match="desk cannot give it to chandlery_owner") as said:
        migrate(server, "first", "desk")
    assert "run this one migration as a superuser" in str(said.value)
    migrate(server, "first")
    assert told(server, "first", OWNERS) == ["chandlery_owner"]
    # Who migrated before loses nothing.
    with psycopg.connect(server.url("first", "desk"), autocommit=True) as desk:
        desk.execute("ALTER TABLE market.calendars ADD COLUMN more integer")
        desk.execute("CALL refresh_continuous_aggregate('market.candles_5m', NULL, NULL)")

    # Another database, prepared for a login that may nothing else, and never needs a superuser again.
    server.run("CREATE DATABASE second")
    server.run(f"CREATE ROLE builder LOGIN PASSWORD '{SECRET_MARKER}' IN ROLE chandlery_owner")
    server.run("CREATE EXTENSION IF NOT EXISTS timescaledb", "second")
    server.run("CREATE SCHEMA market AUTHORIZATION chandlery_owner", "second")
    migrate(server, "second", "builder")
    assert told(server, "second", OWNERS) == ["chandlery_owner"]

    # Down and up again; the other database stays as it is.
    command.downgrade(alembic_config(server.url("first")), "0014")
    assert told(server, "first", OWNERS) == ["postgres"]
    assert told(server, "first", HELD) == []
    assert told(server, "second", OWNERS) == ["chandlery_owner"]
    assert set(told(server, "second", HELD)) == {*ROLES, "chandlery_desk", "chandlery_alerts"}
    migrate(server, "first")
    assert told(server, "first", OWNERS) == ["chandlery_owner"]
    assert set(ROLES) <= set(told(server, "second", "SELECT rolname::text FROM pg_roles"))


def test_an_owner_that_could_not_log_in_is_refused(server: PrivateServer) -> None:
    server.run("CREATE DATABASE third")
    migrate(server, "third", to="0014")
    if "chandlery_owner" not in told(server, "third", "SELECT rolname::text FROM pg_roles"):
        server.run("CREATE ROLE chandlery_owner")
    server.run("ALTER ROLE chandlery_owner NOLOGIN")
    try:
        with pytest.raises(psycopg.Error, match="chandlery_owner has no LOGIN") as said:
            migrate(server, "third")
        assert "ALTER ROLE chandlery_owner LOGIN" in str(said.value)
    finally:
        server.run("ALTER ROLE chandlery_owner LOGIN")
    migrate(server, "third")
