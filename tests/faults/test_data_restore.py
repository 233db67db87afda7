"""A restore of data alone that is killed at any step: nothing is there, or all of it and the marks of what is left."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg import Connection
from pydantic import SecretStr

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from local.backup import back_up_data, restore_data
from local.backup_file import open_source
from tests.faults.conftest import Tell
from tests.faults.contents import Contents, Digest
from tests.faults.databases import create_database, drop_database, run
from tests.faults.steps import kill_before, kill_unanswered
from tests.faults.trial import Ended, in_child
from tests.faults.works import NOW

_EACH = 3  # N-th step
_KEPT = ("ticks", "candles", "gaps", "indicator_values", "stored_indicators", "runs", "sessions")


def silent(now: str, done: int, total: int) -> None:
    """Progress nobody looks at."""


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    with connect(Settings(database_url=SecretStr(url)), "test") as connection:
        yield connection


def restored(url: str, archive: Path, at: int = 0) -> Ended:
    """A restore in a process of its own, killed at a step; 0: not at all."""
    settings = Settings(database_url=SecretStr(url))

    def work() -> None:
        restore_data(settings, open_source(archive), hold_jobs=False, progress=silent)

    return in_child(work, at, (kill_unanswered if at % 2 else kill_before) if at else None)


def kept(url: str) -> Digest:
    with opened(url) as connection:
        digest = Contents(connection).digest(connection)
    return {name: digest[name] for name in _KEPT}


def derived(url: str) -> Digest:
    """As the runs leave it that take marks."""
    for component in ("policy_maintenance", "historical_processor"):
        run(url, component, NOW)
    with opened(url) as connection:
        return Contents(connection).views(connection)


def test_a_restore_of_data_that_is_killed_leaves_nothing_or_its_marks(
    server_url: str, faults_url: str, tmp_path: Path, request: pytest.FixtureRequest, tell: Tell
) -> None:
    if not request.config.getoption("--faults"):
        pytest.skip("each case needs a database of its own: make faults")
    archive, names = tmp_path / "desk.data", iter(f"chandlery_faults_{os.getpid()}_data_{n}" for n in range(1_000))
    back_up_data(Settings(database_url=SecretStr(faults_url)), archive, overwrite=False, progress=silent)
    name = next(names)
    url = create_database(server_url, name)
    whole = restored(url, archive)
    assert whole.how == "succeeded", whole.said
    wanted, wanted_derived, wrong, committed = kept(url), derived(url), list[str](), 0
    empty = dict.fromkeys(_KEPT, (0, 0))
    drop_database(server_url, name)
    name = next(names)
    url = create_database(server_url, name)
    steps = range(1, whole.steps + 1, _EACH)
    for at in steps:
        ended = restored(url, archive, at)
        if ended.how != "killed":
            wrong.append(f"step {at}: {ended.how} {ended.said}")
        found = kept(url)
        if found == empty:
            continue  # the next one goes into it
        committed += 1
        if found != wanted or derived(url) != wanted_derived:
            wrong.append(f"step {at}: what was committed is another content")
        drop_database(server_url, name)
        name = next(names)
        url = create_database(server_url, name)
    assert restored(url, archive).how == "succeeded"
    assert kept(url) == wanted
    drop_database(server_url, name)
    assert 1 < committed < len(steps) / 2
    tell(
        f"a restore of data: {whole.steps} steps, {len(steps)} times killed, {committed} after its commit",
        len(steps),
        wrong,
    )
