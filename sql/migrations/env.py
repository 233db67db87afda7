"""How Alembic reaches the database; run by Alembic."""

from collections.abc import Callable
from typing import Any

import psycopg
from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import Connection, Engine

from chandlery.errors import Permanent
from chandlery.store.connection import open_session
from chandlery.store.migrations import OWNER, VERSION_SCHEMA, VERSION_TABLE
from chandlery.store.schema import SERVES_CODE_FROM
from chandlery.store.session import PINNED, require_own

# Alembic keeps its revision inside the schema it builds, so that the schema must exist before. Where it does, whoever
# migrates need not be one that may create schemas.
CREATE_SCHEMA = f"""
DO $$
BEGIN
    IF to_regnamespace('{VERSION_SCHEMA}') IS NULL THEN
        CREATE SCHEMA {VERSION_SCHEMA};
    END IF;
END
$$
"""
# What a member of the schema's owner creates is to be the owner's as well. Whoever is none may look at the revision.
BECOME_OWNER = f"""
SELECT set_config('role', '{OWNER}', false) FROM pg_namespace
WHERE nspname = '{VERSION_SCHEMA}' AND nspowner = to_regrole('{OWNER}') AND pg_has_role(nspowner, 'MEMBER')
"""  # noqa: S608  # our own words


def say_which_code_is_served(ctx: MigrationContext, step: MigrationInfo, **_: Any) -> None:
    """Leave word for code that does not know the revision the schema comes to; migrations up to 0016 leave none."""
    served = [getattr(script.module, "serves_code_from", None) for script in step.destination_revisions if script]
    comment = f"'{SERVES_CODE_FROM}{served[0]}'" if served and served[0] else "NULL"
    ctx.execute(f"COMMENT ON TABLE {VERSION_SCHEMA}.{VERSION_TABLE} IS {comment}")


OPTIONS: dict[str, Any] = {
    "version_table": VERSION_TABLE,
    "version_table_schema": VERSION_SCHEMA,
    "transaction_per_migration": True,
    "on_version_apply": say_which_code_is_served,
}


def migrate_offline() -> None:
    """Print the SQL instead of running it."""
    context.configure(dialect_name="postgresql", literal_binds=True, **OPTIONS)
    for statement in (CREATE_SCHEMA, BECOME_OWNER):
        context.get_context().impl.static_output(f"{statement.strip()};")
    with context.begin_transaction():
        context.run_migrations()


def migrate_online(connection: Connection) -> None:
    """Run the migrations, one transaction each."""
    for statement in (CREATE_SCHEMA, BECOME_OWNER):
        connection.exec_driver_sql(statement)
    connection.commit()
    context.configure(connection=connection, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()


def open_engine(database: str | Callable[[], psycopg.Connection]) -> Engine:
    """The database of a URL, or the one that a function opens connections to; in a session of its own."""

    def opened() -> psycopg.Connection:
        connection = open_session({"conninfo": database}, PINNED) if isinstance(database, str) else database()
        try:
            require_own(connection, "a migration")
        except Permanent:
            connection.close()
            raise
        connection.autocommit = False
        return connection

    return create_engine("postgresql+psycopg://", poolclass=pool.NullPool, creator=opened)


if context.is_offline_mode():
    migrate_offline()
else:
    with open_engine(context.config.attributes["database"]).connect() as database:
        migrate_online(database)
