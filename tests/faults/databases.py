"""Databases with a desk in them, on a server; and those that are copied for each case, as tables or policies change."""

import os
from collections.abc import Sequence
from datetime import datetime

import psycopg
from alembic import command
from psycopg import Connection

from chandlery.outbox.domain.message import Message
from chandlery.outbox.finish_run import TOPICS
from chandlery.outbox.store import messages
from chandlery.platform.connection import connect
from chandlery.platform.migrations import alembic_config
from chandlery.platform.settings import Settings
from chandlery.refresh.refresh_stale import refresh_stale
from chandlery.words.window import DAY, HOUR, MINUTE, Window, floor_hour
from tests.faults import desk, strategies
from tests.faults.components import COMPONENTS, fire
from tests.faults.scene import leave_to_us
from tests.faults.steps import BOMB
from tests.faults.trial import in_child
from tests.faults.works import NOW, WELL
from tests.integration.market import always
from tests.integration.policy_scene import came_in_time, hold_jobs, relation_of, store_candles

_ALL_WELL = (
    "live_processor",
    "option_processor",
    "alert_processor",
    "live_gap_monitor",
    "historical_processor",
    "signal_processor",
)
# A candle of 5m that is not what its minutes make.
WRONG = desk.HISTORY + 2 * HOUR
# Before midnight, when most policies are due.
BEFORE_NOON = NOW - 22 * MINUTE


def create_empty_database(server_url: str, name: str) -> str:
    """A database of its own on the server, left alone by the server's scheduler; its URL."""
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    url = f"{server_url.rpartition('/')[0]}/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        leave_to_us(connection)
    return url


def create_database(server_url: str, name: str) -> str:
    """The same, migrated."""
    url = create_empty_database(server_url, name)
    command.upgrade(alembic_config(url), "head")
    return url


def drop_database(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def set_up(connection: Connection, url: str, ran: Sequence[str] = _ALL_WELL) -> None:
    """A desk at which all was well, as these have run, and where work has come in since then."""
    desk.open_desk(connection, history=True)
    desk.write_history(connection)
    desk.list_options(connection)
    strategies.arm(connection)
    if "signal_processor" in ran:
        # Rules are known before the day begins: what they say about it is live.
        run(url, "signal_processor", desk.OPENS + 10 * DAY)
    connection.execute("INSERT INTO market.tickers VALUES (2, 'polygon', 'B')")
    desk.write_first(connection, "(d < 10 OR m < 10)")
    desk.write_quotes(connection, "m < 10")
    for name in ran:
        run(url, name, WELL)
    strategies.forget_later(connection)
    # Late ticks, and all that changes otherwise.
    desk.write_first(connection, "(d = 10 AND m < 20)")
    desk.write_quotes(connection, "m BETWEEN 10 AND 19")
    connection.execute(
        "INSERT INTO market.open_interest SELECT instrument_id, %s::timestamptz, 7 FROM market.option_contracts",
        [desk.OPENS + 10 * DAY - HOUR],
    )
    connection.execute("UPDATE market.option_quotes SET cancelled = true WHERE date_part('minute', time) IN (4, 11)")
    for change in desk.CHANGES:
        change(connection)
    connection.execute("DELETE FROM market.ticks WHERE time >= %s", [NOW])
    # A program other than Chandlery.
    connection.execute("DELETE FROM market.candles WHERE date_part('minute', time) = 7 AND time > %s", [desk.OPENS])
    connection.execute("UPDATE market.candles SET high = high + 1 WHERE date_part('minute', time) = 8 AND volume < 5")


def run(url: str, name: str, at: datetime) -> None:
    """One run of a component, in a process of its own."""

    def work() -> None:
        os.environ["DATABASE_URL"] = url
        fire(COMPONENTS[name], at)

    ended = in_child(work)
    assert (ended.how, ended.said) == ("succeeded", "")


def _age(connection: Connection) -> None:
    """Give retention something to drop, columns something to turn, and drift something to repair."""
    store_candles(connection, NOW - 100 * DAY, NOW - 100 * DAY + HOUR)
    for days in (100, 3):
        connection.execute(
            "INSERT INTO market.ticks (time, instrument_id, seq, price, size) VALUES (%s, 1, 0, 1, 1)",
            [NOW - days * DAY],
        )
    came_in_time(connection)
    connection.execute(
        "INSERT INTO market.retentions SELECT name, '90 days', now() FROM unnest(ARRAY['ticks', 'candles']) AS name"
    )
    connection.execute("DELETE FROM market.dirty WHERE bucket < %s", [NOW - 90 * DAY])
    connection.execute(
        "SELECT alter_job(job_id, schedule_interval => INTERVAL '9 hours') FROM timescaledb_information.jobs"
        " WHERE proc_name = 'apply_retention' AND config ->> 'table_name' = 'ticks'"
    )
    connection.execute(
        "SELECT delete_job(job_id) FROM timescaledb_information.jobs"
        " WHERE proc_name = 'apply_statistics' AND config ->> 'table_name' = 'candles'"
    )


def _busy(connection: Connection) -> None:
    """Have old candles that nothing derived waits for, a derived one that its minutes do not make, and messages."""
    old = Window(NOW - 101 * DAY, NOW - 99 * DAY)
    refresh_stale(connection, NOW, within=old, most_marks=100, has_time=always)
    # Counted later, that would depend on whether its ticks are dropped yet: both are right.
    connection.execute(
        "UPDATE market.instruments SET live_since = %s WHERE instrument_id = 1", [floor_hour(NOW - 100 * DAY)]
    )
    with connection.transaction():
        # No trigger may see it.
        connection.execute("SET LOCAL session_replication_role = replica")
        stored = relation_of(connection, "candles_5m")
        assert connection.execute(f"UPDATE {stored} SET high = high + 1 WHERE time = %s", [WRONG]).rowcount  # noqa: S608
        waiting = [Message(topic, f"{topic}:{n}", f"group {n % 3}", {}) for topic in TOPICS for n in range(10)]
        messages.write_messages(connection, waiting, WELL)


def _close_to_all(server_url: str, name: str) -> None:
    """TimescaleDB's scheduler comes to every database it may connect to; one that anybody is in cannot be copied."""
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [name])


class Templates:
    """`plain`; `kept`, some of it old and all policies due; `settled`, where all is done; `busy`, where nothing is."""

    def __init__(self, server_url: str) -> None:
        self.server_url = server_url
        self._made: dict[str, str] = {}

    def name(self, kind: str) -> str:
        """The database's name; it is made when first asked for."""
        if kind not in self._made:
            self._made[kind] = f"chandlery_faults_{os.getpid()}_{kind}"
            self._make(kind, create_database(self.server_url, self._made[kind]))
            _close_to_all(self.server_url, self._made[kind])
        return self._made[kind]

    def _make(self, kind: str, url: str) -> None:
        with connect(Settings(database_url=url), "test") as connection:
            connection.execute(BOMB)
            run(url, "policy_maintenance", BEFORE_NOON)
            set_up(connection, url)
            if kind in ("kept", "settled"):
                run(url, "live_processor", NOW)
            if kind != "plain":
                _age(connection)
            if kind == "busy":
                _busy(connection)
            if kind == "settled":
                for component in ("historical_processor", "policy_maintenance"):
                    run(url, component, NOW)
            # The scheduler comes to a copy as well, before it can be stopped there.
            hold_jobs(connection)

    def drop(self) -> None:
        """Drop them."""
        for each in self._made.values():
            drop_database(self.server_url, each)
