"""Digests next to files: what is compared with them, and what a death between the two leaves."""

import gc
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from pyrage import x25519

from chandlery.platform.errors import Permanent
from local.backup.data_archive import DataWriter, Manifest
from local.digests import check_digest, digest_path
from local.encryption import encrypting
from local.whole_file import written_beside
from tests.conftest import REPO

# In folders named 0, 1, ...: each time the nth change in the folder is about to happen, all ends without a word.
_WRITE_AND_DIE = """
import os, sys
from pathlib import Path
from local.whole_file import written_beside

def write(path, left):
    def die(event, arguments):
        nonlocal left
        if event in ("open", "os.rename", "os.remove") and str(arguments[0]).startswith(str(path)):
            left -= 1
            if left < 0:
                os._exit(9)

    sys.addaudithook(die)
    with written_beside(path, overwrite=True) as unfinished:
        os.write(unfinished.descriptor, b"new")

for folder in map(Path, sys.argv[1:]):
    if os.fork() == 0:
        write(folder / "a", int(folder.name))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
_STEPS = 12  # more than there are


def write(path: Path, content: bytes, *, overwrite: bool = False) -> Path:
    with written_beside(path, overwrite=overwrite) as unfinished:
        os.write(unfinished.descriptor, content)
    return path


def test_sha256sum_reads_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a b.backup", b"content")
    done = subprocess.run(["sha256sum", "-c", digest_path(path).name], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "a b.backup: OK\n")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a b.backup", "a b.backup.sha256"]


def test_it_is_the_files_own_under_any_name(tmp_path: Path) -> None:
    path, another = write(tmp_path / "a", b"content"), write(tmp_path / "b", b"other content")
    assert check_digest(path)
    path.rename(tmp_path / "c")
    assert check_digest(tmp_path / "c") is False
    digest_path(path).rename(tmp_path / "c.sha256")
    assert check_digest(tmp_path / "c")
    digest_path(another).replace(tmp_path / "c.sha256")
    with pytest.raises(Permanent, match=r"/c is damaged, or .*/c\.sha256 is another file's: the SHA-256 is ed7002b4"):
        check_digest(tmp_path / "c")


@pytest.mark.parametrize("mark", [" ", "*"])
def test_what_sha256sum_writes_is_read(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    line = subprocess.run(["sha256sum", str(path)], capture_output=True, text=True, check=True).stdout
    digest_path(path).write_text(line.replace("  ", f" {mark}"))
    assert check_digest(path)
    digest_path(path).write_text(line.split()[0].upper())
    assert check_digest(path)


@pytest.mark.parametrize("kept", [b"", b"\n", b"\xff\x00\n", b"0" * 63 + b"  a\n", (b"0" * 64 + b"  a\n") * 2], ids=len)
def test_what_is_not_a_digest_is_reported(tmp_path: Path, kept: bytes) -> None:
    path = write(tmp_path / "a", b"content")
    digest_path(path).write_bytes(kept)
    with pytest.raises(Permanent, match=r"a\.sha256 is not the one line that sha256sum writes"):
        check_digest(path)


def test_what_cannot_be_read_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "a", b"content")
    path.unlink()
    with pytest.raises(Permanent, match="/a cannot be read: No such file or directory"):
        check_digest(path)
    digest_path(path).unlink()
    digest_path(path).mkdir()
    with pytest.raises(Permanent, match=r"/a\.sha256 cannot be read: Is a directory"):
        check_digest(path)


def test_another_files_digest_is_not_written_over_unasked(tmp_path: Path) -> None:
    digest_path(tmp_path / "a").write_text("precious")
    with pytest.raises(Permanent, match=r"/a\.sha256 is there already; give another name, or --overwrite"):
        write(tmp_path / "a", b"content")
    assert [each.name for each in tmp_path.iterdir()] == ["a.sha256"]
    assert check_digest(write(tmp_path / "a", b"content", overwrite=True))


@pytest.mark.parametrize("former", [None, b"former"], ids=["new", "overwriting"])
def test_killed_at_any_step_nothing_false_is_left(tmp_path: Path, former: bytes | None) -> None:
    """A file that has its name is whole, with its own digest or none; and the same again goes well."""
    folders = [tmp_path / str(step) for step in range(_STEPS)]
    for folder in folders:
        folder.mkdir()
        if former:
            write(folder / "a", former)
    done = subprocess.run(
        [sys.executable, "-c", _WRITE_AND_DIE, *map(str, folders)],
        env={**os.environ, "PYTHONPATH": f"{REPO}{os.pathsep}{REPO / 'layers' / 'chandlery'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    codes = list(map(int, done.stdout.split()))
    assert (codes[0], codes[-1], set(codes)) == (9, 0, {0, 9})
    found = []
    for path in (folder / "a" for folder in folders):
        content = path.read_bytes() if path.exists() else None
        found.append((content, content is not None and check_digest(path)))
        # No digest is left alone: it would be in the way of the next.
        assert digest_path(path).exists() <= path.exists()
        assert check_digest(write(path, b"again", overwrite=content is not None))
        assert sorted(each.name for each in path.parent.iterdir()) == ["a", "a.sha256"]
    unsettled = {(former, False), (b"new", False)}
    assert set(found) == {(former, former is not None), (b"new", True)} | unsettled


@pytest.mark.parametrize("recipients", [[], [x25519.Identity.generate().to_public()]], ids=["plain", "encrypted"])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], recipients: list[x25519.Recipient]
) -> None:
    manifest = Manifest(
        made_by="",
        database="",
        postgresql=18,
        timescaledb="",
        revision="",
        tables=[],
        aggregates=[],
        materialized_to=None,
    )

    def write_much() -> None:
        with (
            written_beside(tmp_path / "a", overwrite=False) as unfinished,
            unfinished.opened() as file,
            encrypting(file, recipients) as plain,
        ):
            writer = DataWriter(plain, manifest)
            for _ in range(100):
                writer.write("ticks", 1, os.urandom(10_000))

    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, former[1]))  # the same to the writer, and needs no disk
    try:
        with pytest.raises(Permanent, match=r"cannot be written: File too large( \(os error 27\))?$"):
            write_much()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    gc.collect()
    assert (list(tmp_path.iterdir()), capfd.readouterr()) == ([], ("", ""))
