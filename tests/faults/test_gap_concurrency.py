"""Gap monitors at the same time as each other, as the live processor and as writers of ticks, on a server."""

import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.gaps.store import hours, scans
from chandlery.gaps.watch_historical_gaps import watch_historical_gaps
from chandlery.gaps.watch_live_gaps import watch_live_gaps
from chandlery.minutes.store import candles
from chandlery.platform.connection import connect
from chandlery.platform.errors import Retryable
from chandlery.platform.settings import Settings
from chandlery.platform.statements import run
from chandlery.words.window import DAY, HOUR
from tests.conftest import REPO
from tests.faults.desk import CHANGES, DAYS, OPENS, open_desk, write_first, write_ticks
from tests.integration.market import MINUTE, always, live
from tests.waiting import LAST_RESORT_SECONDS, wait_until

NOW = OPENS + 10 * DAY + HOUR

Component = Callable[[Connection], object]


def run_live(connection: Connection) -> object:
    return live(connection, NOW, piece_candles=500)


def run_monitor(connection: Connection) -> object:
    return watch_live_gaps(
        connection, NOW, piece_candles=500, verify_buckets=2_000, share_instruments=2, has_time=always
    )


def run_history(connection: Connection) -> object:
    return watch_historical_gaps(
        connection,
        NOW,
        open_vendor=lambda: None,
        piece_candles=500,
        verify_buckets=5_000,
        share_instruments=2,
        most_vendor_days=1,
        has_time=always,
    )


ALL: Sequence[Component] = (run_live, run_monitor, run_history)


def state(connection: Connection) -> dict[str, Any]:
    """All that runs leave behind, but for how often and when it was written."""
    queries = {
        "ticks": "SELECT instrument_id, time, seq, price, cancelled FROM market.ticks",
        "candles": "SELECT instrument_id, time, open, high, low, close, volume, turnover, trades, price_eligible,"
        " partial, session_date, extended, source::text, version FROM market.candles",
        "hours": "SELECT instrument_id, hour, complete::text, partial::text, trades FROM market.candle_hours"
        " WHERE bit_count(complete | partial) > 0",
        "feeds": "SELECT feed, bucket, market.longest_silence(seconds) >= market.silence_limit(feed)"
        " FROM market.feed_minutes",
        "gaps": "SELECT instrument_id, starts, ends, minutes, reason::text FROM market.gaps WHERE healed_at IS NULL",
        "known": "SELECT instrument_id, instrument_key, data_from FROM market.instruments",
        "scans": "SELECT component, starts, ends, resume_at FROM market.scans",
        "judged": "SELECT component, instrument_id, stretches FROM market.judged_stretches",
        "marks": "SELECT bucket, instrument_ids::text, ticks::text FROM market.dirty",
        "uncounted": "SELECT hour, instrument_ids::text, 0 FROM market.marks WHERE work = 'count'",
    }
    return {name: connection.execute(query + " ORDER BY 1, 2, 3").fetchall() for name, query in queries.items()}


def settle(connection: Connection) -> dict[str, Any]:
    """One of each, one after the other, and the monitor again: the last one may have counted older candles."""
    for component in (*ALL, run_monitor):
        component(connection)
    return state(connection)


def empty(connection: Connection) -> None:
    connection.execute(
        "TRUNCATE market.ticks, market.dirty, market.candles, market.candle_hours, market.marks,"
        " market.feed_minutes, market.gaps, market.scans, market.judged, market.reaches"
    )
    connection.execute("UPDATE market.instruments SET data_from = NULL, live_since = NULL, history = '{}'")


@pytest.fixture
def another(server_url: str, database_url: str) -> Iterator[Callable[[], Connection]]:
    """More connections to the same database, of a real server."""
    opened: list[Connection] = []

    def open_one() -> Connection:
        opened.append(connect(Settings(database_url=database_url, database_lock_timeout_seconds=30), "test"))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


_settled: dict[str, Any] = {}


