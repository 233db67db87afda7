"""The same of what changes tables and policies: maintenance, rebuilds, migrations; each on a copy of a database."""

import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
from alembic import command as alembic
from psycopg import Connection

from chandlery.domain.timeframe import Timeframe
from chandlery.domain.window import DAY, HOUR, MINUTE
from chandlery.errors import Permanent
from chandlery.policies import read_policies
from chandlery.settings import Settings
from chandlery.store.connection import connect
from chandlery.store.migrations import alembic_config
from chandlery.usecases.rebuild_timeframe import rebuild_timeframe
from tests.faults.components import COMPONENTS, fire
from tests.faults.conftest import Tell, create_database, drop_database, run, set_up
from tests.faults.proof import Proof
from tests.faults.scene import CopiedScene
from tests.faults.steps import BOMB, Fault, cut_unanswered, kill_before, kill_unanswered, refuse, terminate_amid
from tests.faults.test_every_step import CODES
from tests.faults.trial import in_child, wait_until_gone
from tests.faults.works import NOW, Subject, command
from tests.integration.policy_scene import store_candles

# Before the stroke of twelve at which most policies are due.
BEFORE_NOON = NOW - 22 * MINUTE


def _age(connection: Connection) -> None:
    """Give retention something to drop, columns something to turn, and drift something to be put right."""
    store_candles(connection, NOW - 100 * DAY, NOW - 100 * DAY + HOUR)
    for days in (20, 3):
        connection.execute(
            "INSERT INTO market.ticks (time, instrument_id, seq, price, size) VALUES (%s, 1, 0, 1, 1)",
            [NOW - days * DAY],
        )
    connection.execute("DELETE FROM market.dirty WHERE bucket < %s", [NOW - 14 * DAY])
    connection.execute(
        "SELECT alter_job(job_id, schedule_interval => INTERVAL '9 hours') FROM timescaledb_information.jobs"
        " WHERE proc_name = 'apply_retention' AND config ->> 'table_name' = 'ticks'"
    )
    connection.execute(
        "SELECT delete_job(job_id) FROM timescaledb_information.jobs"
        " WHERE proc_name = 'apply_statistics' AND config ->> 'table_name' = 'candles'"
    )


@pytest.fixture(scope="module")
def templates(server_url: str, fault_settings: None) -> Iterator[Callable[[str], str]]:
    """Databases to copy: `plain`; `kept`, some of it old and all policies due; `settled`, where all is done."""
    made: dict[str, str] = {}

    def make(name: str) -> str:
        if name not in made:
            made[name] = f"chandlery_faults_{os.getpid()}_{name}"
            url = create_database(server_url, made[name])
            with connect(Settings(database_url=url), "test") as connection:
                connection.execute(BOMB)
                run(url, "policy_maintenance", BEFORE_NOON)
                set_up(connection, url)
                if name != "plain":
                    run(url, "live_processor", NOW)
                    _age(connection)
            if name == "settled":
                for component in ("historical_processor", "policy_maintenance"):
                    run(url, component, NOW)
        return made[name]

    yield make
    for each in made.values():
        drop_database(server_url, each)


def _rebuild(connection: Connection) -> object:
    """Rebuild, and let maintenance do what a rebuild that dies at its very end leaves to it."""
    try:
        rebuild_timeframe(
            connection, Timeframe.H4, read_policies(), now=lambda: NOW, progress=lambda _step, _done, _total: None
        )
    except Permanent as error:
        if "is still kept from the rebuild" not in str(error):
            raise
    return fire(COMPONENTS["policy_maintenance"], NOW)


SUBJECTS = {
    "policy maintenance": Subject("kept", lambda: fire(COMPONENTS["policy_maintenance"], NOW)),
    "rebuild of 4h": command("settled", _rebuild),
}


def _fault(at: int) -> Fault:
    """Each kind in its turn: a copy takes long, so that each other step is disturbed, by one of them."""
    kinds = [kill_unanswered, cut_unanswered, kill_before, terminate_amid(at), refuse(CODES[at % len(CODES)])]
    return kinds[at % len(kinds)]


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("name", SUBJECTS)
def test_the_next_run_ends_where_an_undisturbed_one_does(
    name: str, part: int, server_url: str, templates: Callable[[str], str], every: int, tell: Tell
) -> None:
    scene = CopiedScene(server_url, templates(SUBJECTS[name].scene))
    try:
        proof = Proof(scene, SUBJECTS[name])
        proof.undisturbed()
        cases, wrong = proof.prove((at, _fault(at)) for at in range(1 + 2 * part, proof.steps + 1, 8 * every))
    finally:
        scene.close()
    tell(
        f"{name}: {proof.steps} steps, part {part + 1}: {cases} times killed, cut off, terminated or refused:"
        f" {len(wrong)} differences"
    )
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", SUBJECTS)
def test_what_dies_again_and_again_gets_there(
    name: str, server_url: str, templates: Callable[[str], str], tell: Tell
) -> None:
    scene = CopiedScene(server_url, templates(SUBJECTS[name].scene))
    try:
        proof = Proof(scene, SUBJECTS[name])
        proof.undisturbed()
        runs, wrong = proof.again_and_again(lambda at: kill_unanswered if at % 2 else kill_before)
    finally:
        scene.close()
    tell(
        f"{name}: killed at its first step, the next one at its second …: through after {runs} runs,"
        f" {len(wrong)} differences"
    )
    assert not wrong, "\n".join(wrong)


# Every function, table, column, index, constraint, trigger and comment of the schema, by name.
_SCHEMA = """
SELECT 'column', table_name, column_name, data_type || is_nullable || coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = 'market'
UNION ALL SELECT 'routine', p.proname, pg_get_function_identity_arguments(p.oid), md5(p.prosrc) FROM pg_proc AS p
WHERE p.pronamespace = 'market'::regnamespace
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


def test_a_migration_that_dies_again_and_again_gets_there(server_url: str, tell: Tell) -> None:
    name = f"chandlery_faults_{os.getpid()}_migrated"
    whole = create_database(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}_often")
    often = f"{whole}_often"
    try:
        with psycopg.connect(whole) as connection:
            wanted = connection.execute(_SCHEMA).fetchall()
        runs = 0
        with psycopg.connect(often, autocommit=True) as connection:
            how = "killed"
            while how == "killed":
                runs += 1
                # Some steps of a migration at least; Alembic itself takes about ten.
                ended = in_child(
                    lambda: alembic.upgrade(alembic_config(often), "head"),
                    8 + runs,
                    kill_unanswered if runs % 2 else kill_before,
                )
                how = ended.how
                wait_until_gone(connection)
            assert (how, ended.said) == ("succeeded", "")
            assert connection.execute(_SCHEMA).fetchall() == wanted
    finally:
        drop_database(server_url, f"{name}_often")
        drop_database(server_url, name)
    tell(f"migrate upgrade: killed again and again: through after {runs} runs, 0 differences")
