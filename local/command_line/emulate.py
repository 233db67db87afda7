"""`chandlery emulate`: the deployed stack, in an AWS on this machine, until Ctrl-C."""

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.errors import Permanent, Retryable
from chandlery.platform.settings import LocalSettings, Settings
from chandlery.reading.read_candles import Candle, CandleQuery, read_candles
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store import instruments
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, MINUTE
from local import calendars
from local.command_line.demo import KEYS, LIVE_COUNTS
from local.command_line.liveness import at_work
from local.command_line.output import out, plain, spell_counts
from local.embedded import EmbeddedDatabase
from local.emulation import building, stack
from local.emulation.aws import INTERPRETER, Emulator
from local.emulation.errors import EmulationError
from local.emulation.feed import LiveFeed
from local.emulation.runs import Run, alarms_of_failures, runs_of

KEY = KEYS[0]
CALENDAR = "24/7"
_LONGEST_SECONDS = 900


def emulate(
    port: Annotated[int, typer.Option(min=0, max=65535, help="port of the emulator; 0: any free port")] = 4566,
    runs: Annotated[
        int | None, typer.Option(min=1, help="stop after N runs; at Ctrl-C when absent", metavar="N")
    ] = None,
) -> None:
    """Build the stack, deploy it to an emulated AWS on this machine, and watch it make candles until Ctrl-C."""
    if not (building.REPO / "template.yaml").exists():
        raise Permanent("the emulation builds the stack from a checkout: run make emulate in one")
    if not INTERPRETER.exists():
        raise Permanent("the tools that build and deploy are not installed: make emulate")
    home = LocalSettings().chandlery_home.resolve() / "emulated"
    emulator = Emulator(home / "aws", port)
    with _alone(home):
        database = EmbeddedDatabase(home / "database", tied=True)
        database.stop()  # one that somebody started for a look at what an emulation left
        shutil.rmtree(home, ignore_errors=True)
        (home / "aws").mkdir(parents=True)
        out.print("sam build …")
        with at_work("sam build"):
            building.build(home / "build")
        try:
            with ExitStack() as entered:
                with at_work("starting the emulator and a database"):
                    aws, url = entered.enter_context(emulator), database.start()
                _deploy_and_watch(aws, home / "build", url, runs)
        except KeyboardInterrupt:
            out.print("stopped")
        finally:
            database.stop()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f"{home.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Permanent(f"an emulation runs in {home} already: end it, or set CHANDLERY_HOME") from None
        yield


def _deploy_and_watch(aws: Emulator, built: Path, url: str, runs: int | None) -> None:
    out.print("sam deploy …")
    with at_work("sam deploy"):
        stack.deploy(aws, built, url)
    today = datetime.now(UTC).date()
    with at_work("migrating"):
        revision = aws.invoke(stack.MIGRATE, {"do": "upgrade"})["revision"]
        known = calendars.from_library(CALENDAR, today - 7 * DAY, today + 60 * DAY)
        aws.invoke(stack.MIGRATE, calendars.as_event([known]))
    out.print(f"migrate: schema {revision}")
    _show_the_way(aws, url)
    with connect(Settings(database_url=url), "emulate") as connection:
        instruments.add(connection, KEY, CALENDAR, "demo")
        instrument = instruments.find(connection, KEY)
    watch(aws, url, instrument, runs)


def _show_the_way(aws: Emulator, url: str) -> None:
    told = aws.access | {"DATABASE_URL": url, "API": stack.api_url(aws)}
    out.print(f"the stack {stack.NAME} is deployed; for another shell:")
    out.print("export " + " ".join(f"{name}={value}" for name, value in told.items()), soft_wrap=True)


def watch(aws: Emulator, url: str, instrument: Instrument, most_runs: int | None) -> None:
    """Send ticks as time passes, and tell of each run that the schedule makes; for so many runs, or for good.

    Raises:
        EmulationError: no run ended for fifteen minutes.
    """
    feed, told, since, last = LiveFeed(instrument.instrument_id), 0, 0, time.monotonic()
    while most_runs is None or told < most_runs:
        time.sleep(1)
        try:
            with connect(Settings(database_url=url), "emulate") as connection:
                feed.send_until(connection, datetime.now(UTC))
                for run in runs_of(aws, stack.LIVE_PROCESSOR, since):
                    _show_run(run, aws, connection, instrument)
                    told, since, last = told + 1, run.logged_at + 1, time.monotonic()
        except Retryable as error:
            out.print(f"{error}; trying again", style="red", markup=False, soft_wrap=True)
        if time.monotonic() - last > _LONGEST_SECONDS:
            raise EmulationError(f"the live processor ended no run in fifteen minutes; the emulator's log:\n{aws.log}")


def _show_run(run: Run, aws: Emulator, connection: Connection, instrument: Instrument) -> None:
    at = datetime.fromisoformat(run.scheduled_at)
    if run.error is not None:
        out.print(f"{plain(at)}  live processor failed: {run.error}", style="red", markup=False, soft_wrap=True)
        for name, description in alarms_of_failures(aws, run.service):
            out.print(f"  after three of them {name} would alarm: {description}", markup=False, soft_wrap=True)
        return
    out.print(f"{plain(at)}  live processor: {spell_counts(run.counts, LIVE_COUNTS)}")
    query = CandleQuery(Timeframe.M1, at - MINUTE, at)
    for candle in read_candles(connection, instrument, query, at).candles:
        out.print(f"  {instrument.key} {_line(candle)}")


def _line(candle: Candle) -> str:
    prices = ", ".join(f"{name} {plain(getattr(candle, name))}" for name in ("open", "high", "low", "close"))
    return f"{plain(candle.time)} {prices}, volume {plain(candle.volume)}, trades {candle.trades}"
