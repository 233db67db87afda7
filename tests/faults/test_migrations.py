"""The function `migrate`, which dies or loses its connection at every step: the next run makes the same schema."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command

from chandlery.platform.migrations import alembic_config
from functions.migrate import handler
from tests.faults.components import Context
from tests.faults.conftest import Tell
from tests.faults.databases import create_database, create_empty_database, drop_database
from tests.faults.holding import blocked
from tests.faults.steps import Fault, cut_unanswered, kill_before, kill_unanswered
from tests.faults.trial import Ended, in_child, wait_until_gone
from tests.waiting import LAST_RESORT_SECONDS, wait_until

# Every function, view, table, column, index, constraint, trigger and comment of the schema, by name.
# The numbers of hypertables come of a sequence, of which a migration that died has taken some.
_SCHEMA = r"""
SELECT 'column', table_name, column_name, data_type || is_nullable || coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = 'market'
UNION ALL SELECT 'routine', p.proname, pg_get_function_identity_arguments(p.oid), md5(p.prosrc) FROM pg_proc AS p
WHERE p.pronamespace = 'market'::regnamespace
UNION ALL SELECT 'view', viewname, viewowner, regexp_replace(
    definition, '(_hypertable_|cagg_watermark.)[0-9]+', '\1', 'g'
)
FROM pg_views WHERE schemaname = 'market'
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'market'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'market'::regnamespace
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'market.%'
UNION ALL SELECT 'comment', coalesce(to_regclass(c.oid::regclass::text)::text, ''), d.objsubid::text, d.description
FROM pg_description AS d JOIN pg_class AS c ON c.oid = d.objoid WHERE c.relnamespace = 'market'::regnamespace
UNION ALL SELECT 'aggregate', view_name, '', view_definition FROM timescaledb_information.continuous_aggregates
UNION ALL SELECT 'revision', version_num, '', '' FROM market.schema_revision
ORDER BY 1, 2, 3, 4
"""

# Of the code before: a function that has changed since, a view that was not there.
_OF_BEFORE = """
CREATE OR REPLACE FUNCTION market.silence_limit(name text) RETURNS integer LANGUAGE sql AS 'SELECT 7';
DROP VIEW market.open_gaps;
COMMENT ON COLUMN market.schema_revision.version_num IS 'of before';
"""

Empty = Callable[[], str]


@pytest.fixture
def empty_database(server_url: str) -> Iterator[Empty]:
    """A database without anything, in the place of the one before."""
    name = f"chandlery_faults_{os.getpid()}_migrated"

    def create() -> str:
        with psycopg.connect(server_url, autocommit=True) as server:
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        return create_empty_database(server_url, name)

    create()
    yield create
    drop_database(server_url, name)


@pytest.fixture(scope="module")
def whole_url(server_url: str) -> Iterator[str]:
    name = f"chandlery_faults_{os.getpid()}_whole"
    yield create_database(server_url, name)
    drop_database(server_url, name)


@pytest.fixture(scope="module")
def wanted(whole_url: str) -> list[tuple[object, ...]]:
    return schema_of(whole_url)


def schema_of(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(_SCHEMA).fetchall()


def migrate(url: str, at: int = 0, fault: Fault | None = None) -> Ended:
    """Run it, with a fault at a step; the server has let go of it when this returns."""

    def work() -> object:
        os.environ["DATABASE_URL"] = url
        return handler({"do": "upgrade"}, Context())

    ended = in_child(work, at, fault)
    with psycopg.connect(url, autocommit=True) as connection:
        wait_until_gone(connection)
    return ended


@pytest.mark.parametrize(("fault", "kind"), [(kill_unanswered, "killed"), (cut_unanswered, "cut off")])
def test_the_next_run_makes_the_same_schema(
    fault: Fault,
    kind: str,
    empty_database: Empty,
    wanted: list[tuple[object, ...]],
    every: int,
    tell: Tell,
) -> None:
    steps, wrong = migrate(empty_database()).steps, []
    # From the second: the first is the connection's own.
    places = range(2, steps + 1, every)
    for at in places:
        url = empty_database()
        ended = migrate(url, at, fault)
        if ended.how not in ("killed", "succeeded", "Retryable"):
            wrong.append(f"step {at}: {ended.how}: {ended.said}")
        again = migrate(url)
        if again.how != "succeeded" or schema_of(url) != wanted:
            wrong.append(f"step {at}: then {again.how}: {again.said}")
    tell(f"migrate: {steps} steps, {len(places)} times {kind} unanswered", len(places), wrong)


def test_what_dies_again_and_again_gets_there(
    empty_database: Empty, wanted: list[tuple[object, ...]], tell: Tell
) -> None:
    url, runs, ended = empty_database(), 0, Ended("killed", 0, "")
    while ended.how == "killed":
        runs += 1
        # Some steps of a migration at least; Alembic itself takes about ten.
        ended = migrate(url, 8 + runs, kill_unanswered if runs % 2 else kill_before)
    wrong = [] if (ended.how, schema_of(url)) == ("succeeded", wanted) else [f"{ended.how}: {ended.said}"]
    tell(f"migrate: killed again and again: through after {runs} runs", runs - 1, wrong)


@pytest.mark.long
def test_of_several_at_once_one_migrates(empty_database: Empty, wanted: list[tuple[object, ...]], tell: Tell) -> None:
    """The others wait, and find it done."""
    url = empty_database()
    begun = [
        subprocess.Popen([sys.executable, "-m", "local", "migrate", "upgrade"], env=os.environ | {"DATABASE_URL": url})
        for _ in range(3)
    ]
    ended = [each.wait(LAST_RESORT_SECONDS) for each in begun]
    wrong = [] if (ended, schema_of(url)) == ([0, 0, 0], wanted) else [f"exit codes {ended}"]
    tell("three migrate an empty database at once", 1, wrong)


@pytest.mark.parametrize(
    ("verb", "before", "after", "mark", "kept"),
    [
        ("upgrade", "0031", "0032", "stale (hour, instrument_ids) VALUES (now(), '{1}')", "marks"),
        ("downgrade", "0032", "0031", "marks (work, hour, instrument_ids) VALUES ('refresh', now(), '{1}')", "stale"),
    ],
)
def test_a_mark_that_is_not_committed_yet_is_carried_along(
    empty_database: Empty, verb: str, before: str, after: str, mark: str, kept: str
) -> None:
    """Marks are copied into another table, which waits for a writer of one."""
    url = empty_database()
    config = alembic_config(url)
    command.upgrade(config, before)
    with psycopg.connect(url) as writer, psycopg.connect(url, autocommit=True) as watch, ThreadPoolExecutor(1) as pool:
        writer.execute(f"INSERT INTO market.{mark}")  # own words
        moving = pool.submit(getattr(command, verb), config, after)
        wait_until(lambda: moving.done() or blocked(watch, [writer.info.backend_pid]), "the migration waits")
        assert not moving.done()
        writer.commit()
        moving.result()
        assert watch.execute(f"SELECT instrument_ids FROM market.{kept}").fetchall() == [([1],)]  # noqa: S608


@pytest.mark.long
def test_functions_and_views_are_those_of_before_or_those_of_after(
    whole_url: str, wanted: list[tuple[object, ...]], tell: Tell
) -> None:
    """At the head: no migration is left."""
    steps, wrong = migrate(whole_url).steps, []
    for at in range(2, steps + 1):
        with psycopg.connect(whole_url) as connection:
            connection.execute(_OF_BEFORE)
        before = schema_of(whole_url)
        ended = migrate(whole_url, at, kill_unanswered)
        if schema_of(whole_url) not in (before, wanted):
            wrong.append(f"step {at}: {ended.how}, and neither of both")
        again = migrate(whole_url)
        if again.how != "succeeded" or schema_of(whole_url) != wanted:
            wrong.append(f"step {at}: then {again.how}: {again.said}")
    tell(f"migrate at the head: {steps} steps, {steps - 1} times killed unanswered", steps - 1, wrong)
