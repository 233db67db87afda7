"""The database's roles: each function does its work with the least of them, and none can do more."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from psycopg import Connection
from psycopg import errors as pg

from chandlery.datasets import declared
from chandlery.datasets.candles import CANDLES
from chandlery.desk.domain.routes import BEFORE, ROUTES
from chandlery.platform.component import Component
from chandlery.platform.connection import connect
from chandlery.platform.errors import ChandleryError
from chandlery.platform.settings import Settings
from chandlery.rebuild.domain.rebuild import Place
from chandlery.rebuild.rebuild_timeframe import discard, rebuild_timeframe
from chandlery.words.timeframe import Timeframe
from functions import historical_gap_monitor, historical_processor, live_gap_monitor, live_processor, policy_maintenance
from local.command_line.functions import LocalContext
from tests.conftest import SECRET_MARKER, SERVER_URL
from tests.integration.api_scene import COIN, OPENS, SHARE, Answer, compute, get, set_scene, settings
from tests.integration.market import MINUTE, NOON, around_the_clock, insert
from tests.integration.options.option_desk import list_contracts
from tests.integration.policy_scene import DAY, HOUR, WANTED, desk, hold_jobs, refresh_all, store_candles
from tests.plain_fold import Tick

__all__ = ["desk"]

# What the operator releases, what records drops, and what migrations make, is the owner's to write.
OWNERS = {f"market.{name}" for name in ("schema_revision", "retentions", "releases", "drops", "rollups")}
# Messages are only for their recipients.
UNREAD = {"market.outbox"}
OWNER, WRITER, READER = "chandlery_owner", "chandlery_writer", "chandlery_reader"
PRODUCER = "chandlery_producer"
USERS = ("users", "watchlists", "watchlist_items", "alerts", "alert_firings", "watched_instruments", "alert_minutes")
RELATIONS = """
SELECT c.oid::regclass::text, c.relkind::text FROM pg_class AS c
WHERE c.relkind IN ('r', 'v') AND c.relowner = 'chandlery_owner'::regrole
    AND c.relnamespace IN ('market'::regnamespace, '_timescaledb_internal'::regnamespace)
