"""The running local stack over real HTTP: sandboxes on one port, whatever clients do to them, and `chandlery up`."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chandlery.platform.connection import connect
from chandlery.platform.errors import Permanent
from chandlery.platform.settings import Settings
from local.embedded import EmbeddedDatabase
from local.http_server import serving
from tests.conftest import empty
from tests.e2e.commands import ENVIRONMENT
from tests.integration.api_scene import COIN, SHARE, minute, set_scene
from tests.integration.derived_scene import write
from tests.integration.reading.test_http_api_cache import HEALED, MISSING
from tests.waiting import LAST_RESORT_SECONDS, wait_until

UNLOGGED = {"POWERTOOLS_LOG_LEVEL": "CRITICAL"}
QUIET = UNLOGGED | {"POWERTOOLS_METRICS_DISABLED": "true"}
COMPUTE = json.dumps({"instrument_key": SHARE, "timeframe": "5m", "limit": 5, "indicators": [{"name": "rsi"}]}).encode()
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def address(migrated_url: str) -> Iterator[str]:
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        set_scene(connection, datetime.now(UTC))
    with serving(0, 2, os.environ | {"DATABASE_URL": migrated_url} | QUIET) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[http.client.HTTPConnection]:
    client = http.client.HTTPConnection(urlsplit(address).netloc, timeout=LAST_RESORT_SECONDS)
    yield client
    client.close()


def ask(
    client: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    client.request(method, path, body, headers)
    answer = client.getresponse()
    return answer.status, answer.headers, answer.read()


def test_several_requests_on_one_connection(client: http.client.HTTPConnection) -> None:
    client.connect()
    opened = client.sock
    for path in ("/health", "/api/v1/instruments", f"/api/v1/candles/{SHARE}?timeframe=1h&limit=2", "/nothing"):
        status, headers, body = ask(client, "GET", path)
        assert status == (404 if path == "/nothing" else 200)
        assert json.loads(body)
        assert headers["X-Request-Id"]
    status, _, body = ask(client, "POST", "/api/v1/compute", COMPUTE, **JSON)
    assert (status, len(json.loads(body)["time"])) == (200, 5)
    status, headers, body = ask(client, "GET", f"/api/v1/instruments/{SHARE}")
    again = ask(client, "GET", f"/api/v1/instruments/{SHARE}", None, **{"If-None-Match": str(headers["ETag"])})
    assert (again[0], again[2]) == (304, b"")
    assert client.sock is opened


def test_the_documentation_works_offline(client: http.client.HTTPConnection) -> None:
    status, headers, body = ask(client, "GET", "/docs")
    assert (status, headers["Content-Type"]) == (200, "text/html")
    page = body.decode()
    # Nothing is fetched from elsewhere.
    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)\s*=\s*"?(?:https?:)?//', page)
    assert "supertrend" in page
    assert len(page) > 1_000_000


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods(client: http.client.HTTPConnection, method: str) -> None:
    status, headers, _ = ask(client, method, "/api/v1/instruments")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/api/v1/instruments", "/docs", "/docs/", "/health"])
def test_a_head_is_that_of_the_get(client: http.client.HTTPConnection, path: str) -> None:
    status, headers, body = ask(client, "HEAD", path)
    got, headers_of_get, body_of_get = ask(client, "GET", path)
    assert (status, body) == (got, b"") == (200, b"")
    assert headers["Content-Type"] == headers_of_get["Content-Type"]
    assert int(headers["Content-Length"]) == len(body_of_get) > 0


def test_options_say_what_a_path_takes(client: http.client.HTTPConnection) -> None:
    for path, methods in (("/api/v1/instruments", "GET, HEAD"), ("/api/v1/compute", "POST")):
        status, headers, body = ask(client, "OPTIONS", path)
        assert (status, headers["Allow"], body) == (204, methods, b"")


def test_a_body_of_unknown_length_is_refused(client: http.client.HTTPConnection) -> None:
    # The head alone: the answer does not wait for a body, and closes the connection.
    client.putrequest("POST", "/api/v1/compute")
    client.putheader("Transfer-Encoding", "chunked")
    client.endheaders()
    assert client.getresponse().status == 411


def test_a_body_of_ten_megabytes_is_refused(client: http.client.HTTPConnection) -> None:
    status, headers, body = ask(client, "POST", "/api/v1/compute", b'"' + b"x" * 10_000_000 + b'"', **JSON)
    assert (status, headers["Content-Type"]) == (413, "application/problem+json")
    assert b"100,000" in body
    # Above what API Gateway takes, it is not read at all.
    client.close()
    client.putrequest("POST", "/api/v1/compute")
    client.putheader("Content-Length", str(11 * 1024 * 1024))
    client.endheaders()
    assert client.getresponse().status == 413


def test_clients_that_make_no_sense(address: str, client: http.client.HTTPConnection) -> None:
    host, port = urlsplit(address).hostname, urlsplit(address).port
    for said in (
        b"",
        b"\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ):
        with socket.create_connection((host, port), timeout=LAST_RESORT_SECONDS) as raw:
            raw.sendall(said)
    with socket.create_connection((host, port), timeout=LAST_RESORT_SECONDS) as raw:
        raw.sendall(b"POST /api/v1/compute HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")  # and goes away
    assert ask(client, "GET", "/health")[0] == 200


def test_four_clients_at_one_time(address: str) -> None:
    paths = [
        "/health",
        "/api/v1/instruments",
        f"/api/v1/candles/{SHARE}?timeframe=5m&limit=50",
        f"/api/v1/candles/{COIN}?timeframe=1m&limit=50",
        f"/api/v1/instruments/{COIN}/latest",
        "/api/v1/price-changes",
    ]

    def work(number: int) -> list[int]:
        client = http.client.HTTPConnection(urlsplit(address).netloc, timeout=LAST_RESORT_SECONDS)
        statuses = [ask(client, "GET", paths[(number + turn) % len(paths)])[0] for turn in range(12)]
        statuses += [ask(client, "POST", "/api/v1/compute", COMPUTE, **JSON)[0] for _ in range(3)]
        client.close()
        return statuses

    with ThreadPoolExecutor(4) as pool:
        assert {status for statuses in pool.map(work, range(4)) for status in statuses} == {200}


def test_a_healed_candle_is_in_the_next_answer_of_either_sandbox(address: str, migrated_url: str) -> None:
    path = f"/api/v1/candles/{SHARE}?timeframe=1m&from=2013-10-07T13:30Z&to=2013-10-07T14:30Z"

    def times() -> list[bool]:
        """On connections of their own, which either sandbox may take."""
        found = []
        for _ in range(6):
            client = http.client.HTTPConnection(urlsplit(address).netloc, timeout=LAST_RESORT_SECONDS)
            found.append(HEALED.encode() in ask(client, "GET", path)[2])
            client.close()
        return found

    assert not any(times())
    with connect(Settings(database_url=migrated_url), "test") as connection:
        write(connection, 1, [minute(MISSING, 7)])
    assert all(times())


def test_a_port_that_is_taken(address: str) -> None:
    port = urlsplit(address).port
    assert port is not None
    with pytest.raises(Permanent, match=f"port {port} cannot be listened on"), serving(port, 1, os.environ):
        pass


def test_up_runs_everything_until_it_is_interrupted(migrated_url: str, tmp_path: Path) -> None:
    command = str(Path(sys.executable).with_name("chandlery"))
    environment = os.environ | {"DATABASE_URL": migrated_url, "CHANDLERY_HOME": str(tmp_path)} | UNLOGGED
    with subprocess.Popen(
        [command, "up", "--port", "0", "--sandboxes", "2", "--metrics"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        told = ""
        while "Ctrl-C" not in told:
            line = process.stdout.readline()
            assert line, told
            told += line
        found = re.search(r"http://127\.0\.0\.1:\d+", told)
        assert found is not None
        client = http.client.HTTPConnection(urlsplit(found[0]).netloc, timeout=LAST_RESORT_SECONDS)
        assert ask(client, "GET", "/health")[0] == 200
        assert ask(client, "GET", "/docs")[0] == 200
        assert b"chandlery_database_up 1.0" in ask(client, "GET", "/metrics")[2]
        client.request("GET", "/api/v1/events")
        stream = client.getresponse()
        assert (stream.status, stream.readline()) == (200, b"retry: 2000\n")
        # As a terminal does it: to every process of the group.
        os.killpg(process.pid, signal.SIGINT)
        rest, errors = process.communicate()
        assert stream.read() == b"\n"
        client.close()
        assert process.returncode in (0, 130)
        assert "stopped" in rest
        metrics = [json.loads(line) for line in errors.splitlines() if "CloudWatchMetrics" in line]
        assert {(each["service"], *each["Requests"]) for each in metrics} == {("http_api", 1)}
        wait_until(lambda: not is_alive(process.pid), "its sandboxes end")


@pytest.mark.long
def test_up_answers_again_once_its_database_is_back(tmp_path: Path, migrated_tarball: Path) -> None:
    database = EmbeddedDatabase(tmp_path, tarball=migrated_tarball)
    database.start()
    command = [str(Path(sys.executable).with_name("chandlery")), "up", "--port", "0", "--no-schedules"]
    environment = ENVIRONMENT | {"CHANDLERY_HOME": str(tmp_path)} | UNLOGGED
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = "".join(iter(process.stdout.readline, "running; Ctrl-C stops\n"))
        client = http.client.HTTPConnection(
            urlsplit(re.findall(r"http://127\.0\.0\.1:\d+", told)[0]).netloc, timeout=LAST_RESORT_SECONDS
        )
        try:
            statuses = [ask(client, "GET", "/api/v1/instruments")[0]]
            database.stop()
            statuses.append(ask(client, "GET", "/api/v1/instruments")[0])
            database.start()
            wait_until(lambda: ask(client, "GET", "/api/v1/instruments")[0] == 200, "it answers again")
        finally:
            client.close()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate()
            database.stop()
    assert statuses == [200, 503]
    assert "CloudWatchMetrics" not in errors  # nobody asked for metrics


def is_alive(group: int) -> bool:
    """Whether a process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
