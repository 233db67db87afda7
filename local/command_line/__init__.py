"""The command line: one module per group of commands."""

import signal
import sys
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from importlib.metadata import version
from inspect import cleandoc
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from typer.completion import completion_init  # type: ignore[attr-defined]  # it has no other home
from typer.core import CompletionItem, TyperCommand, TyperGroup  # type: ignore[attr-defined]

from chandlery.platform.errors import ChandleryError
from chandlery.words.complaint import complaint
from local.command_line import moments
from local.command_line.stdout import NobodyReads, explained_stdout
from local.errors import Explained

# What help lists, group by group: name → module and what it has of that name, loaded when asked for.
_GROUPS = {
    "Begin": {
        "demo": "demo.demo",
        "up": "stack.up",
        "status": "status.status",
        "completion": "completion.completion",
    },
    "Say what is traded, and when": {
        "instruments": "instruments.app",
        "contracts": "contracts.app",
        "sessions": "reference.sessions",
        "feeds": "feeds.app",
        "cadence": "cadences.app",
    },
    "Bring data in": {
        "import": "imports.app",
        "send": "send.send",
        "collect": "collect.collect",
        "backfill": "backfill.backfill",
    },
    "Read data": {
        "candles": "candles.candles",
        "strikes": "option_chains.strikes",
        "chain": "option_chains.chain",
        "expiries": "option_chains.expiries",
        "sentiment": "summaries.sentiment",
        "flows": "summaries.flows",
        "show": "show.show",
        "indicators": "indicators.app",
        "export": "export.export",
    },
    "Act on it": {
        "signals": "signals.app",
        "watchlists": "watchlists.app",
        "alerts": "alerts.app",
        "changes": "outbox.changes",
        "outbox": "outbox.app",
    },
    "See what is missing, and why": {
        "gaps": "gaps.gaps",
        "coverage": "coverage.coverage",
        "explain": "explain.explain",
        "verify": "verify.verify",
    },
    "Run and repair": {
        "invoke": "functions.invoke",
        "replay": "functions.replay",
        "refresh": "derived.refresh",
        "rebuild": "derived.rebuild",
        "policies": "policies.app",
    },
    "Keep the database": {
        "db": "database.app",
        "migrate": "migrations.app",
        "backup": "backup.backup",
        "restore": "backup.restore",
        "emulate": "emulate.emulate",
    },
}
_COMMANDS = {name: place for group in _GROUPS.values() for name, place in group.items()}
_GROUP_OF = {name: title for title, group in _GROUPS.items() for name in group}
_INTERRUPTED = "chandlery: interrupted; what was committed stays; to continue, run the same command again"


class _Commands(TyperGroup):
    """The commands; Typer itself would load all of them, and end an interrupted one without a word."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.commands = dict.fromkeys(_COMMANDS)  # type: ignore[assignment]  # only their names are asked for
        completion_init()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # as the base class has it
        """A command, loaded when first asked for; none if there is none of that name."""
        return _load(cmd_name) if cmd_name in _COMMANDS else None

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """The names that a word may become: without loading any command, for somebody waits at the keyboard."""
        names = [CompletionItem(name, help=_GROUP_OF[name]) for name in _COMMANDS if name.startswith(incomplete)]
        return [*names, *super(TyperGroup, self).shell_complete(ctx, incomplete)]

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


class _Command(TyperCommand):
    """A command whose arguments may be times before now, such as -5m, which the parser would take for options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The same with another minus, which the reader of times knows."""
        return super().parse_args(
            ctx, [moments.MINUS + each[1:] if moments.NEGATIVE.fullmatch(each) else each for each in args]
        )


@cache
def _load(name: str) -> Any:
    module, _, attribute = _COMMANDS[name].partition(".")
    found = getattr(import_module(f"{__name__}.{module}"), attribute)
    group = typer.Typer(add_completion=False)
    if isinstance(found, typer.Typer):
        group.add_typer(found, name=name)
    else:
        group.command(name, cls=_Command)(found)
    command: Any = typer.main.get_group(group).commands[name]
    command.rich_help_panel = _GROUP_OF[name]
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
    invoke_without_command=True,
    add_completion=False,
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
    context: typer.Context,
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="show the version and its schema revision"
        ),
    ] = False,
) -> None:
    """Read the clock, the only time that a command does; without a command, lead a newcomer."""
    moments.begin(datetime.now(UTC))
    if context.invoked_subcommand is None:
        from local.command_line.welcome import welcome  # imported here: psycopg takes a while

        welcome()


def main() -> None:
    """Run a command; a failure is one line on stderr and exit code 1, wrong usage exit code 2, Ctrl-C exit code 130.

    SIGTERM and a closed terminal end it as Ctrl-C does: what it started ends with it. Where nobody reads what it
    writes any more (`| head`), it ends as by SIGPIPE: exit code 141, without a word.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with explained_stdout():
            app(prog_name="chandlery")
    except NobodyReads:
        sys.exit(141)
    except (ChandleryError, Explained) as error:
        print(f"chandlery: {error}", file=sys.stderr)
        sys.exit(1)
