"""Files of ticks into the database: whole or not at all, as often as one likes."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import Connection

from chandlery.minutes.import_ticks import TickImport, import_ticks
from local.lots import tick_lots
from local.market_file import BadRow, open_tick_file
from tests.integration.market import around_the_clock

HEADER = "time,seq,price,size\n"
ROWS = [f"2026-03-02T12:00:{second:02}Z,{second},{10 + second / 100},5\n" for second in range(60)]


@pytest.fixture
def instrument(connection: Connection) -> int:
    return around_the_clock(connection, "X@A@EQ")[0]


def bring_in(connection: Connection, instrument: int, path: Path, batch_rows: int = 7) -> TickImport:
    with open_tick_file(path, batch_rows=batch_rows) as reader:
        return import_ticks(connection, instrument, tick_lots(iter(reader), instrument, lambda: None))


def stored(connection: Connection) -> Iterator[tuple[object, ...]]:
    return iter(connection.execute("SELECT seq, price, size FROM market.ticks ORDER BY time, seq").fetchall())


def test_a_file_comes_in_and_again_changes_nothing(connection: Connection, instrument: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "".join(ROWS)).encode()))
    assert bring_in(connection, instrument, path) == TickImport(read=60, new=60)
    before = connection.execute("SELECT ticks FROM market.dirty").fetchall()
    assert bring_in(connection, instrument, path) == TickImport(read=60, new=0)
    assert connection.execute("SELECT ticks FROM market.dirty").fetchall() == before
    assert len(list(stored(connection))) == 60


def test_an_overlapping_file_brings_only_what_is_new(connection: Connection, instrument: int, tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text(HEADER + "".join(ROWS[10:30]))
    second.write_text(HEADER + "".join(ROWS))
    bring_in(connection, instrument, first)
    assert bring_in(connection, instrument, second) == TickImport(read=60, new=40)


def test_rows_twice_in_a_file_count_once(connection: Connection, instrument: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + "".join(ROWS + ROWS[:5]))
    result = bring_in(connection, instrument, path, batch_rows=1000)
    assert (result.new, result.known) == (60, 5)


def test_a_bad_row_leaves_nothing_of_the_file(connection: Connection, instrument: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + "".join(ROWS) + "2026-03-02T12:01:00Z,60,NaN,5\n")
    with pytest.raises(BadRow, match=r"a\.csv line 62, column price"):
        bring_in(connection, instrument, path)
    assert list(stored(connection)) == []
    assert connection.execute("SELECT count(*) FROM market.dirty").fetchone() == (0,)


def test_prices_come_in_to_the_last_digit(connection: Connection, instrument: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    price = "0.12345678901234567890123456789"
    path.write_text(f"time,price,size\n2026-03-02T12:00:00.123456Z,{price},1e-9\n")
    bring_in(connection, instrument, path)
    assert [str(row[1]) for row in stored(connection)] == [price]
