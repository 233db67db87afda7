"""No setting of server, database, role or pooler changes what is read, written or shown."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from alembic import command
from psycopg import sql
from typer.testing import CliRunner

from chandlery.platform import schema
from chandlery.platform.connection import connect, snapshot
from chandlery.platform.errors import Permanent
from chandlery.platform.migrations import alembic_config
from chandlery.platform.settings import Settings
from chandlery.policies.store.policies import keeping
from chandlery.refresh.store import refreshes
from chandlery.words.window import Window
from functions import live_gap_monitor, live_processor
from local.command_line import app
from tests.conftest import SERVER_URL, empty
from tests.integration.api_scene import call, settings
from tests.integration.derived_scene import listed
from tests.integration.platform.test_roles import run
from tests.integration.policy_scene import refresh_all
from tests.pooler import find_pgbouncer, pooler
from tests.private_server import cluster_folder

KEY, OTHER = "NSE@NIFTY@INDEX", "XNYS@IBM@EQ"
# The day on which New York goes over to summer time, in India and in New York.
NIGHT = datetime(2026, 3, 9, 3, 45, tzinfo=UTC)
EVENING = datetime(2026, 3, 9, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOSTILE = {
    "TimeZone": "America/New_York",
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "search_path": "nowhere",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "quote_all_identifiers": "on",
    "row_security": "off",
    "client_encoding": "LATIN1",
    "client_min_messages": "error",
    "work_mem": "64kB",
    "jit_above_cost": "0",
    "constraint_exclusion": "off",
    "enable_nestloop": "off",
    "plan_cache_mode": "force_generic_plan",
}
LIMITS = {"statement_timeout": "1ms", "lock_timeout": "1ms", "idle_in_transaction_session_timeout": "1ms"}
# In Kolkata an hour begins at half past, and its abbreviation is read as Israel's.
ELSEWHERE = HOSTILE | {"TimeZone": "Asia/Kolkata", "DateStyle": "SQL, DMY", "IntervalStyle": "iso_8601"}
READ = (
    f"candles {KEY} 1m --from 2026-03-09T03:00Z --to 2026-03-10 --csv",
    f"candles {KEY} 1m --from 2026-03-09T03:00Z --to 2026-03-10 --json",
    f"candles {KEY} 1h --from 2026-03-09 --to 2026-03-10 --csv",
    f"candles {KEY} 1d --from 2026-03-09 --to 2026-03-10 --json",
    f"candles {KEY} 1w --from 2026-03-02 --to 2026-03-16 --csv",
    "gaps --all --json",
    "gaps",
    "coverage --from 2026-03-08 --to 2026-03-10 --json",
    f"explain {KEY} 2026-03-09T04:05Z --json",
    "instruments list --json",
)
ASKED = (
    f"/api/v1/candles/{KEY}?timeframe=1m&from=2026-03-09T00:00:00Z&to=2026-03-10T00:00:00Z",
    f"/api/v1/candles/{KEY}?timeframe=1d&from=2026-03-01T00:00:00Z&to=2026-03-15T00:00:00Z",
    f"/api/v1/instruments/{OTHER}/statistics",
    "/api/v1/gaps",
    "/api/v1/coverage?from=2026-03-09&to=2026-03-10",
)


@contextmanager
def set_for(url: str, whose: str, values: Mapping[str, str]) -> Iterator[None]:
    """Within, new sessions begin with these settings: of the database, or of the role in it."""
    name, role = psycopg.conninfo.conninfo_to_dict(url)["dbname"], psycopg.conninfo.conninfo_to_dict(url)["user"]
    owner = {"database": "DATABASE {0}", "role": "ROLE {1} IN DATABASE {0}"}[whose]
    alter = sql.SQL("ALTER " + owner).format(sql.Identifier(str(name)), sql.Identifier(str(role)))
    with psycopg.connect(str(SERVER_URL or url), autocommit=True, prepare_threshold=None) as server:
        for setting, value in values.items():
            server.execute(sql.SQL("{} SET {} = {}").format(alter, sql.SQL(setting), sql.Literal(value)))
        try:
            yield
        finally:
            server.execute(sql.SQL("{} RESET ALL").format(alter))


def fill(url: str) -> None:
    """A producer writes ticks in a session of its own, as its database, role or pooler leaves it."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as producer, producer.transaction():
        producer.execute(
            "INSERT INTO market.ticks (instrument_id, time, seq, price, size)"
            " SELECT i, %s::timestamptz + n * INTERVAL '10 seconds', n, 100 + n %% 7 + 0.1 * i, 1 + n %% 3"
            " FROM pg_catalog.unnest(ARRAY[1, 2]) AS i CROSS JOIN pg_catalog.generate_series(0, 599) AS n"
            " WHERE NOT (i = 1 AND n BETWEEN 100 AND 160)",
            [NIGHT],
        )


