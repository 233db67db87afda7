"""What it costs those who write ticks that the database notes when they came."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median

import pytest
from psycopg import Connection

from chandlery.minutes.import_ticks import import_ticks
from local.lots import tick_lots
from local.market_file import open_tick_file
from tests.benchmarks.scene import NOON, ON_SERVER, WHERE, insert_ticks, list_instruments, processor_seconds
from tests.benchmarks.test_import import write_file

ROWS = 200_000 if ON_SERVER else 20_000
ROUNDS = 11 if ON_SERVER else 3
INSTRUMENTS = 1_000 if ON_SERVER else 100
SECONDS = 60


@pytest.fixture
def turned(connection: Connection) -> Iterator[Callable[[bool], None]]:
    """Takes the column off the table, or adds it as the migration does; empties the table.

    All in one backend: two of them, of like databases, differ by four in a hundred.
    """
    added = (
        "ADD COLUMN received_at timestamptz",
        "ALTER COLUMN received_at SET DEFAULT now()",
        "ADD CONSTRAINT ticks_received_at_check CHECK (isfinite(received_at))",
    )

    def turn(noted: bool) -> None:
        connection.execute("TRUNCATE market.ticks, market.dirty")
        connection.execute("ALTER TABLE market.ticks DROP COLUMN IF EXISTS received_at")
        for change in added if noted else ():
            connection.execute(f"ALTER TABLE market.ticks {change}".encode())

    yield turn
    turn(noted=True)


def test_received_at_costs_an_import(connection: Connection, turned: Callable[[bool], None], tmp_path: Path) -> None:
    list_instruments(connection, 1)
    file = write_file(tmp_path / "ticks.csv.gz", ROWS)

    def bring() -> None:
        with open_tick_file(file) as reader:
            assert import_ticks(connection, 1, tick_lots(iter(reader), 1, lambda: None)).new == ROWS

    told = _compare(connection, turned, bring)
    print(f"import of {ROWS:,} ticks, {WHERE}, with and without received_at: {told}")


def test_received_at_costs_a_feed(connection: Connection, turned: Callable[[bool], None]) -> None:
    """A minute of a tick a second of each instrument, a statement a second."""
    list_instruments(connection, INSTRUMENTS)
    length = timedelta(seconds=SECONDS)

    def write() -> None:
        insert_ticks(connection, NOON, length, INSTRUMENTS, SECONDS, batches=SECONDS)

    told = _compare(connection, turned, write)
    print(f"{SECONDS} INSERTs of {INSTRUMENTS:,} ticks, {WHERE}, with and without received_at: {told}")


def _compare(connection: Connection, turned: Callable[[bool], None], write: Callable[[], None]) -> str:
    """Processor time, alternating; the first round does not count."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    for number in range(ROUNDS + 1):
        for noted in (True, False) if number % 2 else (False, True):
            turned(noted)
            taken[noted].append(processor_seconds(connection, write))
    with_it, without = (median(taken[way][1:]) for way in (True, False))
    cost = f"{1000 * with_it:.0f} and {1000 * without:.0f} ms of the processor; ratio {with_it / without:.3f}"
    return f"{cost} (aim: below 1.02)"
