"""Alembic's migrations of `sql/migrations`. Alembic itself is imported late: no scheduled function needs it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TextIO

import psycopg
from psycopg import Connection
from psycopg import errors as pg

from chandlery.platform import definitions
from chandlery.platform.errors import Permanent, WrongSchema, psycopg_errors_translated
from chandlery.platform.schema import REVISION
from chandlery.platform.statements import SQL, run

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

SCRIPTS = SQL / "migrations"
VERSION_TABLE = "schema_revision"
VERSION_SCHEMA = "market"
OWNER = "chandlery_owner"  # a role; from 0015 on the schema is its own
# What `CREATE OR REPLACE` says to another result, or other columns.
_REFUSED = (pg.InvalidFunctionDefinition, pg.InvalidTableDefinition)


def alembic_config(database: str | Callable[[], Connection], output: TextIO | None = None) -> "Config":
    """Alembic's configuration for a database.

    Args:
        database: a PostgreSQL URL, or what opens a connection.
        output: where offline SQL and listings go; the standard output when absent.
    """
    from alembic.config import Config

    config = Config(output_buffer=output) if output else Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["database"] = database
    return config


def run_verb(verb: str, config: "Config", *arguments: str, **options: Any) -> None:
    """Run one of Alembic's own commands: `upgrade`, `downgrade`, `current`, `history`, `stamp`.

    Raises:
        Retryable, Permanent: from the database, from Alembic, or for a malformed URL; whole migrations stay done.
            WrongSchema where the database is at a revision that this code does not have.
    """
    from alembic import command
    from alembic.script.revision import ResolutionError
    from alembic.util import CommandError

    config.attributes["verb"] = verb
    try:
        with psycopg_errors_translated(), _driver_errors_bared():
            getattr(command, verb)(config, *arguments, **options)
    except CommandError as error:
        unknown = error.__cause__.argument if isinstance(error.__cause__, ResolutionError) else None
        if unknown and not any(unknown in str(argument) for argument in arguments):
            raise WrongSchema(
                f"the schema is at revision {unknown}, newer than this code, which knows {REVISION}: migrate with"
                " the code that has it"
            ) from None
        raise Permanent(f"alembic: {error}") from None


@contextmanager
def _driver_errors_bared() -> Iterator[None]:
    """SQLAlchemy wraps the driver's errors; we know the driver's own."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from None
        raise


def await_turn(driver: Any) -> None:
    """Wait until no other session migrates; this one keeps the turn to its end."""
    run(driver, "lock_migrations")


def run_script(name: str) -> None:
    """Run a .sql file of `versions` inside the current migration, or print it when offline."""
    from alembic import op

    run_sql(op.get_context(), (SCRIPTS / "versions" / name).read_text())


def restore_definitions() -> None:
    """Make functions and views those of the migrations that made their own, inside the current one."""
    from alembic import op

    run_definitions(op.get_context(), definitions.of_migrations())


def run_definitions(context: "MigrationContext", made: definitions.Definitions) -> None:
    """Make functions and views inside a migration's transaction, or print what makes them when offline.

    Raises:
        Permanent: one that is there has another result, or other columns.
    """
    driver = _driver(context)
    try:
        with driver.transaction() if driver else nullcontext():
            run_sql(context, definitions.script(made))
    except _REFUSED as error:
        raise Permanent(
            f"{_refused(driver, made)} cannot be made again, since the one in the database is of another kind"
            f" ({error.diag.message_primary}): the migration that changes it is to drop the former one first, as"
            " CONTRIBUTING.md says of functions and views"
        ) from error


def _refused(driver: Any, made: definitions.Definitions) -> str:
    """Whose text the server refuses: it does not name a view."""
    driver.execute("SET LOCAL check_function_bodies = off")
    for name in definitions.in_order(made):
        try:
            driver.execute(made[name])
        except _REFUSED:
            return f"market.{name}"
    return "what another script made meanwhile"


def run_sql(context: "MigrationContext", script: str) -> None:
    """Run a script inside a migration's transaction, or print it when offline."""
    if driver := _driver(context):
        # SQLAlchemy would read % and : as placeholders. Without parameters a whole script may be sent.
        driver.execute(script)
    else:
        context.impl.static_output(script)


def _driver(context: "MigrationContext") -> Any:
    """The connection below SQLAlchemy's; none when offline."""
    if context.as_sql:
        return None
    driver = context.connection.connection.driver_connection if context.connection else None
    if driver is None:
        raise AssertionError("an online migration has a connection")
    return driver
