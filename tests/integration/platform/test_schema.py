"""Migrations up, down and up again; and what the functions say about a database they cannot work on."""

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg import Connection

from chandlery.platform import schema
from chandlery.platform.catalogue import EXPECTED, find, written
from chandlery.platform.check_schema import check_schema
from chandlery.platform.connection import SandboxConnection, connect
from chandlery.platform.errors import Permanent, WrongSchema, psycopg_errors_translated
from chandlery.platform.migrations import alembic_config, run_verb
from chandlery.platform.settings import Settings
from chandlery.platform.statements import SQL, statement
from tests.conftest import REPO

CATALOGUE = """
    SELECT 'column', c.table_name, c.column_name, concat_ws(' ', c.data_type, c.is_nullable, c.column_default)
    FROM information_schema.columns AS c WHERE c.table_schema = 'market'
    UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'market'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'market'::regnamespace
    -- TimescaleDB's own trigger names its hypertable by a number.
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname,
        regexp_replace(pg_get_triggerdef(oid), '''\\d+''', '''N''')
    FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'market.%' AND NOT tgisinternal
    UNION ALL SELECT 'function', proname, '', prosrc FROM pg_proc WHERE pronamespace = 'market'::regnamespace
    UNION ALL SELECT 'type', typname, '', typtype::text FROM pg_type
    WHERE typnamespace = 'market'::regnamespace AND typname NOT LIKE '\\_%'
    UNION ALL SELECT 'label', enumtypid::regtype::text, enumlabel, enumsortorder::text FROM pg_enum
    UNION ALL SELECT 'dimension', hypertable_name, column_name, time_interval::text
    FROM timescaledb_information.dimensions WHERE hypertable_schema = 'market'
    -- By its name: a column that went and came back has another number.
    UNION ALL SELECT 'comment', d.objoid::regclass::text, coalesce(a.attname, ''), d.description
    FROM pg_description AS d
    LEFT JOIN pg_attribute AS a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
    WHERE d.classoid = 'pg_class'::regclass AND d.objoid::regclass::text LIKE 'market.%'
    ORDER BY 1, 2, 3, 4
"""


# All that there is of each: what depends on it goes by its oid.
MADE = """
SELECT p.oid::bigint, pg_get_functiondef(p.oid), proowner::regrole::text,
    (SELECT array_agg(item::text ORDER BY item::text) FROM unnest(proacl) AS item),
    obj_description(p.oid, 'pg_proc')
FROM pg_proc AS p WHERE pronamespace = 'market'::regnamespace
UNION ALL
SELECT c.oid::bigint, concat(c.relname, pg_get_viewdef(c.oid), reloptions), relowner::regrole::text,
    (SELECT array_agg(item::text ORDER BY item::text) FROM unnest(relacl) AS item),
    obj_description(c.oid, 'pg_class')
FROM pg_class AS c WHERE relnamespace = 'market'::regnamespace AND relkind = 'v'
ORDER BY 1
"""


def catalogue(connection: Connection) -> Sequence[tuple[Any, ...]]:
    return connection.execute(CATALOGUE).fetchall()


def made(connection: Connection) -> Sequence[tuple[Any, ...]]:
    return connection.execute(MADE).fetchall()


@pytest.fixture
def half_migrated(connection: Connection, database_url: str) -> Iterator[Connection]:
    command.downgrade(alembic_config(database_url), "0002")
    yield connection
    command.upgrade(alembic_config(database_url), "head")


def test_down_and_up_again_is_the_same_schema(connection: Connection, database_url: str) -> None:
    before = catalogue(connection)
    assert {row[0] for row in before} >= {
        "column",
        "index",
        "constraint",
        "trigger",
        "function",
        "dimension",
        "comment",
    }
    command.downgrade(alembic_config(database_url), "base")
    assert [row for row in catalogue(connection) if row[1] not in ("schema_revision", "market.schema_revision")] == []
    # Functions and views are those of the migrations there, with their rights and comments.
    command.upgrade(alembic_config(database_url), "0029")
    by_migrations = made(connection)
    command.upgrade(alembic_config(database_url), "head")
    assert catalogue(connection) == before
    command.downgrade(alembic_config(database_url), "0029")
    # Those that a migration drops, and its way back makes again, have other oids.
    assert sorted(row[1:] for row in made(connection)) == sorted(row[1:] for row in by_migrations)
    command.upgrade(alembic_config(database_url), "head")
    assert catalogue(connection) == before


