"""Migrations that were released stay as they are: databases were made by them."""

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from chandlery.platform.migrations import SCRIPTS

VERSIONS = SCRIPTS / "versions"
RELEASED = SCRIPTS / "released.sha256"
# From here on each migration says which code it serves; those before serve their own alone.
FIRST_THAT_SAYS = "0017"


def digests() -> dict[str, str]:
    return {name: digest for digest, name in (line.split() for line in RELEASED.read_text().splitlines())}


def modules() -> list[Path]:
    return sorted(VERSIONS.glob("[0-9]*.py"))


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_released_migration_is_never_edited() -> None:
    changed = [
        name
        for name, digest in digests().items()
        if not (VERSIONS / name).exists() or hashlib.sha256((VERSIONS / name).read_bytes()).hexdigest() != digest
    ]
    assert changed == [], "write a new migration instead"


def test_a_release_covers_every_file_of_its_migrations() -> None:
    released = {name[:4] for name in digests()}
    files = {path.name for path in VERSIONS.glob("[0-9]*") if path.name[:4] in released}
    assert files == set(digests())


@pytest.mark.parametrize("path", [path for path in modules() if path.stem[:4] >= FIRST_THAT_SAYS], ids=lambda p: p.stem)
def test_a_migration_says_which_code_its_schema_serves(path: Path) -> None:
    module = loaded(path)
    assert "0001" <= module.serves_code_from <= module.revision
