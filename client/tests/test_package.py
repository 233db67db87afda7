"""The package: what it imports, that one client is made of the other, and that its users pass mypy's strictest."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import chandlery_client
import make_sync
from chandlery_client import AsyncClient, Client

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "chandlery_client"
NEEDED = {"anyio", "httpcore2", "httpx2", "msgspec", "pydantic"}
# Imported by name where they are wanted: the extras.
EXTRAS = {"pandas", "polars"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_it_imports_what_it_declares_and_nothing_of_chandlery() -> None:
    found = {name for path in SOURCE.rglob("*.py") for name in imports(path)} - set(sys.stdlib_module_names)
    assert found == NEEDED | EXTRAS | {"chandlery_client"}


def test_the_core_does_no_io() -> None:
    outside = {"anyio", "httpcore2", "httpx2", "socket", "asyncio", "threading"}
    # What httpx2 raises, and whom connections trust, are translated there.
    found = {
        path.name: outside & set(imports(path))
        for path in (SOURCE / "core").glob("*.py")
        if path.stem not in ("failures", "target") and outside & set(imports(path))
    }
    assert found == {}


def test_extras_are_loaded_when_they_are_asked_for() -> None:
    code = "import chandlery_client, sys; print(sorted({'pandas', 'polars', 'botocore', 'numpy'} & sys.modules.keys()))"
    said = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT / "src")}, capture_output=True)
    assert said.stdout.decode().strip() == "[]", said.stderr


def test_the_blocking_client_is_made_of_the_async_one() -> None:
    assert {name: make_sync._read(name) == make_sync.sync_of(name) for name in make_sync.MADE} == dict.fromkeys(
        make_sync.MADE, True
    )


def test_both_clients_have_the_same_methods() -> None:
    def methods(client: type) -> set[str]:
        return {name for name in dir(client) if not name.startswith("_")}

    assert methods(AsyncClient) == methods(Client)


def test_all_that_is_public_is_named() -> None:
    assert all(getattr(chandlery_client, name) for name in chandlery_client.__all__)
    for named in re.findall(r"from chandlery_client import (.+)", (ROOT / "README.md").read_text()):
        assert set(named.split(", ")) <= set(chandlery_client.__all__)


def blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def test_its_users_pass_mypy_at_its_strictest(tmp_path: Path) -> None:
    """Examples, the notebook, and every block of README; with the cache of `make check`."""
    for number, block in enumerate(blocks(ROOT / "README.md")):
        (tmp_path / f"readme_{number}.py").write_text(block)
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from chandlery_client import Candle\n\n\ndef f(c: Candle) -> float:\n    return c.close\n")
    files = [*(ROOT / "examples").glob("*.py"), ROOT / "docs" / "notebook.py", *tmp_path.glob("*.py")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "pyproject.toml", *map(str, files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    complaints = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(complaints) == 1, done.stdout + done.stderr
    assert "wrong.py:5: error: Incompatible return value type" in complaints[0]


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.name)
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 260
