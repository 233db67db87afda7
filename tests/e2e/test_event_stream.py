"""Server-sent events of the local stack, over a real socket: each change once, in order, while others are answered."""

import contextlib
import http.client
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from psycopg import Connection

from chandlery.outbox.publish_changes import publish_changes
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.words.window import MINUTE
from local.http_server import serving
from tests.conftest import empty
from tests.integration.market import around_the_clock
from tests.waiting import LAST_RESORT_SECONDS

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUIET = {"POWERTOOLS_LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_DISABLED": "true"}
KEYS = ("X@A@EQ", "X@B@EQ")


@pytest.fixture(scope="module")
def desk(migrated_url: str) -> Iterator[Connection]:
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        around_the_clock(connection, *KEYS)
        yield connection


@pytest.fixture(scope="module")
def address(desk: Connection, migrated_url: str) -> Iterator[str]:
    """One sandbox: a client that waits would make everybody wait."""
    with serving(0, 1, os.environ | {"DATABASE_URL": migrated_url} | QUIET) as address:
        yield address


class Stream:
    """A client that listens."""

    def __init__(self, address: str, query: str = "", **headers: str) -> None:
        self._client = http.client.HTTPConnection(urlsplit(address).netloc, timeout=LAST_RESORT_SECONDS)
        self._client.request("GET", f"/api/v1/events{query}", headers=headers)
        self.answer = self._client.getresponse()

    def next(self) -> dict[str, str]:
        """The fields of the next event that has data."""
        fields: dict[str, str] = {}
        while True:
            line = self.answer.readline().decode()
            if not line:
                raise EOFError
            if line == "\n" and "data" in fields:
                return fields
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value

    def close(self) -> None:
        self.answer.close()
        self._client.close()


def change(desk: Connection, minute: int, instrument: int = 1, dataset: str = "candles") -> int:
    """A change that is published; its cursor."""
    starts = START + minute * MINUTE
    desk.execute(
        "INSERT INTO market.unpublished_changes (dataset, kind, timeframes, starts, ends, instrument_ids)"
        " VALUES (%s, 'new', '{}', %s, %s, %s)",
        [dataset, starts, starts + MINUTE, [instrument]],
    )
    publish_changes(desk, starts)
    row = desk.execute("SELECT max(cursor) FROM market.changes").fetchone()
    assert row is not None
    return int(row[0])


def ask(address: str, path: str) -> tuple[int, Any]:
    client = http.client.HTTPConnection(urlsplit(address).netloc, timeout=LAST_RESORT_SECONDS)
    with contextlib.closing(client):
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, json.loads(answer.read())


def test_each_change_is_sent_once_while_others_are_answered(desk: Connection, address: str) -> None:
    change(desk, 0)
    with contextlib.closing(Stream(address)) as stream, contextlib.closing(Stream(address, "?dataset=flows")) as other:
        assert stream.answer.status == 200
        assert stream.answer.headers["Content-Type"] == "text/event-stream"
        cursors = []
        for minute in range(1, 4):
            cursors.append(change(desk, minute))
            assert ask(address, "/api/v1/instruments")[0] == 200
        found = [stream.next() for _ in cursors]
        flows = change(desk, 5, dataset="flows")
        # Nothing of the others: it comes first.
        assert other.next()["id"] == str(flows)
    assert [(each["event"], int(each["id"])) for each in found] == [("changes", cursor) for cursor in cursors]
    polled = ask(address, f"/api/v1/changes?after={cursors[0] - 1}&dataset=candles")[1]["changes"]
    assert [json.loads(each["data"]) for each in found] == polled


def test_it_goes_on_where_the_last_line_broke(desk: Connection, address: str) -> None:
    cursors = [change(desk, minute, instrument=1 + minute % 2) for minute in range(10, 35)]
    with contextlib.closing(Stream(address, f"?after={cursors[0]}")) as stream:
        assert [int(stream.next()["id"]) for _ in cursors[1:]] == cursors[1:]
    # As browsers connect again: the same address, and the last id.
    with contextlib.closing(Stream(address, "?after=1", **{"Last-Event-ID": str(cursors[-3])})) as stream:
        assert [int(stream.next()["id"]) for _ in range(2)] == cursors[-2:]
    with contextlib.closing(Stream(address, f"?after={cursors[0] - 1}&instrument_keys={KEYS[1]}")) as stream:
        assert [int(stream.next()["id"]) for _ in cursors[1::2]] == cursors[1::2]


def test_who_lost_changes_hears_of_it(desk: Connection, address: str) -> None:
    desk.execute("DELETE FROM market.outbox")
    cursor = change(desk, 50)
    with contextlib.closing(Stream(address, "?after=1")) as stream:
        first, second = stream.next(), stream.next()
    assert (first["event"], json.loads(first["data"])) == ("reset", {"kept_from": cursor})
    assert second["id"] == str(cursor)


@pytest.mark.parametrize("query", ["?after=x", "?after=-1", "?since=1", "?instrument_keys=nonsense"])
def test_nonsense_is_refused(address: str, query: str) -> None:
    status, told = ask(address, f"/api/v1/events{query}")
    assert (status, told["status"]) == (422, 422)


def test_clients_that_go_away_are_forgotten(desk: Connection, address: str) -> None:
    parts = urlsplit(address)
    for _ in range(5):
        with socket.create_connection((parts.hostname, parts.port), timeout=LAST_RESORT_SECONDS) as raw:
            raw.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
            assert raw.recv(15) == b"HTTP/1.1 200 OK"
    with contextlib.closing(Stream(address)) as stream:
        cursor = change(desk, 60)
        assert stream.next()["id"] == str(cursor)
    assert ask(address, "/api/v1/instruments")[0] == 200
