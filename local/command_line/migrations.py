"""`chandlery migrate`: Alembic's own verbs."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import psycopg
import typer
from alembic import command
from alembic.util import CommandError
from sqlalchemy.exc import ArgumentError, DBAPIError

from chandlery.errors import Permanent, psycopg_errors_translated
from chandlery.store.migrations import alembic_config
from local.command_line.database import use_database

app = typer.Typer(no_args_is_help=True, help="Build the schema, or change it. The verbs are Alembic's.")

Sql = Annotated[bool, typer.Option("--sql", help="print the SQL instead of running it")]


@app.command()
def upgrade(revision: Annotated[str, typer.Argument()] = "head", sql: Sql = False) -> None:
    """Build or renew the schema."""
    _run(lambda config: command.upgrade(config, revision, sql=sql), offline=sql)


@app.command()
def downgrade(revision: str, sql: Sql = False) -> None:
    """Go back to a revision (`base`: to nothing); what it drops is gone. With --sql, write FROM:TO."""
    _run(lambda config: command.downgrade(config, revision, sql=sql), offline=sql)


@app.command()
def current() -> None:
    """Show the revision the database is at."""
    _run(command.current)


@app.command()
def history() -> None:
    """List the revisions."""
    _run(command.history, offline=True)


@app.command()
def stamp(revision: str, sql: Sql = False) -> None:
    """Set the revision without running anything."""
    _run(lambda config: command.stamp(config, revision, sql=sql), offline=sql)


def _run(verb: Callable[..., None], *, offline: bool = False) -> None:
    url = "postgresql://" if offline else use_database()
    try:
        with psycopg_errors_translated(), _driver_errors_bared():
            verb(alembic_config(url, sys.stdout))
    except CommandError as error:
        raise Permanent(f"alembic: {error}") from None
    except ArgumentError:
        raise Permanent("DATABASE_URL is not a URL; write postgresql://user:password@host:5432/dbname") from None


@contextmanager
def _driver_errors_bared() -> Iterator[None]:
    """SQLAlchemy wraps the driver's errors; we know the driver's own."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from None
        raise
