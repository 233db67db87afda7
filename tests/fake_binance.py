"""An exchange that speaks Binance's public protocol on this machine: REST and websocket, and faults of both.

Source: Binance's "Spot API documentation", rest-api.md and web-socket-streams.md.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import pytest

# A test that imports this is about exchanges, and is skipped where the library that asks them is missing.
pytest.importorskip("ccxt", reason="ccxt is not installed: make collect")

from aiohttp import WSMsgType, web  # which ccxt brings

MARKETS = {"BTCUSDT": ("BTC", "USDT"), "ETHUSDT": ("ETH", "USDT")}
_MOST = 1_000


@dataclass(frozen=True)
class Aggregate:
    """An aggregated trade."""

    number: int
    price: str
    size: str
    time_ms: int

    def told(self) -> dict[str, Any]:
        return {
            "a": self.number, "p": self.price, "q": self.size, "f": self.number, "l": self.number,
            "T": self.time_ms, "m": True, "M": True,
        }  # fmt: skip


@dataclass
class FakeBinance:
    """Serves what it was given: `trade` makes a trade that REST has, and that the websocket brings unless switched off.

    `faults` are answers given in place of the next ones of REST: a status with headers, or None to cut the connection.
    The next `behind` answers of REST lack all trades. Trades with a number below `forgotten` are given no more.
    """

    clock_ahead_ms: int = 0
    faults: deque[tuple[int, dict[str, str], str] | None] = field(default_factory=deque)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    connections: int = 0
    klines: list[list[Any]] = field(default_factory=list)
    behind: int = 0
    forgotten: int = 0
    _trades: dict[str, list[Aggregate]] = field(default_factory=lambda: {name: [] for name in MARKETS})
    _sockets: dict[web.WebSocketResponse, set[str]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def trade(self, *trades: Aggregate, symbol: str = "BTCUSDT", streamed: bool = True) -> None:
        """Make trades."""
        self._trades[symbol] += trades
        if streamed:
            self.stream(*trades, symbol=symbol)

    def clear(self) -> None:
        """Forget all trades."""
        for trades in self._trades.values():
            trades.clear()

    def stream(self, *trades: Aggregate, symbol: str = "BTCUSDT") -> None:
        """Send trades by websocket alone: again, or before REST has them."""
        for each in trades:
            event = {"e": "aggTrade", "E": each.time_ms + self.clock_ahead_ms, "s": symbol, **each.told()}
            self.send(json.dumps(event), symbol)

    def send(self, text: str, symbol: str = "BTCUSDT") -> None:
        """Send a frame, good or bad, to all that watch a symbol."""
        self._do(self._send(text, symbol))

    def cut(self, said: bytes = b"") -> None:
        """Cut all websockets, without a word, or after the beginning of one."""
        self._do(self._begin_frame(said, is_cut=True))

    def drip(self, said: bytes) -> None:
        """Send the beginning of a frame, and no more of it."""
        self._do(self._begin_frame(said, is_cut=False))

    def watched(self) -> int:
        """How many streams are subscribed to."""
        return sum(len(names) for names in self._sockets.values())

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self) -> None:
        application = web.Application()
        for path, answer in {
            "exchangeInfo": self._exchange_info,
            "time": self._time,
            "aggTrades": self._agg_trades,
            "klines": self._klines,
        }.items():
            application.router.add_get(f"/api/v3/{path}", self._asked(answer))
        application.router.add_get("/ws/{stream}", self._stream)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def _asked(self, answer: Callable[[dict[str, str]], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            query = dict(request.query)
            self.asked.append((request.path.rpartition("/")[2], query))
            if self.faults and request.path.endswith(("aggTrades", "klines")):
                fault = self.faults.popleft()
                if fault is None:
                    assert request.transport
                    request.transport.abort()
                    return web.Response()
                status, headers, text = fault
                return web.Response(status=status, headers=headers, text=text)
            return web.json_response(answer(query))

        return handle

    def _time(self, _: dict[str, str]) -> Any:
        return {"serverTime": _now_ms() + self.clock_ahead_ms}

    def _exchange_info(self, _: dict[str, str]) -> Any:
        return {
            "timezone": "UTC",
            "serverTime": _now_ms(),
            "rateLimits": [],
            "symbols": [
                {
                    "symbol": name, "status": "TRADING", "baseAsset": base, "quoteAsset": quote,
                    "baseAssetPrecision": 8, "quoteAssetPrecision": 8, "isSpotTradingAllowed": True,
                    "orderTypes": [], "permissions": ["SPOT"], "permissionSets": [["SPOT"]],
                    "filters": [{"filterType": "PRICE_FILTER", "minPrice": "0.01", "tickSize": "0.01"}],
                }
                for name, (base, quote) in MARKETS.items()
            ],
        }  # fmt: skip

    def _agg_trades(self, query: dict[str, str]) -> Any:
        trades = [each for each in self._trades[query["symbol"]] if each.number >= self.forgotten]
        if self.behind:
            self.behind, trades = self.behind - 1, []
        most = int(query.get("limit", 500))
        if "fromId" in query:
            found = [each for each in trades if each.number >= int(query["fromId"])][:most]
        elif "startTime" in query:
            starts, ends = int(query["startTime"]), int(query.get("endTime", 2**62))
            found = [each for each in trades if starts <= each.time_ms <= ends][:most]
        else:
            found = trades[-most:]
        return [each.told() for each in found]

    def _klines(self, query: dict[str, str]) -> Any:
        starts, ends = int(query.get("startTime", 0)), int(query.get("endTime", 2**62))
        return [row for row in self.klines if starts <= row[0] <= ends][: int(query.get("limit", 500))]

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections += 1
        self._sockets[socket] = set()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    said = json.loads(message.data)
                    if said["method"] == "SUBSCRIBE":
                        self._sockets[socket] |= set(said["params"])
                    await socket.send_json({"result": None, "id": said["id"]})
        finally:
            del self._sockets[socket]
        return socket

    async def _send(self, text: str, symbol: str) -> None:
        name = f"{symbol.lower()}@aggTrade"
        for socket, names in [*self._sockets.items()]:
            if name in names:
                # A watcher may be gone in any way.
                with contextlib.suppress(ConnectionError):
                    await socket.send_str(text)

    async def _begin_frame(self, said: bytes, *, is_cut: bool) -> None:
        for socket in [*self._sockets]:
            transport = socket._req.transport if socket._req else None
            if transport and said:
                # A frame of text of a thousand bytes (RFC 6455, 5.2), of which few come.
                transport.write(b"\x81\x7e\x03\xe8" + said)
            if transport and is_cut:
                transport.close() if said else transport.abort()


def aggregates(first: int, count: int, time_ms: int, *, step_ms: int = 100) -> Sequence[Aggregate]:
    """Trades one after the other, each with a price of its own."""
    return [
        Aggregate(
            first + number, f"{93_120 + number % 50}.10", f"0.{number % 9 + 1}0000001", time_ms + number * step_ms
        )
        for number in range(count)
    ]


def kline(time: datetime, **other: str) -> list[Any]:
    """A candle of a minute, as its REST writes it; `other` says what differs of o, h, l, c and v."""
    starts = int(time.timestamp() * 1_000)
    cells = {"o": "100.10", "h": "103.50", "l": "99.00", "c": "101.00", "v": "2.50000001"} | other
    return [starts, *cells.values(), starts + 59_999, "253.1", 7, "1", "100", "0"]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
