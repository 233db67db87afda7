"""Files of ticks into the database: whole or not at all, as often as one likes."""

import gzip
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from psycopg import Connection

from chandlery.minutes.import_ticks import TickImport, import_ticks
from local.lots import tick_lots
from local.market_file import BadRow, UnreadableFile, open_tick_file
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


DATABENTO = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence\n"
)


def test_one_vendors_two_ways_of_writing_are_the_same_ticks(
    connection: Connection, instrument: int, tmp_path: Path
) -> None:
    raw, pretty = tmp_path / "raw.csv", tmp_path / "pretty.csv"
    raw.write_text(
        f"{DATABENTO}1772463600000152000,1772463600000001000,0,1,4242,T,B,0,4531250000000,2,0,100,77\n"
        "1772463600500152000,1772463600500001000,0,1,4242,T,A,0,4531000000000,1,0,100,78\n"
        "1772463601000152000,1772463601000001000,0,1,4242,T,N,0,9223372036854775807,3,0,100,79\n"
    )
    pretty.write_text(
        f"{DATABENTO}2026-03-02T15:00:00.000152Z,2026-03-02T15:00:00.000001000Z,0,1,4242,T,B,0,4531.25,2,0,100,77\n"
        "2026-03-02T15:00:00.500152Z,2026-03-02T15:00:00.500001000Z,0,1,4242,T,A,0,4531.000000000,1,0,100,78\n"
    )
    assert bring_in(connection, instrument, raw) == TickImport(read=2, new=2)
    assert bring_in(connection, instrument, pretty) == TickImport(read=2, new=0)
    assert [*stored(connection)] == [(77, Decimal("4531.25"), 2), (78, 4531, 1)]


def test_a_second_ticker_in_the_middle_of_a_file_leaves_nothing_of_it(
    connection: Connection, instrument: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    rows = [
        f"2026-03-02T12:00:{second:02}Z,{10 + second},5,{'AAX' if second < 40 else 'BBX'}\n" for second in range(60)
    ]
    path.write_text("time,price,size,symbol\n" + "".join(rows))
    with pytest.raises(UnreadableFile, match="has rows of AAX, BBX"):
        bring_in(connection, instrument, path)
    assert list(stored(connection)) == []
