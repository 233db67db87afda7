"""`chandlery db`: the embedded database, and which database the commands use."""

import os
import shutil
import subprocess
from dataclasses import asdict

import typer
from psycopg import Connection

from chandlery.errors import Permanent
from chandlery.settings import LocalSettings, read_settings
from chandlery.store import schema
from chandlery.store.connection import connect
from local.command_line.options import AsJson
from local.command_line.output import err, out, show_json
from local.embedded import EmbeddedDatabase

app = typer.Typer(no_args_is_help=True, help="The embedded TimescaleDB.")


def embedded_database() -> EmbeddedDatabase:
    """The embedded database of this home."""
    return EmbeddedDatabase(LocalSettings().chandlery_home)


def use_database() -> str:
    """The URL of the database to use, for the functions as well; starts the embedded one if need be."""
    settings = read_settings()
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    database = embedded_database()
    url = database.url()
    if url is None:
        url = database.start()
        err.print("[dim]embedded TimescaleDB started; it stays until: chandlery db stop[/dim]")
    os.environ["DATABASE_URL"] = url
    return url


def open_connection() -> Connection:
    """A connection to the database to use, whose schema is as it must be."""
    use_database()
    connection = connect(read_settings(), "command-line")
    if remark := schema.check(connection).remark:
        err.print(f"[yellow]{remark}[/yellow]", soft_wrap=True)
    return connection


@app.command()
def start() -> None:
    """Start it, and print its URL."""
    print(embedded_database().start())


@app.command()
def stop() -> None:
    """Stop it; its data stays."""
    out.print("stopped" if embedded_database().stop() else "it was not running")


@app.command()
def url() -> None:
    """Print the URL of the running one."""
    found = embedded_database().url()
    if found is None:
        raise Permanent("the embedded database is not running; start it: chandlery db start")
    print(found)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say whether it runs, and where its data and log are."""
    state = asdict(embedded_database().status())
    if as_json:
        show_json(state)
        return
    for name, value in state.items():
        out.print(f"{name}: {value}", soft_wrap=True)


@app.command()
def shell() -> None:
    """Open psql on the database to use."""
    from local.backup.programs import connection_environment

    psql = shutil.which("psql")
    if psql is None:
        raise Permanent("psql is not installed; on Debian: apt install postgresql-client")
    # Not on its command line, which anybody on the machine may read.
    environment = os.environ | connection_environment(use_database())
    raise typer.Exit(subprocess.run([psql], env=environment, check=False).returncode)