@pytest.fixture
def one_after_the_other(connection: Connection, another: Callable[[], Connection]) -> dict[str, Any]:
    """What a desk comes to without any concurrency, found out once; the desk is open, and empty again."""
    assert open_desk(connection) == [1, 2, 3]
    if _settled:
        return _settled
    write_first(connection)
    for change in CHANGES:
        change(connection)
    settled = settle(connection)
    assert not settled["marks"]
    assert not settled["uncounted"]
    assert {row[13] for row in settled["candles"]} == {"live_aggregated", "live_gap_filled", "historical_aggregated"}
    assert {row[4] for row in settled["gaps"]} == {"instrument_silent", "feed_down"}
    assert {row[10] for row in settled["candles"]} == {True, False}
    empty(connection)
    _settled.update(settled)
    return _settled


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_concurrent_runs_end_as_one_after_the_other(
    connection: Connection, another: Callable[[], Connection], one_after_the_other: dict[str, Any], seed: int
) -> None:
    random = Random(seed)
    write_first(connection)
    if seed % 2:
        settle(connection)
    order = list(CHANGES)
    random.shuffle(order)

    def write(own: Connection, pauses: list[float]) -> None:
        for change, pause in zip(order, pauses, strict=True):
            time.sleep(pause)
            change(own)

    def repeat(component: Component, own: Connection, pauses: list[float]) -> None:
        for pause in pauses:
            time.sleep(pause)
            component(own)

    with ThreadPoolExecutor(max_workers=6) as pool:
        tasks = [pool.submit(write, another(), [random.random() / 3 for _ in order])]
        tasks.extend(
            pool.submit(repeat, component, another(), [random.random() / 4 for _ in range(3)])
            for component in (run_live, run_monitor, run_monitor, run_history, run_live)
        )
    for task in tasks:
        task.result()
    settled = settle(connection)
    for name, rows in one_after_the_other.items():
        assert settled[name] == rows, name


