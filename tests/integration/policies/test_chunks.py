"""Chunks as long as their rows let them be, and columns without Bloom filters of a key that the order finds."""

from dataclasses import replace

import pytest
from psycopg import Connection

from chandlery.policies.apply_policies import plan_policies
from chandlery.policies.domain.policy import Sparse
from chandlery.policies.domain.policy_plan import PolicyStep
from chandlery.policies.store import policies as store
from tests.conftest import SERVER_URL
from tests.integration.market import around_the_clock
from tests.integration.policy_scene import DAY, HOUR, NOON, WANTED, count, desk, keep, maintain

__all__ = ["desk"]

_TICKS = """
INSERT INTO market.ticks (time, instrument_id, seq, price, size)
SELECT %(starts)s::timestamptz + tick * INTERVAL '2 seconds', 1, tick, 100 + tick %% 7, 1 + tick %% 11
FROM generate_series(1, %(ticks)s) AS tick
"""
# Of whichever table has columns: the fields of its batches that hold Bloom filters.
_BLOOM = """
SELECT count(*) FROM pg_attribute AS b
WHERE b.attname LIKE '\\_ts\\_meta\\_%%bloom%%'
    AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = b.attrelid AND a.attname = 'seq')
"""


def _interval(desk: Connection, megabytes: int) -> list[object]:
    """The chunk interval that a plan would set, if N megabytes were the most for chunks of a day."""
    ticks = replace(WANTED["ticks"], sparse=Sparse(DAY, megabytes, 0))
    planned = plan_policies(desk, NOON, {**WANTED, "ticks": ticks})
    return [
        action.values["chunk_interval"]
        for action in planned.actions
        if (action.table, action.step) == ("ticks", PolicyStep.SET_CHUNK_INTERVAL)
    ]


def _fill(desk: Connection, ticks: int) -> None:
    assert around_the_clock(desk, "X@A@EQ") == [1]
    desk.execute(_TICKS, {"starts": NOON - 3 * DAY, "ticks": ticks})


@pytest.mark.parametrize("columns", [False, True])
def test_chunks_follow_the_room_that_rows_take(desk: Connection, columns: bool) -> None:
    """Some 140 bytes a tick, over a third of a day: whether they are rows or columns by now."""
    keep(desk)
    _fill(desk, 15_000)
    if columns:
        assert store.turn_to_columns(desk, "ticks", NOON) == 1
    assert _interval(desk, 3) == []
    assert _interval(desk, 1) == [6 * HOUR]


def test_a_desk_that_grows_gets_shorter_chunks_and_keeps_its_rows(desk: Connection) -> None:
    keep(desk)
    _fill(desk, 15_000)
    dense = {**WANTED, "ticks": replace(WANTED["ticks"], sparse=Sparse(DAY, 1, 0))}
    assert maintain(desk, NOON, wanted=dense).drifted == ["ticks: new chunks of 6 h; they are of 1 day"]
    assert maintain(desk, NOON, wanted=dense).drift == 0
    # The stored chunk of a day stays; what comes next has its own.
    desk.execute(_TICKS, {"starts": NOON - 3 * DAY + 8 * HOUR, "ticks": 15_000})
    lengths = desk.execute(
        "SELECT range_end - range_start FROM timescaledb_information.chunks WHERE hypertable_name = 'ticks'"
        " ORDER BY range_start"
    ).fetchall()
    assert [length for (length,) in lengths] == [DAY, 6 * HOUR]
    assert count(desk, "ticks") == 30_000


def test_late_cancelled_and_corrected_ticks_reach_columns_without_bloom_filters(desk: Connection) -> None:
    keep(desk)
    _fill(desk, 5_000)
    assert store.turn_to_columns(desk, "ticks", NOON) == 1
    assert desk.execute(_BLOOM).fetchone() == (0,)

    again = (
        "INSERT INTO market.ticks (time, instrument_id, seq, price, size)"
        " SELECT time, 1, seq, price + 1, size FROM market.ticks WHERE seq BETWEEN 1000 AND 1009"
        " ON CONFLICT (instrument_id, time, seq) DO "
    )
    assert desk.execute(again + "NOTHING").rowcount == 0
    assert desk.execute(again + "UPDATE SET price = excluded.price, cancelled = excluded.seq = 1008").rowcount == 10
    late = _TICKS.replace("1, tick,", "1, tick + 5000,")
    assert desk.execute(late, {"starts": NOON - 3 * DAY, "ticks": 5}).rowcount == 5
    if SERVER_URL:  # the embedded database changes no columns but by an upsert
        assert desk.execute("DELETE FROM market.ticks WHERE price = 101 AND seq = 8").rowcount == 1

    assert store.turn_to_columns(desk, "ticks", NOON) == 1
    assert count(desk, "ticks") == (5_004 if SERVER_URL else 5_005)
    assert desk.execute("SELECT seq FROM market.ticks WHERE cancelled").fetchall() == [(1008,)]
    (price,) = desk.execute("SELECT price FROM market.ticks WHERE instrument_id = 1 AND seq = 1005").fetchone() or (0,)
    assert price == 100 + 1005 % 7 + 1
