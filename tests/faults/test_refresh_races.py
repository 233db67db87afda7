"""Refreshes at the same time, on a server: each step held open while another one looks."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from psycopg import Connection
from psycopg import errors as pg
from pydantic import SecretStr

from chandlery.datasets.candles import CANDLES
from chandlery.platform.connection import connect
from chandlery.platform.dry_run import dry_running
from chandlery.platform.errors import Retryable
from chandlery.platform.settings import Settings
from chandlery.policies.carry_out_policies import carry_out
from chandlery.policies.domain.found import FoundJob
from chandlery.policies.domain.policy import PolicyKind
from chandlery.rebuild import replace_aggregates
from chandlery.rebuild.domain.rebuild import Place
from chandlery.rebuild.replace_aggregates import Replacement
from chandlery.refresh import refresh_history, verify_candles
from chandlery.refresh.store import refreshes
from chandlery.refresh.store.refreshes import Outcome
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, HOUR, MINUTE, Window
from tests.integration.derived_scene import assert_rolled, minutes, open_hours, refresh, write
from tests.integration.market import NOON, around_the_clock
from tests.integration.policy_scene import relation_of

LATE = NOON + 3 * DAY
LOCK = "SELECT pg_advisory_lock(hashtext('market.refresh'), hashtext(%s))"
Open = Callable[[], Connection]


@pytest.fixture
def another(server_url: str, database_url: str) -> Iterator[Open]:
    """More connections to the same database, which give up a lock soon."""
    settings = Settings(database_url=SecretStr(database_url), database_lock_timeout_seconds=1)
    opened: list[Connection] = []

    def open_one() -> Connection:
        opened.append(connect(settings, "test"))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for another refresh for long."""
    monkeypatch.setattr(refreshes, "PATIENCE", timedelta(milliseconds=50))
    for module in (refresh_history, replace_aggregates, verify_candles):
        monkeypatch.setattr(module, "_PATIENCE", timedelta(milliseconds=50))


@pytest.fixture
def instrument(connection: Connection) -> int:
    """Two hours of one instrument, everything derived from them, and a change that nobody has refreshed."""
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    write(connection, instrument, minutes(NOON, 120))
    refresh(connection, LATE)
    write(connection, instrument, minutes(NOON, 1, price=500))
    return instrument


def refresh_ours(connection: Connection) -> object:
    return refresh(connection, LATE)


def refresh_by_hand(connection: Connection) -> object:
    """What a person types, or TimescaleDB's own policy does: without Chandlery's lock."""
    return connection.execute(
        "CALL refresh_continuous_aggregate('market.candles_5m', %s, %s)", [NOON - DAY, NOON + DAY]
    )


@contextmanager
def materializing(
    connection: Connection, another: Open, work: Callable[[Connection], object]
) -> Iterator[tuple[Future[object], Connection]]:
    """Somebody refreshes the first bucket, and waits for its row, which another connection holds."""
    holder, worker = another(), another()
    with ThreadPoolExecutor(1) as pool, holder.transaction():
        holder.execute(f"SELECT FROM {relation_of(connection, 'candles_5m')} WHERE time = %s FOR UPDATE", [NOON])
        worker.execute("SET lock_timeout = '20s'")
        working = pool.submit(work, worker)
        waiting = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
        while connection.execute(waiting, [worker.info.backend_pid]).fetchone() != (True,):
            assert not working.done(), working.result()
            time.sleep(0.01)
        yield working, worker


