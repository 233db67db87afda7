"""One-minute candles of any exchange that the library ccxt knows."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from chandlery.platform.domain.limits import VENDOR_RETRIES
from chandlery.platform.errors import Permanent, Retryable, UnknownTicker
from chandlery.vendors.deadline import Deadline
from chandlery.vendors.domain.vendor import VendorCandle
from chandlery.vendors.exchanges import exchange_errors_translated, narrow_markets, open_exchange, refuse_no_answer
from chandlery.words.window import Window, epoch_minute

_MINUTE_MS = 60_000
_PAGE = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)
_LEAST_WAIT_SECONDS = 0.5


class ExchangeMinutes:
    """Exchanges as one vendor, for one caller at a time: a ticker names one and its symbol, as `binance:BTC/USDT`.

    `timeout_seconds` bounds each wait for a server, `deadline_seconds` all of one fetch with its retries. No key is
    needed: these are public.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        timeout_seconds: float = 10,
        deadline_seconds: float = 60,
        retries: int = VENDOR_RETRIES,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url, self._timeout_seconds, self._retries, self._sleep = base_url, timeout_seconds, retries, sleep
        self._deadline = Deadline(deadline_seconds, timeout_seconds, monotonic)
        self._exchanges: dict[tuple[str, bool], Any] = {}

    @property
    def name(self) -> str:
        """What tickers and evidence call the vendor."""
        return "ccxt"

    def fetch(self, ticker: str, window: Window, *, allow_negative: bool = False) -> Sequence[VendorCandle]:
        """The candles that start inside a window, in order, none twice; empty where the exchange has none.

        Only where `allow_negative` may a price lie below zero.

        Raises:
            UnknownTicker: there is no such exchange, or it does not trade that.
            Retryable: it did not answer in time, or asked to wait longer than the deadline.
            Permanent: it refuses, its answer cannot be true, or ccxt is not installed.
        """
        name, colon, symbol = ticker.partition(":")
        if not colon:
            raise UnknownTicker(f"{ticker} names no exchange; write it as binance:BTC/USDT")
        first, last = _first_minute(window.starts) * _MINUTE_MS, (_first_minute(window.ends) - 1) * _MINUTE_MS
        self._deadline.start()
        exchange = self._find(name, symbol)
        found: dict[int, VendorCandle] = {}
        for row in self._rows(exchange, symbol, first, last):
            candle = _candle(ticker, row, allow_negative=allow_negative)
            if found.setdefault(row[0], candle) != candle:
                raise Permanent(f"{name} has two candles of {symbol} at {candle.time:%Y-%m-%dT%H:%MZ}, and they differ")
        return [found[moment] for moment in sorted(found)]

    def _find(self, name: str, symbol: str) -> Any:
        """The exchange, once for its spot markets, and once for all of them."""
        which = (name, ":" in symbol)
        if which not in self._exchanges:
            exchange = open_exchange(name, self._base_url, self._timeout_seconds)
            if not exchange.has.get("fetchOHLCV"):
                raise UnknownTicker(f"{name} has no candles for everybody")
            narrow_markets(exchange, [symbol])
            self._exchanges[which] = exchange
        return self._exchanges[which]

    def _rows(self, exchange: Any, symbol: str, first: int, last: int) -> Iterator[Sequence[Any]]:
        """Page on from the first minute to the last: an empty page says nothing of what comes after it."""
        since = first
        while since <= last:
            page = [row for row in self._ask(exchange, symbol, since) if since <= row[0]]
            yield from (row for row in page if row[0] <= last)
            since = max(row[0] for row in page) + _MINUTE_MS if page else since + _PAGE * _MINUTE_MS

    def _ask(self, exchange: Any, symbol: str, since: int) -> Sequence[Sequence[Any]]:
        wait, tries = _LEAST_WAIT_SECONDS, 0
        while True:
            try:
                with exchange_errors_translated(exchange, symbol):
                    rows = exchange.fetch_ohlcv(symbol, "1m", since, _PAGE)
                    refuse_no_answer(exchange, rows)
                    return _timed(rows)
            except Retryable as error:
                asked = max(wait, getattr(error, "seconds", 0.0))
                if tries == self._retries or asked >= self._deadline.left():
                    raise Retryable(f"{error}; try later, or raise VENDOR_DEADLINE_SECONDS") from None
                self._sleep(asked)
                wait, tries = 2 * wait, tries + 1


def _timed(rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """Rows, each with its time: what is no answer of the exchange has none."""
    if any(type(row[0]) is not int for row in rows):
        raise ValueError("a candle without a time")
    return rows


def _candle(ticker: str, row: Sequence[Any], *, allow_negative: bool) -> VendorCandle:
    """Raises `Permanent` where it cannot be true."""
    moment = _EPOCH + timedelta(milliseconds=row[0])
    told = f"the candle of {ticker} at {moment.isoformat()}"
    try:
        opens, high, low, close, volume = (Decimal(str(cell)) for cell in row[1:6])
    except (InvalidOperation, ValueError):
        raise Permanent(f"{told} cannot be true: {row[1:6]}") from None
    if not (low <= opens <= high and low <= close <= high and volume >= 0) or row[0] % _MINUTE_MS:
        raise Permanent(f"{told} cannot be true: open {opens}, high {high}, low {low}, close {close}, volume {volume}")
    if low < 0 and not allow_negative:
        raise Permanent(f"{told} is below zero; where that may be: chandlery instruments set KEY --allow-negative")
    return VendorCandle(moment, opens, high, low, close, volume)


def _first_minute(moment: datetime) -> int:
    """The first minute, since 1970, that starts at a moment or after it."""
    return epoch_minute(moment - _INSTANT) + 1