def story(url: str, direct: str, folder: Path, changes: pytest.MonkeyPatch) -> dict[str, str]:
    """Ticks come by a producer and by a file, the functions work, and all of it is read: what was said."""
    with psycopg.connect(direct, autocommit=True, prepare_threshold=None) as clean:
        clean.execute("SET search_path = public")
        empty(clean)
    with connect(Settings(database_url=url), "test") as desk:
        listed(desk, "XBOM", date(2026, 3, 2), date(2026, 3, 20), KEY)
        listed(desk, "XNYS", date(2026, 3, 2), date(2026, 3, 20), OTHER)
    fill(direct)
    changes.setenv("DATABASE_URL", url)
    said = {}
    file = folder / "ticks.csv"
    file.write_text(
        "time,price,size\n" + "".join(f"2026-03-09T14:{m:02}:30.123456Z,{1 / (m + 3):.18f},7\n" for m in range(60))
    )
    said["import"] = shown(f"import ticks {file} --instrument {OTHER} --json")
    run(live_processor.handler, EVENING)
    run(live_gap_monitor.handler, EVENING + 5 * MINUTE)
    with connect(Settings(database_url=direct), "test") as desk:
        refresh_all(desk, EVENING + 6 * MINUTE)
    said |= {line: shown(line) for line in READ}
    with settings(url):
        said |= {path: answered(path) for path in ASKED}
    return said


def shown(line: str) -> str:
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 0, (line, result.output, result.exception)
    # Instruments that are added again have other ones.
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a uuid", result.stdout)


def answered(path: str) -> str:
    answer = call("GET", path)
    assert answer.status == 200, (path, answer.text)
    return answer.text