def stale(connection: Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM market.marks WHERE work = 'refresh'").fetchone() or (0,)
    return int(count)


@pytest.mark.parametrize("first", [refresh_ours, refresh_by_hand])
def test_a_mark_stays_while_another_refresh_materializes(
    connection: Connection, another: Open, instrument: int, first: Callable[[Connection], object]
) -> None:
    with materializing(connection, another, first):
        report = refresh(connection, LATE)
        assert (report.marks_taken, report.is_held_off, stale(connection)) == (0, True, 1)
    refresh(connection, LATE)
    assert stale(connection) == 0
    assert_rolled(connection, instrument, open_hours(connection, "24/7"))


@pytest.mark.parametrize("first", [refresh_ours, refresh_by_hand])
def test_what_a_refresh_that_fails_had_begun_is_done_by_the_next(
    connection: Connection, another: Open, instrument: int, first: Callable[[Connection], object]
) -> None:
    with materializing(connection, another, first) as (working, worker):
        connection.execute("SELECT pg_cancel_backend(%s)", [worker.info.backend_pid])
        with pytest.raises((Retryable, pg.QueryCanceled)):
            working.result()
        assert stale(connection) == 1
    # Its connection is kept, and holds nothing.
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    assert worker.execute(locks).fetchone() == (0,)
    assert worker.execute("SHOW enable_bitmapscan").fetchone() == ("on",)
    refresh(connection, LATE)
    assert stale(connection) == 0
    assert_rolled(connection, instrument, open_hours(connection, "24/7"))


def by_maintenance(connection: Connection) -> object:
    job = FoundJob(
        1,
        PolicyKind.REFRESH,
        "candles_5m",
        "market.apply_refresh",
        MINUTE,
        5 * DAY,
        MINUTE,
        None,
        True,
        False,
        None,
        0,
        0.0,
    )
    return carry_out(connection, LATE, [job], lambda: True, server_time=LATE).left


def by_command(connection: Connection) -> object:
    with pytest.raises(Retryable, match="another refresh of candles_5m is running") as raised:
        refresh_history.refresh_history(
            connection, CANDLES, Timeframe.H1, Window(NOON, NOON + HOUR), LATE, lambda *_: None
        )
    return str(raised.value)


def by_repair(connection: Connection) -> object:
    connection.execute("DELETE FROM market.marks WHERE work = 'refresh'")
    with pytest.raises(Retryable, match="another refresh of candles_5m is running") as raised:
        verify_candles.verify_candles(connection, None, repair=True, progress=lambda *_: None)
    return str(raised.value)


def by_dry_run(connection: Connection) -> object:
    with dry_running(connection):
        return refresh(connection, LATE).is_held_off


def by_rebuild(connection: Connection) -> object:
    settled = Replacement(connection, CANDLES.rollups[:1], Place.BESIDE, lambda: LATE, lambda *_: None)
    with pytest.raises(Retryable, match="another refresh of candles_5m is running") as raised:
        settled.settle()
    return str(raised.value)


@pytest.mark.parametrize(
    "start", [lambda c: refresh(c, LATE).is_held_off, by_maintenance, by_command, by_repair, by_dry_run, by_rebuild]
)
def test_every_refresh_waits_for_the_same_lock(
    connection: Connection, another: Open, instrument: int, start: Callable[[Connection], object]
) -> None:
    before = connection.execute("SELECT * FROM market.candles_5m ORDER BY time").fetchall()
    with materialization_locked(another(), "candles_5m"):
        assert start(connection)
    assert connection.execute("SELECT * FROM market.candles_5m ORDER BY time").fetchall() == before


@contextmanager
def materialization_locked(holder: Connection, aggregate: str) -> Iterator[None]:
    """As by a refresh that has not ended."""
    with holder.transaction():
        holder.execute(LOCK, [aggregate])
        yield
    holder.execute("SELECT pg_advisory_unlock_all()")


def test_the_schedulers_job_waits_and_then_does_its_work(
    connection: Connection, another: Open, instrument: int
) -> None:
    (now,) = connection.execute("SELECT date_trunc('hour', now())").fetchone() or ()
    write(connection, instrument, minutes(now - HOUR, 30))
    config = '{"table_name": "candles_5m", "start_offset": "4 h", "end_offset": "1 min"}'
    job = another()
    with materialization_locked(another(), "candles_5m"):
        working = threading.Thread(target=lambda: job.execute("CALL market.apply_refresh(0, %s)", [config]))
        working.start()
        waiting = "SELECT wait_event FROM pg_stat_activity WHERE pid = %s"
        while connection.execute(waiting, [job.info.backend_pid]).fetchone() != ("advisory",):
            time.sleep(0.01)
    working.join()
    count = f"SELECT count(*) FROM {relation_of(connection, 'candles_5m')} WHERE time >= %s"  # noqa: S608
    assert connection.execute(count, [now - HOUR]).fetchone() == (6,)


def test_a_session_that_forgot_its_lock_is_ended(connection: Connection, another: Open, instrument: int) -> None:
    """A pooler may give a client another session after an error, and the lock stays with the former one."""
    forgetful = another()
    forgetful.execute(LOCK, ["candles_5m"])
    window = Window(NOON, NOON + HOUR)
    assert refreshes.refresh(connection, "candles_5m", window) is Outcome.BUSY
    assert refreshes.refresh(connection, "candles_5m", window) is Outcome.REFRESHED
    with pytest.raises(pg.AdminShutdown):
        forgetful.execute("SELECT 1")


def test_retention_waits_for_a_refresh_and_a_refresh_for_retention(
    connection: Connection, another: Open, instrument: int
) -> None:
    retention = another()
    with materializing(connection, another, refresh_ours), pytest.raises(pg.LockNotAvailable):
        retention.execute("SELECT market.drop_before('candles', %s, %s)", [NOON - 90 * DAY, 90 * DAY])
    with retention.transaction():
        retention.execute("SELECT pg_advisory_xact_lock(hashtext('market.horizons'))")
        write(connection, instrument, minutes(NOON, 1, price=600))
        assert refresh(connection, LATE).is_held_off
    assert not refresh(connection, LATE).is_held_off


def test_a_storm_of_refreshes_leaves_no_bucket_twice_and_none_different(
    connection: Connection, another: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three at once over the same day, after several separate stretches of it have changed."""
    monkeypatch.setattr(refreshes, "PATIENCE", timedelta(seconds=20))
    monkeypatch.setattr(refresh_history, "_PATIENCE", timedelta(seconds=20))
    ids = around_the_clock(connection, "X@A@EQ", "X@B@EQ", "X@C@EQ", "X@D@EQ")
    for instrument in ids:
        write(connection, instrument, minutes(NOON, 1440))
    day = Window(NOON, NOON + DAY)

    def by_job(own: Connection) -> None:
        for each in CANDLES.rollups:
            call = "CALL market.refresh_aggregate(%s, %s, %s, '20 s', false, NULL)"
            own.execute(call, [each.relation, day.starts, day.ends + DAY])

    def by_hand(own: Connection) -> None:
        refresh_history.refresh_history(own, CANDLES, Timeframe.H4, day, LATE, lambda *_: None)

    works = [(work, another()) for work in (refresh_ours, refresh_ours, by_job, by_hand)]
    refresh(connection, LATE)
    for number in range(5):
        for hour in range(0, 24, 4):
            change_between(connection, NOON + hour * HOUR, number)
        with ThreadPoolExecutor(len(works)) as pool:
            for working in [pool.submit(work, own) for work, own in works]:
                working.result()
    refresh(connection, LATE)
    assert stale(connection) == 0
    report = verify_candles.verify_candles(connection, None, repair=False, progress=lambda *_: None)
    assert (report.wrong, sum(each.waiting for each in report.tables)) == (0, 0)
    for instrument in ids:
        assert_rolled(connection, instrument, open_hours(connection, "24/7"))


def change_between(connection: Connection, starts: datetime, number: int) -> None:
    connection.execute(
        "UPDATE market.candles SET close = close + 1, high = high + %s WHERE time >= %s AND time < %s",
        [2 + number, starts, starts + 2 * HOUR],
    )
