"""Archives of pg_dump with a few bytes changed, or cut short, and without a digest: a restore says so in a line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from pyrage import passphrase, x25519

from chandlery.platform.errors import Permanent
from chandlery.platform.settings import Settings
from local.backup import back_up
from local.digests import digest_path
from local.encryption import read_identities
from tests.damaged_bytes import NOWHERE, TIMES, damaged
from tests.faults.conftest import Tell
from tests.integration.backup_scene import have_programs
from tests.main_program import run_main

# A thousand in eight parts, which run side by side; of them a sample.
_PARTS, _SAMPLE = 8, 8


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """In how many parts."""
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", range(_PARTS if metafunc.config.getoption("--faults") else 1))


@pytest.fixture
def archive(server_url: str, faults_url: str, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "desk.backup"
    with pytest.MonkeyPatch.context() as changes:
        have_programs(server_url, changes)
        changes.setenv("DATABASE_URL", NOWHERE)
        settings = Settings(database_url=SecretStr(faults_url))
        back_up(settings, path, overwrite=False, progress=lambda _now, _done, _total: None)
        digest_path(path).unlink()
        yield path


def test_a_damaged_archive_ends_a_restore_in_one_line(
    archive: Path, part: int, request: pytest.FixtureRequest, tell: Tell
) -> None:
    """What pg_restore does not notice gets as far as the database, which is not there."""
    wrong, times = [], TIMES // _PARTS if request.config.getoption("--faults") else _SAMPLE
    for number, changed in enumerate(damaged(archive.read_bytes(), times, seed=part)):
        archive.write_bytes(changed)
        code, said = run_main("restore", str(archive), "--over-existing")
        if (code, said.count("\n"), said.startswith("chandlery: ")) != (1, 1, True):
            wrong.append(f"change {number}: exit {code}, {said!r}")
    tell(f"an archive of pg_dump, damaged {times:,} times, and restored, part {part}", times, wrong)


def test_an_identity_locked_by_a_passphrase_is_opened_by_it_alone(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--faults"):
        pytest.skip("a passphrase is slow by design: make faults")
    key = x25519.Identity.generate()
    locked, word = tmp_path / "key.age", tmp_path / "word"
    locked.write_bytes(passphrase.encrypt(f"{key}\n".encode(), "open sesame"))
    word.write_text("open sesame\n")
    assert [str(each) for each in read_identities(locked, word)] == [str(key)]
    word.write_text("open barley\n")
    for given, said in ((word, "cannot be decrypted by the passphrase"), (None, "give it with --passphrase-file")):
        with pytest.raises(Permanent, match=said):
            read_identities(locked, given)
