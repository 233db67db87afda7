"""`chandlery demo`: the main job, end to end, on generated ticks with faults put in."""

import contextlib
import io
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from psycopg import Connection

from chandlery.gaps.store import ledger
from chandlery.health.report_status import report_status
from chandlery.platform.connection import connect
from chandlery.platform.errors import Permanent
from chandlery.platform.migrations import alembic_config
from chandlery.platform.settings import LocalSettings, read_settings
from chandlery.reading.read_candles import Candle, CandleQuery, read_candles
from chandlery.reference.store import instruments, sessions
from chandlery.signals.list_signals import list_signals
from chandlery.signals.store.outcomes import sum_outcomes
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import HOUR, MINUTE, floor_minute
from local import calendars, demo_feed, demo_strategies
from local.command_line.candles import COLUMNS
from local.command_line.functions import call, scheduled_event
from local.command_line.liveness import at_work
from local.command_line.output import out, plain, show_rows, spell_counts
from local.command_line.status import show_verdict
from local.embedded import EmbeddedDatabase
from local.schedules import find_function

KEYS = ("DEMO@ALPHA@EQ", "DEMO@OMEGA@EQ")
START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
MINUTES, MORE_MINUTES = 10, 5
# Far enough ahead that no calendar is about to end.
KNOWN = timedelta(days=60)
SILENT = (6, 7)
# When the strategies are first there.
SPEAKING, LIVE_HOURS = datetime(2026, 1, 6, tzinfo=UTC), 4
SIGNAL_COUNTS = ("signals_raised", "signals_ended")
SPOKEN = ("time", "timeframe", "strategy", "price", "target_price", "stop_loss", "ended_by", "backfilled", "rationale")
OUTCOMES = ("strategy", "signals", "targets", "stops", "ambiguous", "others")
LIVE_COUNTS = ("candles_written", "candles_revised", "late_ticks", "gaps_filled")
ROLLED_UP = ("time", "open", "high", "low", "close", "volume", "trades", "minutes", "expected")


def demo() -> None:
    """Show ticks becoming candles, faults healing, a gap being filled, minutes rolled up; uses its own database."""
    if idle := read_settings().idle:
        raise Permanent(f"the demo shows every component at work: unset {', '.join(idle)}")
    home = LocalSettings().chandlery_home / "demo"
    database = EmbeddedDatabase(home, tied=True)
    database.stop()  # one that somebody started for a look at what a demo left
    shutil.rmtree(home, ignore_errors=True)
    out.print("starting an embedded TimescaleDB …")
    with at_work("starting") as tell:
        os.environ["DATABASE_URL"] = database.start(tell)
    try:
        _migrate()
        with connect(read_settings(), "demo") as connection:
            _show(connection)
            _speak(connection, home)
    finally:
        database.stop()
    out.print(f"\nto see it in a browser: CHANDLERY_HOME={home} chandlery up --no-schedules --open", soft_wrap=True)


def _migrate() -> None:
    from alembic import command  # imported here: no other command need wait for it

    out.print("migrating …")
    with at_work("migrating"):
        command.upgrade(alembic_config(os.environ["DATABASE_URL"], io.StringIO()), "head")


def _show(connection: Connection) -> None:
    sessions.replace(connection, calendars.from_library("XNYS", START.date(), START.date() + KNOWN))
    for key in KEYS:
        instruments.add(connection, key, "XNYS", "demo")
    alpha, omega = (instruments.find(connection, key).instrument_id for key in KEYS)

    out.rule("ten minutes of ticks, the live processor each minute")
    feed = _Feed(connection, alpha, omega)
    for number in range(MINUTES):
        feed.stream(number)
    at, held_back, lost = START + MINUTES * MINUTE, feed.held_back[0], feed.lost

    out.rule("a late tick")
    out.print(f"the highest tick of {plain(held_back.time)} was held back, and arrives now")
    demo_feed.insert(connection, alpha, [held_back])
    out.print(f"candle before: {_candle(connection, held_back.time)}")
    out.print(f"live processor: {_process(at)}")
    out.print(f"candle after:  {_candle(connection, held_back.time)}")

    out.rule("a duplicate")
    new = demo_feed.insert(connection, alpha, [held_back])
    out.print(f"the same tick again: {new} new ticks")
    out.print(f"live processor: {_process(at := at + MINUTE)}")

    out.rule("an instrument falls silent")
    out.print(f"{KEYS[1]} had no tick for two minutes, while the feed lived: not plausible at its own rate")
    out.print(f"live gap monitor: {_watch(at)}")
    _show_gaps(connection)
    new = demo_feed.insert(connection, omega, lost)
    out.print(f"its {new} lost ticks arrive after all")
    out.print(f"live processor: {_process(at := at + MINUTE)}")

    out.rule("a candle is deleted by another hand")
    connection.execute("DELETE FROM market.candles WHERE instrument_id = %s AND time = %s", [alpha, START])
    out.print(f"live processor: {_process(at := at + MINUTE)}")
    out.print(f"candle after:  {_candle(connection, START)}")
    out.print(f"live gap monitor: {_watch(START + (MINUTES + 1) * MINUTE)}")
    _show_gaps(connection)

    rows = [candle._asdict() for candle in _read(connection, Timeframe.M1, START, at)]
    show_rows(rows, COLUMNS, title=f"{KEYS[0]} 1m", as_json=False)

    out.rule("five more minutes, policies, and higher timeframes")
    for number in range(MINUTES, MINUTES + MORE_MINUTES):
        feed.stream(number)
    at = START + (MINUTES + MORE_MINUTES) * MINUTE
    out.print(f"live gap monitor: {_watch(at)}")
    out.print(f"policy maintenance: {_maintain(at)}")
    rows = [candle._asdict() for candle in _read(connection, Timeframe.M5, START, at)]
    show_rows(rows, ROLLED_UP, title=f"{KEYS[0]} 5m", as_json=False)
    show_verdict(report_status(connection, at))


