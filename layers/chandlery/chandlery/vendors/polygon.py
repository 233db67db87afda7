"""One-minute candles of the aggregates API that Polygon made usual."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import quote

from pydantic import SecretStr

from chandlery.platform.domain.limits import VENDOR_RETRIES
from chandlery.platform.errors import ChandleryError, Permanent, UnknownTicker
from chandlery.vendors.connection import Answer, VendorConnection
from chandlery.vendors.deadline import Deadline
from chandlery.vendors.domain.vendor import VendorCandle
from chandlery.vendors.key import Key
from chandlery.vendors.polygon_answer import Page, candles_of, read_json, read_page
from chandlery.words.window import Window, epoch_minute

BASE_URL = "https://api.polygon.io"
_PAGE_CANDLES = 50_000
_MAX_PAGES = 500
_MINUTE_MS = 60_000
_INSTANT = timedelta(microseconds=1)


class Polygon:
    """The vendor at `base_url`, for one caller at a time.

    `timeout_seconds` bounds each wait for the server, `deadline_seconds` all of one fetch with its retries. `sleep` and
    `monotonic` count in seconds. It holds a socket open between fetches, until closed.

    Raises:
        Permanent: the base URL or the key is malformed.
    """

    def __init__(
        self,
        base_url: str,
        key: SecretStr | str,
        *,
        adjusted: bool = False,
        timeout_seconds: float = 10,
        deadline_seconds: float = 60,
        retries: int = VENDOR_RETRIES,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = Key(key)
        self._adjusted = adjusted
        self._deadline = Deadline(deadline_seconds, timeout_seconds, monotonic)
        self._connection = VendorConnection(self.name, base_url, self._key, self._deadline, sleep, retries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """What tickers and evidence call the vendor."""
        return "polygon"

    def close(self) -> None:
        """Let go of the socket; a later fetch opens another."""
        self._connection.close()

    def fetch(self, ticker: str, window: Window, *, allow_negative: bool = False) -> Sequence[VendorCandle]:
        """The candles that start inside a window, in order, none twice; empty where the vendor has none.

        Only where `allow_negative` may a price lie below zero.

        Raises:
            UnknownTicker: the vendor does not know the ticker.
            Retryable: it did not answer in time, asked to wait longer than the deadline, or was cut short.
            Permanent: it refused the key, or its answer cannot be true.
        """
        first, last = _first_minute(window.starts) * _MINUTE_MS, (_first_minute(window.ends) - 1) * _MINUTE_MS
        if first > last:
            return []
        self._deadline.start()
        candles: dict[datetime, VendorCandle] = {}
        with self._key_kept():
            for page in self._pages(ticker, first, last):
                for candle in candles_of(page, first, last, allow_negative=allow_negative):
                    if candles.setdefault(candle.time, candle) != candle:
                        raise Permanent(
                            f"polygon has two candles of {ticker} at {candle.time:%Y-%m-%dT%H:%MZ}, and they differ;"
                            " tell the vendor"
                        )
        return [candles[moment] for moment in sorted(candles)]

    def _pages(self, ticker: str, first: int, last: int) -> Iterator[Page]:
        target = self._connection.target(
            f"/v2/aggs/ticker/{quote(ticker, safe=':')}/range/1/minute/{first}/{last}"
            f"?adjusted={str(self._adjusted).lower()}&sort=asc&limit={_PAGE_CANDLES}"
        )
        seen: set[str] = set()
        while target not in seen and len(seen) < _MAX_PAGES:
            seen.add(target)
            page = read_page(self._document(ticker, target), ticker, adjusted=self._adjusted)
            yield page
            if not page.next_url:
                return
            target = self._connection.target_of(page.next_url)
        raise Permanent(f"polygon's answer for {ticker} never ends: {len(seen)} pages, then another; tell the vendor")

    def _document(self, ticker: str, target: str) -> Any:
        answer = self._connection.get(target)
        if answer.status != 200:
            raise self._refusal(ticker, answer)
        document = read_json(answer.body)
        status = document.get("status") if isinstance(document, dict) else None
        if status == "NOT_FOUND":
            raise UnknownTicker(_unknown(ticker))
        # DELAYED is what a plan without live data says; its history is the same.
        if status not in ("OK", "DELAYED"):
            raise Permanent(
                f"polygon's answer for {ticker} has a status that is neither OK nor DELAYED"
                f"{self._connection.said(answer)}; tell the vendor"
            )
        return document

    def _refusal(self, ticker: str, answer: Answer) -> Permanent:
        said = self._connection.said(answer)
        if answer.status in (401, 403):
            return Permanent(
                f"polygon refused the key for {ticker}: {answer.status}{said}; check VENDOR_API_KEY or the secret, and"
                " what the plan includes"
            )
        if answer.status == 404 and _is_not_found(answer.body):
            return UnknownTicker(_unknown(ticker))
        if 300 <= answer.status < 400:
            return Permanent(
                f"polygon answered {answer.status}, a redirect, which is not followed: the key stays here; correct"
                " VENDOR_URL"
            )
        return Permanent(
            f"polygon refused the request for {ticker}: {answer.status}{said}; check VENDOR_URL and the ticker"
        )

    @contextmanager
    def _key_kept(self) -> Iterator[None]:
        """Whatever the server made of the key, no error repeats it."""
        try:
            yield
        except ChandleryError as error:
            text = str(error)
            if not self._key.is_in(text):
                raise
            raise type(error)(self._key.struck_from(text)) from None


def _first_minute(moment: datetime) -> int:
    """The first minute, since 1970, that starts at a moment or after it."""
    return epoch_minute(moment - _INSTANT) + 1


def _unknown(ticker: str) -> str:
    return f"polygon does not know the ticker {ticker}; correct the instrument's ticker, or remove it"


def _is_not_found(body: bytes) -> bool:
    # A wrong address is answered by 404 as well, though not in these words.
    try:
        document = read_json(body)
    except ChandleryError:
        return False
    return isinstance(document, dict) and document.get("status") == "NOT_FOUND"
