"""A backup restored on a server that has none of its roles: everything is there, and each may do what it could."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors as pg
from pydantic import SecretStr

from chandlery.platform.errors import Permanent
from chandlery.platform.settings import Settings
from local.backup import RestoreReport, back_up, restore
from local.backup_file import open_source
from tests.conftest import SECRET_MARKER
from tests.integration.backup_scene import content, fill, have_programs, opened
from tests.integration.market import insert, live
from tests.integration.policy_scene import MINUTE, NOON
from tests.plain_fold import Tick
from tests.private_server import PrivateServer, cluster_folder, find_binaries, has_timescaledb
from tests.waiting import wait_until

ROLES = [f"chandlery_{each}" for each in ("alerts", "desk", "owner", "producer", "reader", "writer")]
OWNER = "chandlery_owner"
# A login that keeps policies, as production has one; and one that has tables of its own.
KEEPER, ANALYST = "keeper", "analyst"
_ROLES = (
    "SELECT rolname::text, rolcanlogin, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,"
    " rolpassword IS NOT NULL FROM pg_authid WHERE rolname !~ '^pg_' AND rolname <> 'postgres' ORDER BY 1"
)
_GIVE_JOBS = "UPDATE _timescaledb_config.bgw_job SET owner = 'keeper' WHERE owner = 'postgres'::regrole AND id >= 1000"
_JOBS = "SELECT job_id, proc_name::text, owner::text FROM timescaledb_information.jobs WHERE job_id >= 1000 ORDER BY 1"


@dataclass(frozen=True)
class Backup:
    """What was in a database, and the file it is in."""

    file: Path
    content: dict[str, Any]
    roles: list[Any]


@dataclass(frozen=True)
class Elsewhere:
    """The server it was restored on."""

    server: PrivateServer
    report: RestoreReport
    content: dict[str, Any]
    roles: list[Any]


def silent(now: str, done: int, total: int) -> None:
    """Progress nobody looks at."""


def restore_into(server: PrivateServer, name: str, backup: Backup) -> RestoreReport:
    settings = Settings(database_url=SecretStr(server.url(name)))
    return restore(settings, open_source(backup.file), over_existing=False, hold_jobs=True, progress=silent)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with cluster_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def binaries() -> Path:
    found = find_binaries()
    if found is None or not has_timescaledb(found):
        pytest.skip(
            "needs PostgreSQL's server binaries with TimescaleDB: none by pg_config, on PATH or where Debian has them"
        )
    return found


@pytest.fixture(scope="module")
def backup(folder: Path, binaries: Path) -> Iterator[Backup]:
    """Of a server that is gone by the time anything is restored."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        with PrivateServer(folder / "former", binaries, SECRET_MARKER, None) as server:
            have_programs(server.url(), monkeypatch)
            url = fill(server.url(), "desk")
            server.run(f"CREATE ROLE {KEEPER} LOGIN PASSWORD '{SECRET_MARKER}' IN ROLE chandlery_owner")
            server.run(f"CREATE ROLE {ANALYST} LOGIN PASSWORD '{SECRET_MARKER}' IN ROLE chandlery_reader")
            server.run(f"CREATE SCHEMA study AUTHORIZATION {ANALYST}", "desk")
            server.run(f"CREATE TABLE study.notes (); ALTER TABLE study.notes OWNER TO {ANALYST}", "desk")
            # As if it had run policy maintenance.
            server.run(_GIVE_JOBS, "desk")
            file = folder / "desk.backup"
            back_up(Settings(database_url=SecretStr(url)), file, overwrite=False, progress=silent)
            with opened(url) as connection:
                made = Backup(file, dict(content(connection)), connection.execute(_ROLES).fetchall())
        yield made


@pytest.fixture(scope="module")
def elsewhere(folder: Path, binaries: Path, backup: Backup) -> Iterator[Elsewhere]:
    with PrivateServer(folder / "fresh", binaries, SECRET_MARKER, None) as server:
        with psycopg.connect(server.url()) as connection:
            assert connection.execute(_ROLES).fetchall() == []
        report = restore_into(server, "desk", backup)
        with opened(server.url("desk")) as connection:
            held, roles = dict(content(connection)), connection.execute(_ROLES).fetchall()
        for login, role in (("screen", "reader"), ("feed", "writer"), ("upkeep", "owner")):
            server.run(f"CREATE ROLE {login} LOGIN PASSWORD '{SECRET_MARKER}' IN ROLE chandlery_{role}")
        yield Elsewhere(server, report, held, roles)


def test_the_roles_are_made_as_migrations_make_them(backup: Backup, elsewhere: Elsewhere) -> None:
    assert elsewhere.report.roles_created == sorted([*ROLES, ANALYST, KEEPER])
    # Name, whether it may log in, whether it has other rights, whether it has a password.
    ours = [role for role in backup.roles if role[0] in ROLES]
    assert ours == [(role, role == OWNER, False, False) for role in ROLES]
    assert [role for role in elsewhere.roles if role[0] in ROLES] == ours
    # Logins without their passwords: they are not in the file.
    assert [role for role in elsewhere.roles if role not in ours] == [
        (ANALYST, True, False, False), (KEEPER, True, False, False),
    ]  # fmt: skip


