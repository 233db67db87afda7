"""Server-sent events of `chandlery up`: what changed, for each client that listens, soon after it was published.

A thread of its own reads the changes, over a connection of its own: no request waits for it, nor it for one.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.errors import ChandleryError
from chandlery.platform.settings import read_settings

PATH = "/api/v1/events"
# The route whose parameters a listener gives, and whose rows it is sent.
POLLED = "/api/v1/changes"
HEAD = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "Connection": "close"}
POLL_SECONDS, HEARTBEAT_SECONDS, RETRY_SECONDS = 0.5, 15.0, 5.0
_STATEMENT_SECONDS = 5.0
_PAGE, _MOST_PENDING_BYTES = 20, 1_000_000


@dataclass
class Listener:
    """A client that listens: which changes it wants, the cursor it has, and what it is still to be sent."""

    after: int
    dataset: str | None = None
    keys: Sequence[str] = ()
    pending: bytearray = field(default_factory=bytearray)
    sent_at: float = field(default_factory=time.monotonic)

    @property
    def question(self) -> tuple[Any, ...]:
        """The same for listeners that are to be sent the same."""
        return self.after, self.dataset, tuple(self.keys)


def polled(query: str, last_event_id: str | None) -> str:
    """The query with which the route of changes is asked for a listener's first page."""
    asked = {name: values[-1] if name == "after" else ",".join(values) for name, values in parse_qs(query).items()}
    if last_event_id:
        asked["after"] = last_event_id
    return urlencode(asked | {"limit": 1})


def listener_of(query: str, answered: Any) -> Listener:
    """The listener of a query, as `polled` makes it, that the route has answered; without a cursor, from now on."""
    # Imported here: the function is loaded where its requests are answered.
    from functions.http_api.asking import keys_of

    asked = parse_qs(query)
    newest = answered["newest_cursor"] or 0
    keys = asked.get("instrument_keys", [])
    listener = Listener(
        int(asked.get("after", [newest])[0]), asked.get("dataset", [None])[0], keys_of(keys) if keys else ()
    )
    listener.pending += b"retry: 2000\n\n"
    if listener.after and answered["kept_from"] is not None and answered["kept_from"] > listener.after:
        # Changes may have been removed that it never saw.
        listener.pending += _event("reset", {"kept_from": answered["kept_from"]})
    return listener


def _event(name: str, data: object, number: int | None = None) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    named = "" if number is None else f"id: {number}\n"
    return f"event: {name}\n{named}data: {text}\n\n".encode()


class EventStream:
    """All listeners of a sandbox.

    Args:
        wake: called from the thread whenever something is to be sent.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._connection: Connection | None = None
        self._listeners: list[Listener] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, listener: Listener) -> None:
        """Send a client what changes from now on."""
        with self._changed:
            self._listeners.append(listener)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="events")
                self._thread.start()
            self._changed.notify()

    def remove(self, listener: Listener) -> None:
        """Forget a client that went away."""
        with self._changed:
            self._listeners.remove(listener)

    def take(self, listener: Listener) -> bytes:
        """What a client is to be sent now."""
        with self._changed:
            taken = bytes(listener.pending)
            listener.pending.clear()
        return taken

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._listeners)
            try:
                for question in {each.question for each in self._waiting()}:
                    self._read(question)
                pause = POLL_SECONDS
            except ChandleryError:
                # Requests say what is wrong with the database; who listens hears more once it is back.
                self._connection, pause = None, RETRY_SECONDS
            self._beat()
            time.sleep(pause)

    def _waiting(self) -> list[Listener]:
        """Listeners that take more: one that reads too slowly finds the rest in the database, later."""
        with self._changed:
            return [each for each in self._listeners if len(each.pending) < _MOST_PENDING_BYTES]

    def _read(self, question: tuple[Any, ...]) -> None:
        after, dataset, keys = question
        for number, text in self._changes(after, dataset, keys):
            self._send(question, _event("changes", text, number), number)
            question = number, dataset, keys

    def _changes(self, after: int, dataset: str | None, keys: Sequence[str]) -> Iterator[tuple[int, str]]:
        """A page of changes, by cursor, as the route answers them."""
        from chandlery.outbox.read_changes import read_changes
        from functions.http_api.changes import ChangeAnswer

        if self._connection is None:
            self._connection = connect(read_settings(), "events", read_only=True, timeout_seconds=_STATEMENT_SECONDS)
        page = read_changes(self._connection, after, dataset=dataset, keys=keys, most=_PAGE)
        for each in page.changes:
            yield each.cursor, ChangeAnswer.model_validate(vars(each)).model_dump_json()

    def _send(self, question: tuple[Any, ...], event: bytes, number: int) -> None:
        with self._changed:
            for listener in self._listeners:
                if listener.question == question:
                    listener.pending += event
                    listener.after, listener.sent_at = number, time.monotonic()
        self._wake()

    def _beat(self) -> None:
        """A comment for whom nothing was sent for long: proxies and clients see that the line stands."""
        now = time.monotonic()
        with self._changed:
            silent = [each for each in self._listeners if now - each.sent_at >= HEARTBEAT_SECONDS]
            for listener in silent:
                listener.pending += b": nothing yet\n\n"
                listener.sent_at = now
        if silent:
            self._wake()
