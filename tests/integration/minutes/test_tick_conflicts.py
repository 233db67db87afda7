"""Ticks of one identity with two contents: counted and named, kept, replaced or refused; cancellations win."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from chandlery.minutes.import_lots import OnConflict
from chandlery.minutes.import_ticks import TickImport, import_ticks
from chandlery.minutes.store.ticks import NAMED
from chandlery.platform.errors import Permanent
from local.lots import tick_lots
from local.market_file import open_tick_file
from tests.integration.market import MINUTE, NOON, around_the_clock, contents, live

TRADES = """time,price,size,seq,venue
2026-03-02T12:00:01.1Z,100.00,10,7,V
2026-03-02T12:00:01.1Z,100.50,40,7,Q
2026-03-02T12:00:30Z,100.20,5,8,V
"""
CORRECTION = "time,price,size,seq\n2026-03-02T12:00:30Z,10.20,5,8\n"
KEEP, REPLACE, REFUSE = OnConflict


class Desk:
    """One instrument, and files that come in for it."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self.connection = connection
        self.instrument = around_the_clock(connection, "X@A@EQ")[0]
        self._path = folder / "ticks.csv"

    def bring_in(
        self, content: str, on_conflict: OnConflict = KEEP, *, batch_rows: int = 1000, by_row: bool = False
    ) -> TickImport:
        self._path.write_text(content)
        with open_tick_file(self._path, batch_rows=batch_rows, by_row=by_row) as reader:
            lots = tick_lots(iter(reader), self.instrument, lambda: None, reader.known_columns)
            return import_ticks(self.connection, self.instrument, lots, on_conflict)

    def prices(self) -> list[tuple[Any, ...]]:
        return self.connection.execute(
            "SELECT seq, price, size, venue, cancelled FROM market.ticks ORDER BY time, seq"
        ).fetchall()

    def marks(self) -> int:
        found = self.connection.execute("SELECT count(*) FROM market.dirty").fetchone()
        return int(found[0]) if found else 0

    def candle(self) -> tuple[Any, ...]:
        live(self.connection, NOON + 2 * MINUTE)
        found = contents(self.connection, self.instrument)[NOON]
        return found.open, found.high, found.low, found.close, found.volume


@pytest.fixture
def desk(connection: Connection, tmp_path: Path) -> Desk:
    return Desk(connection, tmp_path)


def ticks(*rows: str, columns: str = "time,price,size,seq") -> str:
    return "\n".join([columns, *rows, ""])


@pytest.mark.parametrize("batch_rows", [1000, 1])
def test_the_first_of_two_is_kept_and_the_other_named(desk: Desk, batch_rows: int) -> None:
    done = desk.bring_in(TRADES, batch_rows=batch_rows)
    assert (done.read, done.new, done.known, done.conflicting) == (3, 2, 0, 1)
    (conflict,) = done.conflicts
    assert (conflict.line, conflict.stored_line, conflict.seq) == (3, 2 if batch_rows > 1 else None, 7)
    assert (conflict.said.price, conflict.said.size, conflict.said.venue) == (Decimal("100.5"), 40, "Q")
    assert (conflict.stored.price, conflict.stored.size, conflict.stored.venue) == (100, 10, "V")
    assert [row[1] for row in desk.prices()] == [Decimal("100.00"), Decimal("100.20")]
    again = desk.bring_in(TRADES)
    assert (again.new, again.known, again.conflicting, again.conflicts[0].stored_line) == (0, 2, 1, 2)


