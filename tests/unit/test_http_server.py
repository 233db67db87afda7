"""A sandbox of the local HTTP API takes its clients in turn, whatever each of them does."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from local.http_server import Server, listen
from tests.waiting import LAST_RESORT_SECONDS

LONG = "x" * 8_000_000


class Sandbox:
    """A server on a port of its own, and the paths it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.listening = listen(0)
        self.server = Server(self.listening, self.call)

    def call(self, event: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(event["rawPath"])
        body = LONG if event["rawPath"] == "/long" else json.dumps({"body": event.get("body", "")})
        return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": body}

    def connect(self, sent: bytes = b"") -> socket.socket:
        client = socket.create_connection(self.listening.getsockname(), timeout=LAST_RESORT_SECONDS)
        client.sendall(sent)
        return client

    def serve(self, rounds: int) -> None:
        for _ in range(rounds):
            self.server.serve_round()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.server.close()


def get(*paths: str) -> bytes:
    return b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths)


def test_each_client_has_its_turn(sandbox: Sandbox) -> None:
    with sandbox.connect(get("/a1", "/a2", "/a3")), sandbox.connect(get("/b1", "/b2", "/b3")):
        sandbox.serve(5)
    assert sandbox.asked == ["/a1", "/b1", "/a2", "/b2", "/a3", "/b3"][: len(sandbox.asked)]
    assert len(sandbox.asked) >= 5


def test_half_a_request_keeps_nobody_waiting(sandbox: Sandbox) -> None:
    with sandbox.connect(b"POST /slow HTTP/1.1\r\nContent-Length: 5\r\n\r\nab") as slow:
        sandbox.serve(2)
        with sandbox.connect(get("/quick")) as quick:
            sandbox.serve(2)
            assert quick.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
        assert sandbox.asked == ["/quick"]
        slow.sendall(b"cde")
        while len(sandbox.asked) < 2:
            sandbox.serve(1)
        assert slow.recv(1000).endswith(b'{"body": "abcde"}')


def test_a_client_that_reads_late_keeps_nobody_waiting(sandbox: Sandbox) -> None:
    with sandbox.connect(get("/long")) as late, sandbox.connect(get("/quick")) as quick:
        while "/quick" not in sandbox.asked:
            sandbox.serve(1)
        assert quick.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
        read = bytearray()
        late.setblocking(False)
        while read.count(b"x") < len(LONG):
            try:
                read += late.recv(1 << 20)
            except BlockingIOError:
                sandbox.serve(1)
        assert read.endswith(LONG.encode())


def test_who_waits_to_be_asked_for_a_body_is_asked(sandbox: Sandbox) -> None:
    with sandbox.connect(b"POST /p HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n") as client:
        sandbox.serve(2)
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"ab")
        while not sandbox.asked:
            sandbox.serve(1)
        answer = client.recv(1000)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b'{"body": "ab"}')


def test_a_head_without_an_end_is_refused(sandbox: Sandbox) -> None:
    with sandbox.connect() as client:
        client.setblocking(False)
        left = memoryview(b"GET /" + b"a" * 300_000)
        answer = b""
        sandbox.serve(1)
        while not answer:
            try:
                left = left[client.send(left) :] if left else left
                answer = client.recv(100)
            except BlockingIOError:
                sandbox.serve(1)
        assert answer.startswith(b"HTTP/1.1 414 ")
    assert sandbox.asked == []
