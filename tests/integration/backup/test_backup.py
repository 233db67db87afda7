"""Backups of a server's database: what comes back is what went in, and keeps working; what is wrong is refused."""

import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg import sql
from pydantic import SecretStr
from pyrage import x25519

from chandlery.platform.errors import ChandleryError, Permanent, Retryable
from chandlery.platform.migrations import OWNER as OWNER_OF_TABLES
from chandlery.platform.migrations import alembic_config
from chandlery.platform.schema import REVISION
from chandlery.platform.settings import Settings
from chandlery.policies.apply_policies import apply_policies, plan_policies
from chandlery.refresh.verify_candles import verify_candles
from chandlery.words.window import Window
from local.backup import BackupReport, DataRestoreReport, RestoreReport, back_up, back_up_data, restore, restore_data
from local.backup.archive import read_archive
from local.backup.programs import find_program
from local.backup_file import Source, open_source
from local.digests import check_digest, digest_path
from local.encryption import BEGINS, encrypting
from tests.integration.backup_scene import (
    content,
    database_name,
    databases,
    dropped_afterwards,
    fill,
    have_programs,
    opened,
    truncated,
    url_of,
)
from tests.integration.market import around_the_clock, candles_of, insert, live
from tests.integration.platform.test_roles import READER, acting_as
from tests.integration.policy_scene import MINUTE, NOON, WANTED, maintain
from tests.plain_fold import Tick

SOURCE, COPY, OTHER, ROWS = (database_name(suffix) for suffix in ("source", "copy", "other", "rows"))
KEY = x25519.Identity.generate()
# Each database has its own, whatever rows come into it: rights, jobs, columns, and chunks.
_OWN = {"rights", "rights to functions", "jobs", "chunks", "columnstore", "aggregates"}
_OWN |= {"watermarks", "thresholds", "invalidations"}
ROLE, OWNER, JOBS = (f"chandlery test {what} {os.getpid()}" for what in ("reader", "owner", "keeper of jobs"))
# A restored job has no statistics, and so no next start to go by.
_HOLD = "SELECT alter_job(id, next_start => now() + INTERVAL '1 day') FROM _timescaledb_config.bgw_job WHERE id >= 1000"
_GIVE_JOB = "UPDATE _timescaledb_config.bgw_job SET owner = (%s::text)::regrole WHERE proc_name = 'apply_retention'"


@dataclass(frozen=True)
class Desk:
    """A server, a filled database there, and its backup."""

    server_url: str
    url: str
    archive: Path
    report: BackupReport


def silent(now: str, done: int, total: int) -> None:
    """Progress nobody looks at."""


def into(url: str, archive: Path, *, over_existing: bool = False, hold_jobs: bool = True) -> RestoreReport:
    """Restore."""
    settings = Settings(database_url=SecretStr(url))
    return restore(settings, open_source(archive), over_existing=over_existing, hold_jobs=hold_jobs, progress=silent)


