"""The HTTP API on one's own machine: HTTP in, API Gateway's events to the function's own handler, HTTP out.

`python -m local.http_server --socket FD` is one sandbox: like Lambda's it answers one request at a time. Several of
them share one listening socket.
"""

import argparse
import base64
import contextlib
import io
import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from chandlery.desk.domain.routes import routes_at
from chandlery.platform.errors import Permanent
from local import event_stream
from local.event_stream import EventStream, Listener
from local.schedules import find_function

_ROOT = Path(__file__).resolve().parents[1]
FUNCTION, RECORDS, DESK = "http_api", "record_api", "desk_api"
LOCAL_USER = "local"
# As the routes of the template have it.
_RECORD_PATH = re.compile(r"/api/v1/(?!compute/?$)[^/]+/?")
# As API Gateway's own limit.
_MOST_BYTES = 10 * 1024 * 1024
_MOST_HEAD_BYTES, _PIECE_BYTES = 256 * 1024, 256 * 1024
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LENGTH, _CHUNKED, _CONTINUE = (
    re.compile(rb"^" + said, re.IGNORECASE | re.MULTILINE)
    for said in (
        rb"content-length:[ \t]*(\d+)[ \t]*\r?$",
        rb"transfer-encoding:.*chunked",
        rb"expect:[ \t]*100-continue",
    )
)
_TEXT = ("application/json", "text/", "application/x-www-form-urlencoded")

Call = Callable[[dict[str, Any]], dict[str, Any]]


def event_of(
    method: str, target: str, headers: dict[str, str], body: bytes, source: str = "127.0.0.1"
) -> dict[str, Any]:
    """A request as API Gateway's HTTP API sends it to a function: payload format 2.0.

    Source: Amazon API Gateway Developer Guide, "Create AWS Lambda proxy integrations for HTTP APIs".
    """
    parts = urlsplit(target)
    now = datetime.now(UTC)
    queries: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        queries[name] = f"{queries[name]},{value}" if name in queries else value
    path = unquote(parts.path, errors="replace")
    text = headers.get("content-type", "application/json").startswith(_TEXT)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": parts.query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "local",
            "domainName": headers.get("host", "localhost"),
            "domainPrefix": "local",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": source,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if queries:
        event["queryStringParameters"] = queries
    if body:
        try:
            event["body"] = body.decode() if text else base64.b64encode(body).decode()
            event["isBase64Encoded"] = not text
        except UnicodeDecodeError:
            event["body"], event["isBase64Encoded"] = base64.b64encode(body).decode(), True
    return event


def let_in(event: dict[str, Any], user: str) -> dict[str, Any]:
    """The event as API Gateway sends it of somebody whose token it has checked."""
    authorizer = {"jwt": {"claims": {"sub": user}, "scopes": None}}
    return event | {"requestContext": event["requestContext"] | {"authorizer": authorizer}}


def function_of(event: Mapping[str, Any]) -> str:
    """The function that a request's route leads to."""
    method = event["requestContext"]["http"]["method"]
    if there := routes_at(event["rawPath"]):
        return DESK if method in {route.method for route, _ in there} else FUNCTION
    posts = method == "POST"
    return RECORDS if posts and _RECORD_PATH.fullmatch(event["rawPath"]) else FUNCTION


