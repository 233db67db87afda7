"""`chandlery migrate`: Alembic's own verbs. Alembic itself is imported late: other commands need not wait for it."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from chandlery.platform.check_schema import check_schema
from chandlery.platform.migrations import alembic_config, run_verb
from chandlery.words.counting import spell
from local.command_line.database import open_connection, use_database
from local.command_line.liveness import at_work
from local.command_line.options import AsJson
from local.command_line.output import out, show_json
from local.new_migration import create_migration

app = typer.Typer(
    no_args_is_help=True,
    help="Create, upgrade and check the schema. The commands are Alembic's own, except `check` and `revision`.",
)

Sql = Annotated[bool, typer.Option("--sql", help="print the SQL instead of running it")]


@app.command()
def upgrade(revision: Annotated[str, typer.Argument()] = "head", sql: Sql = False) -> None:
    """Create the schema, or upgrade it to a revision."""
    _run("upgrade", revision, sql=sql, offline=sql)


# "-1" is no option, but one revision back.
@app.command(context_settings={"ignore_unknown_options": True})
def downgrade(revision: str, sql: Sql = False) -> None:
    """Go back to a revision (`-1`: one back; `base`: an empty database); dropped data is gone. With --sql: FROM:TO."""
    _run("downgrade", revision, sql=sql, offline=sql)


@app.command()
def current() -> None:
    """Show the database's revision."""
    _run("current")


@app.command()
def check(as_json: AsJson = False) -> None:
    """Compare the schema with what the migrations create; exits 1 if anything is missing or differs."""
    with open_connection() as connection:
        report = check_schema(connection)
    if as_json:
        show_json(asdict(report))
    else:
        for line in [*report.differing, *report.additional]:
            out.print(line, markup=False, soft_wrap=True)
        differing = (
            spell(len(report.differing), "thing differs", "things differ") if report.differing else "nothing differs"
        )
        out.print(f"revision {report.revision}: {differing} from what the migrations create")
    raise typer.Exit(1 if report.differing else 0)


@app.command()
def history() -> None:
    """List the revisions."""
    _run("history", offline=True)


@app.command()
def stamp(revision: str, sql: Sql = False) -> None:
    """Set the stored revision without running any migration."""
    _run("stamp", revision, sql=sql, offline=sql)


@app.command()
def revision(
    message: Annotated[str, typer.Option("--message", "-m", help="what it creates, in a few words")],
) -> None:
    """Create the files of a new migration in a checkout, with the next number, and list what is left to do."""
    files, left = create_migration(message, Path(__file__).resolve().parents[2])
    for file in files:
        out.print(str(file), markup=False)
    print(f"left to do:\n{left}", end="", file=sys.stderr)


def _run(verb: str, *arguments: str, offline: bool = False, **options: Any) -> None:
    if offline:
        run_verb(verb, alembic_config("postgresql://", sys.stdout), *arguments, **options)
        return
    url = use_database(may_create=True)
    with at_work(f"migrate {verb}"):
        run_verb(verb, alembic_config(url, sys.stdout), *arguments, **options)
