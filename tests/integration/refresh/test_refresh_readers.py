"""A reader of an aggregate that is being refreshed finds every bucket, on a server of any version."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.policies.domain.policy_plan import Action, PolicyStep
from chandlery.policies.store import policies
from chandlery.refresh.store import refreshes
from chandlery.refresh.store.refreshes import Outcome
from chandlery.words.window import DAY, HOUR, MINUTE, Window
from tests.integration.market import around_the_clock
from tests.integration.policy_scene import desk, hold_jobs, store_candles

__all__ = ["desk"]

Refresh = Callable[[Connection, Window], None]
BUCKETS = 7 * 288
# In stretches apart.
_CHANGE = """
UPDATE market.candles SET volume = volume + 1
WHERE time >= %(starts)s AND time < %(ends)s AND extract(hour FROM time)::integer %% 5 = 0
"""


@pytest.fixture
def week(desk: Connection) -> Window:
    """Seven days of minutes that ended a day ago by the server's clock, and were never refreshed."""
    around_the_clock(desk, "X@A@EQ")
    row = desk.execute("SELECT date_trunc('day', now()) - INTERVAL '1 day'").fetchone()
    assert row is not None
    week = Window(row[0] - 7 * DAY, row[0])
    store_candles(desk, week.starts, week.ends)
    return week


@contextmanager
def reading(url: str, week: Window) -> Iterator[list[int]]:
    """Meanwhile somebody reads the week again and again; the buckets found each time."""
    counts: list[int] = []
    begun, over = threading.Event(), threading.Event()

    def read() -> None:
        with connect(Settings(database_url=url), "reader") as reader:
            while not over.is_set():
                row = reader.execute(
                    "SELECT count(*) FROM market.candles_5m WHERE time >= %s AND time < %s", [week.starts, week.ends]
                ).fetchone()
                counts.append(row[0] if row else 0)
                begun.set()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        assert begun.wait(60)
        yield counts
    finally:
        over.set()
        thread.join()


def refresh_by_us(connection: Connection, week: Window) -> None:
    assert refreshes.refresh(connection, "candles_5m", week) is Outcome.REFRESHED


def refresh_by_its_job(connection: Connection, week: Window) -> None:
    """As the scheduler would, in this session."""
    values = {"table_name": "candles_5m", "schedule": HOUR, "age": 10 * DAY, "starts_after": 5 * MINUTE}
    with connection.transaction():
        policies.apply(connection, Action("candles_5m", PolicyStep.ADD_REFRESH, "", values=values))
        hold_jobs(connection)
    row = connection.execute(
        "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'apply_refresh'"
    ).fetchone()
    assert row is not None
    connection.execute("CALL run_job(%s)", row)
    connection.execute("SELECT delete_job(%s)", row)


@pytest.mark.parametrize("refresh", [refresh_by_us, refresh_by_its_job])
def test_no_bucket_is_ever_missing(
    desk: Connection, database_url: str, server_url: str, week: Window, refresh: Refresh
) -> None:
    with reading(database_url, week) as counts:
        refresh(desk, week)
        for_the_first_time = len(counts)
        desk.execute(_CHANGE, {"starts": week.starts, "ends": week.ends})
        refresh(desk, week)
    assert set(counts) == {BUCKETS}
    assert len(counts) > for_the_first_time > 0
    assert materialized(desk, week) == BUCKETS


def materialized(connection: Connection, week: Window) -> int:
    row = connection.execute("SELECT market.policy_relation('candles_5m')::text").fetchone()
    assert row is not None
    count = connection.execute(
        f"SELECT count(*) FROM {row[0]} WHERE time >= %s AND time < %s",  # noqa: S608  # the catalogue's own words
        [week.starts, week.ends],
    ).fetchone()
    return int(count[0]) if count else 0