def test_what_comes_back_is_what_went_in(backup: Backup, elsewhere: Elsewhere) -> None:
    before, after = backup.content, elsewhere.content
    assert {name for name in before if after[name] != before[name]} == {"jobs"}
    # Its memberships are not in the file either: its jobs are their tables' owner's, so that they run.
    assert elsewhere.report.jobs_given == [KEEPER]
    assert {job[5] for job in before["jobs"]} == {KEEPER, OWNER}
    assert after["jobs"] == [(*job[:5], OWNER, *job[6:]) for job in before["jobs"]]
    with psycopg.connect(elsewhere.server.url("desk")) as connection:
        owner = connection.execute("SELECT tableowner::text FROM pg_tables WHERE schemaname = 'study'").fetchall()
    assert owner == [(ANALYST,)]


def test_a_reader_reads_and_writes_nothing(elsewhere: Elsewhere) -> None:
    with psycopg.connect(elsewhere.server.url("desk", "screen"), autocommit=True) as reader:
        for relation in ("market.candles", "market.candles_1h", "market.open_gaps"):
            assert reader.execute(f"SELECT count(*) > 0 FROM {relation}").fetchone() == (True,)  # noqa: S608
        for statement in ("DELETE FROM market.candles", "INSERT INTO market.dirty DEFAULT VALUES"):
            with pytest.raises(pg.InsufficientPrivilege):
                reader.execute(statement)


def test_a_writer_writes_and_drops_nothing(elsewhere: Elsewhere) -> None:
    with opened(elsewhere.server.url("desk", "feed")) as writer:
        insert(writer, 1, [Tick(NOON + timedelta(seconds=100), 2, Decimal(97), Decimal(3))])
        assert live(writer, NOON + 2 * MINUTE + timedelta(seconds=10)).candles_written == 1
        for statement in ("DROP TABLE market.candles", "TRUNCATE market.ticks", "CREATE TABLE market.mine ()"):
            with pytest.raises(pg.InsufficientPrivilege):
                writer.execute(statement)


def test_the_scheduler_runs_jobs_as_their_owner(elsewhere: Elsewhere) -> None:
    """One of each kind, for a server has few workers; but retention, which goes by the clock on the wall."""
    with psycopg.connect(elsewhere.server.url("desk"), autocommit=True) as connection:
        kinds = {procedure: job for job, procedure, _ in connection.execute(_JOBS).fetchall()}
        assert set(kinds) == {
            "apply_retention", "apply_statistics", "policy_compression", "apply_refresh",
        }  # fmt: skip
        jobs = [job for procedure, job in kinds.items() if procedure != "apply_retention"]
        for job in jobs:
            connection.execute("SELECT alter_job(%s, scheduled => true, next_start => now())", [job])
        ran = (
            "SELECT job_id, last_run_status FROM timescaledb_information.job_stats"
            " WHERE job_id = ANY (%s) AND total_runs > 0 AND last_run_status IS NOT NULL"
        )
        wait_until(lambda: len(connection.execute(ran, [jobs]).fetchall()) == len(jobs), "the scheduler ran the jobs")
        # PostgreSQL 15.20 with TimescaleDB 2.23.1 says so of every job, once its work is committed.
        errors = {
            job: message
            for job, message in connection.execute(
                "SELECT job_id, err_message FROM timescaledb_information.job_errors WHERE job_id = ANY (%s)", [jobs]
            )
            if not re.fullmatch('cannot drop portal ".*" while it is being set up', message)
        }
        analyzed = connection.execute(
            "SELECT pg_stat_get_last_analyze_time(market.policy_relation(config ->> 'table_name')) IS NOT NULL"
            " FROM timescaledb_information.jobs WHERE job_id = %s",
            [kinds["apply_statistics"]],
        ).fetchone()
    assert errors == {}
    assert analyzed == (True,)


def test_a_member_of_the_owner_does_what_retention_does(elsewhere: Elsewhere) -> None:
    with psycopg.connect(elsewhere.server.url("desk", "upkeep")) as owner:
        (job, *_), *_ = [each for each in owner.execute(_JOBS).fetchall() if each[1] == "apply_retention"]
        owner.execute("CALL run_job(%s)", [job])
        owner.rollback()


def test_an_owner_that_could_not_log_in_is_refused(backup: Backup, elsewhere: Elsewhere) -> None:
    databases = "SELECT datname FROM pg_database ORDER BY 1"
    with psycopg.connect(elsewhere.server.url(), autocommit=True) as server:
        there = server.execute(databases).fetchall()
        server.execute("ALTER ROLE chandlery_owner NOLOGIN")
        try:
            with pytest.raises(Permanent, match="chandlery_owner has no LOGIN, and TimescaleDB runs no job for such"):
                restore_into(elsewhere.server, "another", backup)
        finally:
            server.execute("ALTER ROLE chandlery_owner LOGIN")
        assert server.execute(databases).fetchall() == there
