"""The HTTP API: how long its handler takes, many clients at once, and what the cache saves."""

import contextlib
import io
import json
import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, urlencode, urlsplit

import pytest
from psycopg import Connection, Cursor

from chandlery.datasets.candles import CANDLES
from chandlery.indicators.numerics.catalogue import prepare
from chandlery.reading.list_price_changes import price_changes
from chandlery.reading.store.series import read_series
from chandlery.refresh.refresh_stale import refresh_stale
from chandlery.refresh.store import refreshes
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, HOUR, Window
from local.command_line.functions import LocalContext
from local.http_server import event_of, serving
from tests.benchmarks.scene import (
    MINUTE,
    NOON,
    ON_SERVER,
    WHERE,
    insert_candles,
    list_instruments,
    seconds,
    unmarked,
)
from tests.cached import CACHE_KEY
from tests.integration.api_scene import Answer, Sandboxes, call, settings
from tests.integration.redis_server import SERVER as REDIS
from tests.integration.redis_server import Server

INSTRUMENTS = 60 if ON_SERVER else 6
DAYS = 14 if ON_SERVER else 9
ROUNDS = 100 if ON_SERVER else 20
CLIENTS = 16 if ON_SERVER else 4
SANDBOXES = 2
QUESTIONS = 3_000 if ON_SERVER else 300
PLANNED = 20 if ON_SERVER else 3
PRICED = 10_000 if ON_SERVER else 300
COMPUTED = (
    "sma", "ema", "wma", "dema", "tema", "kama", "trix", "rsi", "macd", "bbands", "atr", "natr", "adx", "cci", "mom",
    "roc", "stoch", "willr", "mfi", "obv",
)  # fmt: skip
Question = Callable[[], Answer]


@pytest.fixture
def stored(connection: Connection) -> Connection:
    """Some days of candles in every timeframe."""
    list_instruments(connection, INSTRUMENTS)
    with unmarked(connection, "candles"):
        for number in range(DAYS):
            starts = NOON - (DAYS - number) * DAY
            insert_candles(connection, starts, starts + DAY, INSTRUMENTS, trades=10, left_out=0.02)
    materialize(connection, DAYS)
    # As gap monitors leave it, once they have counted.
    connection.execute("UPDATE market.instruments SET data_from = %s", [NOON - DAYS * DAY])
    return connection


def materialize(connection: Connection, days: int) -> None:
    for rollup in CANDLES.rollups:
        whole = Window(rollup.timeframe.ceil_bucket(NOON - days * DAY), rollup.timeframe.floor_bucket(NOON))
        refreshes.refresh(connection, rollup.relation, whole)
    connection.execute("VACUUM ANALYZE")


@contextmanager
def sandbox(database_url: str, **others: str) -> Iterator[None]:
    """A new sandbox, which logs and counts as usual, but where nobody reads it."""
    with settings(database_url, POWERTOOLS_METRICS_DISABLED="false", **others), contextlib.ExitStack() as quiet:
        import functions.http_api  # noqa: F401  # its logger

        for each in logging.getLogger("http_api").handlers:
            if isinstance(each, logging.StreamHandler):
                quiet.enter_context(patch.object(each, "stream", io.StringIO()))
        yield


def taken(question: Question) -> tuple[float, Answer]:
    """Milliseconds of the handler, and its answer."""
    with contextlib.redirect_stdout(io.StringIO()):
        begun = time.perf_counter()
        answer = question()
        lasted = (time.perf_counter() - begun) * 1000
    assert answer.status == 200, answer.text
    return lasted, answer


class Times:
    """Milliseconds of the handler, and of the processor in this process, the database's left out."""

    def __init__(self) -> None:
        self.lasted: list[float] = []
        self._used: list[float] = []

    def take(self, question: Question) -> Answer:
        begun = time.process_time()
        lasted, answer = taken(question)
        self._used.append((time.process_time() - begun) * 1000)
        self.lasted.append(lasted)
        return answer

    def __str__(self) -> str:
        return f"{told(self.lasted)} (processor of Python {median(self._used):.1f} ms)"


def target(instrument: int, starts: datetime, ends: datetime, limit: int = 1000) -> str:
    asked = {"timeframe": "15m", "from": starts.isoformat(), "to": ends.isoformat(), "limit": limit}
    return f"/api/v1/candles/{quote(f'X@S{instrument}@EQ', safe='@')}?{urlencode(asked)}"


def handled(method: str, path: str, body: bytes = b"", **headers: str) -> Question:
    """What the handler alone has to do: the event is there, as from API Gateway."""
    from functions.http_api import handler

    event = event_of(method, path, ({"content-type": "application/json"} if body else {}) | headers, body)

    def question() -> Answer:
        answered = handler(event, LocalContext("http_api", 29))
        return Answer(answered["statusCode"], answered["headers"], answered["body"])

    return question


