"""TimescaleDB updated in place, from the oldest version a server has to its newest: everything stays, and works on."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from alembic import command
from psycopg import Connection

from chandlery.platform import schema
from chandlery.platform.connection import connect
from chandlery.platform.migrations import alembic_config
from chandlery.platform.settings import Settings
from chandlery.policies.apply_policies import plan_policies
from chandlery.policies.store import policies
from tests.integration.market import MINUTE, around_the_clock, insert, live, timescaledb_of
from tests.integration.policy_scene import (
    DAY,
    HOUR,
    NOON,
    WANTED,
    hold_jobs,
    keep,
    maintain,
    refresh_all,
    store_candles,
)
from tests.plain_fold import Tick

_CONTENT = """
SELECT 'ticks', t::text FROM market.ticks AS t
UNION ALL SELECT 'candles', c::text FROM market.candles AS c
UNION ALL SELECT 'candles_5m', c::text FROM market.candles_5m AS c
UNION ALL SELECT 'candles_4h', c::text FROM market.candles_4h AS c
UNION ALL SELECT 'candles_1d', c::text FROM market.candles_1d AS c
ORDER BY 1, 2
"""
_AS_BEFORE = """
SELECT alter_job(job_id, initial_start => '2000-01-01 00:00Z')
FROM timescaledb_information.jobs WHERE job_id >= 1000
"""


def test_no_view_depends_on_what_an_update_drops(connection: Connection) -> None:
    """TimescaleDB drops its own views, and makes them again."""
    dependent = connection.execute(
        "SELECT DISTINCT c.oid::regclass::text, d.refobjid::regclass::text"
        " FROM pg_class AS c JOIN pg_rewrite AS r ON r.ev_class = c.oid"
        " JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid"
        " JOIN pg_depend AS made ON (made.classid, made.objid) = (d.refclassid, d.refobjid) AND made.deptype = 'e'"
        " WHERE c.relnamespace = 'market'::regnamespace AND made.classid = 'pg_class'::regclass"
    ).fetchall()
    assert dependent == []


@pytest.fixture
def older_url(server_url: str) -> Iterator[str]:
    """A database of its own with the oldest TimescaleDB that the server has and this code works on."""
    name = "chandlery_extension_update"
    with psycopg.connect(server_url, autocommit=True) as server:
        versions = [
            version
            for (version,) in server.execute(
                "SELECT version FROM pg_available_extension_versions WHERE name = 'timescaledb'"
                " ORDER BY string_to_array(substring(version from '^[0-9.]+'), '.')::integer[]"
            )
            if schema.release_of(version) >= (2, 23)
        ]
        if len(versions) < 2:
            pytest.skip(f"needs a server with two versions of TimescaleDB: there is {', '.join(versions)}")
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
        url = server_url.rpartition("/")[0] + "/" + name
        with psycopg.connect(url, autocommit=True) as own:
            own.execute("DROP EXTENSION IF EXISTS timescaledb")
        with psycopg.connect(url, autocommit=True) as own:
            own.execute(f"CREATE EXTENSION timescaledb VERSION '{versions[0]}'")
        yield url
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_timescaledb_is_updated_in_place(older_url: str) -> None:
    command.upgrade(alembic_config(older_url), "head")
    with connect(Settings(database_url=older_url), "test") as desk:
        older = timescaledb_of(desk)
        (instrument,) = around_the_clock(desk, "X@A@EQ")
        insert(
            desk,
            instrument,
            [Tick(NOON + n * timedelta(seconds=7), n, Decimal(10 + n % 5), Decimal(1)) for n in range(500)],
        )
        live(desk, NOON + HOUR)
        store_candles(desk, NOON - 20 * DAY, NOON - 19 * DAY)
        keep(desk)
        refresh_all(desk, NOON + HOUR)
        # A day late, so that every kind of chunk has become columns.
        assert policies.turn_to_columns(desk, "ticks", NOON + DAY) > 0
        assert policies.turn_to_columns(desk, "candles", NOON - 7 * DAY) > 0
        assert policies.turn_to_columns(desk, "candles_5m", NOON + 365 * DAY) > 0
        desk.execute(_AS_BEFORE)
        hold_jobs(desk)
        before = desk.execute(_CONTENT).fetchall()
        assert len(before) > 2000

    # In a session of its own: another has the older library loaded.
    with psycopg.connect(older_url, autocommit=True) as update:
        update.execute("ALTER EXTENSION timescaledb UPDATE")

    with connect(Settings(database_url=older_url), "test") as desk:
        assert timescaledb_of(desk) > older
        schema.check(desk)
        assert desk.execute(_CONTENT).fetchall() == before
        maintain(desk, NOON + HOUR)
        assert plan_policies(desk, NOON, WANTED).actions == []
        # What changes now reaches columns and aggregates as ever.
        insert(desk, instrument, [Tick(NOON + timedelta(seconds=1), 9999, Decimal(99), Decimal(1))])
        assert live(desk, NOON + HOUR + MINUTE).candles_revised == 1
        refresh_all(desk, NOON + HOUR)
        row = desk.execute(
            "SELECT high FROM market.candles_5m WHERE instrument_id = %s AND time = %s", [instrument, NOON]
        ).fetchone()
        assert row == (99,)
        assert policies.turn_to_columns(desk, "ticks", NOON + DAY) == 1
