"""The command line: one module per group of commands."""

import signal
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import version
from inspect import cleandoc
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from chandlery.platform.errors import ChandleryError
from chandlery.words.complaint import complaint
from local.command_line.stdout import NobodyReads, explained_stdout
from local.errors import Explained

# In the order in which they are listed: name → module and what it has of that name, loaded when asked for.
_COMMANDS = {
    "demo": "demo.demo",
    "up": "stack.up",
    "emulate": "emulate.emulate",
    "db": "database.app",
    "migrate": "migrations.app",
    "instruments": "instruments.app",
    "contracts": "contracts.app",
    "sessions": "reference.sessions",
    "feeds": "feeds.app",
    "import": "imports.app",
    "send": "send.send",
    "collect": "collect.collect",
    "backfill": "backfill.backfill",
    "invoke": "functions.invoke",
    "replay": "functions.replay",
    "candles": "candles.candles",
    "strikes": "option_chains.strikes",
    "chain": "option_chains.chain",
    "expiries": "option_chains.expiries",
    "sentiment": "summaries.sentiment",
    "flows": "summaries.flows",
    "show": "show.show",
    "watchlists": "watchlists.app",
    "alerts": "alerts.app",
    "refresh": "derived.refresh",
    "rebuild": "derived.rebuild",
    "verify": "verify.verify",
    "gaps": "gaps.gaps",
    "coverage": "coverage.coverage",
    "cadence": "cadences.app",
    "explain": "explain.explain",
    "policies": "policies.app",
    "signals": "signals.app",
    "outbox": "outbox.app",
    "changes": "outbox.changes",
    "status": "status.status",
    "backup": "backup.backup",
    "restore": "backup.restore",
}
_INTERRUPTED = "chandlery: interrupted; what was committed stays; to continue, run the same command again"


class _Commands(TyperGroup):
    """The commands; Typer itself would load all of them, and end an interrupted one without a word."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.commands = dict.fromkeys(_COMMANDS)  # type: ignore[assignment]  # only their names are asked for

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # as the base class has it
        """A command, loaded when first asked for; none if there is none of that name."""
        return _load(cmd_name) if cmd_name in _COMMANDS else None

    def invoke(self, ctx: Any) -> Any:
        """Run a command, and say what Ctrl-C left behind; a wrong option is told in the words of all wrong values."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            if isinstance(error.__cause__, ValidationError):
                error.message = complaint(error.__cause__.errors()[0])
            raise
        except KeyboardInterrupt:
            print(_INTERRUPTED, file=sys.stderr)
            raise typer.Exit(130) from None


@cache
def _load(name: str) -> Any:
    module, _, attribute = _COMMANDS[name].partition(".")
    found = getattr(import_module(f"{__name__}.{module}"), attribute)
    group = typer.Typer(add_completion=False)
    if isinstance(found, typer.Typer):
        group.add_typer(found, name=name)
    else:
        group.command(name)(found)
    command = typer.main.get_group(group).commands[name]
    _unwrap_help(command)
    return command


def _unwrap_help(command: Any) -> None:
    """Make each paragraph of help one line, which the terminal wraps; Typer keeps the line breaks of the source."""
    if command.help:
        paragraphs = cleandoc(command.help).split("\n\n")
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    for each in getattr(command, "commands", {}).values():
        _unwrap_help(each)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Makes and keeps a trading desk's candles. DATABASE_URL names the database; without it, commands start an"
    " embedded TimescaleDB, with its data under CHANDLERY_HOME (default .chandlery).",
)


def _show_version(asked: bool) -> None:
    if asked:
        from chandlery.platform.schema import REVISION  # imported here: psycopg takes a while

        print(f"chandlery {version('chandlery')}, schema {REVISION}")
        raise typer.Exit


@app.callback()
def _commands(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="show the version and its schema revision"
        ),
    ] = False,
) -> None:
    """Nothing else comes before a command."""


def main() -> None:
    """Run a command; a failure is one line on stderr and exit code 1, wrong usage exit code 2, Ctrl-C exit code 130.

    SIGTERM and a closed terminal end it as Ctrl-C does: what it started ends with it. Where nobody reads what it
    writes any more (`| head`), it ends as by SIGPIPE: exit code 141, without a word.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with explained_stdout():
            app()
    except NobodyReads:
        sys.exit(141)
    except (ChandleryError, Explained) as error:
        print(f"chandlery: {error}", file=sys.stderr)
        sys.exit(1)