def test_each_kind_of_content_is_held_against_the_stored_one(desk: Desk) -> None:
    columns = "time,price,size,seq,venue,conditions,updates_ohlc,updates_volume"
    at = "2026-03-02T12:00:30Z"
    desk.bring_in(ticks(f"{at},1.0,5,1,V,a,1,1", columns=columns))
    assert desk.bring_in(ticks(f"{at},1.00,5.0,1,V,a,1,1", columns=columns)).conflicting == 0
    others = ("2,5,1,V,a,1,1", "1,6,1,V,a,1,1", "1,5,1,,a,1,1", "1,5,1,V,b,1,1", "1,5,1,V,a,0,1", "1,5,1,V,a,1,0")
    for other in others:
        assert desk.bring_in(ticks(f"{at},{other}", columns=columns)).conflicting == 1, other


def test_a_column_that_a_file_lacks_contradicts_nothing_and_resets_nothing(desk: Desk) -> None:
    desk.bring_in(TRADES)
    assert desk.bring_in(ticks("2026-03-02T12:00:30Z,100.20,5,8")).known == 1
    done = desk.bring_in(CORRECTION, REPLACE)
    assert (done.conflicting, done.replaced, done.conflicts[0].said.venue) == (1, 1, "V")
    assert desk.prices()[-1] == (8, Decimal("10.20"), 5, "V", False)


def test_a_correction_is_applied_when_asked_for_and_changes_its_candle(desk: Desk) -> None:
    desk.bring_in(TRADES)
    assert desk.candle() == (100, Decimal("100.20"), 100, Decimal("100.20"), 15)
    assert desk.bring_in(CORRECTION).conflicting == 1
    assert desk.marks() == 0
    desk.bring_in(CORRECTION, REPLACE)
    assert desk.candle() == (100, 100, Decimal("10.20"), Decimal("10.20"), 15)
    again = desk.bring_in(CORRECTION, REPLACE)
    assert (again.known, again.replaced, again.conflicting, desk.marks()) == (1, 0, 0, 0)


def test_the_last_of_several_replaces_what_is_stored(desk: Desk) -> None:
    at = "2026-03-02T12:00:30Z"
    desk.bring_in(ticks(f"{at},1,5,8"))
    done = desk.bring_in(ticks(f"{at},2,5,8", f"{at},3,5,8", f"{at},4,5,9"), REPLACE)
    assert (done.new, done.conflicting, done.replaced) == (1, 2, 1)
    assert [row[1] for row in desk.prices()] == [3, 4]


def test_refusing_writes_nothing_at_all_and_names_every_conflict(desk: Desk) -> None:
    desk.bring_in(TRADES)
    desk.candle()
    before = desk.prices()
    rows = [f"2026-03-02T12:00:{second:02}Z,1,1,{second}" for second in range(40)]
    with pytest.raises(Permanent, match="2 rows conflict") as caught:
        desk.bring_in(ticks(*rows, "2026-03-02T12:00:30Z,10.20,5,8", "2026-03-02T12:00:39Z,2,1,39"), REFUSE)
    report = caught.value.report
    assert isinstance(report, TickImport)
    assert [conflict.line for conflict in report.conflicts] == [42, 43]
    assert (desk.prices(), desk.marks()) == (before, 0)


def test_few_are_named_and_all_are_counted(desk: Desk) -> None:
    rows = [f"2026-03-02T12:00:00Z,{price},1,0" for price in range(1, 5 * NAMED + 2)]
    done = desk.bring_in(ticks(*rows), batch_rows=7)
    assert (done.new, done.conflicting) == (1, 5 * NAMED)
    assert [conflict.line for conflict in done.conflicts] == list(range(3, NAMED + 3))


