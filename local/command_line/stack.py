"""`chandlery up`: the whole stack on one machine, until Ctrl-C."""

import contextlib
import sys
import time
from datetime import UTC, datetime, timedelta

from chandlery.domain.window import MINUTE, Window
from chandlery.errors import ChandleryError
from local.command_line.database import open_connection, use_database
from local.command_line.functions import call, scheduled_event
from local.command_line.output import err, out, plain
from local.schedules import Function, firings, next_minute, read_functions


def up() -> None:
    """Start the database, and fire every schedule of template.yaml at its time until Ctrl-C; logs go to stderr."""
    url = use_database()
    open_connection().close()
    functions = read_functions()
    out.print(f"database {url}", soft_wrap=True)
    for function in functions:
        out.print(f"{function.name}: {function.schedule or 'no schedule'}")
    out.print("running; Ctrl-C stops")
    try:
        minute = next_minute(datetime.now(UTC))
        while True:
            time.sleep(max((minute - datetime.now(UTC)) / timedelta(seconds=1), 0.0))
            for moment, function in firings(functions, Window(minute, minute + MINUTE)):
                _fire(function, moment)
            minute += MINUTE
    except KeyboardInterrupt:
        out.print("stopped")


def _fire(function: Function, moment: datetime) -> None:
    """Run a function; like EventBridge, go on with the next firing when it fails."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            call(function, scheduled_event(moment))
    except ChandleryError as error:
        err.print(f"[red]{function.name} at {plain(moment)} failed: {error}[/red]")
