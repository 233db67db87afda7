"""Which files of a folder come in, and how far along all of them are."""

from pathlib import Path

import pytest

from chandlery.platform.errors import Permanent
from local.command_line.incoming_files import Bytes
from local.command_line.listed_files import list_files


def test_a_folder_means_the_files_in_it_that_can_be_read(tmp_path: Path) -> None:
    for name in ("b.csv.gz", "a.csv", "c.ndjson", "d.zip", "a.csv.bad.csv", ".e.csv", "f.csv.CHECKSUM", "g.tar.gz"):
        (tmp_path / name).write_text("")
    named = tmp_path / "f.csv.CHECKSUM"
    assert [each.name for each in list_files([tmp_path])] == ["a.csv", "b.csv.gz", "c.ndjson", "d.zip"]
    # What is named is meant.
    assert list_files([named]) == [named]


def test_a_folder_without_any_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="holds no file that can be read here"):
        list_files([tmp_path])


def test_one_bar_goes_through_all_files() -> None:
    files = Bytes([100, 300])
    assert (files.describe("a"), files.read(1, 2)) == ("a (1 of 2)", (50, 400))
    files.at = 1
    assert (files.describe("b"), files.read(2, 4)) == ("b (2 of 2)", (250, 400))
    assert Bytes([7]).describe("a") == "a"
