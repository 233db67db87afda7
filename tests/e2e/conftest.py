"""Fixtures of whole commands: a desk whose database is an embedded one."""

from collections.abc import Iterator

import pytest

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from local.embedded import EmbeddedDatabase
from tests.conftest import empty
from tests.e2e.commands import ENVIRONMENT, KEY, Chandlery, Result, start
from tests.integration.policy_scene import clean


@pytest.fixture(scope="module")
def chandlery(embedded: EmbeddedDatabase) -> Iterator[Chandlery]:
    """Runs a command in a desk's folder, whose database is emptied for the module."""

    def run(*arguments: str, **more: str) -> Result:
        return start(arguments, ENVIRONMENT | more, embedded.home.parent)

    empty_out(embedded)
    assert run("instruments", "add", KEY, "--calendar", "24/7").returncode == 0
    yield run
    empty_out(embedded)


def empty_out(embedded: EmbeddedDatabase) -> None:
    """Leave neither rows nor policies."""
    with connect(Settings(database_url=embedded.start()), "test") as connection:
        empty(connection)
        clean(connection)
