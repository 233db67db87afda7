"""What only real concurrency shows: writers of ticks and runs at the same time, on a server."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.minutes.store import candles, marks
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.platform.statements import run
from chandlery.words.window import Window
from tests.integration.market import MINUTE, NOON, around_the_clock, contents, insert, live, snapshot
from tests.plain_fold import Tick, fold


def ticks_of(minutes: int, offset: int = 0) -> list[Tick]:
    return [
        Tick(NOON + minute * MINUTE + timedelta(seconds=second), offset + second, 100 + second, 1)  # type: ignore[arg-type]
        for minute in range(minutes)
        for second in range(10)
    ]


@pytest.fixture
def another(server_url: str, database_url: str) -> Iterator[Callable[[], Connection]]:
    """More connections to the same database, of a real server."""
    opened: list[Connection] = []

    def open_one() -> Connection:
        opened.append(connect(Settings(database_url=database_url), "test"))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


def test_ticks_that_commit_after_the_run_are_caught_by_the_next(
    connection: Connection, another: Callable[[], Connection]
) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    slow = another()
    with slow.transaction():
        insert(slow, instrument, ticks_of(1))
        assert live(connection, NOON + MINUTE).candles_written == 0
    assert live(connection, NOON + 2 * MINUTE).candles_written == 1
    assert contents(connection, instrument) == fold(ticks_of(1))


def test_an_older_snapshot_that_commits_last_does_not_win(
    connection: Connection, another: Callable[[], Connection]
) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, ticks_of(1))
    first, second = another(), another()
    (piece,) = marks.plan_pieces(first, CANDLES, Window.day_before(NOON + MINUTE), 100)
    with first.transaction():
        # The first run holds the lock and has its marks; the second must wait for it before it looks.
        run(first, "lock_candles")
        waiting = threading.Thread(target=lambda: live(second, NOON + MINUTE))
        waiting.start()
        insert(connection, instrument, ticks_of(1, offset=50))
        candles.write_from_marks(first, piece)
    waiting.join()
    live(connection, NOON + 2 * MINUTE)
    assert contents(connection, instrument) == fold(ticks_of(1) + ticks_of(1, offset=50))


def test_concurrent_runs_and_writers_end_in_the_same_candles(
    connection: Connection, another: Callable[[], Connection]
) -> None:
    ids = around_the_clock(connection, "X@A@EQ", "X@B@EQ")

    def write(own: Connection) -> None:
        for offset in range(0, 50, 10):
            for instrument in ids:
                insert(own, instrument, ticks_of(20, offset=offset))

    def aggregate(own: Connection) -> None:
        for _ in range(15):
            live(own, NOON + 20 * MINUTE, piece_candles=7)

    with ThreadPoolExecutor(max_workers=6) as pool:
        tasks = [pool.submit(task, another()) for task in (write, write, aggregate, aggregate, aggregate, aggregate)]
    for task in tasks:
        task.result()
    live(connection, NOON + 20 * MINUTE)
    expected = fold([tick for offset in range(0, 50, 10) for tick in ticks_of(20, offset=offset)])
    for instrument in ids:
        assert contents(connection, instrument) == expected
    assert connection.execute("SELECT count(*) FROM market.dirty").fetchone() == (0,)
    assert {row[13] for row in snapshot(connection)} == {"live_aggregated"}