@pytest.fixture(scope="module")
def programs(server_url: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        have_programs(server_url, monkeypatch)
        yield


@pytest.fixture(scope="module")
def desk(server_url: str, programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One whose reader has rights, and is gone by the time anything is restored."""
    archive = tmp_path_factory.mktemp("backup") / "desk.backup"
    with (
        dropped_afterwards(server_url, SOURCE, COPY, OTHER, ROWS),
        psycopg.connect(server_url, autocommit=True) as server,
    ):
        role, owner, jobs = (sql.Identifier(each) for each in (ROLE, OWNER, JOBS))
        server.execute(sql.SQL("CREATE ROLE {}; CREATE ROLE {}; CREATE ROLE {} LOGIN").format(role, owner, jobs))
        url = fill(server_url, SOURCE)
        with psycopg.connect(url, autocommit=True) as source:
            source.execute(sql.SQL("GRANT USAGE ON SCHEMA market TO {}").format(role))
            source.execute(sql.SQL("GRANT SELECT ON market.candles, market.candles_1h TO {}").format(role))
            source.execute(sql.SQL("GRANT EXECUTE ON FUNCTION market.source_names TO {}").format(role))
            source.execute(sql.SQL("ALTER TABLE market.tickers OWNER TO {}").format(owner))
            source.execute(_GIVE_JOB, [jobs.as_string(source)])
        report = back_up(Settings(database_url=SecretStr(url)), archive, overwrite=False, progress=silent)
        yield Desk(server_url, url, archive, report)
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(sql.SQL("DROP ROLE IF EXISTS {}, {}, {}").format(role, owner, jobs))


@pytest.fixture(scope="module")
def before(desk: Desk) -> Mapping[str, Any]:
    with opened(desk.url) as source:
        return content(source)


@pytest.fixture(scope="module")
def restored(desk: Desk, before: object) -> RestoreReport:
    """Restored next to its source, on a server that had to be given the roles again."""
    with psycopg.connect(desk.url, autocommit=True) as source:
        source.execute(_GIVE_JOB, [source.info.user])
        source.execute("ALTER TABLE market.tickers OWNER TO CURRENT_USER")
        for role in map(sql.Identifier, (ROLE, OWNER, JOBS)):
            source.execute(sql.SQL("DROP OWNED BY {}").format(role))
            source.execute(sql.SQL("DROP ROLE {}").format(role))
    return into(url_of(desk.server_url, COPY), desk.archive)


def test_a_backup_says_what_it_holds(desk: Desk) -> None:
    report = desk.report
    assert (report.file, report.database, report.bytes) == (str(desk.archive), SOURCE, desk.archive.stat().st_size)
    assert report.tables > 60
    assert desk.archive.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in desk.archive.parent.iterdir() if path != desk.archive] == ["desk.backup.sha256"]
    assert check_digest(desk.archive)


def test_what_comes_back_is_what_went_in(desk: Desk, before: Mapping[str, Any], restored: RestoreReport) -> None:
    assert (restored.database, restored.made_from, restored.replaced) == (COPY, SOURCE, None)
    assert (restored.tables, restored.verified) == (desk.report.tables, True)
    with opened(url_of(desk.server_url, COPY)) as copy:
        after = content(copy)
    assert after.keys() == before.keys()
    # Nobody else could run the jobs of one that lost its memberships.
    assert restored.jobs_given == [JOBS]
    assert before["jobs"] != after["jobs"]
    owned = [(*job[:5], OWNER_OF_TABLES if job[5] == f'"{JOBS}"' else job[5], *job[6:]) for job in before["jobs"]]
    assert {name for name in before if after[name] != {**before, "jobs": owned}[name]} == set()
    # That is: of something.
    told = {"candles", "candles_1h", "candles_1mo", "ticks", "dirty", "gaps", "indicator_values", "upkeep"}
    assert [name for name in sorted(told) if before[name] == (0, "")] == []
    columnar = [chunk for chunk in after["chunks"] if chunk[-1]]
    assert columnar, "nothing was in columns"


def test_roles_that_are_missing_are_made(desk: Desk, restored: RestoreReport) -> None:
    assert restored.roles_created == [JOBS, OWNER, ROLE]
    with psycopg.connect(url_of(desk.server_url, COPY)) as copy:
        rows = copy.execute(
            "SELECT rolname, rolcanlogin, has_table_privilege(rolname, 'market.candles', 'SELECT'),"
            " has_table_privilege(rolname, 'market.tickers', 'INSERT') FROM pg_roles WHERE rolname = ANY (%s)"
            " ORDER BY rolname",
            [[ROLE, OWNER, JOBS]],
        ).fetchall()
    # TimescaleDB runs no job of an owner that may not log in.
    assert rows == [(JOBS, True, False, False), (OWNER, True, False, True), (ROLE, False, True, False)]


def test_what_was_restored_goes_on(desk: Desk, restored: RestoreReport) -> None:
    at = NOON + 2 * MINUTE + timedelta(seconds=10)
    with opened(url_of(desk.server_url, COPY)) as copy:
        with copy.transaction():  # or the scheduler, by its own clock, would drop these candles in between
            planned, done = apply_policies(copy, at, WANTED, allow_destructive=True)
            copy.execute(_HOLD)
        assert {action.says.rpartition("; ")[2].partition(" is ")[2] for action in planned.actions} == {"paused"}
        assert done == planned.actions
        insert(copy, 1, [Tick(NOON + timedelta(seconds=100), 2, Decimal(97), Decimal(3))])
        assert live(copy, at).candles_written == 1
        report = maintain(copy, at + 3 * MINUTE)
        assert (report.drift, report.strange_jobs, report.failing_jobs, report.is_alone) == (0, [], [], True)
        assert list(plan_policies(copy, at, WANTED).actions) == []
        (candle,) = candles_of(copy, 1, Window(NOON + MINUTE, NOON + 2 * MINUTE))
        assert (candle.open, candle.close, candle.trades) == (Decimal(99), Decimal(97), 2)
        copy.execute(
            "CALL refresh_continuous_aggregate('market.candles_5m', %s, %s)", [NOON, NOON + timedelta(hours=1)]
        )


def test_nothing_is_replaced_unasked(desk: Desk, restored: RestoreReport, tmp_path: Path) -> None:
    copy = url_of(desk.server_url, COPY)
    with opened(copy) as connection:
        before = content(connection)
    with pytest.raises(
        Permanent,
        match=rf"the database {COPY} is not empty: it holds schema market \(\d+ tables, \d+ objects\), \d+ [kM]B in"
        rf" all; to drop all of that for what {desk.archive} holds: --over-existing",
    ):
        into(copy, desk.archive)
    with opened(copy) as connection:
        assert content(connection) == before
    size = desk.archive.stat().st_size
    with pytest.raises(Permanent, match="is there already; give another name, or --overwrite"):
        back_up(Settings(database_url=SecretStr(desk.url)), desk.archive, overwrite=False, progress=silent)
    assert desk.archive.stat().st_size == size
    with pytest.raises(Permanent, match="is a folder"):
        back_up(Settings(database_url=SecretStr(desk.url)), tmp_path, overwrite=True, progress=silent)


def test_a_database_in_use_is_replaced_when_asked(desk: Desk, before: Mapping[str, Any], restored: object) -> None:
    """What is set for it stays; its sessions are ended; what it held is gone."""
    url = url_of(desk.server_url, OTHER)
    with psycopg.connect(desk.server_url, autocommit=True) as server:
        name, reader = sql.Identifier(OTHER), sql.Identifier(ROLE)
        server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, reader))
        server.execute(sql.SQL("ALTER DATABASE {} SET statement_timeout = '17s'").format(name))
        server.execute(sql.SQL("ALTER ROLE {} IN DATABASE {} SET search_path = market, public").format(reader, name))
        server.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(name))
        server.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {} WITH GRANT OPTION").format(name, reader))
        properties = (
            "SELECT pg_get_userbyid(datdba), encoding, datcollate, ARRAY(SELECT (aclexplode(datacl))::text ORDER BY 1),"
            " ARRAY(SELECT setconfig::text FROM pg_db_role_setting WHERE setdatabase = d.oid ORDER BY 1)"
            " FROM pg_database AS d WHERE datname = %s"
        )
        as_set = server.execute(properties, [OTHER]).fetchone()
        with psycopg.connect(url, autocommit=True) as busy:
            busy.execute("CREATE TABLE precious (n integer)")
            report = into(url, desk.archive, over_existing=True)
            with pytest.raises(psycopg.OperationalError):
                busy.execute("SELECT 1")
        assert report.replaced is not None
        assert report.replaced.startswith("schema public (1 tables, 1 objects)")
        assert server.execute(properties, [OTHER]).fetchone() == as_set
    with opened(url) as connection:
        after = content(connection)
        assert report.jobs_given == [JOBS]
        assert connection.execute("SELECT to_regclass('public.precious')").fetchone() == (None,)
        assert connection.execute("SHOW timescaledb.restoring").fetchone() == ("off",)
    assert {name for name in before if after[name] != before[name]} == {"jobs"}
    assert OTHER + "_restoring" not in databases(desk.server_url)


@pytest.mark.parametrize(
    "wrong", ["text", "absent", "folder", "cut short", "cut in its contents", "another's", "schema only"]
)
def test_what_is_no_backup_is_refused_untouched(desk: Desk, tmp_path: Path, wrong: str) -> None:
    path, says = tmp_path / "wrong.backup", ""
    match wrong:
        case "text":
            path.write_text("CREATE TABLE candles ();\n")
            says = "is no backup: it is not an archive in pg_dump's custom format"
        case "absent":
            says = "cannot be read: No such file or directory"
        case "folder":
            path.mkdir()
            says = "cannot be read: Is a directory"
        case "cut short":
            truncated(path, desk.archive, 0.97)
            listed = subprocess.run(["pg_restore", "--list", path], capture_output=True, check=False)
            assert listed.returncode == 0, "its contents are whole"
            says = "is not whole, or too new for this pg_restore: .*could not read from input file: end of file"
        case "cut in its contents":
            truncated(path, desk.archive, 0.01)
            says = "is not whole, or too new for this pg_restore"
        case "another's":
            subprocess.run(["pg_dump", "-Fc", f"--file={path}", desk.server_url], check=True, capture_output=True)
            says = "is a dump of the database postgres, but holds no schema of Chandlery's with its rows"
        case "schema only":
            subprocess.run(["pg_dump", "-Fc", "-s", f"--file={path}", desk.url], check=True, capture_output=True)
            says = "but holds no schema of Chandlery's with its rows"
    there = databases(desk.server_url)
    # Not even where all may be dropped.
    with pytest.raises(Permanent, match=says):
        into(desk.url, path, over_existing=True)
    assert databases(desk.server_url) == there
    with opened(desk.url) as source:
        assert source.execute("SELECT count(*) > 0 FROM market.candles").fetchone() == (True,)


def test_a_changed_byte_is_refused_untouched(desk: Desk, tmp_path: Path) -> None:
    """Wherever it is: in the table of contents, where pg_restore continues without a word, and in what follows."""
    path, whole = tmp_path / "desk.backup", desk.archive.read_bytes()
    digest_path(path).write_bytes(digest_path(desk.archive).read_bytes())
    unnoticed = whole.index(b"GRANT SELECT ON TABLE market.candles ") + len(b"GRANT ")
    places = {0, 5, 30, unnoticed, len(whole) - 1, *range(100, len(whole), len(whole) // 20)}
    there = databases(desk.server_url)
    for place in sorted(places):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(Permanent, match=rf"{path} is damaged, or {path}\.sha256 is another file's: the SHA-256 is"):
            into(desk.url, path, over_existing=True)
    for share in (0.0, 0.01, 0.97):
        with pytest.raises(Permanent, match="is damaged, or"):
            into(desk.url, truncated(path, desk.archive, share), over_existing=True)
    assert databases(desk.server_url) == there

    # Without a digest it would do.
    path.write_bytes(whole[:unnoticed] + bytes([whole[unnoticed] ^ 1]) + whole[unnoticed + 1 :])
    assert read_archive(Source(path), find_program("pg_restore")).database == SOURCE


def test_another_version_of_timescaledb_is_refused(desk: Desk, tmp_path: Path) -> None:
    older = tmp_path / "older.backup"
    tell = "UPDATE _timescaledb_catalog.metadata SET value = %s WHERE key = 'timescaledb_version'"
    with psycopg.connect(desk.url, autocommit=True) as source:
        source.execute(tell, ["2.11.7"])
        try:
            back_up(Settings(database_url=SecretStr(desk.url)), older, overwrite=False, progress=silent)
        finally:
            source.execute(tell, [desk.report.timescaledb])
    there = databases(desk.server_url)
    with pytest.raises(
        Permanent, match=r"is of TimescaleDB 2\.11\.7, which has to be installed on the server \(there is: .*\); after"
    ):
        into(url_of(desk.server_url, database_name("nowhere")), older)
    assert databases(desk.server_url) == there


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (None, r"pg_dump is not installed, or not on PATH; on Debian: apt install postgresql-client-\d+"),
        ("9.6.24", r"is of PostgreSQL 9, and the server is of PostgreSQL \d+: have one as new on PATH"),
    ],
    ids=["missing", "old"],
)
def test_a_pg_dump_that_cannot_do_it_is_reported(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, says: str
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if version:
        program = folder / "pg_dump"
        program.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(Permanent, match=says):
        back_up(Settings(database_url=SecretStr(desk.url)), tmp_path / "b", overwrite=False, progress=silent)
    assert not (tmp_path / "b").exists()


def test_a_failure_of_pg_dump_is_reported_in_its_words(desk: Desk, tmp_path: Path) -> None:
    """A login that does not see all rows is refused; one that does has no right to somebody's large object."""
    with psycopg.connect(desk.server_url, autocommit=True) as server:
        login = f"chandlery_test_blind_{os.getpid()}"
        server.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'blind'").format(sql.Identifier(login)))
        try:
            url = psycopg.conninfo.make_conninfo(desk.url, user=login, password="blind")
            with psycopg.connect(desk.url, autocommit=True) as source:
                source.execute(sql.SQL("GRANT USAGE ON SCHEMA market TO {}").format(sql.Identifier(login)))
                source.execute(sql.SQL("GRANT SELECT ON market.schema_revision TO {}").format(sql.Identifier(login)))
            with pytest.raises(Permanent, match="does not see users' rows"):
                back_up(Settings(database_url=SecretStr(url)), tmp_path / "b", overwrite=False, progress=silent)
            server.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(login)))
            with psycopg.connect(desk.url, autocommit=True) as source:
                source.execute("SELECT lo_from_bytea(4711, 'x')")
            with pytest.raises(
                Permanent, match=r"^pg_dump failed \(exit 1\): .*permission denied for large object 4711"
            ):
                back_up(Settings(database_url=SecretStr(url)), tmp_path / "b", overwrite=False, progress=silent)
            with pytest.raises(Permanent, match="only a superuser can restore TimescaleDB's catalogue"):
                into(url, desk.archive, over_existing=True)
        finally:
            with psycopg.connect(desk.url, autocommit=True) as source:
                source.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(login)))
                source.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
            server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login)))
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_that_name_that_no_restore_made_stays(desk: Desk) -> None:
    name = database_name("nowhere")
    with dropped_afterwards(desk.server_url, name), psycopg.connect(desk.server_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"{name}_restoring")))
        with pytest.raises(Permanent, match=f"there is a database {name}_restoring that no restore made"):
            into(url_of(desk.server_url, name), desk.archive)
        assert f"{name}_restoring" in databases(desk.server_url)


