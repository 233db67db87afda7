"""Setting the scene for backups: a database of its own with something in every kind of table, and what it comes to."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg import Connection, sql

from chandlery.desk.domain.user import Caller
from chandlery.desk.keep_items import add_item
from chandlery.desk.keep_watchlists import add_watchlist
from chandlery.gaps.watch_live_gaps import watch_live_gaps
from chandlery.platform.connection import connect
from chandlery.platform.migrations import alembic_config
from chandlery.platform.settings import Settings
from chandlery.reference.store import instruments
from tests.integration.indicators.test_indicators import process
from tests.integration.market import always, around_the_clock, insert, live
from tests.integration.platform.test_schema import catalogue
from tests.integration.policy_scene import DAY, HOUR, MINUTE, NOON, drop, keep, maintain, store_candles
from tests.plain_fold import Tick

KEY, GONE = "X@A@EQ", "X@GONE@EQ"
# Of the moment and of sizes, which are another database's own.
_OF_THE_MOMENT = ("aggregation_health", "storage", "compression_stats")
_STANDING = {
    "jobs": "SELECT job_id, application_name, schedule_interval, proc_schema, proc_name, owner::text, config,"
    " hypertable_schema, hypertable_name FROM timescaledb_information.jobs WHERE job_id >= 1000 ORDER BY 1",
    "chunks": "SELECT hypertable_name, chunk_name, range_start, range_end, is_compressed"
    " FROM timescaledb_information.chunks ORDER BY 1, 2",
    "columnstore": "SELECT hypertable::text, segmentby, orderby"
    " FROM timescaledb_information.hypertable_columnstore_settings ORDER BY 1",
    "aggregates": "SELECT view_name, materialized_only, compression_enabled, view_definition"
    " FROM timescaledb_information.continuous_aggregates ORDER BY 1",
    "watermarks": "SELECT * FROM _timescaledb_catalog.continuous_aggs_watermark ORDER BY 1",
    "thresholds": "SELECT * FROM _timescaledb_catalog.continuous_aggs_invalidation_threshold ORDER BY 1",
    "invalidations": "SELECT * FROM _timescaledb_catalog.continuous_aggs_materialization_invalidation_log"
    " ORDER BY 1, 2, 3",
    # The owner's own are written, or the default: the same.
    "rights": "SELECT relname, pg_get_userbyid(relowner), coalesce(relacl, acldefault("
    "CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", relowner))::text[] FROM pg_class"
    " WHERE relnamespace = 'market'::regnamespace ORDER BY 1",
    "rights to functions": "SELECT proname, proacl::text[] FROM pg_proc WHERE pronamespace = 'market'::regnamespace"
    " ORDER BY 1, oidvectortypes(proargtypes)",
}


def have_programs(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put pg_dump and pg_restore of the server's version on PATH; skip where there are none."""
    with psycopg.connect(server_url) as connection:
        major = connection.info.server_version // 10_000
    # Debian keeps each version's programs in a folder of their own.
    folders = [
        *os.environ["PATH"].split(os.pathsep),
        *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True),
    ]
    for folder in folders:
        program = shutil.which("pg_dump", path=folder)
        if program is None:
            continue
        told = re.search(r"\) (\d+)", subprocess.run([program, "--version"], capture_output=True, text=True).stdout)
        if told and int(told[1]) >= major:
            monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
            return
    pytest.skip(f"needs pg_dump of PostgreSQL {major} or later on PATH")


def database_name(suffix: str) -> str:
    """A name that no other test's process uses."""
    return f"chandlery_backup_{os.getpid()}_{suffix}"


def url_of(server_url: str, name: str) -> str:
    """The URL of one of the server's databases."""
    return f"{server_url.rpartition('/')[0]}/{name}"


@contextmanager
def dropped_afterwards(server_url: str, *names: str) -> Iterator[None]:
    """Drop these databases, and what a restore into them left, before and after."""

    def drop() -> None:
        with psycopg.connect(server_url, autocommit=True) as server:
            for name in names:
                for each in (name, f"{name}_restoring"):
                    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(each)))

    drop()
    try:
        yield
    finally:
        drop()


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    """A connection as the functions have it."""
    with connect(Settings(database_url=url), "test") as connection:
        yield connection


def fill(server_url: str, name: str) -> str:
    """A migrated database with three weeks of candles, columns, derived candles, gaps, indicators; returns its URL.

    The oldest minutes are dropped, and their derived candles kept; an instrument has gone.
    """
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = url_of(server_url, name)
    command.upgrade(alembic_config(url), "head")
    with opened(url) as connection:
        around_the_clock(connection, KEY)
        store_candles(connection, NOON - 20 * DAY, NOON - 4 * DAY, 5 * MINUTE)
        store_candles(connection, NOON - 10 * HOUR, NOON - HOUR)
        keep(connection)
        maintain(connection, NOON)
        process(connection, NOON)
        ticks = [Tick(NOON - n * 7 * timedelta(seconds=1), n, Decimal(100 + n), Decimal(1)) for n in range(60)]
        insert(connection, 1, ticks)
        anna = Caller("anna")
        add_watchlist(connection, anna, NOON, {"name": "Hers"})
        add_item(connection, anna, NOON, 1, {"instrument_key": KEY, "price_alert_high": 100, "price_alert_low": 1})
        live(connection, NOON + MINUTE)
        limits = {"piece_candles": 1_000, "verify_buckets": 0, "share_instruments": 100}
        watch_live_gaps(connection, NOON + MINUTE, has_time=always, **limits)
        insert(connection, 1, [Tick(NOON + timedelta(seconds=90), 1, Decimal(99), Decimal(2))])
        around_the_clock(connection, GONE)
        instruments.remove(connection, GONE)
        drops, waits = drop(connection, "candles", NOON - 15 * DAY)
        assert drops, waits
    return url


def content(connection: Connection) -> Mapping[str, Any]:
    """Rows and a checksum of every table, view and aggregate of Chandlery, and all that is defined over them."""
    relations = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'market'::regnamespace AND relkind IN ('r', 'v')"
        " AND relname <> ALL (%s) ORDER BY relname",
        [list(_OF_THE_MOMENT)],
    ).fetchall()
    found: dict[str, Any] = {name: _checksum(connection, name) for (name,) in relations}
    found |= {name: connection.execute(query).fetchall() for name, query in _STANDING.items()}
    return found | {"definitions": catalogue(connection)}


def _checksum(connection: Connection, name: str) -> tuple[int, str]:
    query = "SELECT count(*), coalesce(md5(string_agg(r::text, E'\\n' ORDER BY r::text)), '') FROM market.{} AS r"
    row = connection.execute(sql.SQL(query).format(sql.Identifier(name))).fetchone()
    assert row is not None
    return row


def databases(server_url: str) -> set[str]:
    """The names of this process's databases."""
    with psycopg.connect(server_url) as server:
        return {
            name for (name,) in server.execute("SELECT datname FROM pg_database") if name.startswith(database_name(""))
        }


def candles(url: str) -> int:
    """How many there are."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM market.candles").fetchone()
    assert row is not None
    return int(row[0])


def truncated(path: Path, given: Path, share: float) -> Path:
    """A file cut short."""
    whole = given.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path
