"""Setting the scene for policies: candles by the stretch, and jobs that go away again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection, sql

from chandlery.policies.apply_policies import apply_policies
from chandlery.policies.maintain_policies import PolicyReport, maintain_policies
from chandlery.policies.store import policies
from chandlery.policies.wanted import read_policies
from chandlery.refresh.refresh_stale import refresh_stale
from tests.integration.market import always, put_candles

WANTED = read_policies()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DERIVED = ("candles_5m", "candles_15m", "candles_30m", "candles_1h", "candles_4h", "candles_1d_parts")

_HOLD = """
SELECT altered.job_id
FROM timescaledb_information.jobs AS job
CROSS JOIN LATERAL alter_job(job.job_id, next_start => now() + INTERVAL '1 day') AS altered
WHERE job.job_id >= 1000 AND job.next_start < now() + INTERVAL '12 hours'
"""
_CLEAN = """
DO $$
DECLARE
    columnar text[] := ARRAY(
        SELECT k.table_name FROM market.kept_tables AS k
        JOIN timescaledb_information.hypertable_columnstore_settings AS c ON c.hypertable = k.relation
        WHERE k.table_name <> 'indicator_values' AND c.orderby IS NOT NULL
    );
    name text;
BEGIN
    PERFORM delete_job(job_id) FROM timescaledb_information.jobs WHERE job_id >= 1000;
    FOREACH name IN ARRAY columnar LOOP
        CALL market.remove_columnstore(name);
    END LOOP;
    PERFORM set_chunk_time_interval('market.ticks', INTERVAL '6 hours');
    PERFORM set_chunk_time_interval(relation, INTERVAL '70 days') FROM market.kept_tables
    WHERE relation::text LIKE '%materialized%';
END
$$
"""


@pytest.fixture
def desk(connection: Connection) -> Iterator[Connection]:
    """A database whose policies are as the migrations leave them, before the test and after it."""
    clean(connection)
    yield connection
    clean(connection)


def clean(connection: Connection) -> None:
    """Have policies as the migrations leave them."""
    connection.execute(_CLEAN)


def hold_jobs(connection: Connection) -> None:
    """Keep a server's scheduler, which goes by the clock on the wall, from this test's data."""
    connection.execute(_HOLD)


def keep(connection: Connection) -> None:
    """Have all policies, whatever data is there."""
    with connection.transaction():
        apply_policies(connection, NOON, WANTED, allow_destructive=True)
        hold_jobs(connection)


def shorten_chunks(connection: Connection) -> None:
    """New chunks of ticks as the migrations leave them: what policies make of them follows from the desk."""
    connection.execute("SELECT set_chunk_time_interval('market.ticks', INTERVAL '6 hours')")


def maintain(connection: Connection, at: datetime, **changes: Any) -> PolicyReport:
    """One run of policy maintenance."""
    values: dict[str, Any] = {"wanted": WANTED, "most_marks": 10_000, "has_time": always}
    report = maintain_policies(connection, at, **(values | changes))
    hold_jobs(connection)
    return report


def came_in_time(connection: Connection) -> None:
    """As if each chunk had been there when its rows came: one that is made long after its time holds history."""
    connection.execute("UPDATE _timescaledb_catalog.chunk SET creation_time = '2000-01-01'")


def drop(connection: Connection, table: str, horizon: datetime) -> tuple[int, str | None]:
    """Drop rows before a moment that came in their time, released by the operator: chunks dropped, and what waits."""
    came_in_time(connection)
    connection.execute("INSERT INTO market.retentions VALUES (%s, '0', now()) ON CONFLICT DO NOTHING", [table])
    drops, waits = policies.drop_before(connection, table, horizon, 90 * DAY)
    return len(drops), waits


def store_candles(connection: Connection, starts: datetime, ends: datetime, step: timedelta = MINUTE) -> None:
    """Candles of instrument 1, as Chandlery's writers leave them."""
    with connection.transaction():
        connection.execute("SELECT set_config('chandlery.writing', 'on', true)")
        put_candles(connection, 1, [starts + n * step for n in range(-((starts - ends) // step))])


def refresh_all(connection: Connection, at: datetime) -> None:
    """Take every mark there is."""
    assert refresh_stale(connection, at, most_marks=1_000_000, has_time=always).marks_left == 0


def count(connection: Connection, table: str) -> int:
    """Rows of a table, of an aggregate only those that are materialised."""
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.SQL(relation_of(connection, table)))
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def relation_of(connection: Connection, table: str) -> str:
    """The table that holds a table's rows."""
    row = connection.execute("SELECT market.policy_relation(%s)::text", [table]).fetchone()
    assert row is not None
    return str(row[0])
