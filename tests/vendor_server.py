"""A local vendor that speaks the aggregates protocol over real HTTP, and errs on demand.

    with VendorServer() as server:
        server.give("AAPL", bar(NOON, o=1, h=3, l=1, c=2, v=10))
        server.fault(refuse(500), refuse(429, retry_after="1"))  # the next two requests; then it works again

It listens on 127.0.0.1 only, and logs nothing but `requests`.
"""

import gzip
import json
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]
Fault = Callable[["VendorHandler"], None]


def bar(
    time: datetime,
    o: float,
    h: float,
    l: float,  # noqa: E741
    c: float,
    v: float = 10,
    vw: float | None = None,
    n: int | None = None,
) -> Json:
    """A candle as the protocol writes it; `time` is the start of its minute, UTC."""
    prices: Json = {"v": v, "vw": vw, "o": o, "c": c, "h": h, "l": l, "t": epoch_ms(time), "n": n}
    return {field: value for field, value in prices.items() if value is not None}


def epoch_ms(time: datetime) -> int:
    return int(time.timestamp()) * 1000


@dataclass(frozen=True)
class Request:
    path: str
    query: dict[str, str]
    headers: dict[str, str]


class VendorServer:
    """Serves the candles given for each ticker; a ticker nothing was given for is unknown."""

    def __init__(
        self, key: str = "the-vendors-own-key", page_candles: int = 50_000, tls: ssl.SSLContext | None = None
    ) -> None:
        self.key = key
        self.page_candles = page_candles
        self.tls = tls
        self.adjusted: bool | None = None  # what it says about its prices; as asked unless set
        self.candles: dict[str, list[Json]] = {}
        self.requests: list[Request] = []
        self.stopping = Event()
        self._faults: deque[Fault] = deque()
        self._always: Fault | None = None
        self._http: _Http | None = None
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        assert self._http is not None, "start it first"
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._http.server_port}"

    def start(self) -> Self:
        self.stopping.clear()
        self._http = _Http(("127.0.0.1", 0), VendorHandler)
        self._http.vendor = self
        if self.tls:
            self._http.socket = self.tls.wrap_socket(self._http.socket, server_side=True)
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self.stopping.set()
        if self._http is not None and self._thread is not None:
            self._http.shutdown()
            self._http.server_close()
            self._thread.join()
            self._http = None

    def give(self, ticker: str, *candles: Json) -> None:
        """Add to a ticker's candles, in the order in which to serve them; none makes the ticker known."""
        self.candles.setdefault(ticker, []).extend(candles)

    def fault(self, *faults: Fault, always: bool = False) -> None:
        """Answer the next requests so, one fault each; `always`: each one from now on, after those."""
        if always:
            (self._always,) = faults
        else:
            self._faults.extend(faults)

    def heal(self) -> None:
        """Forget every fault."""
        self._faults.clear()
        self._always = None

    def next_fault(self) -> Fault | None:
        return self._faults.popleft() if self._faults else self._always

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Json]:
        """Status and JSON of a request with the right key."""
        parts = [unquote(part) for part in path.split("/")]
        if len(parts) != 10 or parts[:4] != ["", "v2", "aggs", "ticker"] or parts[5:8] != ["range", "1", "minute"]:
            return 404, {"error": "404 page not found"}
        ticker, starts, ends = parts[4], parts[8], parts[9]
        if not (starts.isdigit() and ends.isdigit()):
            return 400, {"status": "ERROR", "error": "Could not parse the time parameter: 'from'."}
        if ticker not in self.candles:
            return 404, {"status": "NOT_FOUND", "message": "Data not found."}
        found = [row for row in self.candles[ticker] if _inside(row, int(starts), int(ends))]
        return 200, self._page(ticker, found, path, query)

    def _page(self, ticker: str, found: list[Json], path: str, query: dict[str, str]) -> Json:
        starts = int(query.get("cursor", 0))
        ends = starts + min(self.page_candles, int(query.get("limit", 5000)))
        adjusted = query.get("adjusted", "true") == "true" if self.adjusted is None else self.adjusted
        page: Json = {"ticker": ticker, "queryCount": len(found[starts:ends]), "resultsCount": len(found[starts:ends])}
        page |= {"adjusted": adjusted, "status": "OK", "request_id": "6a7e466379af0a71039d60cc78e72282"}
        if found[starts:ends]:
            page["results"] = found[starts:ends]
        if ends < len(found):
            said = "true" if adjusted else "false"
            page["next_url"] = f"{self.url}{path}?adjusted={said}&limit={query.get('limit', 5000)}&cursor={ends}"
        return page


