"""How Alembic reaches the database; run by Alembic."""

from collections.abc import Callable
from typing import Any

import psycopg
from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import Connection, Engine

from chandlery.platform import definitions
from chandlery.platform.connection import open_session
from chandlery.platform.errors import Permanent
from chandlery.platform.migrations import OWNER, VERSION_SCHEMA, VERSION_TABLE, await_turn, run_definitions
from chandlery.platform.schema import REVISION, SERVES_CODE_FROM
from chandlery.platform.session import PINNED, require_own

REVISIONS = f"{VERSION_SCHEMA}.{VERSION_TABLE}"
# Alembic keeps its revision inside the schema it builds, so that the schema must exist before. If it does, a role that
# migrates needs no right to create schemas.
CREATE_SCHEMA = f"""
DO $$
BEGIN
    IF to_regnamespace('{VERSION_SCHEMA}') IS NULL THEN
        CREATE SCHEMA {VERSION_SCHEMA};
    END IF;
END
$$
"""
# What a member of the schema's owner creates should be the owner's as well. Other roles may look at the revision.
BECOME_OWNER = f"""
SELECT set_config('role', '{OWNER}', false) FROM pg_namespace
WHERE nspname = '{VERSION_SCHEMA}' AND nspowner = to_regrole('{OWNER}') AND pg_has_role(nspowner, 'MEMBER')
"""  # noqa: S608  # our own words


def follow_revision(ctx: MigrationContext, step: MigrationInfo, **_: Any) -> None:
    """Leave word for code that does not know the revision; at this code's own, make its functions and views."""
    (destination,) = step.destination_revisions or (None,)
    if step.is_upgrade and step.is_migration and step.up_revision_id == REVISION:
        make_definitions(ctx)
        return
    # After a downgrade no code works before the older code has made its own.
    waits = destination is not None and not step.is_upgrade and destination.revision >= definitions.FIRST
    write_comment(ctx, f"TABLE {REVISIONS}", None if waits else code_served(destination))
    if step.is_migration:
        write_comment(ctx, f"COLUMN {REVISIONS}.version_num", None)


def make_definitions(ctx: MigrationContext) -> None:
    """Make functions and views those of `sql/schema`, and leave word that they are."""
    made = definitions.current()
    run_definitions(ctx, made)
    write_comment(ctx, f"TABLE {REVISIONS}", code_served(context.script.get_revision(REVISION)))
    write_comment(ctx, f"COLUMN {REVISIONS}.version_num", definitions.digest(made))


def code_served(revision: Any) -> str | None:
    """Which code works on the schema of a migration; those up to 0016 do not say."""
    served = getattr(revision and revision.module, "serves_code_from", None)
    return served and f"{SERVES_CODE_FROM}{served}"


def make_definitions_again(connection: Connection, ctx: MigrationContext) -> None:
    """Make them where no migration is left that would."""
    if ctx.get_current_heads() == (REVISION,):
        make_definitions(ctx)
    connection.commit()


def write_comment(ctx: MigrationContext, on: str, comment: str | None) -> None:
    """Write a comment of our own words, or take it away."""
    ctx.execute(f"COMMENT ON {on} IS {'NULL' if comment is None else repr(comment)}")


OPTIONS: dict[str, Any] = {
    "version_table": VERSION_TABLE,
    "version_table_schema": VERSION_SCHEMA,
    "transaction_per_migration": True,
    "on_version_apply": follow_revision,
}


def migrate_offline() -> None:
    """Print the SQL instead of running it."""
    context.configure(dialect_name="postgresql", literal_binds=True, **OPTIONS)
    for each in (CREATE_SCHEMA, BECOME_OWNER):
        context.get_context().impl.static_output(f"{each.strip()};")
    with context.begin_transaction():
        context.run_migrations()
    if context.config.attributes.get("verb") == "upgrade" and context.get_starting_revision_argument() == REVISION:
        make_definitions_offline(context.get_context())


def make_definitions_offline(ctx: MigrationContext) -> None:
    """Print what makes them, in a transaction, where no migration is left that would."""
    ctx.impl.emit_begin()
    make_definitions(ctx)
    ctx.impl.emit_commit()


def migrate_online(connection: Connection) -> None:
    """Run the migrations, one transaction each."""
    verb = context.config.attributes.get("verb")
    if verb != "current":  # which only looks
        await_turn(connection.connection.driver_connection)
    for each in (CREATE_SCHEMA, BECOME_OWNER):
        connection.exec_driver_sql(each)
    connection.commit()
    context.configure(connection=connection, **OPTIONS)
    if verb == "upgrade":
        make_definitions_again(connection, context.get_context())
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
