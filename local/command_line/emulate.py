"""`chandlery emulate`: the deployed stack, in an AWS on this machine, until Ctrl-C."""

import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from psycopg import Connection

from chandlery.domain.window import DAY, MINUTE, Window
from chandlery.errors import Permanent
from chandlery.settings import LocalSettings, Settings
from chandlery.store import candles, instruments
from chandlery.store.connection import connect
from local import calendars
from local.command_line.output import out, plain
from local.embedded import EmbeddedDatabase
from local.emulation import building, stack
from local.emulation.aws import INTERPRETER, Emulator
from local.emulation.errors import EmulationError
from local.emulation.feed import LiveFeed
from local.emulation.runs import Run, alarms_of_failures, runs_of

KEY = "DEMO@ALPHA@EQ"
CALENDAR = "24/7"
_LONGEST_SECONDS = 180
_TOLD = ("candles_written", "candles_revised", "late_ticks", "gaps_filled")


def emulate(
    port: Annotated[int, typer.Option(min=0, max=65535, help="where the emulator listens; 0: any free port")] = 4566,
    runs: Annotated[int | None, typer.Option(min=1, help="end after so many runs; at Ctrl-C when absent")] = None,
) -> None:
    """Build and deploy the stack to an AWS on this machine, and watch its schedule make candles, until Ctrl-C."""
    if not INTERPRETER.exists():
        raise Permanent("the tools that build and deploy are not installed: make emulate")
    home = LocalSettings().chandlery_home.resolve() / "emulated"
    database = EmbeddedDatabase(home / "database")
    database.stop()  # what one that was killed may have left
    shutil.rmtree(home, ignore_errors=True)
    (home / "aws").mkdir(parents=True)
    out.print("sam build …")
    building.build(home / "build")
    try:
        with Emulator(home / "aws", port) as aws:
            _deploy_and_watch(aws, home / "build", database.start(), runs)
    except KeyboardInterrupt:
        out.print("stopped")
    finally:
        database.stop()


def _deploy_and_watch(aws: Emulator, built: Path, url: str, runs: int | None) -> None:
    out.print("sam deploy …")
    stack.deploy(aws, built, url)
    out.print(f"migrate: schema {aws.invoke(f'{stack.NAME}-migrate', {'do': 'upgrade'})['revision']}")
    today = datetime.now(UTC).date()
    known = calendars.from_library(CALENDAR, today - 7 * DAY, today + 60 * DAY)
    aws.invoke(f"{stack.NAME}-migrate", calendars.as_event([known]))
    _tell_the_way(aws.access | {"DATABASE_URL": url})
    with connect(Settings(database_url=url), "emulate") as connection:
        instruments.add(connection, KEY, CALENDAR, "demo")
        watch(aws, connection, instruments.find(connection, KEY).instrument_id, runs)


def _tell_the_way(access: Mapping[str, str]) -> None:
    out.print(f"the stack {stack.NAME} stands; for another shell:")
    out.print("export " + " ".join(f"{name}={value}" for name, value in access.items()), soft_wrap=True)


def watch(aws: Emulator, connection: Connection, instrument_id: int, most_runs: int | None) -> None:
    """Send ticks as time passes, and tell of each run that the schedule makes; for so many runs, or for good.

    Raises:
        EmulationError: no run ended for three minutes.
    """
    feed, told, last = LiveFeed(connection, instrument_id), 0, time.monotonic()
    while most_runs is None or told < most_runs:
        time.sleep(1)
        feed.send_until(datetime.now(UTC))
        for run in runs_of(aws, f"{stack.NAME}-live-processor")[told:]:
            told, last = told + 1, time.monotonic()
            _tell_of(run, aws, connection, instrument_id)
        if time.monotonic() - last > _LONGEST_SECONDS:
            raise EmulationError(
                f"no run of the live processor ended for three minutes; the emulator's log:\n{aws.log}"
            )


def _tell_of(run: Run, aws: Emulator, connection: Connection, instrument_id: int) -> None:
    at = datetime.fromisoformat(run.scheduled_at)
    if run.error is not None:
        out.print(f"{plain(at)}  live processor failed: {run.error}", style="red", markup=False, soft_wrap=True)
        for name, description in alarms_of_failures(aws, run.service):
            out.print(f"  its alarm {name}: {description}", markup=False, soft_wrap=True)
        return
    out.print(f"{plain(at)}  live processor: " + ", ".join(f"{run.counts[n]} {n.replace('_', ' ')}" for n in _TOLD))
    for candle in candles.read(connection, instrument_id, Window(at - MINUTE, at)):
        out.print(f"  {KEY} {_line(candle)}")


def _line(candle: candles.Candle) -> str:
    prices = ", ".join(f"{name} {plain(getattr(candle, name))}" for name in ("open", "high", "low", "close"))
    return f"{plain(candle.time)} {prices}, volume {plain(candle.volume)}, trades {candle.trades}"
