"""`chandlery collect`: an exchange's trades as they happen, in one command."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from chandlery.platform.errors import NotFound
from chandlery.platform.settings import LocalSettings
from chandlery.reference.store import instruments
from chandlery.words.counting import spell
from local.collecting.collector import Collected, Collector, spell_missed
from local.collecting.destinations import Database, Destination, Sent
from local.collecting.exchange import Exchange
from local.collecting.follower import Pace
from local.command_line.database import open_connection
from local.command_line.instruments import fill_calendar
from local.command_line.liveness import Say, at_work
from local.command_line.options import AsJson
from local.command_line.output import err, out, show_json
from local.command_line.reference import resolve
from local.sending import find_target

_DATABASE = "database"
_HOUR = 3_600.0


def collect(
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL…", help="as ccxt spells them: BTC/USDT ETH/USDT")],
    exchange: Annotated[str, typer.Option(metavar="NAME", help="as ccxt spells it: binance, kraken, coinbase …")],
    to: Annotated[
        str, typer.Option(metavar="QUEUE|STREAM|URL|database", help="where ticks go, as of `chandlery send`")
    ] = _DATABASE,
    feed: Annotated[str | None, typer.Option(help="name of the feed; the exchange's in capitals when absent")] = None,
    calendar: Annotated[str, typer.Option(metavar="NAME", help="calendar of instruments that are new")] = "24/7",
    reach: Annotated[
        float, typer.Option(min=0, metavar="HOURS", help="how far back trades are fetched that were missed")
    ] = 24,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="remembers what was sent; under CHANDLERY_HOME when absent")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="file with the bearer's token, for an HTTP API")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="server that speaks the exchange's protocol in its place")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Collect trades of an exchange as ticks, by its websocket, or by REST where it has none, until Ctrl-C.

    It connects again by itself, and fetches what it missed; started again, it goes on from the newest tick stored, or
    from what FILE says was sent. It names what it could not get, with its times, at once and at the end; the exit
    code is 1. Instruments that the database does not have are added; elsewhere they must be there.
    """
    name = feed or exchange.upper()
    kept = f"collect-{exchange}-{sha256(to.encode()).hexdigest()[:12]}.json"
    goes_on_from = state or LocalSettings().chandlery_home / kept
    token = token_file.read_text().strip() if token_file else None

    def find_destination(venue: Exchange) -> Destination:
        if to == _DATABASE:
            return Database(open_connection, name, venue.now)
        return Sent(find_target(to, "/api/v1/ticks", exchange, token), name, goes_on_from)

    def add(keys: Mapping[str, str]) -> None:
        if to == _DATABASE:
            _add_instruments(exchange, keys, calendar, name)

    asked = _Asked(exchange, base_url, [*dict.fromkeys(symbols)], Pace(reach=reach * _HOUR))
    collected = asyncio.run(_collect(asked, find_destination, add))
    _summarize(collected, as_json=as_json)
    if not collected.is_whole:
        raise typer.Exit(1)


class _Asked(NamedTuple):
    exchange: str
    base_url: str | None
    symbols: Sequence[str]
    pace: Pace


async def _collect(
    asked: _Asked, find_destination: Callable[[Exchange], Destination], add: Callable[[Mapping[str, str]], None]
) -> Collected:
    # Signals before all else: ccxt takes a while to load.
    with _stopped_by_signals() as stop, at_work(f"opening {asked.exchange}") as tell:
        exchange = await asyncio.to_thread(Exchange, asked.exchange, asked.base_url)
        destination = find_destination(exchange)
        collector = Collector(exchange, destination, _say, asked.pace)
        try:
            keys = await _unless_stopped(stop, exchange.open(asked.symbols))
            if keys is None:
                return collector.collected
            _compare_clocks(exchange)
            await asyncio.to_thread(add, keys)
            marks = await asyncio.to_thread(destination.find_marks, [*keys.values()])
            way = "websocket" if exchange.has_streams else "REST"
            err.print(f"collecting {', '.join(keys.values())} by {way}; Ctrl-C stops", markup=False, soft_wrap=True)
            showing = asyncio.create_task(_show(collector, tell))
            await collector.run(keys, marks, stop)
            showing.cancel()
        finally:
            await exchange.close()
            destination.close()
    return collector.collected


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    """What the first signal sets; a second one ends the program wherever it is, which costs nothing that is stored."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    # Those that are ignored from the start, as under nohup, stay ignored.
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    heeded = [number for number, handler in handlers.items() if handler is not signal.SIG_IGN]

    def stopped() -> None:
        stop.set()
        for number in heeded:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in heeded:
        loop.add_signal_handler(number, stopped)
    try:
        yield stop
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)
            signal.signal(number, handlers[number])


async def _unless_stopped(
    stop: asyncio.Event, opening: Coroutine[object, object, Mapping[str, str]]
) -> Mapping[str, str] | None:
    """What an exchange trades; nothing if it is stopped before that is known."""
    task, stopping = asyncio.create_task(opening), asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.wait({task})
    return None


async def _show(collector: Collector, tell: Say) -> None:
    """Say each second how many rows there are, how many came a second of late, and how old the newest is."""
    before, seen = 0, time.monotonic()
    rate = 0.0
    while True:
        await asyncio.sleep(1)
        collected, now = collector.collected, time.monotonic()
        rate = 0.8 * rate + 0.2 * (collected.rows - before) / (now - seen)
        before, seen = collected.rows, now
        lag = (collector.exchange.now() - collected.newest).total_seconds() if collected.newest else None
        told = f"{spell(collected.rows, 'row')}, {rate:,.0f} a second"
        tell(told + ("" if lag is None else f", newest {max(lag, 0.0):.1f} s old"))


def _add_instruments(exchange: str, keys: Mapping[str, str], calendar: str, feed: str) -> None:
    # What is said of a calendar is no part of the summary.
    with contextlib.redirect_stdout(sys.stderr), contextlib.closing(open_connection()) as connection:
        for symbol, key in keys.items():
            try:
                instruments.find(connection, key)
            except NotFound:
                name = resolve(connection, calendar)
                fill_calendar(connection, name)
                instruments.add(connection, key, name, feed, tickers={"ccxt": f"{exchange}:{symbol}"})
                _say(f"{key}: added, calendar {name}, feed {feed}")


def _compare_clocks(exchange: Exchange) -> None:
    seconds = exchange.offset.total_seconds()
    if abs(seconds) >= 1:
        way = "behind" if seconds > 0 else "ahead of"
        _say(f"this machine's clock is {abs(seconds):.1f} s {way} {exchange.name}'s: candles may come late; set it")


def _summarize(collected: Collected, *, as_json: bool) -> None:
    if as_json:
        show_json(asdict(collected))
        return
    new = "" if collected.new is None else f", {collected.new:,} of them new"
    out.print(
        f"{spell(collected.rows, 'row')} taken{new}, {collected.refused:,} refused;"
        f" {spell(len(collected.missed), 'stretch', 'stretches')} missed"
        + (f"; {collected.unwritten:,} not written: the next start fetches them" if collected.unwritten else "")
    )
    for reason in collected.reasons:
        _say(f"refused: {reason}")
    for missed in collected.missed:
        _say(spell_missed(missed))


def _say(text: str) -> None:
    err.print(text, style="yellow", markup=False, soft_wrap=True)
