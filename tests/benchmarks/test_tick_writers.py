"""What the marks cost those who write ticks."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from psycopg import Connection

from tests.benchmarks.scene import NOON, ON_SERVER, WHERE, alternate, insert_ticks, list_instruments

INSTRUMENTS = 100
ROUNDS = {1: 500, 100: 100, 10_000: 20} if ON_SERVER else {1: 50, 100: 20, 10_000: 5}


@pytest.fixture
def bare_ticks(connection: Connection) -> Iterator[str]:
    """The same table without the triggers: TimescaleDB lets no hypertable's triggers be switched off."""
    connection.execute("CREATE TABLE market.bare_ticks (LIKE market.ticks INCLUDING ALL)")
    connection.execute(
        "SELECT create_hypertable('market.bare_ticks', by_range('time', INTERVAL '6 hours'),"
        " create_default_indexes => false)"
    )
    yield "market.bare_ticks"
    connection.execute("DROP TABLE market.bare_ticks")


@pytest.mark.parametrize("rows", ROUNDS)
def test_what_marks_cost_a_writer(connection: Connection, bare_ticks: str, rows: int) -> None:
    list_instruments(connection, INSTRUMENTS)
    instruments = min(rows, INSTRUMENTS)

    def write(number: int, table: str) -> None:
        starts = NOON + timedelta(seconds=number)
        insert_ticks(connection, starts, timedelta(seconds=1), instruments, rows // instruments, table=table)

    for table in ("market.ticks", bare_ticks):
        write(-1, table)  # chunk and catalog caches are not a batch's cost
    marked, bare = alternate(
        ROUNDS[rows], lambda number: write(number, "market.ticks"), lambda number: write(number, bare_ticks)
    )
    print(
        f"\nINSERT of {rows:,} ticks of {instruments} instruments, {WHERE}: {1000 * marked:.2f} ms with marks,"
        f" {1000 * bare:.2f} ms without; ratio {marked / bare:.2f}"
    )