def _inside(row: Json, starts: int, ends: int) -> bool:
    # An item without a time of its own is served, for the client to refuse.
    return not isinstance(row.get("t"), int) or starts <= row["t"] <= ends


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    vendor: VendorServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what the faults are for."""


class VendorHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or every body waits 40 ms behind its headers
    server: _Http

    def do_GET(self) -> None:
        vendor = self.server.vendor
        vendor.requests.append(Request(urlsplit(self.path).path, self.query, dict(self.headers.items())))
        if (fault := vendor.next_fault()) is not None:
            fault(self)
        elif self.headers.get("Authorization") != f"Bearer {vendor.key}":
            self.send(401, {"status": "ERROR", "request_id": "1", "error": "Unknown API Key"})
        else:
            self.send(*self.usual())

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}

    def usual(self) -> tuple[int, Json]:
        return self.server.vendor.answer(urlsplit(self.path).path, self.query)

    def send(self, status: int, body: Json | str | bytes, **headers: str) -> None:
        content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        if "gzip" in self.headers.get("Accept-Encoding", "") and len(content) > 1000:
            content, headers = gzip.compress(content), headers | {"Content-Encoding": "gzip"}
        self.begin(status, **({"Content_Length": str(len(content))} | headers))
        self.wfile.write(content)

    def begin(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content_Type": "application/json"} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def drip(self, piece: bytes, pause_seconds: float) -> None:
        """The same few bytes, again and again, until the client or the test has enough."""
        self.close_connection = True
        while not self.server.vendor.stopping.wait(pause_seconds):
            self.wfile.write(piece)

    def log_message(self, *_args: object) -> None:
        """Log nothing; `requests` has it."""


def refuse(status: int, body: Json | str | None = None, retry_after: str | None = None, **headers: str) -> Fault:
    """Answer with a status, and the usual words of an error."""
    if retry_after is not None:
        headers["Retry_After"] = retry_after
    said = {"status": "ERROR", "request_id": "1", "error": f"no: {status}"} if body is None else body
    return lambda handler: handler.send(status, said, **headers)


def say(body: Json | str | bytes) -> Fault:
    """Answer 200 with this, whatever was asked."""
    return lambda handler: handler.send(200, body)


def alter(change: Callable[[Json], Json]) -> Fault:
    """Answer as usual, changed by `change`."""

    def altered(handler: VendorHandler) -> None:
        status, body = handler.usual()
        handler.send(status, change(body))

    return altered


def cut_off(handler: VendorHandler) -> None:
    """Promise a body, and hang up in the middle of it."""
    handler.close_connection = True
    handler.begin(200, Content_Length="1000")
    handler.wfile.write(b'{"status": "OK", "resul')


def hang_up(handler: VendorHandler) -> None:
    """Say nothing at all."""
    handler.close_connection = True


def stay_silent(handler: VendorHandler) -> None:
    """Keep the connection, and answer nothing while the server runs."""
    handler.close_connection = True
    handler.server.vendor.stopping.wait()


def drip_headers(pause_seconds: float) -> Fault:
    def dripped(handler: VendorHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        handler.drip(b".", pause_seconds)

    return dripped


def drip_body(pause_seconds: float) -> Fault:
    def dripped(handler: VendorHandler) -> None:
        handler.begin(200, Content_Length="1000000")
        handler.drip(b" ", pause_seconds)

    return dripped


def never_end(handler: VendorHandler) -> None:
    """A body without end, as fast as it goes."""
    handler.begin(200, Connection="close")
    handler.drip(b" " * 65_536, 0)


def next_page_always(handler: VendorHandler) -> None:
    """Each page names another one that was not seen before."""
    status, body = handler.usual()
    number = int(handler.query.get("page", 0)) + 1
    path = urlsplit(handler.path).path
    handler.send(status, body | {"next_url": f"{handler.server.vendor.url}{path}?adjusted=false&page={number}"})
