"""The HTTP API: how long its handler takes, many clients at once, and what the cache saves."""

import contextlib
import http.client
import io
import json
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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
from local.http_server import serving
from tests.benchmarks.scene import (
    MINUTE,
    NOON,
    ON_SERVER,
    WHERE,
    candles_unmarked,
    insert_candles,
    list_instruments,
    seconds,
)
from tests.cached import CACHE_KEY
from tests.integration.api_scene import Answer, Sandboxes, call, settings
from tests.integration.reading.test_shared_cache import SERVER as REDIS
from tests.integration.reading.test_shared_cache import Server

INSTRUMENTS = 60 if ON_SERVER else 6
DAYS = 14 if ON_SERVER else 9
ROUNDS = 100 if ON_SERVER else 20
CLIENTS = 16 if ON_SERVER else 4
QUESTIONS = 3_000 if ON_SERVER else 300
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
    with candles_unmarked(connection):
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
    """A sandbox as new, which logs and counts as ever, but where nobody reads it."""
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


def target(instrument: int, starts: datetime, ends: datetime, limit: int = 1000) -> str:
    asked = {"timeframe": "15m", "from": starts.isoformat(), "to": ends.isoformat(), "limit": limit}
    return f"/api/v1/candles/{quote(f'X@S{instrument}@EQ', safe='@')}?{urlencode(asked)}"


def week(instrument: int, limit: int = 1000) -> Question:
    return lambda: call("GET", target(instrument, NOON - 7 * DAY, NOON, limit))


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
    return lambda: call("POST", "/api/v1/compute", json.dumps(asked).encode())


def told(times: Sequence[float]) -> str:
    return f"p50 {median(times):.1f} ms, p99 {quantiles(times, n=100, method='inclusive')[98]:.1f} ms"


def test_candles_of_a_week(stored: Connection, database_url: str) -> None:
    hits, misses = [], []
    with sandbox(database_url):
        taken(week(1))
        for number in range(ROUNDS):
            lasted, answer = taken(week(1 + number % INSTRUMENTS, 1001 + number))
            assert answer.headers["X-Cache"] == "miss"
            misses.append(lasted)
            lasted, answer = taken(week(1))
            assert answer.headers["X-Cache"] == "hit"
            hits.append(lasted)
    assert len(answer.json["candles"]) == 7 * 96
    print(
        f"\n[{WHERE}] 672 candles of 15m, handler: from the database {told(misses)}; from the cache {told(hits)},"
        f" {median(misses) / median(hits):.1f} x as fast"
    )


def test_computing(stored: Connection, database_url: str) -> None:
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
    lasts, sums, over = [], [], []
    with sandbox(database_url):
        in_database.append(0)
        taken(computed(1))
        for number in range(ROUNDS):
            instrument = 1 + number % INSTRUMENTS
            in_database.append(0)
            with patch.object(Cursor, "execute", timed):
                lasted, answer = taken(computed(instrument, 500 - number // INSTRUMENTS))
            found = read_series(stored, instrument, Timeframe.M15, None, NOON, 500, before=before)
            alone = seconds(lambda candles=found.candles: [each.compute(candles) for each in prepared]) * 1000  # type: ignore[misc]
            lasts.append(lasted)
            sums.append(alone)
            over.append(lasted - in_database[-1] - alone)
    print(
        f"\n[{WHERE}] {len(COMPUTED)} indicators over 500 candles of 15m ({answer.json['used']['rows_read']} read),"
        f" handler: {told(lasts)}; database {median(in_database[1:]):.1f} ms, TA-Lib alone {median(sums):.1f} ms,"
        f" all else {median(over):.1f} ms"
    )


@pytest.mark.parametrize("sandboxes", [2, 4])
def test_many_clients(stored: Connection, database_url: str, sandboxes: int) -> None:
    environment = os.environ | {
        "DATABASE_URL": database_url, "POWERTOOLS_METRICS_DISABLED": "true", "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    }  # fmt: skip
    times: list[float] = []
    errors: list[int] = []

    def ask(number: int, count: int) -> None:
        with contextlib.closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)) as connection:
            for each in range(count):
                begun = time.perf_counter()
                connection.request("GET", target(1 + (number + each * 5) % INSTRUMENTS, NOON - 7 * DAY, NOON))
                answer = connection.getresponse()
                answer.read()
                times.append((time.perf_counter() - begun) * 1000)
                if answer.status != 200:
                    errors.append(answer.status)

    def all_at_once(count: int) -> float:
        clients = [threading.Thread(target=ask, args=(number, count)) for number in range(CLIENTS)]

        def run() -> None:
            for each in clients:
                each.start()
            for each in clients:
                each.join()

        return seconds(run)

    with serving(0, sandboxes, environment) as url:
        all_at_once(2)  # sandboxes start, and connect
        times.clear()
        lasted = all_at_once(ROUNDS // 2)
    assert not errors
    print(
        f"\n[{WHERE}] {CLIENTS} clients, {sandboxes} sandboxes, 672 candles each: {len(times) / lasted:,.0f} answers a"
        f" second, {told(times)}, {len(errors)} errors"
    )


def realistic(count: int) -> list[Question]:
    """What desks ask: the same history over and over, the newest page every moment, now and then something new."""
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
    """Of instruments with a month of daily closes, three days of a candle every two hours, ten newest minutes."""
    list_instruments(connection, PRICED)
    with candles_unmarked(connection):
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
