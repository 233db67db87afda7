"""A server of raw sockets: it plays what real ones have done wrong, byte by byte."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Play = Callable[[socket.socket, bytes], None]


@dataclass
class RawServer:
    """Its address, and the requests it got, each with head and body."""

    url: str
    requests: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def playing(*plays: Play) -> Iterator[RawServer]:
    """Each request meets the next play; the last one is repeated."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        server = RawServer(f"http://127.0.0.1:{listening.getsockname()[1]}")
        left = list(plays)
        thread = threading.Thread(target=_serve, args=(listening, server, left), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            thread.join()


def _serve(listening: socket.socket, server: RawServer, plays: list[Play]) -> None:
    threads: list[threading.Thread] = []
    while not server.over.is_set():
        with contextlib.suppress(TimeoutError):
            connection, _ = listening.accept()
            threads.append(threading.Thread(target=_exchange, args=(connection, server, plays), daemon=True))
            threads[-1].start()
    for thread in threads:
        thread.join()


def _exchange(connection: socket.socket, server: RawServer, plays: list[Play]) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(5)
        request = _read(connection)
        if not request:
            return
        server.requests.append(request)
        play = plays.pop(0) if len(plays) > 1 else plays[0]
        play(connection, request)


def _read(connection: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read:
        piece = connection.recv(65536)
        if not piece:
            return b""
        read += piece
    head, _, body = read.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def http(status: str, body: bytes, *headers: str) -> bytes:
    """A whole answer, after which the connection ends."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def say(answer: bytes) -> Play:
    return lambda connection, _: connection.sendall(answer)


def cut(answer: bytes, at: int) -> Play:
    """A part of an answer, then a reset."""

    def play(connection: socket.socket, _: bytes) -> None:
        connection.sendall(answer[:at])
        # Unread bytes, or linger of nothing, make the end a reset rather than a close.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    return play


def drip(answer: bytes, seconds: float) -> Play:
    """A byte at a time."""

    def play(connection: socket.socket, _: bytes) -> None:
        for number in range(len(answer)):
            connection.sendall(answer[number : number + 1])
            time.sleep(seconds)

    return play


def silence(connection: socket.socket, _: bytes) -> None:
    """Nothing, until the client goes away."""
    with contextlib.suppress(OSError):
        connection.recv(1)