def week(instrument: int, limit: int = 1000) -> Question:
    return handled("GET", target(instrument, NOON - 7 * DAY, NOON, limit))


def history(instrument: int, limit: int) -> Question:
    return handled("GET", target(instrument, NOON - DAYS * DAY, NOON, limit))


def newest(instrument: int) -> Question:
    return lambda: call("GET", f"/api/v1/candles/X@S{instrument}@EQ?timeframe=15m")


def computed(instrument: int, candles: int = 500) -> Question:
    asked = {
        "instrument_key": f"X@S{instrument}@EQ",
        "timeframe": "15m",
        "to": NOON.isoformat(),
        "limit": candles,
        "indicators": [{"name": name} for name in COMPUTED],
    }
    return handled("POST", "/api/v1/compute", json.dumps(asked).encode())


def told(times: Sequence[float]) -> str:
    return f"p50 {median(times):.1f} ms, p99 {quantiles(times, n=100, method='inclusive')[98]:.1f} ms"


def test_p5_candles_of_a_week(stored: Connection, database_url: str) -> None:
    hits, misses, longer = Times(), Times(), Times()
    with sandbox(database_url):
        # The database plans a statement for each asking at first.
        for number in range(PLANNED):
            taken(week(1 + number % INSTRUMENTS, 9_000 + number))
        for number in range(ROUNDS):
            question = week(1 + number % INSTRUMENTS, 1001 + number)
            assert misses.take(question).headers["X-Cache"] == "miss"
            answer = hits.take(question)
            assert answer.headers["X-Cache"] == "hit"
            whole = longer.take(history(1 + number % INSTRUMENTS, 2001 + number))
            assert whole.headers["X-Cache"] == "miss"
    assert len(answer.json["candles"]) == 7 * 96
    print(
        f"\nP5 [{WHERE}] 672 candles of 15m, handler: from the database {misses}; from the cache {hits},"
        f" {median(misses.lasted) / median(hits.lasted):.1f} x as fast\n"
        f"growth: {len(whole.json['candles']):,} candles from the database {longer}"
    )


