"""Every way to write ticks is noticed, by any program."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import LiteralString

import psycopg
import pytest
from psycopg import Connection
from psycopg import errors as pg

from chandlery.words.window import Window
from tests.conftest import REPO
from tests.integration.market import MINUTE, NOON, around_the_clock, candles_of, live
from tests.integration.platform.test_roles import role

PAGE = REPO / "docs" / "importing.md"


def marks(connection: Connection) -> list[tuple[int, int]]:
    """Minutes after noon that are marked, and the ticks inserted there."""
    rows = connection.execute("SELECT bucket, unnest(ticks) FROM market.dirty ORDER BY 1, 2").fetchall()
    return [((bucket - NOON) // MINUTE, ticks) for bucket, ticks in rows]


@pytest.fixture
def instrument(connection: Connection) -> int:
    (one,) = around_the_clock(connection, "X@A@EQ")
    connection.execute(
        "INSERT INTO market.ticks (instrument_id, time, seq, price, size)"
        " SELECT %s, %s::timestamptz + s * INTERVAL '20 seconds', s, 10, 1 FROM generate_series(0, 5) AS s",
        [one, NOON],
    )
    return one


def test_an_insert_leaves_a_mark_per_bucket(connection: Connection, instrument: int) -> None:
    assert marks(connection) == [(0, 3), (1, 3)]


def test_a_duplicate_leaves_none(connection: Connection, instrument: int) -> None:
    connection.execute(
        "INSERT INTO market.ticks (instrument_id, time, seq, price, size) VALUES (%s, %s, 0, 10, 1)"
        " ON CONFLICT DO NOTHING",
        [instrument, NOON],
    )
    assert marks(connection) == [(0, 3), (1, 3)]


def test_an_update_marks_both_ends(connection: Connection, instrument: int) -> None:
    connection.execute("DELETE FROM market.dirty")
    connection.execute("UPDATE market.ticks SET time = time + INTERVAL '10 minutes' WHERE seq = 0")
    assert marks(connection) == [(0, 0), (10, 0)]


def test_a_delete_leaves_marks(connection: Connection, instrument: int) -> None:
    connection.execute("DELETE FROM market.dirty")
    connection.execute("DELETE FROM market.ticks WHERE seq IN (4, 5)")
    assert marks(connection) == [(1, 0), (1, 0)]


def test_a_write_rolled_back_leaves_none(connection: Connection, instrument: int) -> None:
    connection.execute("DELETE FROM market.dirty")
    with connection.transaction(force_rollback=True):
        connection.execute("UPDATE market.ticks SET price = 11")
    assert marks(connection) == []


def test_dropped_chunks_leave_none(connection: Connection, instrument: int) -> None:
    connection.execute("DELETE FROM market.dirty")
    connection.execute("SELECT drop_chunks('market.ticks', older_than => %s::timestamptz)", [NOON + timedelta(days=1)])
    assert marks(connection) == []


def test_ticks_in_compressed_chunks_are_noticed(connection: Connection, instrument: int) -> None:
    connection.execute("DELETE FROM market.dirty")
    # Before 2.25 TimescaleDB finds no row to change by a bitmap scan over a chunk that it decompresses on the way.
    connection.execute("SET enable_bitmapscan = off")
    connection.execute(
        "ALTER TABLE market.ticks SET (timescaledb.compress, timescaledb.compress_segmentby = 'instrument_id')"
    )
    try:
        connection.execute("SELECT compress_chunk(c) FROM show_chunks('market.ticks') AS c")
        connection.execute(
            "INSERT INTO market.ticks (instrument_id, time, seq, price, size) VALUES (%s, %s, 99, 10, 1)",
            [instrument, NOON],
        )
        connection.execute("UPDATE market.ticks SET price = 11 WHERE seq = 3")
        connection.execute("DELETE FROM market.ticks WHERE seq = 5")
        assert marks(connection) == [(0, 1), (1, 0), (1, 0)]
    finally:
        connection.execute("RESET enable_bitmapscan")
        connection.execute("TRUNCATE market.ticks")
        connection.execute("ALTER TABLE market.ticks SET (timescaledb.compress = false)")


def test_copy_is_noticed(connection: Connection, instrument: int, server_url: str) -> None:
    connection.execute("DELETE FROM market.dirty")
    with connection.cursor().copy("COPY market.ticks (instrument_id, time, seq, price, size) FROM STDIN") as copy:
        for seq in range(100, 103):
            copy.write_row((instrument, NOON, seq, 10, 1))
    assert marks(connection) == [(0, 3)]


def test_an_unknown_instrument_is_refused(connection: Connection, instrument: int) -> None:
    with pytest.raises(pg.ForeignKeyViolation, match=r"instrument_id 77 is not in market\.instruments"):
        connection.execute(
            "INSERT INTO market.ticks (instrument_id, time, seq, price, size) VALUES (77, %s, 0, 10, 1)", [NOON]
        )


@pytest.mark.parametrize("change", ["price = 'NaN'", "size = 'Infinity'", "size = -0.1"])
def test_numbers_that_are_none_are_refused(connection: Connection, instrument: int, change: LiteralString) -> None:
    with pytest.raises(psycopg.IntegrityError, match=f"{change.split()[0]}_check"):
        connection.execute("UPDATE market.ticks SET " + change)  # noqa: S608  # one of the above


def test_the_statements_that_the_page_shows_make_and_correct_a_candle(connection: Connection) -> None:
    (one,) = around_the_clock(connection, "XNYS@IBM@EQ")
    section = PAGE.read_text().partition("## Ticks from your own programs")[2]
    shown = section.partition("```sql\n")[2].partition("```")[0]
    inserting, correcting, cancelling = re.split(r";[^\n]*\n\n", shown)
    at = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
    with role(connection, "chandlery_producer"):
        for written in (3, 0):
            assert connection.execute(inserting.encode()).rowcount == written
    live(connection, at + 2 * MINUTE)
    (candle,) = candles_of(connection, one, Window(at, at + MINUTE))
    assert (candle.open, candle.high, candle.low, candle.close) == tuple(
        Decimal(price) for price in ("182.15", "182.61", "182.15", "182.20")
    )
    assert (candle.volume, candle.trades, candle.revision) == (350, 3, 0)
    with role(connection, "chandlery_producer"):
        for statement in (correcting, cancelling):
            assert connection.execute(statement.encode()).rowcount == 1
    live(connection, at + 3 * MINUTE)
    (candle,) = candles_of(connection, one, Window(at, at + MINUTE))
    assert (candle.high, candle.close, candle.volume) == (Decimal("182.16"), Decimal("182.16"), 300)
    assert (candle.trades, candle.revision) == (2, 1)
