"""The HTTP API on one's own machine: HTTP in, API Gateway's events to the function's own handler, HTTP out.

`python -m local.http_server --socket FD` is one sandbox: like Lambda's it answers one request at a time. Several of
them share one listening socket.
"""

import argparse
import base64
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from chandlery.platform.errors import Permanent
from local.schedules import find_function

_ROOT = Path(__file__).resolve().parents[1]
FUNCTION = "http_api"
# As API Gateway's own limit.
_MOST_BYTES = 10 * 1024 * 1024
_TEXT = ("application/json", "text/", "application/x-www-form-urlencoded")


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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "chandlery"
    sys_version = ""
    # One write an answer, at once: with Nagle's algorithm the second one waits for the first one's receipt.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "_Server"

    def handle_one_request(self) -> None:
        # A client that goes away is no error of ours.
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Say nothing: the function logs each request."""

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
        event = event_of(self.command, self.path, headers, body, self.client_address[0] if self.client_address else "")
        answered = self.server.call(event)
        content = answered.get("body") or ""
        sent = base64.b64decode(content) if answered.get("isBase64Encoded") else content.encode()
        self._send(answered["statusCode"], answered.get("headers", {}), sent)

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
        self.wfile.flush()

    def __getattr__(self, name: str) -> Any:
        # Whatever the method: the function says what it takes.
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(listening.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self._one_at_a_time = threading.Lock()
        self._function = find_function(FUNCTION)

    def get_request(self) -> Any:
        """Take a connection when there is time for it: until then another sandbox may."""
        with self._one_at_a_time:
            pass
        return super().get_request()

    def call(self, event: dict[str, Any]) -> dict[str, Any]:
        """Answer as one sandbox: one request after the other."""
        from local.command_line.functions import call

        with self._one_at_a_time:
            return call(self._function, event)


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
def serving(port: int, sandboxes: int, environment: Mapping[str, str]) -> Iterator[str]:
    """Sandboxes of the HTTP API in processes of their own, on one port of this machine.

    Args:
        port: 0 takes any that is free.
        sandboxes: requests that can be answered at one time.
        environment: what the function is told.

    Yields:
        Where it answers, as in `http://127.0.0.1:8000`.

    Raises:
        Permanent: the port is taken.
    """
    try:
        listening = listen(port)
    except OSError as error:
        raise Permanent(f"port {port} cannot be listened on ({error.strerror}); choose another with --port") from None
    command = [sys.executable, "-m", "local.http_server", "--socket", str(listening.fileno())]
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
    # A Ctrl-C at the terminal reaches every process of it: whoever started this one ends it, or dies before it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="file descriptor of a listening socket")
    listening = socket.socket(fileno=parser.parse_args().socket)
    server = _Server(listening)
    with contextlib.redirect_stdout(sys.stderr):
        server.serve_forever()


if __name__ == "__main__":
    main()
