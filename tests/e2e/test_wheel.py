"""The wheel, built and used away from the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.e2e.commands import ENVIRONMENT, Result


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel puts into site-packages; the packages that it needs are those of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=REPO, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, folder: Path, *arguments: str, python: tuple[str, ...] = (), **more: str) -> Result:
    return subprocess.run(
        [sys.executable, *python, "-m", "local", *arguments],
        env=ENVIRONMENT | {"PYTHONPATH": str(installed)} | more,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_has_all_that_the_commands_read_and_no_more(installed: Path) -> None:
    page = "functions/http_api/page"
    for ours, its in (
        ("sql", "chandlery/sql"),
        ("template.yaml", "local/template.yaml"),
        (page, page),
        ("docs/runbook", f"{page}/runbook"),
    ):
        tracked = subprocess.run(["git", "ls-files", ours], cwd=REPO, capture_output=True, text=True, check=True)
        for name in tracked.stdout.split():
            kept = installed / its / Path(name).relative_to(ours)
            assert kept.read_bytes() == (REPO / name).read_bytes()
    node = {path.name for path in (REPO / "local" / "embedded").glob("*.[mj]s*")}
    assert node == {path.name for path in (installed / "local" / "embedded").glob("*.[mj]s*")}
    assert not [path for path in installed.rglob("*") if path.name in ("__pycache__", "node_modules", "tests")]


def test_it_migrates_and_checks_a_database(installed: Path, tmp_path: Path, migrated_url: str) -> None:
    version = run(installed, tmp_path, "--version")
    assert version.stdout.startswith("chandlery 0."), version.stderr
    script = run(installed, tmp_path, "migrate", "upgrade", "--sql")
    assert (script.returncode, "CREATE TABLE market.candles" in script.stdout) == (0, True), script.stderr
    checked = run(installed, tmp_path, "migrate", "check", DATABASE_URL=migrated_url)
    assert (checked.returncode, "nothing differs" in checked.stdout) == (0, True), checked.stderr
    invoked = run(
        installed, tmp_path, "invoke", "live_processor", "--at", "2026-03-02T12:00Z", DATABASE_URL=migrated_url
    )
    assert invoked.returncode == 0, invoked.stderr


def test_the_demo_says_how_to_install_what_it_lacks(installed: Path, tmp_path: Path) -> None:
    lacking = run(installed, tmp_path, "demo")
    told = (
        f"chandlery: the embedded database's Node packages are not installed: run: {sys.executable} -m local.embedded\n"
    )
    assert (lacking.returncode, lacking.stderr) == (1, told)


def test_what_builds_from_a_checkout_says_so(installed: Path, tmp_path: Path) -> None:
    refused = run(installed, tmp_path, "emulate")
    told = "chandlery: the emulation builds the stack from a checkout: run make emulate in one\n"
    assert (refused.returncode, refused.stderr) == (1, told)


def test_alone_it_says_how_to_install_what_it_needs(installed: Path, tmp_path: Path) -> None:
    refused = run(installed, tmp_path, "--version", python=("-S",))
    assert refused.returncode == 1
    assert refused.stderr == (
        "chandlery: typer is not installed; the command line needs all of:"
        " pip install 'chandlery[local,indicators,migrations]'\n"
    )