def _speak(connection: Connection, folder: Path) -> None:
    """Three strategies over weeks of another instrument, then over hours as they come."""
    at, coin = SPEAKING, demo_strategies.Coin(connection, folder, SPEAKING)
    out.rule("three strategies: signals.example.toml")
    with at_work("refreshing, computing indicators, judging"):
        out.print(f"{coin.trade(at):,} candles of {demo_strategies.KEY}: {_judge(connection, at)}, backfilled")
    for _ in range(LIVE_HOURS):
        at += HOUR
        out.print(f"{coin.trade(at):,} candles of an hour later: {_judge(connection, at)}")
    rows = [asdict(each) for each in list_signals(connection, limit=8).signals]
    show_rows(rows, SPOKEN, title="the newest signals", as_json=False)
    outcomes = [asdict(each) for each in sum_outcomes(connection, backfilled=True)]
    show_rows(outcomes, OUTCOMES, title="what became of those before", as_json=False)


def _judge(connection: Connection, at: datetime) -> str:
    return spell_counts(asdict(demo_strategies.process(connection, at + 2 * MINUTE)), SIGNAL_COUNTS)


class _Feed:
    """Ticks of two instruments, a minute at a time; one of the first and two minutes of the second are held back."""

    def __init__(self, connection: Connection, alpha: int, omega: int) -> None:
        self._connection, self._alpha, self._omega = connection, alpha, omega
        self._random = Random(20)  # noqa: S311  # a demo's prices need no secrecy
        self._prices = {alpha: Decimal("101.50"), omega: Decimal("54.20")}
        self.held_back, self.lost = list[demo_feed.Tick](), list[demo_feed.Tick]()

    def stream(self, number: int) -> None:
        """Send a minute's ticks, and have the live processor run after it."""
        minute = START + number * MINUTE
        total = 0
        for instrument_id in self._prices:
            ticks = list(demo_feed.minute_of_ticks(self._random, minute, self._prices[instrument_id]))
            self._prices[instrument_id] = ticks[-1].price
            if instrument_id == self._alpha and number == 2:
                self.held_back.append(max(ticks[1:-1], key=lambda tick: tick.price))
                ticks.remove(self.held_back[0])
            if instrument_id == self._omega and number in SILENT:
                self.lost += ticks
                continue
            total += demo_feed.insert(self._connection, instrument_id, ticks)
        out.print(f"{plain(minute)}  {total:3} ticks → {_process(minute + MINUTE)}")


def _process(at: datetime) -> str:
    return _run("live_processor", at, LIVE_COUNTS)


def _watch(at: datetime) -> str:
    return _run("live_gap_monitor", at, ("gaps_found", "gaps_filled", "gaps_open", "coverage_24h"))


def _maintain(at: datetime) -> str:
    return _run("policy_maintenance", at, ("drift_applied", "policies_done", "stale_taken", "stale_waiting"))


def _run(function: str, at: datetime, counts: Sequence[str]) -> str:
    with contextlib.redirect_stdout(io.StringIO()):
        report: dict[str, Any] = call(find_function(function), scheduled_event(at))
    return spell_counts(report, counts)


def _read(connection: Connection, timeframe: Timeframe, starts: datetime, ends: datetime) -> Sequence[Candle]:
    query = CandleQuery(timeframe, starts, ends)
    return read_candles(connection, instruments.find(connection, KEYS[0]), query, ends).candles


def _candle(connection: Connection, moment: datetime) -> str:
    minute = floor_minute(moment)
    (candle,) = _read(connection, Timeframe.M1, minute, minute + MINUTE)
    return f"high {plain(candle.high)}, trades {candle.trades}, {candle.source}, revision {candle.revision}"


def _show_gaps(connection: Connection) -> None:
    rows = [asdict(gap) for gap in ledger.list_gaps(connection, ledger.Choice(healed=True))]
    show_rows(rows, ("key", "starts", "ends", "minutes", "reason", "healed_from"), title="gaps", as_json=False)