def test_p5_ten_thousand_candles(stored: Connection, database_url: str) -> None:
    """As numbers, as text, as gzip, and those of several instruments; the processor's share is Python's alone."""
    forms = {
        "numbers": ("", {}),
        "text": ("&numbers=text", {}),
        "text as gzip": ("&numbers=text", {"accept-encoding": "gzip"}),
    }
    lines = []
    with sandbox(database_url):
        for place, (name, (asked, headers)) in enumerate(forms.items()):
            missed, found = Times(), Times()
            for number in range(max(ROUNDS // 5, 4)):
                key, limit = f"X@S{1 + number % INSTRUMENTS}@EQ", 10_000 - 3 * number - place
                path = f"/api/v1/candles/{key}?timeframe=1m&limit={limit}{asked}"
                for times in (missed, found):
                    answer = times.take(handled("GET", path, b"", **headers))
            size = len(answer.text) * (3 / 4 if headers else 1)
            lines.append(f"{name} {size / 1e6:.2f} MB, from the database {missed}; from the cache {found}")
        several = Times()
        keys = ",".join(f"X@S{number}@EQ" for number in range(1, 6))
        for number in range(max(ROUNDS // 5, 4)):
            asked = f"timeframe=1m&limit={10_000 - number}&numbers=text"
            several.take(handled("GET", f"/api/v1/candles?instrument_keys={keys}&{asked}"))
    print(f"\nP5 [{WHERE}] 10,000 candles of 1m, handler: {'; '.join(lines)}; of five instruments as text {several}")


def test_p9_twenty_indicators(stored: Connection, database_url: str) -> None:
    """What the handler adds to the database and to TA-Lib on the same arrays."""
    in_database: list[float] = []
    execute = Cursor.execute

    def timed(self: Cursor[Any], *values: Any, **named: Any) -> Cursor[Any]:
        begun = time.perf_counter()
        try:
            return execute(self, *values, **named)
        finally:
            in_database[-1] += (time.perf_counter() - begun) * 1000

    prepared = [prepare(name, {}, UTC) for name in COMPUTED]
    before = max(each.warm_up for each in prepared)
    with sandbox(database_url), patch.object(Cursor, "execute", timed):
        for candles, rounds in ((500, ROUNDS), (50, ROUNDS // 4)):
            lasts, sums, over = [], [], []
            for number in range(-PLANNED, rounds):
                instrument = 1 + number % INSTRUMENTS
                in_database.append(0)
                # Another question each time: nothing is kept of it.
                lasted, answer = taken(computed(instrument, candles - (number + PLANNED) // INSTRUMENTS))
                assert answer.headers["X-Cache"] == "miss"
                if number < 0:
                    continue
                in_handler = in_database[-1]
                found = read_series(stored, instrument, Timeframe.M15, None, NOON, candles, before=before)
                alone = seconds(lambda found=found.candles: [each.compute(found) for each in prepared]) * 1000  # type: ignore[misc]
                lasts.append(lasted)
                sums.append(alone)
                over.append(lasted - in_handler - alone)
            print(
                f"{'' if candles == 500 else 'growth: '}[{WHERE}] {len(COMPUTED)} indicators over {candles} candles of"
                f" 15m ({answer.json['used']['rows_read']} read), handler: all but database and TA-Lib {told(over)};"
                f" all in all {told(lasts)}, TA-Lib alone {told(sums)}"
            )


class Client:
    """A client that keeps its connection and looks at nothing but status and length, so that it costs little."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = bytearray(1 << 18)

    def ask(self, path: str) -> int:
        """The status; all of the answer is here then."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        count = 0
        while (ends := self._read.find(b"\r\n\r\n", 0, count)) < 0:
            count += self._receive(count)
        head = bytes(self._read[:ends]).decode()
        left = int(head.lower().partition("content-length: ")[2].split()[0]) - (count - ends - 4)
        while left > 0:
            left -= self._receive(0)
        return int(head.split()[1])

    def _receive(self, start: int) -> int:
        count = self._socket.recv_into(memoryview(self._read)[start:])
        if count == 0:
            raise ConnectionError("the server closed the connection")
        return count

    def close(self) -> None:
        self._socket.close()


def processor_seconds(processes: Iterable[int]) -> float:
    """What they used so far, those of their threads that have ended as well."""
    used = 0
    for each in processes:
        *_, fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")
        used += sum(map(int, fields.split()[11:13]))
    return used / os.sysconf("SC_CLK_TCK")


def of_this_machine(connection: Connection) -> list[int]:
    """The database's processes that serve sandboxes; none where it runs elsewhere, or is embedded."""
    found = connection.execute(
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'chandlery-http_api'"
    )
    return [pid for (pid,) in found if ON_SERVER and is_called(pid, "postgres")]


def is_called(process: int, name: str) -> bool:
    path = Path(f"/proc/{process}/comm")
    return path.exists() and path.read_text().strip() == name


def test_p14_many_clients(stored: Connection, database_url: str) -> None:
    environment = os.environ | {
        "DATABASE_URL": database_url, "POWERTOOLS_METRICS_DISABLED": "true", "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    }  # fmt: skip
    times: list[float] = []
    wrong: list[object] = []

    def ask(number: int, count: int) -> None:
        try:
            with contextlib.closing(Client(url)) as client:
                for each in range(count):
                    begun = time.perf_counter()
                    status = client.ask(target(1 + (number + each * 5) % INSTRUMENTS, NOON - 7 * DAY, NOON))
                    times.append((time.perf_counter() - begun) * 1000)
                    if status != 200:
                        wrong.append(status)
        except OSError as error:
            wrong.append(error)

    def all_at_once(clients: int, count: int) -> float:
        threads = [threading.Thread(target=ask, args=(number, count)) for number in range(clients)]

        def run() -> None:
            for each in threads:
                each.start()
            for each in threads:
                each.join()

        return seconds(run)

    with children_of_this() as started, serving(0, SANDBOXES, environment) as url:
        all_at_once(CLIENTS, 2)  # sandboxes start, and connect
        used = {"sandboxes": started(), "database": of_this_machine(stored)}

        for clients in (CLIENTS, CLIENTS // 4):
            times.clear()
            before = spent_by(used)
            lasted = all_at_once(clients, ROUNDS)
            each = {name: (after - before[name]) / len(times) * 1000 for name, after in spent_by(used).items()}
            print(
                f"{'' if clients == CLIENTS else 'growth: '}[{WHERE}] {clients} clients, {SANDBOXES} sandboxes, 672"
                f" candles each: {len(times) / lasted:,.0f} answers a second, {told(times)}, {len(wrong)} errors;"
                f" processor ms an answer: {', '.join(f'{name} {taken:.2f}' for name, taken in each.items())};"
                f" bound of 2 processors {2000 / sum(each.values()):,.0f} answers a second"
            )
    assert not wrong


def spent_by(used: Mapping[str, Iterable[int]]) -> dict[str, float]:
    """Processor time so far of some processes by name, and of the clients, which are threads of this one."""
    return {name: processor_seconds(each) for name, each in used.items()} | {"clients": time.process_time()}


@contextmanager
def children_of_this() -> Iterator[Callable[[], list[int]]]:
    """What lists the processes that this one has started since."""
    before = set(children())
    yield lambda: [each for each in children() if each not in before]


def children() -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # one that has ended meanwhile
            if int(path.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(path.parent.name))
    return found


def realistic(count: int) -> list[Question]:
    """What desks ask: often the same history, very often the newest page, sometimes something new."""
    chance = random.Random(7)  # the same each time
    starts = [NOON - days * DAY for days in range(2, DAYS)]
    history = [(chance.randint(1, INSTRUMENTS), chance.choice(starts), chance.choice([1, 2, 7])) for _ in range(60)]

    def one() -> Question:
        kind = chance.random()
        if kind < 0.60:
            instrument, first, days = chance.choice(history)
            asked = target(instrument, first, min(first + days * DAY, NOON))
            return lambda: call("GET", asked)
        if kind < 0.85:
            return newest(chance.randint(1, min(INSTRUMENTS, 12)))
        if kind < 0.95:
            return computed(chance.randint(1, min(INSTRUMENTS, 12)))
        return week(chance.randint(1, INSTRUMENTS), chance.randint(700, 5_000))

    return [one() for _ in range(count)]


def ask_all(connection: Connection, questions: Sequence[Question], sandboxes: Sandboxes) -> tuple[float, float]:
    """Mean milliseconds, and the share of hits; two sandboxes take turns, and a candle is healed now and then."""
    chance = random.Random(11)  # the same each time
    times, hits = [], 0
    for number, question in enumerate(questions):
        if number % 150 == 149:
            heal(connection, 1 + chance.randrange(INSTRUMENTS), NOON - chance.randint(2, DAYS * 24 - 1) * HOUR)
        with sandboxes.within(number % 2):
            lasted, answer = taken(question)
        times.append(lasted)
        hits += answer.headers["X-Cache"] == "hit"
    return sum(times) / len(times), hits / len(times)


def heal(connection: Connection, instrument: int, at: datetime) -> None:
    connection.execute(
        "UPDATE market.candles SET volume = volume + 1 WHERE instrument_id = %s AND time >= %s AND time < %s",
        [instrument, at, at + 5 * MINUTE],
    )
    refresh_stale(connection, NOON + DAY, most_marks=1000, has_time=lambda: True)


def test_what_the_cache_saves(stored: Connection, database_url: str) -> None:
    questions = realistic(QUESTIONS)

    def run(**others: str) -> tuple[float, float]:
        with sandbox(database_url, **others):
            both = Sandboxes(2)
            found = ask_all(stored, questions, both)
            both.close()
        return found

    without, _ = run(CACHE_BYTES="0")
    alone, rate = run()
    line = (
        f"\n[{WHERE}] {QUESTIONS:,} questions as desks ask them to two sandboxes: {without:.1f} ms each without a"
        f" cache; in memory {rate:.1%} hits, {without / alone:.1f} x as fast"
    )
    if REDIS:
        with TemporaryDirectory() as folder:
            server = Server(Path(folder))
            server.start()
            try:
                shared, rate = run(REDIS_URL=server.url, CACHE_KEY=CACHE_KEY)
            finally:
                server.kill()
        line += f"; with Redis {rate:.1%} hits, {without / shared:.1f} x"
    print(line)


def test_price_changes(connection: Connection) -> None:
    """Instruments with a month of daily closes, three days of a candle every two hours, and ten newest minutes."""
    list_instruments(connection, PRICED)
    with unmarked(connection, "candles"):
        for starts, ends in (
            *((NOON - back * DAY, NOON - back * DAY + MINUTE) for back in range(35, 3, -1)),
            *((NOON - back * HOUR, NOON - back * HOUR + MINUTE) for back in range(72, 0, -2)),
            (NOON - 10 * MINUTE, NOON),
        ):
            insert_candles(connection, starts, ends, PRICED, trades=5, left_out=0)
    materialize(connection, 36)
    lines = []
    for sort in ("key", "change", "change_1d", "change_1w", "change_1mo"):
        page = median(seconds(lambda sort=sort: price_changes(connection, NOON, sort=sort)) for _ in range(5))  # type: ignore[misc]
        lines.append(f"{sort} {page * 1000:.0f}")
    everything = median(seconds(lambda: price_changes(connection, NOON, limit=10_000)) for _ in range(3))
    print(
        f"\n[{WHERE}] price changes of {PRICED:,} instruments, the first 100 by {', '.join(lines)} ms; all of them"
        f" by change_1d {everything * 1000:.0f} ms"
    )
