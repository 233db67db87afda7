"""The embedded database's process is killed at random, in mixed work: what it acknowledged is there."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import psycopg
import pytest
from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.errors import ChandleryError
from chandlery.platform.settings import Settings
from local.embedded import EmbeddedDatabase
from tests.faults.conftest import Tell
from tests.integration.market import MINUTE, NOON, around_the_clock, contents, live
from tests.plain_fold import Tick, fold
from tests.waiting import wait_until

# 200 kills in eight parts, which run side by side; of them a sample is two of one.
_PARTS, _KILLS, _SAMPLE = 8, 25, 2
_MINUTES = 10
_MOST_STEPS = 30  # between two kills
_REFRESH = b"CALL refresh_continuous_aggregate('market.candles_5m', NULL, NULL)"
_COLUMNS = b"ALTER TABLE market.candles SET (timescaledb.enable_columnstore, timescaledb.segmentby = 'instrument_id')"
_COMPRESS = b"SELECT compress_chunk(c, if_not_compressed => true) FROM show_chunks('market.candles') AS c"

Ticks = Mapping[int, Tick]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """In how many parts."""
    metafunc.parametrize("part", range(_PARTS if metafunc.config.getoption("--faults") else 1))


@pytest.fixture
def database(tmp_path: Path, migrated_tarball: Path) -> Iterator[EmbeddedDatabase]:
    found = EmbeddedDatabase(tmp_path / "home", tarball=migrated_tarball, tied=True)
    with opened(found) as connection:
        around_the_clock(connection, "X@A@EQ")
        _run(connection, _COLUMNS)
    yield found
    found.stop()


@contextmanager
def opened(database: EmbeddedDatabase) -> Iterator[Connection]:
    with connect(Settings(database_url=database.start()), "test") as connection:
        yield connection


@dataclass
class Writer:
    """Writes ticks, corrects and cancels some, makes candles of them, refreshes, and turns rows into columns."""

    random: Random
    ticks: Ticks = field(default_factory=dict)  # as of what was acknowledged
    awaited: Ticks | None = None  # as of the statement that is not answered yet
    steps: int = 0

    def work(self, connection: Connection) -> None:
        """Continue until the database is gone."""
        steps: list[Callable[[Connection], None]] = [self._insert, self._insert, self._correct, self._cancel]
        steps += [lambda own: _aggregate(own), lambda own: _run(own, _REFRESH), lambda own: _run(own, _COMPRESS)]
        with suppress(psycopg.OperationalError, ChandleryError):
            while True:
                self.random.choice(steps)(connection)
                self.steps += 1

    def _insert(self, connection: Connection) -> None:
        new = {seq: self._tick(seq) for seq in range(len(self.ticks), len(self.ticks) + self.random.randint(1, 40))}
        rows = [(each.time, each.seq, each.price, each.size) for each in new.values()]
        statement = "INSERT INTO market.ticks (time, instrument_id, seq, price, size) VALUES (%s, 1, %s, %s, %s)"
        self.awaited = {**self.ticks, **new}
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(statement, rows)
        self._acknowledge()

    def _correct(self, connection: Connection) -> None:
        self._change(connection, "price = price + 1", lambda tick: replace(tick, price=tick.price + 1))

    def _cancel(self, connection: Connection) -> None:
        self._change(connection, "cancelled = true", lambda tick: replace(tick, cancelled=True))

    def _change(self, connection: Connection, setting: str, changed: Callable[[Tick], Tick]) -> None:
        if not self.ticks:
            return
        tick = self.ticks[self.random.randrange(len(self.ticks))]
        self.awaited = {**self.ticks, tick.seq: changed(tick)}
        statement = f"UPDATE market.ticks SET {setting} WHERE instrument_id = 1 AND time = %s AND seq = %s"  # noqa: S608
        changes = connection.execute(statement.encode(), [tick.time, tick.seq]).rowcount
        assert changes == 1, tick
        self._acknowledge()

    def _acknowledge(self) -> None:
        self.ticks, self.awaited = self.awaited or {}, None

    def _tick(self, seq: int) -> Tick:
        at = NOON + timedelta(seconds=self.random.randrange(60 * _MINUTES))
        return Tick(at, seq, Decimal(self.random.randint(1, 99)), Decimal(self.random.randint(1, 9)))

    def take(self, found: Ticks) -> bool:
        """Continue from what was found; whether that is what was acknowledged, with or without what was under way."""
        kept = found in (self.ticks, self.awaited)
        self.ticks, self.awaited = found, None
        return kept


def _aggregate(connection: Connection) -> None:
    live(connection, NOON + _MINUTES * MINUTE)


def _run(connection: Connection, statement: bytes) -> None:
    connection.execute(statement)


def stored(connection: Connection) -> Ticks:
    """The ticks that are stored."""
    rows = connection.execute("SELECT time, seq, price, size, cancelled FROM market.ticks").fetchall()
    return {seq: Tick(time, seq, price, size, cancelled=cancelled) for time, seq, price, size, cancelled in rows}


def test_a_database_killed_in_mixed_work_keeps_what_it_acknowledged(
    database: EmbeddedDatabase, part: int, request: pytest.FixtureRequest, tell: Tell
) -> None:
    writer, wrong = Writer(Random(part)), []
    kills = _KILLS if request.config.getoption("--faults") else _SAMPLE
    for number in range(kills):
        with opened(database) as connection:
            if not writer.take(stored(connection)):
                wrong.append(f"part {part}, after kill {number}: rows differ from those acknowledged")
            kill_amid(database, writer, connection)
    with opened(database) as connection:
        assert writer.take(stored(connection))
        _aggregate(connection)
        _run(connection, _REFRESH)
        assert contents(connection, 1) == fold(writer.ticks.values())
        counted = "SELECT (SELECT sum(trades) FROM market.candles), (SELECT sum(trades) FROM market.candles_5m)"
        minutes, derived = connection.execute(counted).fetchone() or (0, None)
        assert minutes == derived
    tell(f"embedded database, killed {kills} times at random in mixed work, part {part}", kills, wrong)


def kill_amid(database: EmbeddedDatabase, writer: Writer, connection: Connection) -> None:
    """Have it work, and kill its process some steps on, wherever it is then."""
    until = writer.steps + writer.random.randrange(_MOST_STEPS)
    working = threading.Thread(target=writer.work, args=[connection])
    working.start()
    wait_until(lambda: writer.steps >= until or not working.is_alive(), f"step {until}")
    assert working.is_alive(), database.log_file.read_text()
    pid = database.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    working.join()
