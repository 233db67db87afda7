"""When a row came to the desk is noted, whatever writes it, and is not part of what it says."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from psycopg import Connection
from psycopg import errors as pg

from chandlery.datasets import declared
from chandlery.ingest.domain.record import Record
from chandlery.ingest.ingest_records import IngestReport, ingest_records
from chandlery.platform.migrations import alembic_config
from chandlery.reading.explain_minute import explain_minute
from tests.integration.ingest.record_scene import AT, KEY, body, tick
from tests.integration.market import around_the_clock

CAME = AT + timedelta(seconds=3)
LATER = AT + timedelta(hours=1)


def send(connection: Connection, *rows: dict[str, object]) -> IngestReport:
    return ingest_records(connection, [Record("m-1", body(*rows).encode())], LATER)


def received(connection: Connection) -> dict[int, datetime | None]:
    """When each tick came, by its seq."""
    return dict(connection.execute("SELECT seq, received_at FROM market.ticks ORDER BY seq").fetchall())


def test_every_data_set_that_is_sent_notes_it_in_the_transaction_s_moment(connection: Connection) -> None:
    found = connection.execute(
        "SELECT attrelid::regclass::text, pg_get_expr(adbin, adrelid) FROM pg_attrdef JOIN pg_attribute"
        " ON attrelid = adrelid AND attnum = adnum WHERE attname = 'received_at'"
        " AND attrelid IN (SELECT format('market.%%I', name)::regclass FROM unnest(%s::text[]) AS name)",
        [[each.name for each in declared.sent()]],
    ).fetchall()
    assert dict(found) == {f"market.{each.name}": "now()" for each in declared.sent()}
    assert all("received_at" in each.noted for each in declared.sent())


def test_who_writes_no_moment_gets_that_of_his_transaction_and_who_does_keeps_it(connection: Connection) -> None:
    (coin,) = around_the_clock(connection, KEY)
    began = datetime.now(UTC) - timedelta(seconds=5)
    insert = "INSERT INTO market.ticks (instrument_id, time, seq, price, size{}) VALUES (%s, %s, %s, 1, 1{})"
    with connection.transaction():
        for seq in (1, 2):
            connection.execute(insert.format("", ""), [coin, AT, seq])
    connection.execute(insert.format(", received_at", ", %s"), [coin, AT, 3, CAME])
    found = received(connection)
    first = found[1]
    assert first is not None
    assert began < first == found[2]
    assert found[3] == CAME
    with pytest.raises(pg.CheckViolation, match="received_at"):
        connection.execute(insert.format(", received_at", ", 'infinity'"), [coin, AT, 4])
    # A correction and a cancellation leave it as it was.
    connection.execute("UPDATE market.ticks SET cancelled = true, price = 2 WHERE time = %s AND seq = 3", [AT])
    assert received(connection)[3] == CAME


def test_a_record_may_say_it_and_another_moment_is_no_conflict(connection: Connection) -> None:
    around_the_clock(connection, KEY)
    told = tick(1, received_at=CAME.isoformat())
    assert send(connection, told, tick(2, received_at=None), tick(3)).rows_new == 3
    first = received(connection)
    assert first[1] == CAME
    assert None not in first.values()
    again = send(connection, told | {"received_at": LATER.isoformat()}, tick(2, received_at=CAME.isoformat()))
    assert (again.rows_new, again.rows_known, again.rows_conflicting) == (0, 2, 0)
    other = send(connection, tick(1, 101, received_at=LATER.isoformat()))
    (bad,) = other.bad
    assert [fault.reason for fault in bad.faults] == ["contradicts what is stored under its key: price 101, stored 100"]
    assert received(connection) == first
    assert send(connection, tick(4, received_at="yesterday")).rows_bad == 1


def test_explain_says_when_the_newest_tick_came_and_the_latest_to_come(connection: Connection) -> None:
    around_the_clock(connection, KEY)
    send(
        connection,
        tick(1, received_at=LATER.isoformat()),
        tick(2, received_at=CAME.isoformat()),
        tick(61, received_at=CAME.isoformat()),
    )
    ticks = explain_minute(connection, KEY, AT, LATER).ticks
    assert (ticks.newest_received_at, ticks.received_up_to) == (CAME, LATER)
    none = explain_minute(connection, KEY, AT + timedelta(minutes=5), LATER).ticks
    assert (none.newest_received_at, none.received_up_to) == (None, None)


@pytest.fixture
def before_it(connection: Connection, database_url: str) -> Iterator[Connection]:
    """A database that does not note it yet, with ticks in columns and in rows."""
    (coin,) = around_the_clock(connection, KEY)
    command.downgrade(alembic_config(database_url), "0043")
    connection.execute("CALL market.set_columnstore('ticks', 'instrument_id', 'time, seq')")
    for starts in (AT - timedelta(days=1), AT):
        connection.execute(
            "INSERT INTO market.ticks (instrument_id, time, seq, price, size)"
            " SELECT %s, %s::timestamptz + n * INTERVAL '1 second', n, 100, 1 FROM generate_series(1, 1000) AS n",
            [coin, starts],
        )
    connection.execute("SELECT compress_chunk(chunk) FROM show_chunks('market.ticks', older_than => %s) AS chunk", [AT])
    yield connection
    command.upgrade(alembic_config(database_url), "head")
    connection.execute("CALL market.remove_columnstore('ticks')")


def test_an_upgrade_adds_it_to_columns_without_writing_them_again(before_it: Connection, database_url: str) -> None:
    def stored() -> list[tuple[object, ...]]:
        return before_it.execute(
            "SELECT time, instrument_id, seq, price, size, cancelled FROM market.ticks ORDER BY time, seq"
        ).fetchall()

    def files() -> set[tuple[object, ...]]:
        return set(
            before_it.execute(
                "SELECT oid, relfilenode FROM pg_class WHERE relnamespace = '_timescaledb_internal'::regnamespace"
                " AND relkind = 'r'"
            ).fetchall()
        )

    rows, written = stored(), files()
    command.upgrade(alembic_config(database_url), "head")
    assert (stored(), files()) == (rows, written)
    assert set(received(before_it).values()) == {None}
    # Rows that come to columns, as late ones do, are compared with what is stored, and note it.
    late = [tick(1 - 86_400 + seq, seq=1 + seq, received_at=CAME.isoformat()) for seq in (0, 1)]
    late.append(tick(-86_400, seq=1, received_at=CAME.isoformat()))
    report = send(before_it, *late, tick(2 - 86_400, 99, seq=2))
    assert (report.rows_new, report.rows_known, report.rows_conflicting) == (1, 2, 1)
    assert len(stored()) == 2001
    found = before_it.execute("SELECT count(*) FROM market.ticks WHERE received_at = %s", [CAME]).fetchone()
    assert found == (1,)
    command.downgrade(alembic_config(database_url), "0043")
    assert len(stored()) == 2001