class _Exchange(BaseHTTPRequestHandler):
    """One request, all of which is here, and the bytes of its answer."""

    protocol_version = "HTTP/1.1"
    server_version = "chandlery"
    sys_version = ""

    def __init__(self, call: Call, address: str, request: bytes) -> None:
        # Not the base class's own, which reads and writes a socket.
        self._call, self._address = call, address
        self.client_address = (address, 0)
        self.listener: Listener | None = None
        self.rfile, self._answered = io.BytesIO(request), io.BytesIO()
        self.wfile = self._answered
        self.close_connection = True
        self.handle_one_request()

    @property
    def answer(self) -> bytes:
        """What the client is sent."""
        return self._answered.getvalue()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Say nothing: the function logs each request."""

    def handle_expect_100(self) -> bool:
        """Say nothing: the body is here."""
        return True

    def _answer(self) -> None:
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or "chunked" in self.headers.get("transfer-encoding", ""):
            self._send(411, {"Content-Type": "text/plain", "Connection": "close"}, b"send a Content-Length\n")
            return
        if int(length) > _MOST_BYTES:
            self._send(413, {"Content-Type": "text/plain", "Connection": "close"}, b"10 MB are the most\n")
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        path, _, query = self.path.partition("?")
        if path == event_stream.PATH and self.command == "GET":
            self._listen(query, headers)
            return
        answered = self._call(event_of(self.command, self.path, headers, body, self._address))
        content = answered.get("body") or ""
        sent = base64.b64decode(content) if answered.get("isBase64Encoded") else content.encode()
        self._send(answered["statusCode"], answered.get("headers", {}), sent)

    def _listen(self, query: str, headers: dict[str, str]) -> None:
        """Begin a stream of events, where the route of changes takes what is asked."""
        asked = event_stream.polled(query, headers.pop("last-event-id", None))
        headers = {name: value for name, value in headers.items() if name not in ("accept", "accept-encoding")}
        answered = self._call(event_of("GET", f"{event_stream.POLLED}?{asked}", headers, b"", self._address))
        if answered["statusCode"] != 200:
            self._send(answered["statusCode"], answered["headers"], answered["body"].encode())
            return
        self.listener = event_stream.listener_of(asked, json.loads(answered["body"]))
        self.send_response_only(200)
        for name, value in {"Date": formatdate(usegmt=True), **event_stream.HEAD}.items():
            self.send_header(name, value)
        self.end_headers()
        # The stream goes on until one of the two goes away.
        self.close_connection = False

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in {"Date": formatdate(usegmt=True), **headers}.items():
            self.send_header(name, value)
        if headers.get("Connection") == "close":
            self.close_connection = True
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)

    def __getattr__(self, name: str) -> Any:
        # Whatever the method: the function says what it takes.
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)


class _Client:
    """A connection, and what of it is read and not answered yet, or answered and not sent."""

    def __init__(self, connection: socket.socket, address: str) -> None:
        connection.setblocking(False)
        # An answer goes out at once: with Nagle's algorithm its end waits for the receipt of its beginning.
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection, self.address = connection, address
        self.received, self.unsent = bytearray(), memoryview(b"")
        self.closes = self._is_awaited = False
        self.listener: Listener | None = None

    def receive(self) -> None:
        """Read what is there; nothing is the end."""
        read = self.connection.recv(_PIECE_BYTES)
        self.closes = self.closes or not read
        self.received += read

    def send(self) -> None:
        """Send as much as is taken."""
        with contextlib.suppress(BlockingIOError):
            while self.unsent:
                self.unsent = self.unsent[self.connection.send(self.unsent) :]

    def take_request(self) -> bytes | None:
        """The next request, if all of it is here; of one whose body is refused, the head."""
        count = self.count_request()
        if count is None:
            return None
        taken = bytes(self.received[:count])
        del self.received[:count]
        self._is_awaited = False
        return taken

    def count_request(self) -> int | None:
        """How many bytes it has; none where it is not here."""
        head = _HEAD_END.search(self.received)
        if head is None:
            return len(self.received) if len(self.received) > _MOST_HEAD_BYTES else None
        told = self.received[: head.end()]
        said = _LENGTH.search(told)
        length = int(said[1]) if said and not _CHUNKED.search(told) else 0
        if length > _MOST_BYTES:
            return head.end()
        if len(self.received) >= head.end() + length:
            return head.end() + length
        if not self._is_awaited and _CONTINUE.search(told):
            self._is_awaited, self.unsent = True, memoryview(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None


class Server:
    """One sandbox: one request at a time, each client's in turn.

    One thread does all of it. Threads that wait for each other get their turn by chance, so that one client may wait
    for seconds while another is answered a hundred times.
    """

    def __init__(self, listening: socket.socket, call: Call) -> None:
        listening.setblocking(False)
        self._listening = listening
        self._call = call
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ)
        self._woken, self._waking = socket.socketpair()
        self._woken.setblocking(False)
        self._waking.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, self._woken)
        self._events = EventStream(self._wake)
        self._listeners: list[_Client] = []
        # Those with another request behind the one that was answered, which no socket tells of any more.
        self._more: list[_Client] = []

    def serve_round(self) -> None:
        """Wait for clients, then answer one request of each that has one, and take one client more."""
        more, self._more = self._more, []
        found = [key.data for key, _ in self._selector.select(0 if more else None)]
        if self._woken in found:
            self._woken.recv(_PIECE_BYTES)
            more += self._listeners
        for client in dict.fromkeys((*(each for each in found if isinstance(each, _Client)), *more)):
            # A client that goes away is no error of ours.
            try:
                self._serve(client)
            except ConnectionError:
                client.closes, client.unsent = True, memoryview(b"")
            self._go_on(client)
        if None in found:
            # One, and when there is time for it: until then another sandbox may take it.
            self._accept()

    def close(self) -> None:
        """Leave all clients alone, and take no more."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, _Client):
                key.data.connection.close()
        self._woken.close()
        self._waking.close()
        self._selector.close()
        self._listening.close()

    def _wake(self) -> None:
        """Have a round served: from any thread. One that is full wakes it anyway."""
        with contextlib.suppress(BlockingIOError):
            self._waking.send(b".")

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            connection, address = self._listening.accept()
            client = _Client(connection, address[0])
            self._selector.register(connection, selectors.EVENT_READ, client)

    def _serve(self, client: _Client) -> None:
        if client.unsent:
            client.send()
            if client.unsent or client.listener is None:
                return
        with contextlib.suppress(BlockingIOError):
            client.receive()
        if client.listener is not None:
            # It has no more to say.
            client.received.clear()
            client.unsent = memoryview(self._events.take(client.listener))
            client.send()
            return
        request = client.take_request()
        if request is not None:
            exchange = _Exchange(self._call, client.address, request)
            client.closes = client.closes or exchange.close_connection
            client.unsent = memoryview(exchange.answer)
            if exchange.listener is not None:
                client.listener = exchange.listener
                self._listeners.append(client)
                self._events.add(exchange.listener)
                self._wake()
        client.send()

    def _go_on(self, client: _Client) -> None:
        if client.received and not (client.unsent or client.closes) and client.count_request() is not None:
            self._more.append(client)
        if client.unsent:
            self._selector.modify(client.connection, selectors.EVENT_WRITE, client)
        elif client.closes:
            if client.listener is not None:
                self._listeners.remove(client)
                self._events.remove(client.listener)
            self._selector.unregister(client.connection)
            client.connection.close()
        else:
            self._selector.modify(client.connection, selectors.EVENT_READ, client)


