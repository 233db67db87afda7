"""Values of a desk that stored them under names and parameters: an upgrade and a downgrade keep them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg import Connection

from chandlery.platform.migrations import alembic_config
from tests.integration.platform.test_schema import catalogue

BEFORE = "0034"
# Columns, columns with rows written since, and rows, the last in chunks of another length.
SCENE = """
CREATE SCHEMA desk;
CREATE FUNCTION desk.store(starts timestamptz, ends timestamptz, step interval) RETURNS void LANGUAGE sql AS $$
    INSERT INTO market.indicators
    SELECT instrument, i.timeframe, i.name, i.parameters, time, extract(epoch FROM time) / (1e6 + instrument),
        CASE WHEN i.outputs > 1 THEN instrument / 3.0 END, CASE WHEN i.outputs > 2 THEN -1e-300 END,
        time - INTERVAL '9 days', 'TA-Lib 0.6.4', time + INTERVAL '30 min'
    FROM generate_series(1, 3) AS instrument
    CROSS JOIN (
        VALUES ('15m', 'rsi', '{"timeperiod": 14}'::jsonb, 1), ('1h', 'rsi', '{"timeperiod": 14}', 1),
            ('15m', 'rsi', '{"timeperiod": 9}', 1), ('15m', 'stoch', '{}', 2), ('1d', 'macd', '{"fastperiod": 2.5}', 3)
    ) AS i (timeframe, name, parameters, outputs)
    CROSS JOIN generate_series(starts, ends, step) AS time
$$;
SELECT desk.store('2026-01-05 00:00Z', '2026-02-20 00:00Z', '3 h');
SELECT compress_chunk(chunk) FROM show_chunks('market.indicators') AS chunk;
SELECT desk.store('2026-02-20 01:00Z', '2026-02-21 00:00Z', '3 h');
SELECT set_chunk_time_interval('market.indicators', INTERVAL '7 days');
SELECT desk.store('2026-03-27 00:00Z', '2026-04-02 00:00Z', '3 h');
-- All but the first chunk were made in their time.
UPDATE _timescaledb_catalog.chunk SET creation_time = '2000-01-01'
WHERE id > (SELECT min(id) FROM _timescaledb_catalog.chunk);
CREATE VIEW desk.strength WITH (security_barrier) AS SELECT time, value FROM market.indicators WHERE name = 'rsi';
REVOKE SELECT ON market.indicators FROM chandlery_reader;
GRANT SELECT ON market.indicators TO chandlery_producer;
INSERT INTO market.retentions (table_name, after, released_at) VALUES ('indicators', '90 days', '2026-01-01');
INSERT INTO market.upkeep (policy, ran_at) VALUES ('retention indicators', '2026-01-01');
SELECT add_job(
    'market.apply_statistics', '7 days', '{"table_name": "indicators"}', initial_start => now() + INTERVAL '1 day'
);
"""
READ = {
    "values": "SELECT * FROM market.indicators",
    "view": "SELECT * FROM desk.strength",
    "options": "SELECT reloptions::text FROM pg_class WHERE oid = 'desk.strength'::regclass",
    "rights": "SELECT role, has_table_privilege(role, 'market.indicators', 'SELECT')"
    " FROM unnest(ARRAY['chandlery_reader', 'chandlery_writer', 'chandlery_producer']) AS role",
}
# By the name of the table.
KNOWN = {
    "chunks": "SELECT range_start, range_end, is_compressed FROM timescaledb_information.chunks"
    " WHERE hypertable_name = %s",
    "interval": "SELECT time_interval FROM timescaledb_information.dimensions WHERE hypertable_name = %s",
    "retention": "SELECT after FROM market.retentions WHERE table_name = %s",
    "kept": "SELECT starts, history IS NOT NULL AND released_rows IS NULL FROM market.due_chunks(%s, '2027-01-01')",
    "upkeep": "SELECT ran_at FROM market.upkeep WHERE policy = 'retention ' || %s",
    "jobs": "SELECT proc_name, schedule_interval, next_start FROM timescaledb_information.jobs"
    " WHERE config ->> 'table_name' = %s",
}


@pytest.fixture
def config(connection: Connection, database_url: str) -> Iterator[Any]:
    """A desk before that migration; afterwards the database is at the newest again, and empty."""
    config = alembic_config(database_url)
    command.downgrade(config, BEFORE)
    connection.execute(SCENE.encode())
    yield config
    connection.execute("DROP SCHEMA desk CASCADE")
    connection.execute("SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE job_id >= 1000")
    connection.execute("DROP SCHEMA market CASCADE")
    command.upgrade(config, "head")


def held(connection: Connection, table: str) -> Mapping[str, Sequence[Any]]:
    """What a reader sees, and what is known of the table."""
    return {name: sorted(connection.execute(query.encode()), key=str) for name, query in READ.items()} | {
        name: sorted(connection.execute(query.encode(), [table]), key=str) for name, query in KNOWN.items()
    }


def test_values_are_carried_over_and_back(connection: Connection, config: Any) -> None:
    before, made = held(connection, "indicators"), catalogue(connection)
    assert min(len(rows) for rows in before.values()) > 0
    assert {each[2] for each in before["chunks"]} == {True, False}
    assert {each[1] for each in before["kept"]} == {True, False}
    assert len({ends - starts for starts, ends, _ in before["chunks"]}) > 1
    command.upgrade(config, "head")
    after = held(connection, "indicator_values")
    assert after == before
    assert connection.execute("SELECT count(*) FROM market.stored_indicators").fetchone() == (5,)
    writable = "SELECT has_table_privilege('chandlery_writer', %s, 'INSERT')"
    assert connection.execute(writable, ["market.indicators"]).fetchone() == (False,)
    assert connection.execute(writable, ["market.indicator_values"]).fetchone() == (True,)

    connection.execute("DROP VIEW desk.strength")
    command.downgrade(config, BEFORE)
    connection.execute(
        "CREATE VIEW desk.strength WITH (security_barrier) AS"
        " SELECT time, value FROM market.indicators WHERE name = 'rsi'"
    )
    assert held(connection, "indicators") == before
    assert catalogue(connection) == made


def test_what_cannot_be_led_to_the_view_is_named(connection: Connection, config: Any) -> None:
    connection.execute("CREATE MATERIALIZED VIEW desk.kept AS SELECT * FROM market.indicators")
    before = held(connection, "indicators")
    with pytest.raises(psycopg.Error, match=r"built on the table: materialized view desk\.kept"):
        command.upgrade(config, "head")
    assert held(connection, "indicators") == before