"""
Changes = pytest.MonkeyPatch


@contextmanager
def acting_as(role: str, url: str) -> Iterator[str]:
    """Within, what connects is a member of one role and nothing else; on a server by a login of its own.

    The embedded database has one login: there each new connection takes the role.
    """
    with pytest.MonkeyPatch.context() as changes:
        if SERVER_URL is None:
            for place in ("chandlery.platform.component", "functions.http_api.sandbox", "functions.http_api.health"):
                changes.setattr(import_module(place), "connect", taking_the_role(role))
            yield url
            return
        login = f"test_{role}_{os.getpid()}"
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{SECRET_MARKER}' IN ROLE {role}")
            if role == OWNER:
                server.execute(f"ALTER ROLE {login} SET role = '{role}'")
            try:
                parts = urlsplit(url)
                host = parts.netloc.rpartition("@")[2]
                yield parts._replace(netloc=f"{login}:{quote(SECRET_MARKER)}@{host}").geturl()
            finally:
                server.execute(f"DROP ROLE {login}")


def taking_the_role(role: str) -> Callable[..., Connection]:
    def connected(*arguments: Any, **named: Any) -> Connection:
        connection = connect(*arguments, **named)
        connection.execute(f"SET ROLE {role}")
        return connection

    return connected


@contextmanager
def role(connection: Connection, name: str) -> Iterator[Connection]:
    connection.execute(f"SET ROLE {name}")
    try:
        yield connection
    finally:
        connection.execute("RESET ROLE")


def run(component: Component, at: datetime) -> dict[str, Any]:
    """One run on a connection of its own."""
    component.sandbox.close()
    try:
        return component({"scheduled_at": at.isoformat()}, LocalContext(component.name, 900))
    finally:
        component.sandbox.close()


def test_the_http_api_answers_a_reader_as_it_answers_anybody(desk: Connection, database_url: str) -> None:
    from functions.http_api.application import app

    now = datetime.now(UTC)
    set_scene(desk, now)
    list_contracts(desk, 1, [{"expiry": "2026-03-20", "strike": "100", "right": "call"}])
    turn_to_columns(desk, "candles")
    turn_to_columns(desk, "candles_5m")
    last = OPENS + 5 * DAY
    asked: dict[str, Callable[[], Answer]] = {
        "/health": lambda: get("/health"),
        "/api/v1/health": lambda: get("/api/v1/health"),
        "/api/v1/compute": lambda: compute(from_=OPENS.isoformat(), to=last.isoformat()),
        "/api/v1/indicators": lambda: get("/api/v1/indicators"),
        "/api/v1/indicators/latest": lambda: get("/api/v1/indicators/latest"),
        **{f"/api/v1/signals{part}": partial(get, f"/api/v1/signals{part}") for part in ("", "/active", "/latest")},
        "/api/v1/candles/{instrument_key}": lambda: get(f"/api/v1/candles/{SHARE}", timeframe="1h", limit=100),
        "/api/v1/candles": lambda: get("/api/v1/candles", instrument_keys=f"{SHARE},{COIN}", timeframe="5m"),
        "/api/v1/indicators/values": lambda: get("/api/v1/indicators/values", instrument_key=SHARE),
        "/api/v1/statistics": lambda: get("/api/v1/statistics"),
        "/api/v1/instruments": lambda: get("/api/v1/instruments"),
        "/api/v1/instruments/{instrument_key}": lambda: get(f"/api/v1/instruments/{SHARE}"),
        "/api/v1/instruments/{instrument_key}/latest": lambda: get(f"/api/v1/instruments/{COIN}/latest"),
        "/api/v1/instruments/{instrument_key}/statistics": lambda: get(f"/api/v1/instruments/{SHARE}/statistics"),
        "/api/v1/data/{dataset}/{instrument_key}": lambda: get(f"/api/v1/data/ticks/{SHARE}"),
        "/api/v1/sentiment/{instrument_key}": lambda: get(f"/api/v1/sentiment/{SHARE}"),
        "/api/v1/flows/{instrument_key}": lambda: get(f"/api/v1/flows/{SHARE}"),
        "/api/v1/heat-map": lambda: get("/api/v1/heat-map"),
        "/api/v1/instruments/{instrument_key}/holes": lambda: get(
            f"/api/v1/instruments/{SHARE}/holes", from_="2013-10-07", to="2013-10-08"
        ),
        "/api/v1/instruments/{instrument_key}/explain": lambda: get(
            f"/api/v1/instruments/{SHARE}/explain", at=OPENS.isoformat()
        ),
        "/api/v1/price-changes": lambda: get("/api/v1/price-changes"),
        "/api/v1/gaps": lambda: get("/api/v1/gaps"),
        "/api/v1/changes": lambda: get("/api/v1/changes"),
        "/api/v1/coverage": lambda: get("/api/v1/coverage", from_="2013-10-07", to="2013-10-12"),
        "/api/v1/timeframe-aggregation/status": lambda: get("/api/v1/timeframe-aggregation/status"),
    }
    one = {"expiry": "2026-03-20", "field": "call_iv"}
    options: dict[str, dict[str, Any]] = {
        **{route: {} for route in ("chain", "expiries", "expiry-metrics")},
        "strikes": {"timeframe": "5m"},
        "strike-history": {"timeframe": "5m", "expiry": "2026-03-20", "strike": 100},
        "moneyness-series": {"rank": 0, **one},
    }
    for route, given in options.items():
        asked[f"/api/v1/options/{{instrument_key}}/{route}"] = partial(get, f"/api/v1/options/{SHARE}/{route}", **given)
    asked["/fo/moneyness-series"] = partial(get, "/fo/moneyness-series", symbol=SHARE, rank=0, **one)
    # Other functions take what is posted, and what is a user's, by logins of their own.
    posted = {f"/api/v1/{dataset.name.replace('_', '-')}" for dataset in declared.sent()}
    of_users = {BEFORE + route.path for route in ROUTES}
    assert asked.keys() == set(app.outline().paths or ()) - posted - of_users
    others = ("1m", "5m", "4h", "1d", "1w", "1mo")
    asked |= {each: partial(get, f"/api/v1/candles/{SHARE}", timeframe=each) for each in others}

    def answers() -> dict[str, Any]:
        answered = {path: ask() for path, ask in asked.items()}
        assert {answer.status for answer in answered.values()} == {200}
        return {path: answer.json for path, answer in answered.items()}

    with settings(database_url):
        expected = answers()
    with acting_as(READER, database_url) as url, settings(url):
        told = answers()
    moving = {
        "/health",
        "/api/v1/health",
        "/api/v1/timeframe-aggregation/status",
        "/api/v1/instruments/{instrument_key}/latest",
    }
    for path, answer in expected.items():
        if path in moving:  # by the clock on the wall
            assert told[path].keys() == answer.keys()
        else:
            assert told[path] == answer, path


def test_a_writer_does_the_work_of_the_live_processor_and_both_gap_monitors(
    desk: Connection, database_url: str, monkeypatch: Changes
) -> None:
    (instrument,) = around_the_clock(desk, "X@A@EQ")
    store_candles(desk, NOON - 6 * HOUR, NOON - 3 * HOUR)
    ticks = [Tick(NOON - 20 * MINUTE + timedelta(seconds=s), s, 10 + s % 7, 1) for s in range(900)]  # type: ignore[arg-type]
    insert(desk, instrument, ticks)
    turn_to_columns(desk, "ticks")
    turn_to_columns(desk, "candles")
    with acting_as(WRITER, database_url) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        assert run(live_processor.handler, NOON)["candles_written"] == 15
        # Into columns, and into a chunk that is not there yet; late, corrected, cancelled.
        with connect(Settings(database_url=url), "feed") as feed:
            if SERVER_URL is None:
                feed.execute(f"SET ROLE {WRITER}")
            insert(feed, instrument, [Tick(NOON - 20 * MINUTE + MINUTE / 2, 1000, 99, 1)])  # type: ignore[arg-type]
            insert(feed, instrument, [Tick(NOON + 20 * DAY, 0, 10, 1)])  # type: ignore[arg-type]
            feed.execute("SET enable_bitmapscan = off")
            feed.execute(
                "DELETE FROM market.ticks WHERE time >= %s AND time < %s", [NOON - 10 * MINUTE, NOON - 9 * MINUTE]
            )
            feed.execute("UPDATE market.ticks SET cancelled = true WHERE seq = 1000")
        live = run(live_processor.handler, NOON + MINUTE)
        assert (live["candles_deleted"], live["candles_written"]) == (1, 0)
        desk.execute("DELETE FROM market.candles WHERE time = %s", [NOON - 12 * MINUTE])
        assert run(live_gap_monitor.handler, NOON + 5 * MINUTE)["gaps_found"] > 0
        run(historical_gap_monitor.handler, NOON + 9 * DAY)
    assert list(desk.execute("SELECT component, status FROM market.runs ORDER BY 1")) == [
        ("historical_gap_monitor", "succeeded"), ("live_gap_monitor", "succeeded"),
        ("live_processor", "succeeded"), ("live_processor", "succeeded"),
    ]  # fmt: skip


def test_a_member_of_the_owner_keeps_policies_and_history(
    desk: Connection, database_url: str, monkeypatch: Changes
) -> None:
    around_the_clock(desk, "X@A@EQ")
    store_candles(desk, NOON - 30 * DAY, NOON - 30 * DAY + 6 * HOUR)
    store_candles(desk, NOON - 6 * HOUR, NOON)
    with acting_as(OWNER, database_url) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        report = run(policy_maintenance.handler, NOON)
        hold_jobs(desk)
        assert report["drift_applied"] > 0
        assert report["stands_in"]
        assert report["policies_done"] > 0
        run(historical_processor.handler, NOON + HOUR)
    owners = {
        row[0] for row in desk.execute("SELECT owner::text FROM timescaledb_information.jobs WHERE job_id >= 1000")
    }
    assert owners == {OWNER}
    rows = desk.execute("SELECT count(*) FROM market.candles_1h WHERE instrument_id = 1").fetchone()
    assert rows == (12,)
    columns = desk.execute("SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed").fetchone()
    assert columns is not None
    assert columns[0] > 0


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("name", [WRITER, READER])
@pytest.mark.parametrize("component", [policy_maintenance, historical_processor], ids=lambda each: each.__name__[10:])
def test_nobody_else_can_do_that(
    desk: Connection, database_url: str, monkeypatch: Changes, component: Any, name: str
) -> None:
    around_the_clock(desk, "X@A@EQ")
    store_candles(desk, NOON - 6 * HOUR, NOON)
    desk.execute("UPDATE market.candles SET high = 3")  # marks, to be refreshed
    with acting_as(name, database_url) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        with pytest.raises(ChandleryError, match=r"lacks a right: (must be owner|permission denied)"):
            run(component.handler, NOON + DAY)


def test_a_reader_can_write_no_table(connection: Connection) -> None:
    # TimescaleDB itself refuses whatever is written to columns past it.
    tables = [n for n, kind in connection.execute(RELATIONS).fetchall() if kind == "r" and "compress" not in n]
    assert {"market.ticks", "market.candles", "market.schema_revision"} <= set(tables)
    assert any("_materialized_hypertable_" in name for name in tables)
    with role(connection, READER):
        for table in tables:
            for statement in (f"INSERT INTO {table} DEFAULT VALUES", f"DELETE FROM {table}"):  # noqa: S608
                with pytest.raises(pg.InsufficientPrivilege):
                    connection.execute(statement)


def granted(connection: Connection, name: str) -> dict[str, set[str]]:
    """What a role may do with each relation of Chandlery, TimescaleDB's own parts of them included."""
    rights = "'SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'"
    rows = connection.execute(
        f"SELECT r.name, p.privilege FROM ({RELATIONS}) AS r (name, kind)"  # noqa: S608
        f" CROSS JOIN unnest(ARRAY[{rights}]) AS p (privilege)"
        " WHERE has_table_privilege(%s, r.name::regclass, p.privilege)",
        [name],
    ).fetchall()
    return {relation: {privilege for each, privilege in rows if each == relation} for relation, _ in rows}


