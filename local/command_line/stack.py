"""`chandlery up`: the whole stack on one machine, until Ctrl-C."""

import contextlib
import os
import sys
import time
import webbrowser
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from psycopg.conninfo import conninfo_to_dict

from chandlery.platform.errors import ChandleryError
from chandlery.platform.settings import read_settings
from chandlery.words.window import MINUTE, Window
from local import page
from local.command_line.database import open_connection, use_database
from local.command_line.functions import Metrics, call, metrics_if, scheduled_event
from local.command_line.liveness import at_work
from local.command_line.options import User
from local.command_line.output import err, out, plain
from local.http_server import LOCAL_USER, serving
from local.schedules import Function, firings, next_minute, read_functions


def up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="port of the HTTP API; 0: any free port")] = 8000,
    sandboxes: Annotated[int, typer.Option(min=1, max=64, help="requests answered at the same time")] = 2,
    schedules: Annotated[
        bool, typer.Option("--schedules/--no-schedules", help="without schedules nothing is written or dropped")
    ] = True,
    user: User = LOCAL_USER,
    metrics: Metrics = False,
    open_page: Annotated[bool, typer.Option("--open", help="open the page in a browser")] = False,
) -> None:
    """Run the whole stack until Ctrl-C: database, HTTP API and every schedule of template.yaml. Logs go to stderr."""
    embedded = read_settings().database_url is None
    url = use_database()
    with at_work("checking the schema"):
        open_connection().close()
    functions = read_functions() if schedules else []
    out.print(f"database {url if embedded else _without_password(url)}", markup=False, soft_wrap=True)
    for function in functions:
        if function.schedule:
            out.print(f"{function.name}: {function.schedule}")
    for variable in read_settings().idle if schedules else ():
        err.print(f"[yellow]{variable} is set: what it switches off writes nothing[/yellow]")
    with _changes_published(), metrics_if(metrics), serving(port, sandboxes, os.environ, user=user) as address:
        out.print(f"http_api: {address}, its documentation {address}/docs", soft_wrap=True)
        out.print(f"metrics for Prometheus: {address}/metrics", soft_wrap=True)
        _show_page(address, opens=open_page)
        with contextlib.suppress(KeyboardInterrupt):
            out.print("running; Ctrl-C stops")
            _keep_schedules(functions)
    out.print("stopped" + ("; the embedded database keeps running; to stop it: chandlery db stop" if embedded else ""))


@contextlib.contextmanager
def _changes_published() -> Iterator[None]:
    """Publish what the schedules change, for /api/v1/events, unless the environment says otherwise."""
    if "CHANGES_PUBLISHED" in os.environ:
        yield
        return
    os.environ["CHANGES_PUBLISHED"] = "true"
    try:
        yield
    finally:
        del os.environ["CHANGES_PUBLISHED"]


def _show_page(address: str, *, opens: bool) -> None:
    """Say where the page is, and what it lacks; open it where that is asked for."""
    if remedy := page.missing():
        err.print(
            f"the page lacks the library that it draws with: {remedy}", style="yellow", markup=False, soft_wrap=True
        )
        return
    out.print(f"page: {address}/", soft_wrap=True)
    if opens and not webbrowser.open(address):
        err.print(f"no browser was found here: open {address}/", style="yellow", soft_wrap=True)


def _without_password(url: str) -> str:
    """Which database a URL names, and as whom: what may be shown."""
    known = conninfo_to_dict(url)
    return " ".join(f"{name}={known[name]}" for name in ("host", "port", "dbname", "user") if known.get(name))


def _keep_schedules(functions: Sequence[Function]) -> None:
    minute = next_minute(datetime.now(UTC))
    while True:
        time.sleep(max((minute - datetime.now(UTC)) / timedelta(seconds=1), 0.0))
        for moment, function in firings(functions, Window(minute, minute + MINUTE)):
            _fire(function, moment)
        minute += MINUTE


def _fire(function: Function, moment: datetime) -> None:
    """Run a function; like EventBridge, go on with the next firing when it fails."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            call(function, scheduled_event(moment))
    except ChandleryError as error:
        told = f"{function.name} at {plain(moment)} failed: {error}"
        err.print(told, style="red", markup=False, soft_wrap=True)