@contextmanager
def held(
    monkeypatch: pytest.MonkeyPatch, module: Any, step: str, connection: Connection
) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Hold the first transaction of a connection open right after a step: the events say it is there, and let it go."""
    reached, release = threading.Event(), threading.Event()

    def holding(real: Callable[..., Any]) -> Callable[..., Any]:
        def run_and_hold(own: Connection, *names: str, **values: Any) -> Any:
            done = real(own, *names, **values)
            if own is connection and names[-1] == step and not reached.is_set():
                reached.set()
                assert release.wait(LAST_RESORT_SECONDS)
            return done

        return run_and_hold

    with monkeypatch.context() as patched:
        for name in ("run", "run_on"):
            if hasattr(module, name):
                patched.setattr(module, name, holding(getattr(module, name)))
        yield reached, release
        release.set()


def overtake(
    monkeypatch: pytest.MonkeyPatch,
    another: Callable[[], Connection],
    module: Any,
    step: str,
    older: Component,
    between: Callable[[], object],
    newer: Component,
) -> None:
    """An older run is held after a step, the world changes, and a newer run begins."""
    first, second = another(), another()
    with ThreadPoolExecutor(max_workers=2) as pool, held(monkeypatch, module, step, first) as (reached, release):
        slow = pool.submit(older, first)
        assert reached.wait(LAST_RESORT_SECONDS)
        between()
        quick = pool.submit(newer, second)
        time.sleep(0.2)
        assert not quick.done(), "it did not wait for the older one"
        release.set()
        slow.result()
        quick.result()


@pytest.mark.parametrize(
    ("component", "step"),
    [
        *(
            (run_live, step)
            for step in (
                "lock_candles",
                "write_candles:take_marks",
                "write_candles:fold_buckets",
                "write_candles:grade_feed_minutes",
                "write_candles:price_edges",
            )
        ),
        (run_monitor, "write_candles:take_marks"),
        (run_history, "write_candles:upsert_candles"),
    ],
)
def test_an_older_view_of_the_ticks_does_not_win(
    connection: Connection,
    another: Callable[[], Connection],
    monkeypatch: pytest.MonkeyPatch,
    component: Component,
    step: str,
) -> None:
    open_desk(connection)
    day = DAYS[0] if component is run_history else DAYS[2] if component is run_monitor else DAYS[-1]
    write_ticks(connection, f"i = 1 AND d = {day} AND m = 3 AND s <> 15")

    def between() -> None:
        write_ticks(connection, f"i = 1 AND d = {day} AND m = 3", seq=1)
        connection.execute("UPDATE market.ticks SET cancelled = true WHERE date_part('second', time) = 30")

    overtake(monkeypatch, another, candles, step, component, between, component)
    (candle,) = state(connection)["candles"]
    assert (candle[8], candle[10]) == (5, True)
    assert not state(connection)["marks"]


@pytest.mark.parametrize(
    "step",
    ["lock_gaps", "count_hours:take_uncounted", "count_hours:count_candle_hours", "count_hours:extend_known_data"],
)
def test_an_older_count_of_hours_does_not_win(
    connection: Connection, another: Callable[[], Connection], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    open_desk(connection)
    write_ticks(connection, f"i = 1 AND d = {DAYS[-1]} AND m = 3")
    run_live(connection)

    def count(own: Connection) -> None:
        for window in hours.plan_uncounted(own, CANDLES, 100):
            hours.count(own, CANDLES, window)

    def between() -> None:
        write_ticks(connection, f"i = 1 AND d = {DAYS[-1]} AND m IN (2, 4)")
        connection.execute("DELETE FROM market.ticks WHERE date_part('minute', time) = 3")
        run_live(connection)

    overtake(monkeypatch, another, hours, step, count, between, count)
    ((_, _, complete, partial, trades),) = state(connection)["hours"]
    assert (complete[:6], partial, trades) == ("001010", "0" * 60, 8)
    assert not state(connection)["uncounted"]


@pytest.mark.parametrize(
    ("newer", "step"),
    [
        (run_monitor, "lock_gaps"),
        (run_monitor, "scan_gaps:create_missing_hours"),
        (run_monitor, "scan_gaps:reconcile_gaps"),
        (run_history, "scan_gaps:create_missing_hours"),
    ],
)
def test_an_older_view_of_the_gaps_does_not_win(
    connection: Connection,
    another: Callable[[], Connection],
    monkeypatch: pytest.MonkeyPatch,
    newer: Component,
    step: str,
) -> None:
    open_desk(connection)
    write_first(connection)
    settle(connection)
    connection.execute("DELETE FROM market.ticks WHERE instrument_id = 3 AND date_part('minute', time) = 20")

    def between() -> None:
        write_ticks(connection, "i = 2 AND m BETWEEN 5 AND 6")
        run_live(connection)

    overtake(monkeypatch, another, scans, step, run_monitor, between, newer)
    if newer is run_history:
        run_monitor(connection)
    after = state(connection)["gaps"]
    assert {(row[1].minute, row[2].minute) for row in after if row[0] == 2} >= {(7, 10)}
    assert (3, OPENS + DAYS[-1] * DAY + 20 * MINUTE) in {row[:2] for row in after}
    connection.execute("TRUNCATE market.gaps, market.scans, market.judged, market.reaches")
    run_monitor(connection)
    week = NOW - 7 * DAY
    assert [row for row in state(connection)["gaps"] if row[1] >= week] == [row for row in after if row[1] >= week]


@pytest.mark.parametrize("step", ["lock_gaps", "scan_gaps:create_waiting_hours", "scan_gaps:reconcile_gaps"])
def test_a_candle_that_is_written_beyond_the_window_of_a_scan_is_counted(
    connection: Connection, another: Callable[[], Connection], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The scan takes the mark of its last hour, which continues after the window's end."""
    open_desk(connection)
    write_ticks(connection, f"i = 1 AND d = {DAYS[-1]} AND m = 3")
    run_live(connection)
    monitor = another()
    with ThreadPoolExecutor(max_workers=1) as pool, held(monkeypatch, scans, step, monitor) as (reached, release):
        scan = pool.submit(run_monitor, monitor)
        assert reached.wait(20)
        connection.execute(
            "INSERT INTO market.ticks (time, instrument_id, seq, price, size) VALUES (%s, 1, 0, 100, 1)",
            [NOW - MINUTE],
        )
        run_live(connection)
        assert len(state(connection)["candles"]) == 2
        release.set()
        scan.result()
    assert half_written(connection) == []
    run_monitor(connection)
    ((_, _, complete, partial, _),) = state(connection)["hours"]
    assert [minute for minute in range(60) if "1" in (complete[minute], partial[minute])] == [3, 59]
    assert not state(connection)["uncounted"]


@pytest.mark.parametrize(
    ("lock", "component"),
    [
        ("lock_candles", run_live),
        ("lock_candles", run_monitor),
        ("lock_candles", run_history),
        ("lock_gaps", run_monitor),
    ],
)
def test_a_wait_that_is_too_long_is_retryable_and_the_next_run_puts_it_right(
    connection: Connection,
    another: Callable[[], Connection],
    database_url: str,
    one_after_the_other: dict[str, Any],
    lock: str,
    component: Component,
) -> None:
    write_first(connection)
    for change in CHANGES:
        change(connection)
    blocker = another()
    impatient = Settings(database_url=database_url, database_lock_timeout_seconds=1)
    with connect(impatient, "test") as own:
        with blocker.transaction():
            run(blocker, lock)
            with pytest.raises(Retryable, match="lock timeout"):
                component(own)
        component(own)
    assert settle(connection) == one_after_the_other