def test_one_restore_at_a_time(desk: Desk) -> None:
    name = database_name("nowhere")
    with psycopg.connect(desk.server_url, autocommit=True) as another:
        another.execute("SELECT pg_advisory_lock(hashtext('chandlery restore'), hashtext(%s))", [name])
        with pytest.raises(Retryable, match=f"another restore into the database {name} is under way"):
            into(url_of(desk.server_url, name), desk.archive)


def test_a_database_that_is_not_ours_has_no_backup(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="the database has no schema of Chandlery's: there is nothing to back up"):
        back_up(Settings(database_url=SecretStr(desk.server_url)), tmp_path / "b", overwrite=False, progress=silent)
    with pytest.raises(ChandleryError, match="names no database"):
        into(desk.server_url.rpartition("/")[0], desk.archive)


def test_a_schema_alone_comes_back_without_a_row_and_takes_up_work(
    desk: Desk, restored: RestoreReport, tmp_path: Path
) -> None:
    """Encrypted, too: pg_dump writes into a pipe, and pg_restore reads from one."""
    archive = tmp_path / "schema.backup"
    settings = Settings(database_url=SecretStr(desk.url))
    report = back_up(
        settings, archive, overwrite=False, progress=silent, schema_only=True, recipients=[KEY.to_public()]
    )
    assert (report.encrypted, archive.read_bytes()[: len(BEGINS)]) == (True, BEGINS)
    with opened(desk.url) as source:
        before = content(source)
    url = url_of(desk.server_url, OTHER)
    assert restore(
        Settings(database_url=SecretStr(url)),
        open_source(archive, [KEY]),
        over_existing=True,
        hold_jobs=True,
        progress=silent,
    ).schema_only
    with opened(url) as copy:
        after = content(copy)
        standing = ("columnstore", "aggregates", "definitions")
        assert {name for name in standing if after[name] != before[name]} == set()
        assert [job[1:5] for job in after["jobs"]] == [job[1:5] for job in before["jobs"]]
        rows = {name for name, held in after.items() if isinstance(held, tuple) and held != (0, "")}
        assert rows <= {"schema_revision", "kept_tables", "rollups"}
        assert after["chunks"] == []
        (instrument,) = around_the_clock(copy, "X@NEW@EQ")
        insert(copy, instrument, [Tick(NOON, 1, Decimal(10), Decimal(1))])
        assert live(copy, NOON + MINUTE).candles_written == 1
        assert copy.execute("SELECT count(*) FROM market.candles_5m").fetchone() == (1,)


