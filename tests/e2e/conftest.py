"""Fixtures of whole commands: a desk whose database is an embedded one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.embedded import EmbeddedDatabase
from tests.e2e.commands import ENVIRONMENT, KEY, Chandlery, Result, start


@pytest.fixture(scope="module")
def chandlery(tmp_path_factory: pytest.TempPathFactory, migrated_tarball: Path) -> Iterator[Chandlery]:
    """Runs a command in a folder of the module's own, on its own database."""
    home = tmp_path_factory.mktemp("desk")
    embedded = EmbeddedDatabase(home / ".chandlery", tarball=migrated_tarball, tied=True)
    embedded.start()

    def run(*arguments: str, **more: str) -> Result:
        return start(arguments, ENVIRONMENT | more, home)

    assert run("instruments", "add", KEY, "--calendar", "24/7").returncode == 0
    yield run
    embedded.stop()