def half_written(connection: Connection) -> list[Any]:
    """Minutes whose candle and ticks differ though no mark says so, and hours whose count and candles do."""
    return connection.execute(
        "SELECT 'minute', coalesce(t.instrument_id, c.instrument_id), coalesce(t.bucket, c.time) FROM"
        " (SELECT instrument_id, date_bin('1 minute', time, '2000-01-01 00:00Z') AS bucket, count(*) AS ticks"
        "  FROM market.ticks WHERE NOT cancelled GROUP BY 1, 2) AS t"
        " FULL JOIN market.candles AS c ON c.instrument_id = t.instrument_id AND c.time = t.bucket"
        " WHERE t.ticks IS DISTINCT FROM c.trades AND NOT EXISTS (SELECT FROM market.dirty AS d"
        "  WHERE d.bucket = coalesce(t.bucket, c.time)"
        "  AND coalesce(t.instrument_id, c.instrument_id) = ANY (d.instrument_ids))"
        " UNION ALL"
        " SELECT 'hour', coalesce(h.instrument_id, c.instrument_id), coalesce(h.hour, c.hour) FROM"
        " (SELECT instrument_id, date_bin('1 hour', time, '2000-01-01 00:00Z') AS hour, count(*) AS minutes"
        "  FROM market.candles GROUP BY 1, 2) AS c"
        " FULL JOIN market.candle_hours AS h ON h.instrument_id = c.instrument_id AND h.hour = c.hour"
        " WHERE coalesce(bit_count(h.complete | h.partial), 0) <> coalesce(c.minutes, 0) AND NOT EXISTS ("
        "  SELECT FROM market.marks AS u WHERE u.work = 'count' AND u.hour = coalesce(h.hour, c.hour)"
        "  AND coalesce(h.instrument_id, c.instrument_id) = ANY (u.instrument_ids))"
    ).fetchall()


_FOREVER = """
import sys
from chandlery.platform.settings import Settings
from chandlery.platform.connection import connect
from tests.faults import test_gap_concurrency as scene
with connect(Settings(database_url=sys.argv[1]), "victim") as connection:
    print("ready", flush=True)
    while True:
        for component in scene.ALL:
            component(connection)
"""


def wait_until_gone(connection: Connection) -> None:
    """Wait until the server has noticed that the process is dead."""
    victims = (
        "SELECT FROM pg_stat_activity WHERE application_name = 'chandlery-victim' AND datname = current_database()"
    )
    wait_until(lambda: not connection.execute(victims).fetchall(), "the server ends a dead process's transaction")


def test_a_killed_run_leaves_nothing_half_written(
    connection: Connection,
    another: Callable[[], Connection],
    database_url: str,
    one_after_the_other: dict[str, Any],
) -> None:
    random = Random(7)
    write_first(connection)
    for number, change in enumerate(CHANGES):
        change(connection)
        if number < 3:
            continue
        command = [sys.executable, "-c", _FOREVER, database_url]
        with subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE) as victim:
            assert victim.stdout is not None
            assert victim.stdout.readline() == b"ready\n"
            time.sleep(random.random() * 0.8)
            victim.send_signal(signal.SIGKILL)
        wait_until_gone(connection)
        assert half_written(connection) == []
    assert settle(connection) == one_after_the_other


def test_a_terminated_connection_is_retryable_and_leaves_nothing_half_written(
    connection: Connection,
    another: Callable[[], Connection],
    database_url: str,
    one_after_the_other: dict[str, Any],
) -> None:
    random = Random(8)
    write_first(connection)
    ended: dict[str, int] = defaultdict(int)
    for change in CHANGES:
        change(connection)
        for component in ALL:
            with connect(Settings(database_url=database_url), "victim") as own, ThreadPoolExecutor(1) as pool:
                running = pool.submit(component, own)
                time.sleep(random.random() * 0.3)
                connection.execute("SELECT pg_terminate_backend(%s)", [own.info.backend_pid])
                error = running.exception()
                assert error is None or isinstance(error, Retryable)
                ended[type(error).__name__] += 1
            assert half_written(connection) == []
    assert ended["Retryable"] > 3
    assert settle(connection) == one_after_the_other
