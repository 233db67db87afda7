"""What a backup and a restore take, on a server: real processes, a generated month in columns."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from psycopg import sql
from pydantic import SecretStr

from chandlery.platform.migrations import alembic_config
from chandlery.platform.settings import Settings
from chandlery.policies.apply_policies import apply_policies
from chandlery.policies.store import policies
from chandlery.policies.wanted import read_policies
from local.backup import back_up, restore
from local.backup_file import open_source
from tests.benchmarks.scene import NOON, insert_candles, list_instruments
from tests.benchmarks.test_columnstore import MONTH
from tests.integration.backup_scene import database_name, dropped_afterwards, have_programs, opened, url_of

INSTRUMENTS = 20
SOURCE, TARGET = database_name("month"), database_name("month_again")


@pytest.fixture
def month(server_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a database with a month of minutes, older weeks as columns."""
    have_programs(server_url, monkeypatch)
    with dropped_afterwards(server_url, SOURCE, TARGET), psycopg.connect(server_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(SOURCE)))
        url = url_of(server_url, SOURCE)
        command.upgrade(alembic_config(url), "head")
        with opened(url) as connection:
            apply_policies(connection, NOON, read_policies(), allow_destructive=True)
            connection.execute("SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE job_id >= 1000")
            list_instruments(connection, INSTRUMENTS)
            insert_candles(connection, NOON - MONTH, NOON, INSTRUMENTS, trades=5, left_out=0)
            policies.turn_to_columns(connection, "candles", NOON - MONTH / 4)
        yield url


def test_a_month(month: str, server_url: str, tmp_path: Path) -> None:
    def silent(now: str, done: int, total: int) -> None:
        """Show nothing."""

    def settings(url: str) -> Settings:
        return Settings(database_url=SecretStr(url))

    backup = back_up(settings(month), tmp_path / "b", overwrite=False, progress=silent)
    with psycopg.connect(month) as connection:
        row = connection.execute("SELECT count(*), pg_database_size(current_database()) FROM market.candles").fetchone()
    assert row is not None
    restored = restore(
        settings(url_of(server_url, TARGET)),
        open_source(tmp_path / "b"),
        over_existing=False,
        hold_jobs=True,
        progress=silent,
    )
    print(
        f"\nbackup, {row[0]:,} candles in {row[1] / 1e6:,.0f} MB, three of four weeks as columns:"
        f" {backup.seconds:.1f} s, {backup.bytes / 1e6:,.0f} MB; restore: {restored.seconds:.1f} s"
    )
