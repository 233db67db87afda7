"""An exchange's trades: watched by websocket, fetched by REST, both under the same numbers."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chandlery.platform.errors import Permanent, Retryable
from chandlery.vendors.exchanges import (
    AskedToWait,
    exchange_errors_translated,
    load_ccxt,
    narrow_markets,
    open_exchange,
    refuse_no_answer,
)
from local.collecting.trade import Trade, milliseconds_of, read_trades

# Trades that wait in ccxt until they are asked for, of each instrument.
MOST_WAITING = 10_000
_PAGE = 1_000
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Habits:
    """What is known of an exchange beyond ccxt.

    Attributes:
        watched: parameters of its websocket, by which that numbers trades as REST does.
        from_id: the parameter of REST that names the first trade wanted, where trades are numbered without a hole.
    """

    watched: Mapping[str, Any] = field(default_factory=dict)
    from_id: str | None = None


# Its REST gives aggregated trades, which anybody may look up by number; its websocket others, if not asked for these.
_BINANCE = Habits({"name": "aggTrade"}, "fromId")
HABITS = dict.fromkeys(("binance", "binanceus", "binanceusdm", "binancecoinm"), _BINANCE)


class Exchange:
    """One exchange, for as long as its trades are collected; for one event loop.

    Raises:
        Permanent: ccxt is not installed, knows no such exchange, or no trades of it.
    """

    def __init__(self, name: str, base_url: str | None = None) -> None:
        self._ccxt = open_exchange(name, base_url, _TIMEOUT_SECONDS, streams=True)
        self._ccxt.aiohttp_trust_env = True
        self._ccxt.options["tradesLimit"] = MOST_WAITING
        self.name = name
        self.habits = HABITS.get(name, Habits())
        self.has_streams = bool(self._ccxt.has.get("watchTrades"))
        self.offset = timedelta()
        self._not_before = 0.0
        self._keys: dict[str, str] = {}
        if not self._ccxt.has.get("fetchTrades"):
            raise Permanent(f"{name} gives its trades to nobody without an account")

    async def open(self, symbols: Sequence[str]) -> Mapping[str, str]:
        """Learn what it trades, and how far its clock is from ours; returns the instrument keys of symbols.

        Raises:
            UnknownTicker: it does not trade one of them.
            Retryable, Permanent: it does not answer, or refuses to.
        """
        narrow_markets(self._ccxt, symbols)
        with exchange_errors_translated(self._ccxt, "its markets"):
            await self._ccxt.load_markets()
        for symbol in symbols:
            with exchange_errors_translated(self._ccxt, symbol):
                market = self._ccxt.market(symbol)
                self._keys[symbol] = f"{self.name}@{market['symbol']}@{market['type']}".upper()
        await self._compare_clocks()
        return self._keys

    def now(self) -> datetime:
        """The time by the exchange's clock."""
        return datetime.now(UTC) + self.offset

    async def fetch(self, symbol: str, *, since_ms: int | None = None, from_id: int | None = None) -> Sequence[Trade]:
        """A page of trades by REST, in order: from a moment on, or from a number on where trades are numbered so.

        Raises:
            Retryable, Permanent: it does not answer, or refuses to.
        """
        if (left := self._not_before - time.monotonic()) > 0:
            raise AskedToWait(f"{self.name} wants no requests for {left:.0f} s", left)
        more = {} if from_id is None or self.habits.from_id is None else {self.habits.from_id: from_id}
        try:
            with exchange_errors_translated(self._ccxt, symbol):
                said = await self._ccxt.fetch_trades(symbol, since_ms, _PAGE, more)
                refuse_no_answer(self._ccxt, said)
                return read_trades(self._keys[symbol], said)
        except AskedToWait as error:
            # Of all instruments: it is this machine that asks too often.
            self._not_before = time.monotonic() + error.seconds
            raise

    async def watch(self, symbol: str) -> Sequence[Trade]:
        """The trades that came by websocket since the last call, in order; waits for the next.

        Raises:
            Retryable, Permanent: the connection broke, or the exchange refuses.
        """
        try:
            with exchange_errors_translated(self._ccxt, symbol):
                said = await self._ccxt.watch_trades(symbol, None, None, dict(self.habits.watched))
                return read_trades(self._keys[symbol], said)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise Retryable(f"{self.name}'s connection was closed") from None

    def reconnect(self, reason: str) -> None:
        """Break all connections of websockets: each watcher gets the error, and connects again."""
        for client in [*self._ccxt.clients.values()]:
            client.on_error(load_ccxt().NetworkError(reason))

    def on_garbage(self, told: Callable[[str], None]) -> None:
        """What a frame that nobody can read does: ccxt would read no other of that connection, and say nothing."""

        def broken(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            reason = f"{context.get('exception') or context['message']}"
            told(f"{self.name} sent what nobody understands: {reason:.100}")
            self.reconnect(reason)

        asyncio.get_running_loop().set_exception_handler(broken)

    async def close(self) -> None:
        """Let go of all connections."""
        self._ccxt.timeout_on_exit = 0
        await self._ccxt.close()

    async def _compare_clocks(self) -> None:
        if self._ccxt.has.get("fetchTime") is not True:
            return
        with exchange_errors_translated(self._ccxt, "its clock"):
            before = time.monotonic()
            theirs = await self._ccxt.fetch_time()
            way = timedelta(seconds=(time.monotonic() - before) / 2)
        if theirs:
            ours = milliseconds_of(datetime.now(UTC) - way)
            self.offset = timedelta(milliseconds=int(theirs) - ours)
