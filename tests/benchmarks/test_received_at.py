"""What it costs those who write ticks that the database notes when they came."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median

import pytest
from alembic import command
from psycopg import Connection

from chandlery.minutes.import_ticks import import_ticks
from chandlery.platform import definitions
from chandlery.platform.connection import connect
from chandlery.platform.migrations import alembic_config
from chandlery.platform.settings import Settings
from local.lots import tick_lots
from local.market_file import open_tick_file
from tests.benchmarks.scene import NOON, WHERE, insert_ticks, list_instruments, processor_seconds
from tests.benchmarks.test_import import write_file
from tests.faults.databases import create_empty_database, drop_database

ROWS = 200_000
ROUNDS = 15
INSTRUMENTS = 1_000
SECONDS = 60


@pytest.fixture
def plain(server_url: str) -> Iterator[Connection]:
    """A database of the revision before, with the triggers of today: a column that was dropped would cost as well."""
    name = f"chandlery_received_{os.getpid()}"
    url = create_empty_database(server_url, name)
    command.upgrade(alembic_config(url), "0042")
    with connect(Settings(database_url=url), "bench") as connection:
        for function in ("mark_inserted_ticks", "refuse_negative_price"):
            connection.execute(definitions.current()[function].encode())
        yield connection
    drop_database(server_url, name)


def test_received_at_costs_an_import(connection: Connection, plain: Connection, tmp_path: Path) -> None:
    file = write_file(tmp_path / "ticks.csv.gz", ROWS)

    def bring(into: Connection) -> None:
        with open_tick_file(file) as reader:
            assert import_ticks(into, 1, tick_lots(iter(reader), 1, lambda: None)).new == ROWS

    told = _compare(connection, plain, bring)
    print(f"import of {ROWS:,} ticks, {WHERE}, with and without received_at: {told}")


def test_received_at_costs_a_feed(connection: Connection, plain: Connection) -> None:
    """A minute of a tick a second of each instrument, a statement a second."""

    def write(into: Connection) -> None:
        insert_ticks(into, NOON, timedelta(seconds=SECONDS), INSTRUMENTS, SECONDS, batches=SECONDS)

    told = _compare(connection, plain, write)
    print(f"{SECONDS} INSERTs of {INSTRUMENTS:,} ticks, {WHERE}, with and without received_at: {told}")


def _compare(connection: Connection, plain: Connection, write: Callable[[Connection], None]) -> str:
    """Processor time into empty tables, in turns; the first round is none."""
    databases = (connection, plain)
    for each in databases:
        list_instruments(each, INSTRUMENTS)
    taken: list[list[float]] = [[], []]
    for number in range(ROUNDS + 1):
        for place in (0, 1) if number % 2 else (1, 0):
            into = databases[place]
            into.execute("TRUNCATE market.ticks, market.dirty")
            taken[place].append(processor_seconds(into, lambda into=into: write(into)))  # type: ignore[misc]
    with_it, without = (median(each[1:]) for each in taken)
    cost = f"{1000 * with_it:.0f} and {1000 * without:.0f} ms of the processor; ratio {with_it / without:.3f}"
    return f"{cost} (aim: below 1.02)"
