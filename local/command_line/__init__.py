"""The command line: one module per group of commands."""

import signal
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from chandlery.errors import ChandleryError
from local.command_line import (
    backfill,
    backup,
    candles,
    coverage,
    database,
    demo,
    derived,
    emulate,
    explain,
    feeds,
    functions,
    gaps,
    imports,
    migrations,
    policies,
    reference,
    stack,
    status,
)
from local.errors import Explained

_INTERRUPTED = "chandlery: interrupted; what was committed stays, and the same command, run again, goes on"


class _Commands(TyperGroup):
    """The commands; Typer itself would end an interrupted one without a word."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command, and say what Ctrl-C left behind."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print(_INTERRUPTED, file=sys.stderr)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Makes and keeps a trading desk's candles. DATABASE_URL picks the database; without it an embedded TimescaleDB"
    " is started, with its data under CHANDLERY_HOME (default .chandlery).",
)
app.command("demo")(demo.demo)
app.command("up")(stack.up)
app.command("emulate")(emulate.emulate)
app.add_typer(database.app, name="db")
app.add_typer(migrations.app, name="migrate")
app.add_typer(reference.instruments, name="instruments")
app.add_typer(reference.sessions, name="sessions")
app.add_typer(feeds.app, name="feeds")
app.add_typer(imports.app, name="import")
app.command("backfill")(backfill.backfill)
app.command("invoke")(functions.invoke)
app.command("replay")(functions.replay)
app.command("candles")(candles.candles)
app.command("refresh")(derived.refresh)
app.command("rebuild")(derived.rebuild)
app.command("gaps")(gaps.gaps)
app.command("coverage")(coverage.coverage)
app.command("explain")(explain.explain)
app.add_typer(policies.app, name="policies")
app.command("status")(status.status)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)


def main() -> None:
    """Run a command; a failure is one line on stderr and exit code 1, wrong usage exit code 2, Ctrl-C exit code 130.

    SIGTERM and a closed terminal end it as Ctrl-C does: what it started ends with it.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        app()
    except (ChandleryError, Explained) as error:
        print(f"chandlery: {error}", file=sys.stderr)
        sys.exit(1)