def test_rights_are_no_more_and_no_less(desk: Connection) -> None:
    store_candles_of_all_kinds(desk)
    relations: dict[str, str] = dict(desk.execute(RELATIONS).fetchall())
    ours = {name for name in relations if name.startswith("market.")}
    internal = relations.keys() - ours
    assert any("_materialized_hypertable_" in name for name in internal)
    assert any("compress" in name for name in internal)

    # Of users' rows neither has anything: what the writer's members inherit is for those who take the role.
    theirs = {f"market.{name}" for name in USERS}
    assert not theirs & granted(desk, READER).keys()
    ours -= theirs
    reader, writer = (
        {n: rights for n, rights in granted(desk, of).items() if n not in theirs} for of in (READER, WRITER)
    )
    assert {right for rights in reader.values() for right in rights} == {"SELECT"}
    assert ours - reader.keys() == UNREAD

    written = {name for name, rights in writer.items() if rights > {"SELECT"}}
    tables = {name for name in ours if relations[name] == "r"} - OWNERS
    assert written & ours == tables
    assert all(writer[name] == {"SELECT", "INSERT", "UPDATE", "DELETE"} for name in written)
    assert ours <= writer.keys()
    # Nothing of what aggregates hold.
    held = [
        name for (name,) in desk.execute(
            "SELECT format('%I.%I', chunk_schema, chunk_name)::regclass::text FROM timescaledb_information.chunks"
            " WHERE hypertable_schema = '_timescaledb_internal'"
            " UNION SELECT market.policy_relation(view_name)::text FROM timescaledb_information.continuous_aggregates"
        )
    ]  # fmt: skip
    assert held
    assert written.isdisjoint(held)