def test_offline_sql_builds_the_same_schema(connection: Connection, database_url: str) -> None:
    before = catalogue(connection)
    command.downgrade(alembic_config(database_url), "base")
    connection.execute("DROP TABLE market.schema_revision")
    printed = io.StringIO()
    command.upgrade(alembic_config("postgresql://", printed), "head", sql=True)
    connection.execute(printed.getvalue())
    assert catalogue(connection) == before
    assert check_schema(connection).differing == []


def test_offline_sql_of_no_migration_makes_functions_and_views(connection: Connection) -> None:
    printed = io.StringIO()
    run_verb("upgrade", alembic_config("postgresql://", printed), f"{schema.REVISION}:head", sql=True)
    connection.execute("DROP VIEW market.open_gaps; COMMENT ON COLUMN market.schema_revision.version_num IS NULL")
    connection.execute(printed.getvalue())
    assert check_schema(connection).differing == []


def test_the_tables_of_the_architecture_are_there(connection: Connection) -> None:
    page = (REPO / "docs" / "architecture.md").read_text()
    named = sorted(set(re.findall(r"\bmarket\.\w+", page)))
    assert len(named) > 10
    missing = connection.execute(
        "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL AND NOT EXISTS ("
        "SELECT FROM pg_proc WHERE pronamespace = 'market'::regnamespace AND 'market.' || proname = name)",
        [named],
    ).fetchall()
    text = "".join(path.read_text() for path in SQL.rglob("*.sql"))
    locks = set(re.findall(r"hashtext\('([\w.]+)", text))
    assert {name for (name,) in missing} <= locks


def test_a_migrated_schema_is_accepted(connection: Connection) -> None:
    schema.check(connection)


def test_a_half_migrated_schema_is_reported(half_migrated: Connection) -> None:
    with pytest.raises(
        Permanent,
        match=r"at revision 0002, older than this code, which waits for .*run: chandlery migrate upgrade head",
    ):
        schema.check(half_migrated)


def test_an_unmigrated_database_is_reported(connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute("DROP TABLE market.schema_revision")
        with pytest.raises(Permanent, match="no schema yet; run: chandlery migrate upgrade head"):
            schema.check(connection)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (
            "2.22.1",
            r"2\.22\.1 is older than this code works on; use TimescaleDB 2\.23 to 2\.29 \(2\.29 on PostgreSQL 16",
        ),
        ("1.7", "is older than this code works on.*ALTER EXTENSION timescaledb UPDATE"),
        ("next", "is no version that this code can tell"),
        ("2.23.0-dev", None),
        ("2.28.3", None),
        ("2.29.2", None),
    ],
)
def test_a_version_of_timescaledb_is_accepted_or_refused(version: str, said: str | None) -> None:
    found = schema.Described(version, "timescale", schema.REVISION, definitions="made")
    if said is None:
        schema.judge(found)
        assert found.remark is None
        return
    with pytest.raises(Permanent, match=said) as caught:
        schema.judge(found)
    assert "migrate upgrade" not in str(caught.value)


@pytest.mark.parametrize("version", ["2.30.0", "2.31.1-dev", "3.0"])
def test_a_version_newer_than_known_is_worked_on_and_remarked(version: str) -> None:
    found = schema.Described(version, "timescale", schema.REVISION, definitions="made")
    schema.judge(found)
    assert re.match(rf"TimescaleDB {version} is newer than this code knows \(2\.23 to 2\.29\)", str(found.remark))


