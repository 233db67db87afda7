"""`chandlery migrate`: Alembic's own verbs. Alembic itself is imported late: other commands need not wait for it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import psycopg
import typer

from chandlery.errors import Permanent, psycopg_errors_translated
from chandlery.store.migrations import alembic_config
from local.command_line.database import use_database

app = typer.Typer(no_args_is_help=True, help="Build the schema, or change it. The verbs are Alembic's.")

Sql = Annotated[bool, typer.Option("--sql", help="print the SQL instead of running it")]


@app.command()
def upgrade(revision: Annotated[str, typer.Argument()] = "head", sql: Sql = False) -> None:
    """Build or renew the schema."""
    _run("upgrade", revision, sql=sql, offline=sql)


@app.command()
def downgrade(revision: str, sql: Sql = False) -> None:
    """Go back to a revision (`base`: to nothing); what it drops is gone. With --sql, write FROM:TO."""
    _run("downgrade", revision, sql=sql, offline=sql)


@app.command()
def current() -> None:
    """Show the revision the database is at."""
    _run("current")


@app.command()
def history() -> None:
    """List the revisions."""
    _run("history", offline=True)


@app.command()
def stamp(revision: str, sql: Sql = False) -> None:
    """Set the revision without running anything."""
    _run("stamp", revision, sql=sql, offline=sql)


def _run(verb: str, *arguments: str, offline: bool = False, **options: Any) -> None:
    from alembic import command
    from alembic.util import CommandError
    from sqlalchemy.exc import ArgumentError

    url = "postgresql://" if offline else use_database()
    try:
        with psycopg_errors_translated(), _driver_errors_bared():
            getattr(command, verb)(alembic_config(url, sys.stdout), *arguments, **options)
    except CommandError as error:
        raise Permanent(f"alembic: {error}") from None
    except ArgumentError:
        raise Permanent("DATABASE_URL is not a URL; write postgresql://user:password@host:5432/dbname") from None


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
