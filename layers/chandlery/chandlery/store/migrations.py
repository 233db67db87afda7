"""Alembic's migrations of `sql/migrations`. Alembic itself is imported late: no scheduled function needs it."""

from typing import TYPE_CHECKING, TextIO

from chandlery.store.statements import SQL

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = SQL / "migrations"
VERSION_TABLE = "schema_revision"
VERSION_SCHEMA = "market"
OWNER = "chandlery_owner"  # a role; from 0015 on the schema is its own


def alembic_config(url: str, output: TextIO | None = None) -> "Config":
    """Alembic's configuration for a database.

    Args:
        url: a PostgreSQL URL.
        output: where offline SQL and listings go; the standard output when absent.
    """
    from alembic.config import Config

    config = Config(output_buffer=output) if output else Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["url"] = url
    return config


def run_script(name: str) -> None:
    """Run a .sql file of `versions` inside the current migration, or print it when offline."""
    from alembic import context, op

    script = (SCRIPTS / "versions" / name).read_text()
    if context.is_offline_mode():
        context.get_context().impl.static_output(script)
        return
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise AssertionError("an online migration has a connection")
    # The driver itself: SQLAlchemy would read % and : as placeholders. Without parameters a whole script may be sent.
    driver.execute(script)
