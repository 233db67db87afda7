"""Migrations one by one, on a database that is in use: down, up and down again, as docs/rollback.md says."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from alembic import command
from alembic.script import Script, ScriptDirectory
from psycopg import Connection

from chandlery.platform.migrations import alembic_config
from tests.conftest import REPO
from tests.integration.market import around_the_clock
from tests.integration.platform.test_schema import catalogue
from tests.integration.policy_scene import DAY, HOUR, NOON, desk, keep, maintain, shorten_chunks, store_candles

__all__ = ["desk"]

PAGE = REPO / "docs" / "rollback.md"
MIGRATIONS: list[Script] = list(ScriptDirectory.from_config(alembic_config("postgresql://")).walk_revisions())
_THERE = """
    SELECT relname, NULL FROM pg_class WHERE relnamespace = 'market'::regnamespace AND relkind IN ('r', 'v')
    UNION ALL SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'market'
"""

_VIEWS = "SELECT viewname FROM pg_views WHERE schemaname = 'market'"


def sections() -> dict[str, str]:
    """The page's sections, by revision."""
    parts = re.split(r"^## (\d{4}): ", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def names(section: str, label: str) -> set[str]:
    """What a line of a section lists."""
    (line,) = re.findall(rf"^- {label}: (.+)$", section, re.MULTILINE)
    found = set(re.findall(r"`([\w.]+)`", line))
    assert found or line == "none"
    return found


def below(migration: Script) -> str:
    """Where its downgrade leads."""
    return str(migration.down_revision or "base")


@pytest.mark.parametrize("migration", MIGRATIONS, ids=lambda migration: migration.revision)
def test_every_migration_has_its_section(migration: Script) -> None:
    section = sections()[migration.revision]
    assert [line for line in section.splitlines() if line.startswith("- `chandlery")] == [
        f"- `chandlery migrate downgrade {below(migration)}`"
    ]
    for label in ("Lost", "Safe"):
        assert re.search(rf"^- {label}: \S", section, re.MULTILINE), label


def test_the_page_begins_with_the_newest() -> None:
    revisions = list(sections())
    assert revisions == sorted(revisions, reverse=True)


@pytest.fixture
def in_use(desk: Connection, database_url: str) -> Iterator[Connection]:
    """A database with policies and their jobs, columns, derived candles; afterwards it is as it was."""
    around_the_clock(desk, "X@A@EQ")
    store_candles(desk, NOON - 20 * DAY, NOON - 10 * DAY, HOUR)
    store_candles(desk, NOON - timedelta(hours=3), NOON - HOUR)
    keep(desk)
    maintain(desk, NOON)
    shorten_chunks(desk)
    yield desk
    command.upgrade(alembic_config(database_url), "head")


def test_each_goes_down_up_and_down_again(in_use: Connection, database_url: str) -> None:
    config = alembic_config(database_url)
    before = catalogue(in_use)
    views = {name for (name,) in in_use.execute(_VIEWS).fetchall()}
    told = sections()
    for migration in MIGRATIONS:
        there = _there(in_use)
        command.downgrade(config, below(migration))
        tables, columns = _gone(there, _there(in_use))
        section = told[migration.revision]
        assert (tables, columns) == (names(section, "Tables and views gone"), names(section, "Columns gone"))
        command.upgrade(config, migration.revision)
        again = _there(in_use)
        assert again <= there
        # Views are made again with the last migration.
        assert {name for name, _ in there - again} <= views
        command.downgrade(config, below(migration))
    command.upgrade(config, "head")
    assert catalogue(in_use) == before


def _there(connection: Connection) -> set[tuple[str, str | None]]:
    return set(connection.execute(_THERE).fetchall())


def _gone(before: set[tuple[str, str | None]], after: set[tuple[str, str | None]]) -> tuple[set[str], set[str]]:
    tables = {table for table, column in before - after if column is None}
    return tables, {f"{table}.{column}" for table, column in before - after if column and table not in tables}