@pytest.fixture
def expected(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The story where nothing is set."""
    told = story(database_url, database_url, tmp_path, monkeypatch)
    assert told[READ[0]].count("\n") > 40
    assert "2026-03-09T04:05:00Z" in told[READ[0]] or "2026-03-09T04:" in told[READ[0]]
    assert '"trades"' in told[READ[1]]
    return told


@pytest.mark.parametrize(("whose", "values"), [("database", HOSTILE), ("role", ELSEWHERE)], ids=["database", "role"])
def test_settings_of_database_and_role_change_nothing(
    server_url: str,
    database_url: str,
    expected: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whose: str,
    values: Mapping[str, str],
) -> None:
    with set_for(database_url, whose, values):
        with psycopg.connect(database_url) as other:  # they are in force
            assert other.execute("SHOW TimeZone").fetchone() == (values["TimeZone"],)
        told = story(database_url, database_url, tmp_path, monkeypatch)
    assert told == expected


@pytest.mark.parametrize("more", ["ignore_startup_parameters = options", ""], ids=["ignored", "refused"])
def test_a_pooler_in_transaction_mode_changes_nothing(
    server_url: str,
    database_url: str,
    expected: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: str,
) -> None:
    if find_pgbouncer() is None:
        pytest.skip("needs PgBouncer")
    with (
        set_for(database_url, "database", HOSTILE),
        cluster_folder() as folder,
        pooler(database_url, folder, more) as through,
    ):
        # What other clients leave behind, in each session of the pool: at once they have one each.
        with psycopg.connect(through) as one, psycopg.connect(through) as two:
            for client in (one, two):
                client.execute("SET TimeZone = 'Asia/Kolkata'; SET extra_float_digits = -10; SET search_path = ''")
                client.execute("SET IntervalStyle = 'iso_8601'; SET statement_timeout = '5s'")
        told = story(through, database_url, tmp_path, monkeypatch)
    assert told == expected


@pytest.fixture
def through(server_url: str, database_url: str) -> Iterator[str]:
    """The database through PgBouncer."""
    if find_pgbouncer() is None:
        pytest.skip("needs PgBouncer")
    with cluster_folder() as folder, pooler(database_url, folder) as url:
        yield url


def test_behind_a_pooler_transactions_are_set_and_leave_nothing_behind(through: str) -> None:
    with connect(Settings(database_url=through), "test", read_only=True, timeout_seconds=3) as reader:
        asked = "SELECT current_setting('statement_timeout'), current_setting('transaction_read_only')"
        assert reader.execute(asked).fetchone() == ("3s", "on")
        with snapshot(reader):
            assert reader.execute(asked).fetchone() == ("3s", "on")
            assert reader.execute("SHOW transaction_isolation").fetchone() == ("repeatable read",)
    with psycopg.connect(through, autocommit=True) as other:
        assert other.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_what_needs_a_session_of_its_own_is_refused_behind_a_pooler(through: str) -> None:
    with connect(Settings(database_url=through), "test") as desk:
        with (
            pytest.raises(Permanent, match=r"^keeping the policies needs a session of its own.*OwnerSecretId$"),
            keeping(desk),
        ):
            pass
        with pytest.raises(Permanent, match="refreshing what is derived needs a session"):
            refreshes.refresh(desk, "candles_5m", Window(EVENING, EVENING + 60 * MINUTE))
    with pytest.raises(Permanent, match="a migration needs a session"):
        command.upgrade(alembic_config(through), "head")


def test_a_session_of_the_pooler_whose_triggers_do_not_fire_is_refused(through: str) -> None:
    with psycopg.connect(through, autocommit=True) as bulk_loader:
        bulk_loader.execute("SET session_replication_role = 'replica'")
    with (
        connect(Settings(database_url=through), "test") as desk,
        pytest.raises(Permanent, match="triggers do not fire"),
    ):
        desk.execute("INSERT INTO market.feeds VALUES ('x', 60)")


@pytest.mark.parametrize(
    ("setting", "value"), [("session_replication_role", "replica"), ("timescaledb.restoring", "on")]
)
def test_a_database_whose_triggers_do_not_fire_is_refused(
    server_url: str, database_url: str, setting: str, value: str
) -> None:
    with (
        set_for(database_url, "database", {setting: value}),
        connect(Settings(database_url=database_url), "test") as desk,
        pytest.raises(Permanent, match=rf"{setting} is {value}: triggers do not fire.*RESET {setting}"),
    ):
        schema.check(desk)


def test_a_database_that_takes_no_writes_is_read_and_says_so(
    server_url: str, database_url: str, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    with set_for(database_url, "database", {"default_transaction_read_only": "on"}):
        assert {line: shown(line) for line in READ} == {line: expected[line] for line in READ}
        with pytest.raises(Permanent, match="read-only transaction"):
            run(live_processor.handler, EVENING + MINUTE)


def test_how_long_a_statement_may_take_is_the_products_to_say(
    server_url: str, database_url: str, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    with set_for(database_url, "database", LIMITS):
        assert {line: shown(line) for line in READ} == {line: expected[line] for line in READ}
        run(live_processor.handler, EVENING + MINUTE)


def test_another_clients_settings_end_with_it(
    database_url: str, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    with psycopg.connect(database_url, autocommit=True, prepare_threshold=None) as client:
        for name, value in HOSTILE.items():
            if name != "client_encoding":
                client.execute(sql.SQL("SET {} = {}").format(sql.SQL(name), sql.Literal(value)))
        assert {line: shown(line) for line in READ} == {line: expected[line] for line in READ}


def test_migrations_do_not_go_by_the_sessions_settings(server_url: str) -> None:
    name = "chandlery_test_settings"
    url = server_url.rpartition("/")[0] + "/" + name
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
        try:
            with set_for(url, "database", ELSEWHERE):
                command.upgrade(alembic_config(url), "head")
                result = CliRunner(env={"DATABASE_URL": url}).invoke(app, ["migrate", "check"])
                assert result.exit_code == 0, result.output
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