@pytest.fixture
def unknown(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """As if the version at hand were newer than known."""
    monkeypatch.setattr(schema, "_NEWEST", (2, 22))
    return connection


def test_a_catalogue_that_lacks_nothing_is_worked_on(unknown: Connection) -> None:
    assert "is newer than this code knows" in str(schema.check(unknown).remark)


def test_a_catalogue_that_lacks_a_column_is_reported(unknown: Connection) -> None:
    with unknown.transaction(force_rollback=True):
        unknown.execute("ALTER TABLE _timescaledb_catalog.continuous_aggs_watermark RENAME watermark TO moved")
        with pytest.raises(
            Permanent, match=r"lacks what .*: _timescaledb_catalog\.continuous_aggs_watermark\.watermark; "
        ) as caught:
            schema.check(unknown)
    assert "migrate upgrade" not in str(caught.value)


def test_the_sandbox_remarks_on_a_version_once_a_connection(unknown: Connection, database_url: str) -> None:
    remarks: list[str] = []
    sandbox = SandboxConnection(lambda: connect(Settings(database_url=database_url), "test"), remarks.append)
    sandbox.get()
    sandbox.get()
    assert len(remarks) == 1
    sandbox.close()


def test_all_that_is_read_of_the_private_catalogue_is_looked_for() -> None:
    """Released functions are among them; what later migrations replaced is looked for as well."""
    texts = [
        path.read_text()
        for path in [*SQL.rglob("queries/**/*.sql"), *SQL.rglob("*.up.sql"), *SQL.rglob("schema/**/*.sql")]
    ]
    private = r"_timescaledb_(?:catalog|config|internal|functions)\.\w+"
    named = {name for text in texts for name in re.findall(private, text)}
    looked_for = statement("list_missing_catalogue")
    assert len(named) > 5
    # Read only where it is there: versions that refuse a second refresh do not need it.
    named.remove("_timescaledb_catalog.continuous_aggs_materialization_ranges")
    assert {name for name in named if name not in looked_for} == set()


def test_a_missing_table_is_reported(connection: Connection) -> None:
    from tests.integration.market import NOON, live

    with connection.transaction(force_rollback=True):
        connection.execute("DROP TABLE market.dirty")
        with pytest.raises(Permanent, match=r'schema is incomplete: relation "market.dirty" does not exist; run:'):
            live(connection, NOON)


def test_what_timescaledb_lacks_is_not_taken_for_the_schemas(connection: Connection) -> None:
    with pytest.raises(Permanent, match=r"TimescaleDB has not what .*README") as caught, psycopg_errors_translated():
        connection.execute("SELECT _timescaledb_functions.renamed()")
    assert "migrate upgrade" not in str(caught.value)


def test_a_database_without_timescaledb_is_reported(server_url: str) -> None:
    bare = server_url.rpartition("/")[0] + "/chandlery_bare"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS chandlery_bare")
        server.execute("CREATE DATABASE chandlery_bare")
    with psycopg.connect(bare, autocommit=True) as own:
        own.execute("DROP EXTENSION IF EXISTS timescaledb")
    with (
        connect(Settings(database_url=bare), "test") as connection,
        pytest.raises(Permanent, match="no TimescaleDB extension"),
    ):
        schema.check(connection)


def test_the_catalogue_that_is_kept_is_the_one_migrations_make(connection: Connection) -> None:
    assert written(find(connection)) == EXPECTED.read_text(), "run: python -m local.catalogue"


def test_what_was_changed_by_hand_is_named(connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute("ALTER TABLE market.runs DROP COLUMN seconds")
        connection.execute("REVOKE INSERT ON market.ticks FROM chandlery_writer")
        connection.execute("CREATE VIEW market.ours AS SELECT 1 AS one")
        report = check_schema(connection)
    assert [line.split(":", 2)[:2] for line in report.differing] == [
        ["missing", " column runs.seconds"],
        ["missing", " constraint market.runs.runs_seconds_check"],
        ["differs", " right ticks chandlery_writer"],
    ]
    assert report.additional == ["additional: column ours.one"]
    assert check_schema(connection).differing == []


@pytest.fixture
def newer(connection: Connection) -> Iterator[Connection]:
    """A schema that a later migration made."""
    with connection.transaction(force_rollback=True):
        connection.execute("UPDATE market.schema_revision SET version_num = '9999'")
        yield connection


def test_a_newer_schema_is_worked_on_if_it_says_that_it_serves_this_code(newer: Connection) -> None:
    newer.execute(f"COMMENT ON TABLE market.schema_revision IS '{schema.SERVES_CODE_FROM}{schema.REVISION}'")
    schema.check(newer)


@pytest.mark.parametrize("comment", ["NULL", f"'{schema.SERVES_CODE_FROM}9998'", "'of another program'"])
def test_a_newer_schema_that_does_not_serve_this_code_is_named_newer(newer: Connection, comment: str) -> None:
    newer.execute(f"COMMENT ON TABLE market.schema_revision IS {comment}")
    with pytest.raises(WrongSchema, match=r"at revision 9999, newer than this code, .*deploy code of revision 999"):
        schema.check(newer)


def test_migrating_a_newer_schema_is_refused_in_the_same_words(connection: Connection, database_url: str) -> None:
    connection.execute("UPDATE market.schema_revision SET version_num = '9999'")
    try:
        with pytest.raises(WrongSchema, match="at revision 9999, newer than this code"):
            run_verb("upgrade", alembic_config(database_url), "head")
        with pytest.raises(Permanent, match="alembic: Can't locate revision identified by '8888'"):
            run_verb("upgrade", alembic_config(database_url), "8888")
    finally:
        connection.execute("UPDATE market.schema_revision SET version_num = %s", [schema.REVISION])
