"""`chandlery db`: the embedded database, and which database the commands use."""

import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import typer
from psycopg import Connection

from chandlery.platform import schema
from chandlery.platform.connection import connect
from chandlery.platform.errors import ChandleryError, Permanent, psycopg_errors_translated
from chandlery.platform.settings import LocalSettings, read_settings
from local.command_line.liveness import at_work
from local.command_line.options import AsJson
from local.command_line.output import err, out, show_json
from local.command_line.tuning import tune
from local.embedded import EmbeddedDatabase

app = typer.Typer(no_args_is_help=True, help="Run the embedded TimescaleDB; compute settings for a server.")


def embedded_database() -> EmbeddedDatabase:
    """The embedded database of CHANDLERY_HOME, or else of this folder or the nearest above it that has one."""
    settings = LocalSettings()
    home = settings.chandlery_home
    if "chandlery_home" not in settings.model_fields_set:
        here = Path.cwd()
        candidates = (EmbeddedDatabase(folder / home) for folder in (here, *here.parents))
        found = next((each for each in candidates if each.has_data() and each.home.stat().st_uid == os.getuid()), None)
        if found is not None:
            return found
    return EmbeddedDatabase(home)


def use_database(*, may_create: bool = False) -> str:
    """The URL of the database to use, for the functions as well; starts the embedded one if need be.

    Args:
        may_create: whether to make an embedded one where there is none: an empty one answers no question.

    Raises:
        Permanent: there is none.
    """
    settings = read_settings()
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    database = embedded_database()
    state = database.status()
    if not (may_create or state.running or database.has_data()):
        raise Permanent(
            f"there is no database in {database.home}, nor in any .chandlery above it; to create one here: chandlery"
            " migrate upgrade; to use another: go to its folder, or set CHANDLERY_HOME or DATABASE_URL"
        )
    url = state.url or start_embedded(database)
    os.environ["DATABASE_URL"] = url
    return url


def start_embedded(database: EmbeddedDatabase) -> str:
    """Start it, showing what it does, and say which one it is and how long it stays; returns its URL."""
    with at_work("starting the embedded TimescaleDB") as tell:
        url = database.start(lambda doing: tell(f"starting the embedded TimescaleDB: {doing}"))
    if database.recovers:
        killed = "the embedded database was killed last time, not stopped: it recovers what was committed"
        err.print(killed, style="dim", soft_wrap=True)
    told = f"embedded TimescaleDB started in {database.home}; to stop it: chandlery db stop"
    err.print(told, style="dim", markup=False, soft_wrap=True)
    return url


def open_connection() -> Connection:
    """A connection to the database to use, whose schema is as it must be."""
    use_database()
    connection = connect(read_settings(), "command-line")
    try:
        found = schema.check(connection)
    except ChandleryError:
        connection.close()
        raise
    if found.remark:
        err.print(f"[yellow]{found.remark}[/yellow]", soft_wrap=True)
    return connection


@app.command()
def start() -> None:
    """Start the embedded database and print its URL; create it if there is none."""
    database = embedded_database()
    print(database.url() or start_embedded(database))


@app.command()
def stop() -> None:
    """Stop the embedded database; its data stays."""
    with at_work("stopping the embedded TimescaleDB"):
        stopped = embedded_database().stop()
    out.print("stopped" if stopped else "it is not running")


@app.command()
def url() -> None:
    """Print the URL of the running embedded database."""
    found = embedded_database().url()
    if found is None:
        raise Permanent("the embedded database is not running; start it: chandlery db start")
    print(found)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show whether the embedded database runs, and where its data and log are."""
    state = asdict(embedded_database().status())
    if as_json:
        show_json(state)
        return
    for name, value in state.items():
        out.print(f"{name}: {value}", soft_wrap=True)


@app.command()
def shell() -> None:
    """Open psql on the database that commands use."""
    from local.backup.programs import connection_environment

    psql = shutil.which("psql")
    if psql is None:
        raise Permanent("psql is not installed; on Debian: apt install postgresql-client")
    # Not on its command line, which anybody on the machine may read.
    with psycopg_errors_translated():
        environment = os.environ | connection_environment(use_database())
    raise typer.Exit(subprocess.run([psql], env=environment, check=False).returncode)


app.command()(tune)