def listen(port: int) -> socket.socket:
    """A socket that listens on this machine alone; port 0 takes any that is free.

    Raises:
        OSError: the port is taken.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


@contextlib.contextmanager
def serving(port: int, sandboxes: int, environment: Mapping[str, str], *, user: str = LOCAL_USER) -> Iterator[str]:
    """Sandboxes of the HTTP API in processes of their own, on one port of this machine.

    Args:
        port: 0 takes any that is free.
        sandboxes: requests that can be answered at one time.
        environment: what the function is told.
        user: whose watchlists and alerts are served: nobody is asked who he is.

    Yields:
        Where it answers, as in `http://127.0.0.1:8000`.

    Raises:
        Permanent: the port is taken.
    """
    try:
        listening = listen(port)
    except OSError as error:
        raise Permanent(f"port {port} cannot be listened on ({error.strerror}); choose another with --port") from None
    command = [sys.executable, "-m", "local.http_server", "--socket", str(listening.fileno()), "--user", user]
    processes = [
        subprocess.Popen(
            command, pass_fds=[listening.fileno()], env=dict(environment), cwd=_ROOT, stdin=subprocess.PIPE
        )
        for _ in range(sandboxes)
    ]
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.communicate()
        listening.close()


def _end_with_the_starter() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Serve until the process is ended."""
    # Imported here: the command line imports this module.
    from local.command_line.functions import call

    # A Ctrl-C at the terminal reaches every process of it: whoever started this one ends it, or dies before it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="file descriptor of a listening socket")
    parser.add_argument("--user", default=LOCAL_USER, help="whose watchlists and alerts are served")
    asked = parser.parse_args()
    listening = socket.socket(fileno=asked.socket)
    functions = {name: find_function(name) for name in (FUNCTION, RECORDS, DESK)}
    server = Server(listening, lambda event: call(functions[function_of(event)], let_in(event, asked.user)))
    with contextlib.redirect_stdout(sys.stderr):
        while True:
            server.serve_round()


if __name__ == "__main__":
    main()
