"""Functions and views are made again by every migrate, and go up and down with the code whose own they are."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import Connection

from chandlery.platform import definitions, migrations, schema
from chandlery.platform.check_schema import check_schema
from chandlery.platform.errors import Permanent, WrongSchema
from chandlery.platform.migrations import alembic_config, run_verb
from tests.integration.platform.test_schema import made

_OTHER = "CREATE OR REPLACE FUNCTION market.silence_limit({}) RETURNS integer LANGUAGE sql STABLE AS $$ SELECT {} $$;\n"
_OWN = """
CREATE OR REPLACE FUNCTION market.count_runs() RETURNS bigint LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT count(*) FROM market.noted_runs $$;
"""
_VIEW = "CREATE OR REPLACE VIEW market.noted_runs AS SELECT component, note FROM market.runs;\n"
_MODULE = """
from chandlery.platform.migrations import run_script

revision, down_revision, branch_labels, depends_on = "{revision}", "{before}", None, None
serves_code_from = "{before}"


def upgrade() -> None:
    run_script("{revision}_note.up.sql")


def downgrade() -> None:
    run_script("{revision}_note.down.sql")
"""
NEWER = f"{int(schema.REVISION) + 1:04}"


def test_there_is_a_file_for_each_and_no_other(connection: Connection) -> None:
    there = connection.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'market'::regnamespace"
        " UNION ALL SELECT relname FROM pg_class AS c WHERE relnamespace = 'market'::regnamespace AND relkind = 'v'"
        " AND relname NOT IN (SELECT view_name FROM timescaledb_information.continuous_aggregates)"
    ).fetchall()
    assert {name for (name,) in there} == definitions.current().keys()


def test_bodies_are_sound(connection: Connection) -> None:
    """The server checks none while it makes them: what they are made of may come later."""
    script = definitions.script(definitions.current()).replace(
        "check_function_bodies = off", "check_function_bodies = on"
    )
    with connection.transaction(force_rollback=True):
        connection.execute(script.encode())


@pytest.fixture
def spoilt(connection: Connection, database_url: str) -> Iterator[Connection]:
    """A schema that somebody changes by hand; afterwards it is as it was."""
    before = made(connection)
    yield connection
    connection.execute("DROP VIEW IF EXISTS public.desks_own")
    connection.execute("REVOKE ALL ON market.open_gaps FROM pg_monitor")
    run_verb("upgrade", alembic_config(database_url), "head")
    assert [row[1:] for row in made(connection)] == [row[1:] for row in before]


def test_a_migrate_at_the_head_repairs_and_keeps_rights(spoilt: Connection, database_url: str) -> None:
    spoilt.execute("GRANT SELECT ON market.open_gaps TO pg_monitor")
    spoilt.execute("CREATE VIEW public.desks_own AS SELECT market.silence_limit('a') AS seconds FROM market.open_gaps")
    before = made(spoilt)
    spoilt.execute(_OTHER.format("name text", 7))
    spoilt.execute("GRANT INSERT ON market.open_gaps TO chandlery_writer")
    spoilt.execute("COMMENT ON COLUMN market.schema_revision.version_num IS 'another'")
    assert [line.split(":")[1] for line in check_schema(spoilt).differing] == [
        " function market.silence_limit(text)",
        " right open_gaps chandlery_writer",
        " functions and views",
    ]
    run_verb("upgrade", alembic_config(database_url), "head")
    assert made(spoilt) == before
    assert check_schema(spoilt).differing == []


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("open_gaps", "n.feed, ", ""), ("silence_limit", "RETURNS integer", "RETURNS bigint")],
)
def test_what_cannot_take_the_place_of_another_is_named(
    connection: Connection, database_url: str, other_schema: Path, name: str, before: str, after: str
) -> None:
    was = made(connection)
    file = other_schema / "gaps" / f"{name}.sql"
    file.write_text(file.read_text().replace(before, after))
    with pytest.raises(Permanent, match=rf"^market\.{name} cannot be made again, .* \(cannot (drop|change) .*\): the"):
        run_verb("upgrade", alembic_config(database_url), "head")
    assert made(connection) == was


@pytest.fixture
def other_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of functions and views of other code."""
    shutil.copytree(definitions.SCHEMA, tmp_path / "schema")
    monkeypatch.setattr(definitions, "SCHEMA", tmp_path / "schema")
    return tmp_path / "schema"


@pytest.fixture
def newer(tmp_path: Path, other_schema: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The next revision's code: a column, a view over it, an overload of an older function, a function of its owner."""
    shutil.copytree(migrations.SCRIPTS, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    scripts = tmp_path / "migrations" / "versions"
    (scripts / f"{NEWER}_note.py").write_text(_MODULE.format(revision=NEWER, before=schema.REVISION))
    (scripts / f"{NEWER}_note.up.sql").write_text("ALTER TABLE market.runs ADD COLUMN note text;")
    (scripts / f"{NEWER}_note.down.sql").write_text(
        "DROP VIEW IF EXISTS market.noted_runs; DROP FUNCTION IF EXISTS market.count_runs();"
        "DROP FUNCTION IF EXISTS market.silence_limit(text, integer); ALTER TABLE market.runs DROP COLUMN note;"
    )
    with (other_schema / "gaps" / "silence_limit.sql").open("a") as file:
        file.write(_OTHER.format("name text, floor integer", "greatest(floor, market.silence_limit(name))"))
    (other_schema / "count_runs.sql").write_text(_OWN)
    (other_schema / "noted_runs.sql").write_text(_VIEW)
    monkeypatch.setattr(migrations, "SCRIPTS", tmp_path / "migrations")
    monkeypatch.setattr(schema, "REVISION", NEWER)
    return monkeypatch


def test_they_go_up_and_down_with_their_code(
    connection: Connection, database_url: str, newer: pytest.MonkeyPatch
) -> None:
    older, served = made(connection), schema.describe(connection).serves_code_from
    run_verb("upgrade", alembic_config(database_url), "head")
    schema.check(connection)
    # The older overload is there for code of the revision before, which the schema serves.
    assert connection.execute("SELECT market.silence_limit('a'), market.silence_limit('a', 30)").fetchone() == (20, 30)
    assert connection.execute("SELECT market.count_runs()").fetchone() == (0,)
    assert connection.execute(
        "SELECT has_table_privilege('chandlery_reader', 'market.noted_runs', 'SELECT'),"
        " has_table_privilege('chandlery_writer', 'market.noted_runs', 'INSERT'),"
        " has_function_privilege('chandlery_writer', 'market.count_runs()', 'EXECUTE')"
    ).fetchone() == (True, False, False)
    connection.execute("CREATE VIEW public.desks_own AS SELECT note FROM market.noted_runs")
    with pytest.raises(Permanent, match=r"depend on it; view desks_own depends on view market\.noted_runs$"):
        run_verb("downgrade", alembic_config(database_url), "-1")
    connection.execute("DROP VIEW public.desks_own")
    run_verb("downgrade", alembic_config(database_url), "-1")
    newer.undo()
    with pytest.raises(WrongSchema, match=r"without the functions and views of this code; run: .* upgrade head"):
        schema.check(connection)
    # The code of the revision before, which this one serves otherwise, does not work either.
    assert schema.describe(connection).serves_code_from is None
    run_verb("upgrade", alembic_config(database_url), "head")
    assert schema.check(connection).serves_code_from == served is not None
    assert made(connection) == older