COLUMNS = "time,price,size,seq,cancelled"
TRADE, OTHER, CANCELLATION = (f"2026-03-02T12:00:30Z,{end}" for end in ("1,5,8,0", "2,5,8,", "3,5,8,1"))


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize("on_conflict", OnConflict)
@pytest.mark.parametrize(
    "rows", [(TRADE, CANCELLATION), (CANCELLATION, TRADE), (CANCELLATION, OTHER), (TRADE, CANCELLATION, TRADE)]
)
@pytest.mark.parametrize("whole", [True, False])
def test_a_cancellation_wins_in_any_order_and_is_no_conflict(
    desk: Desk, rows: tuple[str, ...], on_conflict: OnConflict, *, whole: bool
) -> None:
    keeper = "2026-03-02T12:00:01Z,7,1,1,0"
    files = [ticks(keeper, *rows, columns=COLUMNS)] if whole else [ticks(row, columns=COLUMNS) for row in rows]
    done = [desk.bring_in(file, on_conflict) for file in files]
    assert sum(each.conflicting for each in done) == 0
    assert sum(each.cancelled for each in done) == 1
    assert desk.prices()[-1][-1] is True
    desk.bring_in(ticks(keeper, columns=COLUMNS))
    assert desk.candle() == (7, 7, 7, 7, 1)


SEQ_0 = ticks(
    "2026-03-02T12:00:01.100Z,2.50,10,0",
    "2026-03-02T12:00:01.100Z,2.55,40,0",
    "2026-03-02T12:00:01.100Z,2.45,5,0",
    "2026-03-02T12:00:02Z,2.50,1,",
)


def test_a_file_whose_seq_repeats_comes_in_whole_by_its_rows(desk: Desk) -> None:
    for new in (4, 0):
        done = desk.bring_in(SEQ_0, by_row=True, batch_rows=2)
        assert (done.read, done.new, done.conflicting) == (4, new, 0)
    assert desk.candle() == (Decimal("2.50"), Decimal("2.55"), Decimal("2.45"), Decimal("2.50"), 56)


def test_rows_that_came_in_under_the_files_own_seq_are_not_doubled(desk: Desk) -> None:
    content = SEQ_0.replace("1,\n", "1,0\n")
    assert desk.bring_in(content).conflicting == 2
    assert desk.bring_in(content, by_row=True).new == 4
    assert desk.candle()[-1] == 56


def test_a_cancelled_tick_stays_cancelled_when_it_is_numbered_by_its_row(desk: Desk) -> None:
    content = ticks("2026-03-02T12:00:01Z,2,10,0", "2026-03-02T12:00:02Z,3,1,0")
    desk.bring_in(content)
    desk.connection.execute("UPDATE market.ticks SET cancelled = true WHERE price = 2")
    desk.bring_in(content, by_row=True)
    assert [(row[1], row[-1]) for row in desk.prices()] == [(2, True), (3, False)]


@pytest.fixture
def in_columns(desk: Desk) -> Iterator[Desk]:
    """The same with its ticks, and their candle, stored in columns."""
    desk.bring_in(TRADES)
    desk.candle()
    desk.connection.execute(
        "ALTER TABLE market.ticks SET (timescaledb.enable_columnstore, timescaledb.segmentby = 'instrument_id',"
        " timescaledb.orderby = 'time, seq')"
    )
    desk.connection.execute("SELECT compress_chunk(chunk) FROM show_chunks('market.ticks') AS chunk")
    yield desk
    desk.connection.execute("SELECT decompress_chunk(chunk, true) FROM show_chunks('market.ticks') AS chunk")
    desk.connection.execute("ALTER TABLE market.ticks SET (timescaledb.enable_columnstore = false)")


def test_ticks_in_columns_are_compared_replaced_and_cancelled(in_columns: Desk) -> None:
    desk = in_columns
    assert desk.bring_in(CORRECTION).conflicting == 1
    assert desk.bring_in(CORRECTION, REPLACE).replaced == 1
    assert desk.candle()[3] == Decimal("10.20")
    assert desk.bring_in(ticks("2026-03-02T12:00:30Z,9,9,8,1", columns=COLUMNS)).cancelled == 1
    assert desk.candle()[3] == 100


def test_ticks_in_columns_are_not_doubled_when_numbered_by_row(in_columns: Desk) -> None:
    assert in_columns.bring_in(TRADES, by_row=True).new == 3
    assert in_columns.candle()[-1] == 55