def store_candles_of_all_kinds(connection: Connection) -> None:
    """Chunks as rows and as columns, of candles and of what is derived."""
    around_the_clock(connection, "X@A@EQ")
    store_candles(connection, NOON - 200 * DAY, NOON - 200 * DAY + HOUR)
    store_candles(connection, NOON - HOUR, NOON)
    refresh_all(connection, NOON + DAY)
    turn_to_columns(connection, "candles")
    turn_to_columns(connection, "candles_5m")
    store_candles(connection, NOON - 2 * HOUR, NOON - HOUR)


def turn_to_columns(connection: Connection, table: str) -> None:
    """All chunks there are."""
    connection.execute("CALL market.set_columnstore(%s, 'instrument_id', 'time')", [table])
    connection.execute(
        "SELECT compress_chunk(c, true) FROM show_chunks(format('market.%%I', %s::text)::regclass) AS c", [table]
    )


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE market.candles",
        "DROP MATERIALIZED VIEW market.candles_5m",
        "ALTER TABLE market.candles ADD COLUMN more integer",
        "TRUNCATE market.ticks",
        "CREATE TABLE market.mine (a integer)",
        "CREATE OR REPLACE FUNCTION market.source_names(sources integer) RETURNS text LANGUAGE sql RETURN ''",
        "DROP TRIGGER mark_inserted_ticks ON market.ticks",
        "ALTER TABLE market.ticks DISABLE TRIGGER USER",
        "SELECT drop_chunks('market.candles', older_than => now())",
        "INSERT INTO market.retentions VALUES ('ticks', '1 day', now())",
        "DELETE FROM market.drops",
        "CALL market.drop_aggregates(ARRAY['candles_4h'], '')",
        "CALL refresh_continuous_aggregate('market.candles_5m', NULL, NULL)",
        "UPDATE market.schema_revision SET version_num = '0001'",
        "CREATE TRIGGER mine AFTER INSERT ON market.ticks EXECUTE FUNCTION market.mark_inserted_ticks()",
    ],
)
@pytest.mark.parametrize("name", [WRITER, READER])
def test_neither_writer_nor_reader_changes_the_schema(desk: Connection, name: str, statement: str) -> None:
    # Something to drop.
    (instrument,) = around_the_clock(desk, "X@A@EQ")
    store_candles(desk, NOON - HOUR, NOON)
    insert(desk, instrument, [Tick(NOON, 0, 10, 1)])  # type: ignore[arg-type]  # ints are exact
    desk.execute("DELETE FROM market.dirty")
    with role(desk, name), pytest.raises(pg.InsufficientPrivilege):
        desk.execute(statement)


