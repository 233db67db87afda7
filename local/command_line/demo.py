"""`chandlery demo`: the main job, end to end, on generated ticks with faults put in."""

import contextlib
import io
import os
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

from alembic import command
from psycopg import Connection

from chandlery.domain.window import MINUTE, Window
from chandlery.settings import LocalSettings, read_settings
from chandlery.store import candles, instruments, sessions
from chandlery.store.connection import connect
from chandlery.store.migrations import alembic_config
from chandlery.usecases.report_status import report_status
from local import calendars, demo_feed
from local.command_line.candles import COLUMNS
from local.command_line.functions import call, scheduled_event
from local.command_line.output import out, plain, show_rows
from local.command_line.status import health_line
from local.embedded import EmbeddedDatabase
from local.schedules import find_function

KEYS = ("DEMO@ALPHA@EQ", "DEMO@OMEGA@EQ")
START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
MINUTES = 10


def demo() -> None:
    """Watch ticks become candles, a late tick heal one, and a duplicate change nothing; on a database of its own."""
    home = LocalSettings().chandlery_home / "demo"
    database = EmbeddedDatabase(home)
    database.stop()  # what a demo that was killed may have left
    shutil.rmtree(home, ignore_errors=True)
    out.print("starting an embedded TimescaleDB …")
    os.environ["DATABASE_URL"] = database.start()
    try:
        _migrate()
        with connect(read_settings(), "demo") as connection:
            _tell(connection)
    finally:
        database.stop()


def _migrate() -> None:
    out.print("migrating …")
    command.upgrade(alembic_config(os.environ["DATABASE_URL"], io.StringIO()), "head")


def _tell(connection: Connection) -> None:
    sessions.replace(connection, calendars.from_library("XNYS", START.date(), START.date()))
    for key in KEYS:
        instruments.add(connection, key, "XNYS", "demo")
    alpha, omega = (instruments.find(connection, key).instrument_id for key in KEYS)

    out.rule("ten minutes of ticks, the live processor each minute")
    held_back = _stream(connection, alpha, omega)

    out.rule("a late tick")
    out.print(f"the dearest tick of {plain(held_back.time)} was held back, and arrives now")
    demo_feed.insert(connection, alpha, [held_back])
    out.print(f"candle before: {_high(connection, alpha, held_back.time)}")
    out.print(f"live processor: {_run(START + MINUTES * MINUTE)}")
    out.print(f"candle after:  {_high(connection, alpha, held_back.time)}")

    out.rule("a duplicate")
    new = demo_feed.insert(connection, alpha, [held_back])
    out.print(f"the same tick again: {new} new ticks")
    out.print(f"live processor: {_run(START + (MINUTES + 1) * MINUTE)}")

    at = START + (MINUTES + 1) * MINUTE
    rows = [asdict(candle) for candle in candles.read(connection, alpha, Window(START, at))]
    show_rows(rows, COLUMNS, title=f"{KEYS[0]} 1m", as_json=False)
    out.print(health_line(report_status(connection, at)))


def _stream(connection: Connection, alpha: int, omega: int) -> demo_feed.Tick:
    """Ten minutes of two instruments; one tick of the first is held back, and returned."""
    random = Random(20)  # noqa: S311  # a demo's prices need no secrecy
    prices = {alpha: Decimal("101.50"), omega: Decimal("54.20")}
    held_back: demo_feed.Tick | None = None
    for number in range(MINUTES):
        minute = START + number * MINUTE
        total = 0
        for instrument_id in (alpha, omega):
            ticks = list(demo_feed.minute_of_ticks(random, minute, prices[instrument_id]))
            prices[instrument_id] = ticks[-1].price
            if instrument_id == alpha and number == 2:
                held_back = max(ticks[1:-1], key=lambda tick: tick.price)
                ticks.remove(held_back)
            total += demo_feed.insert(connection, instrument_id, ticks)
        out.print(f"{plain(minute)}  {total:3} ticks → {_run(minute + MINUTE)}")
    if held_back is None:
        raise AssertionError("the demo is longer than two minutes")
    return held_back


def _run(at: datetime) -> str:
    with contextlib.redirect_stdout(io.StringIO()):
        report: dict[str, Any] = call(find_function("live_processor"), scheduled_event(at))
    told = ("candles_written", "candles_revised", "late_ticks")
    return ", ".join(f"{report[name]} {name.replace('_', ' ')}" for name in told)


def _high(connection: Connection, instrument_id: int, moment: datetime) -> str:
    minute = moment.replace(second=0, microsecond=0)
    (candle,) = candles.read(connection, instrument_id, Window(minute, minute + MINUTE))
    return f"high {plain(candle.high)}, trades {candle.trades}, revision {candle.revision}"
