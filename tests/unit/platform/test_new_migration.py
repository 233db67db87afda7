"""`chandlery migrate revision`: a new migration's files."""

import shutil
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from chandlery.platform.errors import Permanent
from chandlery.platform.migrations import SCRIPTS, alembic_config
from chandlery.platform.schema import REVISION
from local import new_migration
from local.new_migration import create_migration
from tests.conftest import REPO

NEXT = f"{int(REVISION) + 1:04}"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(SCRIPTS, tmp_path / "sql" / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "rollback.md").touch()
    return tmp_path


def test_the_next_number_gets_a_module_and_two_scripts_that_alembic_finds(checkout: Path) -> None:
    files, left = create_migration("quotes of options.", checkout)
    names = [f"{NEXT}_quotes_of_options{end}" for end in (".py", ".up.sql", ".down.sql")]
    assert [path.name for path in files] == names
    config = alembic_config("postgresql://")
    config.set_main_option("script_location", str(checkout / "sql" / "migrations"))
    head = ScriptDirectory.from_config(config).get_revision("head")
    assert (head.revision, head.down_revision, head.doc) == (NEXT, REVISION, "Quotes of options.")
    assert head.module.serves_code_from == NEXT
    assert f"## {NEXT}: quotes of options\n" in left
    assert f"- `chandlery migrate downgrade {REVISION}`\n" in left
    again, _ = create_migration("more", checkout)
    assert again[0].name == f"{int(NEXT) + 1:04}_more.py"


@pytest.mark.parametrize("message", ["", " … ", 'a "b"', "a\nb", "a\\"])
def test_a_message_that_names_nothing_is_refused(checkout: Path, message: str) -> None:
    with pytest.raises(Permanent, match="say in a few plain words"):
        create_migration(message, checkout)


def test_elsewhere_than_in_a_checkout_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="in a checkout of Chandlery"):
        create_migration("more", tmp_path)


def test_the_reminder_has_the_lines_that_rollback_sections_have() -> None:
    page = (REPO / "docs" / "rollback.md").read_text()
    newest = page.partition(f"\n## {REVISION}: ")[2].partition("\n## ")[0]
    optional = "- Also"
    labels = [line.partition(":")[0] for line in newest.splitlines() if line.startswith("- ")]
    labels = [label for label in labels if label != optional][:4]
    assert labels == [line.partition(":")[0] for line in new_migration._SECTION.splitlines() if line[:2] == "- "][:4]