@pytest.mark.parametrize("name", [WRITER, READER])
def test_neither_sees_another_schema(connection: Connection, name: str) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute("CREATE SCHEMA elsewhere CREATE TABLE positions (a integer)")
        connection.execute(f"SET LOCAL ROLE {name}")
        with pytest.raises(pg.InsufficientPrivilege, match="permission denied for schema elsewhere"):
            connection.execute("SELECT * FROM elsewhere.positions")


def test_what_the_owner_creates_later_has_the_same_rights(connection: Connection) -> None:
    with connection.transaction(force_rollback=True), role_in(connection, OWNER):
        connection.execute("CREATE TABLE market.later (a integer)")
        assert granted(connection, READER)["market.later"] == {"SELECT"}
        assert granted(connection, WRITER)["market.later"] == {"SELECT", "INSERT", "UPDATE", "DELETE"}


@contextmanager
def role_in(connection: Connection, name: str) -> Iterator[None]:
    connection.execute(f"SET LOCAL ROLE {name}")
    yield


def test_a_rebuilt_aggregate_has_the_rights_of_the_one_before(desk: Connection, database_url: str) -> None:
    around_the_clock(desk, "X@A@EQ")
    store_candles(desk, NOON - 6 * HOUR, NOON)
    refresh_all(desk, NOON + DAY)
    rights = "SELECT relowner::regrole::text, relacl::text FROM pg_class WHERE oid = %s::regclass"
    tables = ["market.candles_4h", "market.candles_1d"]

    def found() -> list[Any]:
        held = desk.execute("SELECT market.policy_relation('candles_4h')::text").fetchone()
        assert held is not None
        return [desk.execute(rights, [name]).fetchone() for name in [*tables, held[0]]]

    before = found()
    oid = desk.execute("SELECT 'market.candles_4h'::regclass::oid").fetchone()
    with acting_as(OWNER, database_url) as url, connect(Settings(database_url=url), "test") as own:
        own.execute(f"SET ROLE {OWNER}")
        rebuild_timeframe(
            own, CANDLES, Timeframe.H4, WANTED, now=lambda: NOON, progress=lambda _step, _done, _total: None
        )
    assert desk.execute("SELECT 'market.candles_4h'::regclass::oid").fetchone() != oid
    assert found() == before
    with role(desk, READER):
        assert desk.execute("SELECT count(*) FROM market.candles_4h").fetchone() == (2,)
    discard(desk, CANDLES, Timeframe.H4, Place.BEFORE)


@contextmanager
def logged_in(name: str, url: str) -> Iterator[Connection]:
    """A connection of a member of one role and nothing else."""
    with acting_as(name, url) as own, connect(Settings(database_url=own), "test") as connection:
        if SERVER_URL is None:
            connection.execute(f"SET ROLE {name}")
        yield connection