def test_data_alone_comes_back_whole_or_not_at_all(desk: Desk, before: Mapping[str, Any], tmp_path: Path) -> None:
    """By the owner of the tables, who is not a superuser; derived candles outlive their minutes."""
    archive, url = tmp_path / "desk.data", url_of(desk.server_url, ROWS)
    with acting_as(READER, desk.url) as reader, pytest.raises(Permanent, match="does not see users' rows"):
        back_up_data(Settings(database_url=SecretStr(reader)), archive, overwrite=False, progress=silent)
    assert list(tmp_path.iterdir()) == []
    report = back_up_data(Settings(database_url=SecretStr(desk.url)), archive, overwrite=False, progress=silent)
    with tarfile.open(archive) as parts:
        names = parts.getnames()
    assert (names[0], names[-1]) == ("manifest.json", "parts.json")
    assert any(name.startswith("candles_1d_parts/") for name in names), "no derived candle outlived its minutes"

    def rows_into(*identities: x25519.Identity) -> DataRestoreReport:
        with acting_as(OWNER_OF_TABLES, url) as owner:
            settings = Settings(database_url=SecretStr(owner))
            return restore_data(settings, open_source(archive, identities), hold_jobs=False, progress=silent)

    with psycopg.connect(desk.server_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(ROWS)))
    command.upgrade(alembic_config(url), "0024")
    with pytest.raises(
        Permanent,
        match=f"is of schema revision {REVISION}, and the database {ROWS} is at 0024: restore it into an empty database"
        f" after: chandlery migrate upgrade {REVISION}",
    ):
        rows_into()
    command.upgrade(alembic_config(url), "head")

    whole, kept = archive.read_bytes(), digest_path(archive).read_bytes()
    digest_path(archive).unlink()
    early = len(whole) // 9
    for damaged in (whole[: early + 3], whole[:early] + bytes([whole[early] ^ 1]) + whole[early + 1 :]):
        archive.write_bytes(damaged)
        with pytest.raises(Permanent, match="is damaged or cut short"):
            rows_into()
    with archive.open("wb") as file, encrypting(file, [KEY.to_public()]) as plain:
        plain.write(whole + bytes(100_000))
    archive.write_bytes(archive.read_bytes()[:-1])  # behind the last row
    with pytest.raises(Permanent, match=r"cannot be decrypted: .* it is damaged or cut short"):
        rows_into(KEY)
    archive.write_bytes(whole)
    digest_path(archive).write_bytes(kept)

    restored = rows_into()  # into what no refusal left anything in
    assert (restored.rows, restored.tables, restored.verified) == (report.rows, report.tables, True)
    assert (restored.made_from, restored.revision, restored.derived_waits) == (SOURCE, REVISION, False)
    with opened(url) as copy:
        copy.execute("SELECT set_chunk_time_interval('market.ticks', INTERVAL '1 day')")  # as its policies will
        after = content(copy)
        verified = verify_candles(copy, None, repair=False, progress=lambda _done, _total: None)
    assert {name for name in before if name not in _OWN and after[name] != before[name]} == set()
    assert verified.wrong == 0
    with pytest.raises(Permanent, match=f"the database {ROWS} is not empty: there are rows in market.* more; a"):
        rows_into()
    with opened(url) as copy:
        # It continues, numbers too: that of a removed instrument is not given again.
        insert(copy, 1, [Tick(NOON + timedelta(seconds=100), 2, Decimal(97), Decimal(3))])
        assert live(copy, NOON + 2 * MINUTE).candles_written == 1
        assert maintain(copy, NOON + 5 * MINUTE).failing_jobs == []
        assert around_the_clock(copy, "X@NEW@EQ")[0] > 2


def test_an_encrypted_backup_is_read_by_its_key_alone(desk: Desk, tmp_path: Path) -> None:
    settings, path = Settings(database_url=SecretStr(desk.url)), tmp_path / "desk.backup"
    back_up(settings, path, overwrite=False, progress=silent, recipients=[KEY.to_public()])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["desk.backup", "desk.backup.sha256"]
    archive = read_archive(open_source(path, [KEY]), find_program("pg_restore"))
    known = read_archive(Source(desk.archive), find_program("pg_restore"))
    assert replace(archive, source=known.source, owners=known.owners, readers=known.readers) == known
    with pytest.raises(Permanent, match="it is for other keys than those given, or its header is damaged"):
        read_archive(open_source(path, [x25519.Identity.generate()]), find_program("pg_restore"))
    with pytest.raises(Permanent, match="is encrypted: give the file with its secret key: --identity FILE"):
        into(desk.url, path, over_existing=True)
    truncated(path, path, 0.9)
    with pytest.raises(Permanent, match="it is damaged or cut short: copy it again"):
        read_archive(open_source(path, [KEY]), find_program("pg_restore"))