def test_a_producer_writes_ticks_and_looks_instruments_up(desk: Connection, database_url: str) -> None:
    (instrument,) = around_the_clock(desk, "X@PRODUCED@EQ")
    with logged_in(PRODUCER, database_url) as feed:
        found = feed.execute("SELECT instrument_id FROM market.instruments WHERE instrument_key = 'X@PRODUCED@EQ'")
        assert found.fetchall() == [(instrument,)]
        feed.execute(
            "INSERT INTO market.ticks (time, instrument_id, seq, price, size) VALUES (%s, %s, 1, 10, 1)"
            " ON CONFLICT DO NOTHING",
            [NOON, instrument],
        )
        feed.execute("UPDATE market.ticks SET cancelled = true WHERE instrument_id = %s", [instrument])
        feed.execute("DELETE FROM market.ticks WHERE instrument_id = %s", [instrument])
    # Each write left its mark, which the producer itself may not touch.
    marks = desk.execute("SELECT count(*) FROM market.dirty WHERE %s = ANY (instrument_ids)", [instrument])
    assert marks.fetchone() == (3,)


def test_a_producer_may_do_nothing_else(desk: Connection, database_url: str) -> None:
    store_candles_of_all_kinds(desk)
    written = ("ticks", "option_quotes", "open_interest", "sentiment", "flows")
    may = {(f"market.{name}", verb) for name in written for verb in ("SELECT", "INSERT", "UPDATE", "DELETE")}
    looked_at = {"instruments", "tickers", "option_contracts", "calendars", "sessions"}
    looked_at |= {"drops", "horizons", "schema_revision", "signals", "signal_rules"}
    may |= {(f"market.{name}", "SELECT") for name in looked_at}
    # Of these, columns: tests/integration/signals/test_outside_signals.py.
    may.add(("market.signals", "INSERT"))
    attempts = {
        "SELECT": "SELECT FROM {} LIMIT 1",
        "INSERT": "INSERT INTO {} DEFAULT VALUES",
        "UPDATE": "UPDATE {} SET {} = DEFAULT WHERE false",
        "DELETE": "DELETE FROM {} WHERE false",
        "TRUNCATE": "TRUNCATE {}",
    }
    columns: dict[str, str] = dict(
        desk.execute(
            "SELECT attrelid::regclass::text, min(attname) FROM pg_attribute"
            " WHERE attnum > 0 AND NOT attisdropped GROUP BY attrelid"
        ).fetchall()
    )
    relations = [row for row in desk.execute(RELATIONS).fetchall() if row[0].startswith("market.")]
    assert len(relations) > 30
    # It has no more of what TimescaleDB keeps of them.
    assert {right for rights in granted(desk, PRODUCER).values() for right in rights} <= set(attempts) - {"TRUNCATE"}
    with logged_in(PRODUCER, database_url) as feed:
        for relation, kind in relations:
            for verb, attempt in attempts.items():
                # A view that cannot be written is refused before its rights are asked for.
                if (relation, verb) not in may and (kind == "r" or verb == "SELECT"):
                    with pytest.raises(pg.InsufficientPrivilege, match="permission denied"):
                        feed.execute(attempt.format(relation, columns[relation]))
        for statement in (
            "CREATE TABLE market.mine (a integer)",
            "CREATE TRIGGER mine BEFORE INSERT ON market.ticks EXECUTE FUNCTION market.mark_deleted_tick()",
            "ALTER TABLE market.ticks DISABLE TRIGGER USER",
            "SELECT drop_chunks('market.ticks', older_than => now())",
            "CALL market.drop_aggregates(ARRAY['candles_4h'], '')",
        ):
            with pytest.raises(pg.InsufficientPrivilege):
                feed.execute(statement)


@pytest.mark.parametrize("name", [WRITER, READER, PRODUCER])
def test_nobody_takes_a_function_that_has_its_owners_rights_for_a_table_of_his_own(
    connection: Connection, database_url: str, name: str
) -> None:
    """Else a role that may make a temporary table could leave marks of whatever is in it."""
    theirs = connection.execute(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'market'::regnamespace AND prosecdef"
        " AND prorettype = 'trigger'::regtype"
    ).fetchall()
    assert len(theirs) > 5
    with logged_in(name, database_url) as own:
        own.execute("CREATE TEMPORARY TABLE mine (a integer)")
        for (function,) in theirs:
            with pytest.raises(pg.InsufficientPrivilege, match="permission denied for function"):
                own.execute(f"CREATE TRIGGER t AFTER INSERT ON mine EXECUTE FUNCTION {function}")
        own.execute("DROP TABLE mine")
    open_to = connection.execute(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'market'::regnamespace AND prosecdef"
        " AND has_function_privilege(%s, oid, 'EXECUTE')",
        [name],
    )
    assert open_to.fetchall() == []
